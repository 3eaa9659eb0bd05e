"""Whether what is predicted with a probability comes about as often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycmtensor.analysis.predict import problem_on, situation_weights
from pycmtensor.exceptions import InferenceError, whole
from pycmtensor.inference.protocol import Estimated
from pycmtensor.models.choice import choice_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calibration"]


def calibration(results: Estimated, data: Any = None, bins: int = 10) -> pd.DataFrame:
    r"""Predicted probabilities and observed frequencies, by bin of predicted probability.

    .. math:: \bar P_b = \frac{\sum_{nj \in b} w_n P_{jn}}{\sum_{nj \in b} w_n}, \quad
        \bar y_b = \frac{\sum_{nj \in b} w_n [y_n = j]}{\sum_{nj \in b} w_n}

    over the choice situations and available alternatives whose probability lies in bin b. In calibrated predictions
    both are the same up to chance.

    Args:
        results: The estimates.
        data: A frame, a path or a `Dataset`, with choices; best of individuals who were not used to estimate. None for
            the data of the estimation.
        bins: How many, of equal width.

    Returns:
        One row per alternative ("all" for all of them together) and bin that is not empty: predicted, observed, and
        the weight of what is in the bin.

    Raises:
        InferenceError: The choices are not known.
        InferenceError: ``bins`` is no whole number of at least 1.
        DatasetError: The data do not fit the model.

    References:
        Murphy & Winkler (1977), Reliability of subjective probability forecasts of precipitation and temperature,
        doi:10.2307/2346866.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> results.calibration(pd.DataFrame({"mode": [1, 1, 1, 2, 2]}), bins=5).loc["car"].round(6)
                    predicted  observed  weight
        bin
        [0.6, 0.8)       0.75       0.6     5.0
    """
    import pandas as pd

    whole("calibration", "bins", bins, least=1, error=InferenceError)
    model, ds, evaluator = problem_on(results, data, "predicted probabilities")
    if not ds.choices_known:
        raise InferenceError("The data have no choice column, so that nothing is known of observed frequencies.")
    available = choice_of(model, "predicted probabilities").available(ds)
    P, w = (
        evaluator.probabilities(results.fit.theta),
        situation_weights(ds) * available,
    )
    chosen = ds.chosen_alternatives == np.arange(len(P))[:, None, None]
    place = np.minimum((P * bins).astype(int), bins - 1)
    names = pd.IntervalIndex.from_breaks(np.arange(bins + 1) / bins, closed="left", name="bin")
    tables = {}
    for name, j in {"all": np.arange(len(P)), **{one: np.array([k]) for k, one in enumerate(ds.alternatives)}}.items():
        predicted, observed, weight = (
            np.bincount(place[j].ravel(), (w * x)[j].ravel(), bins) for x in (P, chosen, np.ones_like(P))
        )
        there = weight > 0
        columns = {"predicted": predicted[there] / weight[there], "observed": observed[there] / weight[there]}
        tables[name] = pd.DataFrame({**columns, "weight": weight[there]}, index=names[there])
    return pd.concat(tables, names=["alternative"])
