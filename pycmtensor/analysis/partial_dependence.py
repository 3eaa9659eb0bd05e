"""Partial dependence: choice probabilities when a column is set to one value after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals, stacked
from pycmtensor.analysis.predict import problem_on, situation_weights
from pycmtensor.dataset import Dataset
from pycmtensor.engine.quantity import Probabilities
from pycmtensor.exceptions import InferenceError, whole
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.models.choice import choice_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["partial_dependence"]

#: Quantiles of a column between which its values are chosen.
QUANTILES = 0.05, 0.95


def partial_dependence(
    results: Estimated,
    column: str | tuple[str, str],
    values: Sequence[float] | int = 20,
    data: Any = None,
    alpha: float = 0.05,
    kind: Kind = "classical",
) -> pd.DataFrame:
    r"""Average choice probabilities as a column is set to one value after the other, for everybody.

    .. math:: \bar P_j(x) = \frac{\sum_n w_n P_{jn}(x, z_n)}{\sum_n w_n}

    with all other columns z as they are. Columns that are functions of this one, such as cost and its square, do not
    follow; write such functions into the utility.

    Args:
        results: The estimates.
        column: A column that the model uses, in long data (column, alternative) for that of one alternative.
        values: The values x, or how many, at equal distances between the 5 and 95 per cent quantiles of the column.
        data: A frame, a path or a `Dataset`, also without choices; None for the data of the estimation.
        alpha: One minus the coverage of the intervals, in (0, 1).
        kind: Kind of the covariance of the estimates.

    Returns:
        One row per value and alternative: estimate, std_err, lower, upper; no errors where they would be of weights
        of a network.

    Raises:
        ModelError: The model does not use the column.
        DatasetError: A value is none that an `Embedding` or a segment knows, or the data do not fit the model.
        InferenceError: There are no values.

    References:
        Friedman (2001), Greedy function approximation: a gradient boosting machine, doi:10.1214/aos/1013203451,
        section 8.2.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 1, 2], "cost": [1.0, 3, 2]}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc"), "bus": -ds["cost"]}))
        >>> results.partial_dependence("cost", [0, 1, 2])["estimate"].xs("car", level="alternative").round(6)
        cost
        0    0.231998
        1    0.450892
        2    0.690602
        Name: estimate, dtype: float64
    """
    import pandas as pd

    model, ds, evaluator = problem_on(results, data, "partial dependence")
    choice_of(model, "partial dependence")
    name = column if isinstance(column, str) else column[0]
    model.symbols_of(name)
    grid = _grid(ds, column, values)
    w = situation_weights(ds)
    shares = []
    for value in grid:
        changed = ds.with_columns({column: value})
        model.check_to_predict(changed)
        total = evaluator.on(changed).totals(Probabilities(), w[None] / w.sum(), results.fit.theta)
        shares.append(Dual(*total)[0])
    index = pd.MultiIndex.from_product([grid, list(ds.alternatives)], names=[name, "alternative"])
    return intervals(results, stacked(shares), index, alpha, kind)


def _grid(ds: Dataset, column: str | tuple[str, str], values: Sequence[float] | int) -> list[float]:
    """The values that a column is set to."""
    if not isinstance(values, (int, np.integer)):
        if not len(values):
            raise InferenceError("partial_dependence: there are no values to set the column to.")
        return list(values)
    whole("partial_dependence", "values", values, least=2, error=InferenceError)
    observed: NDArray[Any] = ds.array(column)[..., 0][..., ds.array(ds.observed)[..., 0] != 0]
    low, high = np.quantile(observed, QUANTILES)
    return np.linspace(low, high, int(values)).tolist()
