"""Answers by segments of the sample: the same question about the choice situations of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pycmtensor.analysis.elasticities import Moved
from pycmtensor.analysis.marginal import Marginal
from pycmtensor.analysis.post_estimation import PostEstimation
from pycmtensor.analysis.scenario import scenario
from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.inference.resampling import Kind
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Segments"]


@checked_class(InferenceError)
class Segments(Answer, Mapping[Any, PostEstimation]):
    """Results by the values of a column: a dict of them, and one table for each question.

    Estimates and their covariance are those of the whole sample; averages are over the choice situations of a segment.

    Args:
        column: The column.
        parts: Value of the column -> results that answer for its choice situations; "all" -> those of the sample.
    """

    def __init__(self, column: str, parts: Mapping[Any, PostEstimation]) -> None:
        self.column, self.parts = column, dict(parts)

    def __getitem__(self, value: Any) -> PostEstimation:
        """The results of one segment, for any other question."""
        if value not in self.parts:
            raise InferenceError(f"No segment of '{self.column}' is {value!r}; they are {', '.join(map(str, self))}.")
        return self.parts[value]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def shares(self, alpha: float = 0.05, kind: Kind = "classical") -> pd.DataFrame:
        """Predicted shares of alternatives with their intervals; see `Results.predict`."""
        return self._stacked(lambda results: results.predict(alpha=alpha, kind=kind).table)

    def elasticities(
        self, column: Moved, change: float | None = None, alpha: float = 0.05, kind: Kind = "classical"
    ) -> pd.DataFrame:
        """Elasticities of the shares of each segment; see `Results.elasticities`."""
        return self._stacked(lambda results: results.elasticities(column, change, alpha=alpha, kind=kind).table)

    def marginal_effects(self, column: Moved, alpha: float = 0.05, kind: Kind = "classical") -> pd.DataFrame:
        """Marginal effects of each segment; see `Results.marginal_effects`."""
        return self._stacked(lambda results: results.marginal_effects(column, alpha=alpha, kind=kind).table)

    def wtp(
        self, numerator: Marginal, denominator: Marginal, alpha: float = 0.05, kind: Kind = "classical"
    ) -> pd.DataFrame:
        """Willingness to pay in each segment; see `Results.wtp`."""
        return self._stacked(lambda results: results.wtp(numerator, denominator, alpha, kind).table)

    def welfare(
        self, changes: Mapping[Any, Any], cost: Marginal, alpha: float = 0.05, kind: Kind = "classical"
    ) -> pd.DataFrame:
        """Change in consumer surplus of a choice, by scenario; see `pycmtensor.scenario`.

        Args:
            changes: As in `scenario`; arrays of one number per row of the whole data are not possible.
            cost: The coefficient of cost, as in `scenario`.
            alpha: One minus the coverage of the intervals.
            kind: Kind of the covariance of the estimates.
        """
        return self._stacked(
            lambda results: scenario(results, None, changes, cost=cost, alpha=alpha, kind=kind).surplus
        )

    def table(
        self,
        elasticities: Moved | None = None,
        wtp: tuple[Marginal, Marginal] | None = None,
        alpha: float = 0.05,
        kind: Kind = "classical",
    ) -> pd.DataFrame:
        """Estimates of all that is asked for, one row per quantity and one column per segment.

        Args:
            elasticities: A column, for elasticities besides shares.
            wtp: Numerator and denominator, for a willingness to pay besides shares.
            alpha: One minus the coverage of the intervals of the tables that this one is made of.
            kind: Kind of the covariance of the estimates.
        """
        import pandas as pd

        asked = {"share": self.shares(alpha, kind)}
        if elasticities is not None:
            asked["elasticity"] = self.elasticities(elasticities, alpha=alpha, kind=kind)
        if wtp is not None:
            asked["wtp"] = self.wtp(*wtp, alpha, kind)
        rows = {
            what: table["estimate"].unstack(self.column)[list(self)].rename(index=str, columns=str)
            for what, table in asked.items()
        }
        flat = {what: table.set_axis([_name(label) for label in table.index]) for what, table in rows.items()}
        return pd.concat(flat, names=["what", "of"])

    def _shown(self) -> list[Part]:
        return [f"Predicted shares by {self.column}", self.table().droplevel(0)]

    def _stacked(self, table: Callable[[Any], Any]) -> pd.DataFrame:
        """The tables of all segments, one below the other."""
        import pandas as pd

        return pd.concat({value: table(results) for value, results in self.parts.items()}, names=[self.column])


def _name(label: Any) -> str:
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
