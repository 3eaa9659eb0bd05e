"""Responses of probabilities, or of quantities of goods, to a column that moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals, note, stacked
from pycmtensor.analysis.parts import summed
from pycmtensor.analysis.predict import situation_weights
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator, Problem
from pycmtensor.engine.quantity import Demands, Observed, Probabilities, Quantity, Slopes
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.models.choice import choice_of
from pycmtensor.models.mdcev import Forecast
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Moving", "Responses"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Responses(Answer):
    """Elasticities or marginal effects of choice probabilities with respect to a column.

    Attributes:
        title: What they are.
        table: Of the sample, or at the means: estimate, standard error and confidence interval. Rows are named by the
            alternative whose attribute changes and the alternative whose probability responds.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        note: Why there are no standard errors, empty when there are.
        unit: Of the column that marginal effects are derivatives with, as far as the data know it; elasticities have
            none.
    """

    title: str
    table: pd.DataFrame
    alpha: float
    kind: str
    note: str
    _rows: Callable[[], pd.DataFrame] = field(repr=False)
    unit: str = ""

    @property
    def matrix(self) -> pd.DataFrame:
        """Estimates, one row per attribute that changes, one column per probability."""
        return self.table["estimate"].unstack(sort=False)

    @cached_property
    def by_situation(self) -> pd.DataFrame:
        """The responses of each choice situation; missing where an alternative is unavailable."""
        return self._rows()

    def plot(self, ax: Axes | None = None) -> Axes:
        """The estimates with their intervals, as lines or, of attributes of several alternatives, as a heat map.

        See `pycmtensor.report.plots.intervals` and `pycmtensor.report.plots.cross_effects`.
        """
        from pycmtensor.report.plots import cross_effects, intervals

        if self.table.index.unique(0).size == 1:
            return intervals(self.table, self._heading, ax)
        estimate, lower, upper = (
            self.table[what].unstack(sort=False).to_numpy() for what in ("estimate", "lower", "upper")
        )

        def text(i: int, j: int) -> str:
            interval = f"\n{lower[i, j]:.2f} to {upper[i, j]:.2f}" if np.isfinite(lower[i, j]) else ""
            return f"{estimate[i, j]:.2f}{interval}"

        return cross_effects(self.matrix, ax, self._heading, text)

    @property
    def _heading(self) -> str:
        return f"{self.title}, per {self.unit}" if self.unit else self.title

    def _shown(self) -> list[Part]:
        about = f"{1 - self.alpha:.4g} intervals, {self.kind} covariance"
        return [self._heading, self.table, about, *filter(None, [self.note])]


class Found(NamedTuple):
    """Responses of the sample."""

    of: Dual  #: what moves, of each of the I that move by each of the J that respond, (I J)
    choosing: NDArray[np.integer]  #: above 0 for each alternative that somebody can choose, (J,)
    over: Dual | None = None  #: what it is divided by, (I J)


@dataclass(frozen=True)
class Moving:
    """A column that changes for I alternatives, one after the other, and data that respond."""

    results: Estimated
    problem: Problem
    column: str
    moved: dict[str, str | None]
    at: str

    # ---- of the sample ----------------------------------------------------------------------------------------

    def elasticities(self) -> Found:
        """Sums of x dP / dx over those of P."""
        sums = self._totals()
        P, _, relative = self._split(sums["of"])
        return Found(relative, sums["choosing"], P)

    def marginal_effects(self) -> Found:
        """Weighted means of dP / dx."""
        sums = self._totals()
        return Found(self._split(sums["of"])[1] / sums["weight"], sums["choosing"])

    def arc_elasticities(self, change: float) -> Found:
        """Arc elasticities of the shares."""
        theta, J = self.results.fit.theta, len(self.responding)

        def ask(part: Problem) -> dict[str, Any]:
            w, level = situation_weights(part.data)[None], self._level(part.data)
            states = enumerate(self._changed(part, change))
            of = {str(i): Dual(*state.totals(level, w, theta))[0][:J] for i, state in states}
            return of | {"choosing": self._choosing(part)}

        sums = summed(self.problem, ask)
        choosing = sums.pop("choosing")
        before, *after = sums.values()
        with np.errstate(invalid="ignore"):  # 0 / 0 of what nobody can choose
            return Found(stacked([_arc(before, moved, change) for moved in after]), choosing)

    def _totals(self) -> dict[str, Any]:
        """Weighted sums of P, dP / dx and x dP / dx, (J + 2 I J), and of 1, and who can choose what."""
        quantity, theta = Slopes(self.column, tuple(self.moved.values())), self.results.fit.theta

        def ask(part: Problem) -> dict[str, Any]:
            w = situation_weights(part.data)
            of = Dual(*part.evaluator.totals(quantity, w[None], theta))[0]
            return {"of": of, "weight": w.sum(), "choosing": self._choosing(part)}

        return summed(self.problem, ask)

    def _choosing(self, part: Problem) -> NDArray[np.integer]:
        """A number for each alternative, (J,), above 0 where somebody can choose it; goods can be bought by all."""
        if isinstance(part.model, Forecast):
            return np.full(len(self.responding), part.data.nobs)
        return np.sum(choice_of(part.model, "elasticities").available(part.data), axis=(1, 2))

    # ---- of each situation ------------------------------------------------------------------------------------

    def slopes(self) -> Array:
        """dP / dx of the choice situations, (I J, S)."""
        P, slopes, _ = self._by_situation()
        return np.where(P > 0, slopes, np.nan)

    def point(self) -> Array:
        """Elasticities of the choice situations, (I J, S)."""
        P, _, relative = self._by_situation()
        return np.divide(relative, P, out=np.full_like(P, np.nan), where=P > 0)

    def arc(self, change: float) -> Array:
        """Arc elasticities of the choice situations, (I J, S)."""
        J, level = len(self.responding), self._level(self.problem.data)
        before, *after = (
            self.problem.data.of_situations(state.by_situation(level, self.results.fit.theta)[:J])
            for state in self._changed(self.problem, change)
        )
        with np.errstate(invalid="ignore"):  # 0 / 0 where an alternative is unavailable
            return np.concatenate([_arc(before, moved, change) for moved in after])

    # ---- the answer -------------------------------------------------------------------------------------------

    @property
    def responding(self) -> list[str]:
        """The alternatives or goods."""
        model = self.problem.model
        return list(model.alternatives if isinstance(model, Forecast) else self.problem.data.alternatives)

    def responses(self, title: str, found: Found, rows: Callable[[], Array], alpha: float, kind: Kind) -> Responses:
        """The answer, of the alternatives that somebody can choose, and their rows (I J, S) when they are asked for."""
        import pandas as pd

        what = "quantity of" if isinstance(self.problem.model, Forecast) else "probability of"
        levels = [f"{self.column} of", what]
        here, J = found.choosing > 0, self.responding
        nobody = [name for name, somebody in zip(J, here, strict=True) if not somebody]
        moving = [name not in nobody for name in self.moved]
        kept = np.flatnonzero(np.outer(moving, here))
        names = pd.MultiIndex.from_product([list(self.moved), J], names=levels)[kept]
        of = found.of[kept] if found.over is None else found.of[kept] / found.over[kept]
        table = intervals(self.results, of, names, alpha, kind)
        title = title + " at the means of columns" * (self.at == "means")

        def by_situation() -> pd.DataFrame:
            return pd.DataFrame(rows()[kept].T, index=self.problem.data.situation_labels, columns=names)

        left_out = f"Without {', '.join(nobody)}, which nobody can choose." if nobody else ""
        about = " ".join(filter(None, [note(self.results, of, kind), left_out]))
        return Responses(title, table, alpha, str(kind), about, by_situation)

    def _level(self, data: Dataset) -> Quantity:
        """What responds: probabilities, or quantities of goods with the budget of before a change."""
        return Demands(beside=Observed(data)) if isinstance(self.problem.model, Forecast) else Probabilities()

    def _by_situation(self) -> tuple[Array, Array, Array]:
        quantity = Slopes(self.column, tuple(self.moved.values()))
        found = self.problem.evaluator.by_situation(quantity, self.results.fit.theta)
        return self._split(self.problem.data.of_situations(found))

    def _split(self, stacked: Any) -> tuple[Any, Any, Any]:
        """P, once for each of the I that move, dP / dx and x dP / dx, each (I J)."""
        J = len(self.responding)
        end = (1 + len(self.moved)) * J
        return stacked[np.tile(np.arange(J), len(self.moved))], stacked[J:end], stacked[end:]

    def _changed(self, part: Problem, change: float) -> Iterator[Evaluator]:
        """The evaluator of a part before, and after each of the I changes."""
        yield part.evaluator
        for alternative in self.moved.values():
            key = self.column if alternative is None else (self.column, alternative)
            yield part.evaluator.on(part.data.with_columns({key: lambda x: (1 + change) * x}))


def _arc(before: Any, after: Any, change: float) -> Any:
    """(P1 - P0) / ((P1 + P0) / 2) divided by (x1 - x0) / ((x1 + x0) / 2)."""
    return (after - before) / (after + before) * ((2 + change) / change)
