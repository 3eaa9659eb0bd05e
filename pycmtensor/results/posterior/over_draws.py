"""Answers of results at draws of the parameters, put together to one answer about the posterior."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator
from pycmtensor.estimation import Fit
from pycmtensor.inference import Kind
from pycmtensor.models import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AtDraw", "combined"]

Answer = TypeVar("Answer")

#: Columns of tables of numbers with their uncertainty.
ESTIMATED = ("estimate", "std_err", "lower", "upper")


@dataclass(eq=False)
class AtDraw:
    """Estimates at one draw of the posterior, as `pycmtensor.inference.protocol.Estimated`."""

    fit: Fit
    model: Model | None
    data: Dataset | None
    evaluator: Evaluator | None
    covariance: pd.DataFrame

    def cov_params(self, kind: Kind = "classical") -> pd.DataFrame:
        """Covariance of the posterior (K, K)."""
        return self.covariance


def combined(answers: Sequence[Answer], alpha: float) -> Answer:
    """One answer of several of the same question, each at a draw of the posterior.

    In tables of numbers with their uncertainty, ``estimate`` is the mean over draws, ``std_err`` the standard
    deviation, and ``lower`` and ``upper`` the quantiles alpha / 2 and 1 - alpha / 2. Other numbers are
    means over draws.

    Args:
        answers: Records, or dicts of records.
        alpha: One minus the coverage of the intervals.
    """
    records: Sequence[Any] = answers
    first: Any = records[0]
    made: Any
    if isinstance(first, Mapping):
        made = {key: combined([record[key] for record in records], alpha) for key in first}
    else:
        values = {field.name: [getattr(record, field.name) for record in records] for field in fields(first)}
        made = replace(first, **{name: _combined(name, of_draws, alpha) for name, of_draws in values.items()})
    found: Answer = made
    return found


def _combined(name: str, values: Sequence[Any], alpha: float) -> Any:
    """One value of a field of several answers."""
    import pandas as pd

    first = values[0]
    if name == "kind":
        return "posterior"
    if isinstance(first, pd.DataFrame) and set(ESTIMATED) <= set(first.columns):
        return _table(values, alpha)
    if isinstance(first, pd.DataFrame | pd.Series):
        return sum(values[1:], start=first) / len(values)
    if isinstance(first, float) and name not in ("alpha",):
        return float(np.mean(values))
    if callable(first):
        return _mean_of(values)
    return first


def _table(tables: Sequence[pd.DataFrame], alpha: float) -> pd.DataFrame:
    import pandas as pd

    draws = np.array([table["estimate"].to_numpy(float) for table in tables])
    ends = np.quantile(draws, [alpha / 2, 1 - alpha / 2], axis=0)
    columns = {"estimate": draws.mean(axis=0), "std_err": draws.std(axis=0, ddof=1), "lower": ends[0], "upper": ends[1]}
    return pd.DataFrame(columns, index=tables[0].index)


def _mean_of(functions: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
    """A function that gives the mean of what some functions give."""

    def mean() -> Any:
        first, *others = (function() for function in functions)
        return sum(others, start=first) / len(functions)

    return mean
