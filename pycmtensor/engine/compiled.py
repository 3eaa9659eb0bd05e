"""Compiled programs and placed data of models, kept as long as the model lives."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from pycmtensor.dataset import Dataset
from pycmtensor.engine.epochs import Epochs
from pycmtensor.engine.program import Program
from pycmtensor.models.base import Model

__all__ = ["Compiled", "Placed", "compiled_for"]

#: Weights and data of each core, by the program and the division that they are placed for.
Placed = dict[Hashable, list[tuple[Any, Any]]]


@dataclass
class Compiled:
    """The programs and placed data of one model.

    Attributes:
        programs: By the status of every parameter: a parameter that is fixed later needs another program.
        ascents: Programs of many ascents, by the likelihood.
        trainings: Programs of the latest trainings, by the likelihood.
        held: Models in which parameters of these labels are held.
        placed: By data set.
    """

    programs: dict[tuple[int, ...], Program] = field(default_factory=dict)
    ascents: dict[Program, Callable[..., Any]] = field(default_factory=dict)
    trainings: dict[Program, list[Epochs]] = field(default_factory=dict)
    held: dict[frozenset[str], Model] = field(default_factory=dict)
    placed: WeakKeyDictionary[Dataset, Placed] = field(default_factory=WeakKeyDictionary)

    def program(self, model: Model) -> Program:
        """The program of the model with the present status of its parameters."""
        status = tuple(parameter.status for parameter in model.params)
        return self.programs.get(status) or self.programs.setdefault(status, Program(model))

    def holding(self, model: Model, labels: frozenset[str]) -> Model:
        """The model with the parameters of some labels held."""
        if labels not in self.held:
            self.held[labels] = model.holding(p for p in model.free if labels.issuperset(p.labels()))
        return self.held[labels]


_COMPILED: WeakKeyDictionary[Model, Compiled] = WeakKeyDictionary()


def compiled_for(model: Model) -> Compiled:
    """Compiled programs and placed data of a model; empty for a new one, and released with it."""
    return _COMPILED.get(model) or _COMPILED.setdefault(model, Compiled())
