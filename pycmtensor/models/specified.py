"""Specifications of choice models: utilities and availability by alternative, and their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import check_origin, is_column
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter, parameters_of
from pycmtensor.host.escaping import printed
from pycmtensor.models.base import Model
from pycmtensor.models.formula import of_formula
from pycmtensor.report.equations import Equations
from pycmtensor.terms.relations import text_of

__all__ = ["Expression", "Specified"]

Expression: TypeAlias = Variable | Parameter | float


@checked_class(ModelError)
class Specified(Model):
    """A model with utilities of alternatives; see `ChoiceModel`, the base class of choice models."""

    takes_one_utility: ClassVar[bool] = False  #: whether `log_probability` takes V as one array (J, T, N, R) too
    takes_places: ClassVar[bool] = False  #: whether the array may have places of samples in place of the alternatives
    takes_draws: ClassVar[bool] = False  #: whether ``draws`` is an argument, for random coefficients
    part = "utility"
    parts = "utilities"

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self._check_dataset(dataset)
        self._specify(dataset, utilities, availability, params)

    @classmethod
    def from_formula(
        cls,
        formula: str,
        frame: Any,
        *,
        alternative: str,
        situation: str,
        individual: str | None = None,
        weights: str | None = None,
        alternatives: Mapping[str, Any] | Sequence[str] | None = None,
        reference: str | None = None,
        **options: Any,
    ) -> Self:
        """The model of a formula in three parts, ``"choice ~ x | z | w"``, of a frame in long format.

        Columns x of alternatives have one coefficient; columns z of people, and constants unless z begins with 0, have
        one in each alternative but the reference; columns w of alternatives have one in each alternative. Parameters
        are called by their columns, "income:air". Functions of columns, such as ``log(cost)`` and ``C(purpose)``, are
        computed by formulaic, which evaluates them as Python: take formulas from people whom you trust.

        Args:
            formula: The text.
            frame: One row per choice situation and alternative.
            alternative: As in `LongDataset`.
            situation: As in `LongDataset`.
            individual: As in `LongDataset`.
            weights: As in `LongDataset`.
            alternatives: As in `LongDataset`.
            reference: The alternative without constant; None for the first.
            options: Further arguments of the model, such as ``nests``.

        Returns:
            The model, whose ``dataset`` holds the columns that the formula makes.

        Raises:
            ModelError: The formula cannot be read or computed, or the model cannot be made.
            DatasetError: As `LongDataset`.

        References:
            Croissant (2020), Estimation of random utility models in R: the mlogit package,
            doi:10.18637/jss.v095.i11.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({
            ...     "trip": [1, 1, 2, 2], "mode": ["car", "bus"] * 2, "chosen": [1, 0, 0, 1], "time": [9.0, 15, 20, 12],
            ... })
            >>> cmt.MNL.from_formula("chosen ~ time", frame, alternative="mode", situation="trip")
            MNL(car, bus; time, (Intercept):bus)
        """
        columns: dict[str, Any] = {"alternative": alternative, "situation": situation, "individual": individual}
        columns |= {"weights": weights, "alternatives": alternatives}
        dataset, utility = of_formula(formula, frame, reference, **columns)
        return cls(dataset, utility, **options)

    def _specify(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        """Set and check everything that follows from a specification; options of a subclass are set before."""
        dataset = dataset.specimen
        self.dataset = dataset
        self.origins = self.origins | {dataset.origin}
        self.alternatives = self._alternatives_of(dataset, utilities)
        self.utilities: dict[str, Variable] = {}
        self.availability: dict[str, Variable] = {}
        self.utility: Variable | None = None
        self.available_where: Variable | None = None
        self._given_availability = availability
        if isinstance(utilities, Variable) and utilities.ndim == 4:
            self._specify_at_once(utilities, availability)
        else:
            self._specify_one_by_one(utilities, availability)
        self._check_availability()
        self.structure()  # a fault in it is told before the likelihood is formed of it
        self._set_up(dataset, params)

    def _check_dataset(self, dataset: Any) -> None:
        super()._check_dataset(dataset)
        if not dataset.alternatives:
            raise ModelError(
                f"{type(self).__name__} is a choice among alternatives, of which the data set has none. Make it with "
                "Dataset(frame, choice=..., alternatives=...), or write a LogLikelihood of what it observes."
            )

    def _alternatives_of(self, dataset: Dataset, utilities: Any) -> tuple[str, ...]:
        """Names of what has utilities."""
        return tuple(dataset.alternatives)

    def terms_of_alternatives(self) -> dict[str, list[Variable]]:
        """What tells the place of a column: its utility by alternative, or that of "all"."""
        if self.utility is not None:
            return {"all": [self.utility]}
        return {name: [V] for name, V in self.utilities.items()}

    def structure(self) -> list[Variable]:
        """Expressions of parameters beside the utilities, such as the scales of nests, after a check of them."""
        return []

    @property
    def V(self) -> list[Variable] | Variable:
        """Utilities as kernels take them: one for each alternative in their order, or one array (J, T, N, R)."""
        return list(self.utilities.values()) if self.utility is None else self.utility

    @property
    def named_utilities(self) -> dict[str, Variable]:
        """The utilities by what they are called in messages: their alternative, or "all alternatives"."""
        return self.utilities if self.utility is None else {"all alternatives": self.utility}

    @property
    def equations(self) -> Equations:
        """The utilities as equations, which print as text and show typeset in a notebook.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time": [20.0, 30.0]}), "mode", {"car": 1, "bus": 2})
            >>> cmt.MNL(ds, {"car": cmt.Beta("asc"), "bus": cmt.Beta("b") * ds["time"] / 60}).equations
            V[car] = asc
            V[bus] = b * time / 60
        """
        return Equations({str(name): text_of(V) for name, V in self.named_utilities.items()})

    def expressions(self) -> list[Variable]:
        """The utilities and the expressions of the structure, which hold all parameters."""
        return [*self.named_utilities.values(), *self.structure()]

    @property
    def choice_set(self) -> list[Variable | None] | Variable | None:
        """Availability as kernels take it, in the form of `V`; None stands for always available."""
        if self.utility is not None:
            return self.available_where
        return [self.availability.get(name) for name in self.alternatives]

    def one_by_one(self, V: Sequence[Variable] | Variable) -> tuple[list[Variable], list[Variable | None]]:
        """Utilities and availability of each alternative, for kernels that treat alternatives differently."""
        if not isinstance(V, Variable):
            return list(V), [self.availability.get(name) for name in self.alternatives]
        where, J = self.available_where, len(self.alternatives)
        return [V[j] for j in range(J)], [None if where is None else where[j] for j in range(J)]

    @printed
    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.alternatives)}; {', '.join(p.name for p in self.params)})"

    def _specify_one_by_one(self, utilities: Any, availability: Any) -> None:
        self.utilities = self._by_alternative("utilities", utilities)
        missing = [name for name in self.alternatives if name not in utilities]
        if missing:
            raise ModelError(
                f"No utility is given for {', '.join(missing)}. Give each alternative one; 0 is a utility too."
            )
        if isinstance(availability, Mapping):
            truths = {name: float(a) for name, a in availability.items() if isinstance(a, bool | np.bool_)}
            self._given_availability = availability = {**availability, **truths}
        given = self._by_alternative("availability", {} if availability is None else availability)
        for name in self.alternatives:
            both = _both(self.dataset.available(name), given.get(name))
            if both is not None:
                self.availability[name] = both

    def _specify_at_once(self, utility: Variable, availability: Any) -> None:
        if not self.takes_one_utility:
            raise ModelError(
                f"{type(self).__name__} takes a utility for each alternative, found one for all. Write a dict, "
                "{'car': b_cost * ds['cost', 'car'], ...}."
            )
        if availability is not None and not (isinstance(availability, Variable) and availability.ndim == 4):
            raise ModelError(
                f"With one utility for all alternatives, availability is one expression with the axes (J, T, N, 1), "
                f"found {availability!r}. Use a column of long data, ds['name']."
            )
        if not self.takes_places and self.dataset.n_alternatives != len(self.alternatives):
            raise ModelError(
                f"{type(self).__name__} tells alternatives apart, the data set has samples of them. Use the data set "
                "of all alternatives, or an MNL."
            )
        self.utility = self._checked("The utility", utility)
        if self.utility.type.shape[0] != self.dataset.n_alternatives:
            raise ModelError(
                f"The utility must have the {self.dataset.n_alternatives} alternatives on its first axis, found "
                f"{self.utility.type}. Use columns of long data, ds['name'], and ds.per_alternative for constants."
            )
        given = None if availability is None else self._checked("The availability", availability)
        self.available_where = _both(self.dataset.available(), given)

    def _by_alternative(self, what: str, given: Mapping[str, Expression]) -> dict[str, Variable]:
        if not isinstance(given, Mapping):
            raise ModelError(
                f"{what} must map names of alternatives to expressions, or be one expression of columns of long data "
                f"with the axes (J, T, N, R), found {given if isinstance(given, Variable) else type(given).__name__}."
            )
        for name in given:
            if name not in self.alternatives:
                near = get_close_matches(str(name), self.alternatives, n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise ModelError(
                    f"{what} names '{name}', which is no alternative of the data set "
                    f"({', '.join(self.alternatives)}).{hint}"
                )
        return {name: self._expression(what, name, given[name]) for name in self.alternatives if name in given}

    def _expression(self, what: str, name: str, given: Expression) -> Variable:
        try:
            expression = pt.as_tensor_variable(given)
        except (TypeError, NotImplementedError):
            raise ModelError(
                f"{what} of '{name}' must be an expression of parameters and columns, found {given!r}."
            ) from None
        if expression.ndim not in (0, 3):
            raise ModelError(
                f"{what} of '{name}' must be a scalar or have the axes (T, N, R) of the columns, found "
                f"{expression.type}. Use the data set's columns, ds['name'], instead of arrays."
            )
        return self._checked(f"{what} of '{name}'", expression)

    def _checked(self, what: str, expression: Variable) -> Variable:
        """The expression, which must depend on parameters and columns of the model's data set only."""
        check_origin(what, [expression], self.origins, self.dataset)
        for variable in graph_inputs([expression]):
            if isinstance(variable, Constant) and any(size != 1 for size in getattr(variable.type, "shape", ())):
                raise ModelError(
                    f"{what} holds an array of shape {variable.type.shape}. Add it to the frame as a "
                    "column and use ds['name'], so that it goes with its rows."
                )
            known = is_column(variable) or any(hasattr(variable.tag, kind) for kind in ("parameter", "draws"))
            if not known and not isinstance(variable, Constant):
                raise ModelError(
                    f"{what} depends on '{variable}', which is neither a parameter nor a column. "
                    "Use Beta or Weight for unknowns and ds['name'] for data."
                )
        return expression

    def _check_availability(self) -> None:
        """Raise a `ModelError` when availability depends on parameters."""
        available = [a for a in (*self.availability.values(), self.available_where) if a is not None]
        in_availability = parameters_of(available)
        if in_availability:
            raise ModelError(f"Availability depends on {', '.join(p.name for p in in_availability)}; it must be data.")

    def _instead_of_draws(self) -> str:
        """What to do about random coefficients when there is no ``draws``."""
        if self.takes_draws:
            return "Say how many draws to take: draws=500."
        return (
            f"{type(self).__name__} has no draws. Write coefficients as parameters, or by_segment(...) where they "
            "differ between groups, or models of classes for LatentClass; MixedLogit, NestedLogit and CrossNestedLogit "
            "take draws."
        )


def _both(own: Variable | None, given: Variable | None) -> Variable | None:
    """Nonzero where both are."""
    if own is None or given is None:
        return given if own is None else own
    return own * pt.neq(given, 0)
