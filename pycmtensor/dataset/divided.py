"""Data sets of some of the individuals, choice situations or alternatives of another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset.columns import Columns
from pycmtensor.dataset.splits import before, in_folds, in_training
from pycmtensor.exceptions import DatasetError, checked_class

__all__ = ["Divided"]


@checked_class(DatasetError)
class Divided(Columns, ABC):
    """Base of data sets, which gives parts of them, in which individuals keep their numbers."""

    def take(self, individuals: NDArray[np.integer]) -> Self:
        """The data set of some individuals, with all their choice situations.

        Args:
            individuals: Their positions on the axis N.

        Returns:
            A data set of the same kind, in the order of ``individuals``.

        Examples:
            >>> import numpy as np, pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2]}), "mode", {"car": 1, "bus": 2})
            >>> ds.take(np.array([0, 2])).n_individuals
            2
        """
        individuals = np.asarray(individuals)
        if individuals.dtype.kind not in "iu" or individuals.ndim != 1:
            raise DatasetError(f"take: individuals must be a list of whole numbers, found {individuals!r}.")
        return self._part(self._situations[:, individuals][self._is_observed[:, individuals]])

    def counted(self) -> Self:
        """The data set of the individuals whose weight is not 0: those that an estimation counts.

        Returns:
            A data set of fewer individuals, or this one where all count.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 2], "w": [1.0, 0.0, 2.0]})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, weights="w")
            >>> ds.counted().n_individuals
            2
        """
        counts = self.individual_weights > 0
        return self if counts.all() else self.take(np.flatnonzero(counts))

    def without(self, alternative: str) -> Self:
        """The choices among the other alternatives: situations in which this one is chosen are left out.

        Args:
            alternative: Its name.

        Returns:
            A data set of the same kind.

        Raises:
            DatasetError: There is no such alternative, or fewer than two or no choices are left.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1, 2, 3, 2]})
            >>> cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3}).without("bus")
            Dataset(2 choice situations of 2 individuals; alternatives car, tram)
        """
        self._is_named(alternative)
        self._need_choices("Which situations are left")
        names = list(self.alternatives)
        if len(names) < 3:
            raise DatasetError(f"Without '{alternative}', one alternative is left: there is nothing to choose.")
        others = {name: code for name, code in self.alternatives.items() if name != alternative}
        return self._part(np.flatnonzero(self._chosen != names.index(alternative)), others)

    def split(self, train: float = 0.8, by: str = "individual", seed: int = 0) -> tuple[Self, Self]:
        """Two parts drawn at random, to estimate with and to test with; an individual is in one of them.

        Args:
            train: Share of the first part, between 0 and 1.
            by: "individual", or a column whose equal values stay together too, such as a household.
            seed: Seed of the draw.

        Returns:
            The two parts.

        Raises:
            DatasetError: A part would be empty, or the column changes within an individual.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2] * 5}), choice="mode", alternatives={"car": 1, "bus": 2})
            >>> [part.n_individuals for part in ds.split(0.8)]
            [8, 2]
        """
        is_training = in_training(self._units(by), train, seed)
        return self.take(np.flatnonzero(is_training)), self.take(np.flatnonzero(~is_training))

    def folds(self, k: int = 5, seed: int = 0, by: str = "individual") -> list[tuple[Self, Self]]:
        """The k pairs of parts (train, test) of a k-fold cross-validation: every individual is tested once.

        Args:
            k: Number of folds, at least 2.
            seed: Seed of the draw.
            by: As in `split`.

        Returns:
            k pairs of data sets.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2] * 5}), "mode", {"car": 1, "bus": 2})
            >>> [(train.n_individuals, test.n_individuals) for train, test in ds.folds(2)]
            [(5, 5), (5, 5)]
        """
        fold = in_folds(self._units(by), k, seed)
        return [(self.take(np.flatnonzero(fold != i)), self.take(np.flatnonzero(fold == i))) for i in range(k)]

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The data set of some choice situations (S,), whose individuals keep their draws.

        Args:
            mask: True for the choice situations to keep, in the order of the frame.

        Returns:
            A data set of the same kind.

        Raises:
            DatasetError: The mask has another length, or is False everywhere.

        Examples:
            >>> import numpy as np, pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2]}), "mode", {"car": 1, "bus": 2})
            >>> ds.where(np.array([True, False, True])).nobs
            2
        """
        if np.shape(mask) != (self.nobs,) or not np.any(mask):
            raise DatasetError(f"where: the mask must have {self.nobs} truths, one of them True, found {mask!r}.")
        return self._part(np.flatnonzero(mask))

    def split_time(self, column: str, at: Any) -> tuple[Self, Self]:
        """The choice situations before a time and those from it on; an individual can be in both.

        Args:
            column: A column of numbers, dates or text that sorts like a time.
            at: The first value of the second part.

        Returns:
            The two parts.

        Raises:
            DatasetError: The column cannot be compared with ``at``, or a part would be empty.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2], "year": [23, 24, 25]}), "mode", {"car": 1, "bus": 2})
            >>> [part.nobs for part in ds.split_time("year", 25)]
            [2, 1]
        """
        is_before = before(self._by_situation(column), at, column)
        return self._part(np.flatnonzero(is_before)), self._part(np.flatnonzero(~is_before))

    def _part(self, situations: NDArray[np.integer], alternatives: Mapping[str, Hashable] | None = None) -> Self:
        """The data set of some choice situations, in the order of the frame."""
        return self._of_rows(np.sort(situations), alternatives)

    def _of_rows(self, rows: NDArray[np.integer], alternatives: Mapping[str, Hashable] | None = None) -> Self:
        """The data set of some rows of the frame."""
        return self._with_numbers_of(self._made_of(self._table.rows(rows), self.choice, alternatives), rows)

    def _with_numbers_of(self, part: Self, rows: NDArray[np.integer]) -> Self:
        """A data set of some rows of this one's frame, in which individuals keep their numbers."""
        by_situation = self.of_situations(np.broadcast_to(self.individual_numbers, self._situations.shape))
        return self._numbering(part, by_situation[self._situation_of[rows]][part._rows[0]])

    def _numbering(self, part: Self, numbers: NDArray[np.int64]) -> Self:
        """A part of this data set, given the numbers (N,) of its individuals."""
        part.individual_numbers, part.draw_situations = numbers, self.draw_situations
        return part

    def _units(self, by: str) -> NDArray[np.integer]:
        """Units that are drawn: individuals, or groups of them, as numbers (N,)."""
        return np.arange(self.n_individuals) if by == "individual" else self.groups(by)

    @abstractmethod
    def _made_of(self, frame: Any, choice: str | None, alternatives: Mapping[str, Hashable] | None = None) -> Self:
        """A data set of this kind and with these options and units of another frame, which may tell its own units."""
