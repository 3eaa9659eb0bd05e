"""Arguments of the functions of a model: which they are, in which order, and how expressions become functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

from pytensor.graph.basic import Variable

from pycmtensor.dataset.symbols import columns_in
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.simulation import Simulation
from pycmtensor.models.base import Model
from pycmtensor.models.choice import ChoiceModel, choice_of

__all__ = ["Arguments"]


class Arguments:
    """The arguments of a model's functions: theta, the values of fixed parameters, and columns of data.

    The model is held weakly: what was compiled for it does not keep it alive.

    Args:
        model: The model.

    Attributes:
        free: The parameters in theta.
        fixed: The other parameters.
        inputs: The symbolic columns.
        draws: The draws of random coefficients; None when there are none.
        alternatives: J of the largest column.
    """

    def __init__(self, model: Model) -> None:
        self._model, self._chosen = ref(model), model.dataset.chosen
        self.free = model.free
        self.fixed = [p for p in model.params if p not in self.free]
        inputs = set(columns_in([model.logprob]))
        self.inputs = [symbol for symbol in model.inputs if symbol in inputs]
        self.draws = Simulation(model) if model.sampling else None
        self.alternatives = max(v.type.shape[0] if v.ndim == 4 else 1 for v in self.inputs)
        self.symbols = [*(parameter() for parameter in (*self.free, *self.fixed)), *self.inputs]

    @property
    def model(self) -> Model:
        """The model, which whoever asks keeps alive."""
        model = self._model()
        assert model is not None
        return model

    @property
    def choice_model(self) -> ChoiceModel:
        """The model, when it is a choice among alternatives.

        Raises:
            InferenceError: It is none.
        """
        return choice_of(self.model, "quantities of alternatives")

    @property
    def chosen(self) -> int:
        """Position of the chosen alternative among the inputs."""
        return self.inputs.index(self._chosen)

    @property
    def columns(self) -> int:
        """Number of arrays that the functions take as columns: inputs, with draws also numbers of individuals."""
        return len(self.inputs) + (self.draws is not None)

    def shape(self, columns: Sequence[Any]) -> tuple[int, int]:
        """Choice situations T and individuals B of a block of columns."""
        situations, individuals, _ = columns[0].shape[-3:]
        return situations, individuals

    def places_of(self, column: str) -> list[int]:
        """Positions of the inputs that hold a column, of all alternatives or of one.

        Raises:
            ModelError: None does.
        """
        symbols = self.model.symbols_of(column)
        return [place for place, symbol in enumerate(self.inputs) if symbol in symbols]

    def lowered(self, outputs: list[Any], further: Sequence[Variable] = ()) -> Callable[..., Any]:
        """Expressions as a function of further variables, parameters and inputs.

        With draws, the last argument numbers the individuals.
        """
        if self.draws is None:
            return lower([*further, *self.symbols], outputs)
        simulation = self.draws
        simulated = lower([*further, *self.symbols, *(draws() for draws in simulation.draws)], outputs)
        first = len(further) + len(self.free) + len(self.fixed)

        def with_draws(*values: Any) -> Any:
            situations, _ = self.shape(values[first:])
            return simulated(*values[:-1], *simulation.values(values[-1], situations))

        return with_draws
