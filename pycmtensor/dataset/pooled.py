"""Several data sets of different people, for models that share parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.dataset import Dataset
from pycmtensor.exceptions import DatasetError

__all__ = ["PooledDataset"]


class PooledDataset(Dataset):
    """Data sets of different people one after the other; columns and choices belong to the parts.

    Args:
        parts: Name -> data set, each with columns and alternatives of its own.

    Attributes:
        parts: As given.
    """

    def __init__(self, parts: Mapping[str, Dataset]) -> None:
        self.parts = dict(parts)
        self.alternatives, self.n_alternatives = {}, 0
        self.choice = self.individual = None
        self.weights = next((part.weights for part in self.parts.values() if part.weights), None)
        self.nobs = sum(part.nobs for part in self.parts.values())
        self.n_individuals = sum(part.n_individuals for part in self.parts.values())
        self.n_situations = max(part.n_situations for part in self.parts.values())

    @property
    def individual_weights(self) -> NDArray[Any]:
        """Sample weight of every individual, (N,)."""
        return np.concatenate([part.individual_weights for part in self.parts.values()])

    @property
    def units(self) -> dict[str, str]:
        """None: columns belong to the parts."""
        return {}

    def by_part(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Values of all individuals (N, ...) by part."""
        ends = np.cumsum([part.n_individuals for part in self.parts.values()])
        return dict(zip(self.parts, np.split(values, ends[:-1]), strict=True))

    def take(self, individuals: NDArray[np.integer]) -> Self:
        """The data of some individuals, in their order within each part."""
        is_taken = np.zeros(self.n_individuals, bool)
        is_taken[individuals] = True
        own = self.by_part(is_taken)
        empty = [name for name, taken in own.items() if not taken.any()]
        if empty:
            raise DatasetError(f"Nobody is left in {', '.join(empty)}. Take individuals of every part.")
        return type(self)({name: part.take(np.flatnonzero(own[name])) for name, part in self.parts.items()})

    def groups(self, column: str) -> NDArray[np.integer]:
        """Number of the group that each individual belongs to, (N,); equal values are one group in all parts."""
        values = []
        for part in self.parts.values():
            part.groups(column)  # an error where it changes within an individual
            values.append(part.situation_values(column)[part.situations[0]])
        return np.unique(np.concatenate(values), return_inverse=True)[1]

    def __len__(self) -> int:
        return self.nobs

    def __repr__(self) -> str:
        listed = "; ".join(f"{name}: {part!r}" for name, part in self.parts.items())
        return f"PooledDataset({listed})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "parts":
            raise AttributeError(name)
        raise DatasetError(
            f"Pooled data have no columns and choices of their own. Ask a part: data.parts[{next(iter(self.parts))!r}]."
        )
