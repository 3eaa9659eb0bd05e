"""Estimates of several models, judged on data that none of them has seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pycmtensor.analysis.predict import choices_on, situation_weights
from pycmtensor.exceptions import InferenceError, checked
from pycmtensor.inference.protocol import Estimated

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_held_out"]


@checked(InferenceError)
def compare_held_out(results: Mapping[str, Estimated], data: Any) -> pd.DataFrame:
    r"""Comparison of several models on the choices in other data than those of their estimation.

    .. math:: \frac{1}{W} \sum_n w_n \log L_n, \quad
        \text{Brier score} = \frac{1}{W} \sum_{nt} w_n \sum_j (P_{jnt} - [y_{nt} = j])^2

    with the sum W of the weights of choice situations. The log-likelihood is that of the model, for random
    coefficients of a panel that of all choices of an individual together; probabilities are of one choice by itself.

    Args:
        results: Name -> estimates.
        data: A frame, a path or a `Dataset`, with choices.

    Returns:
        One row per model: log-likelihood per choice, accuracy (share of choices that were the most probable ones) and
        Brier score, of which a lower one is better.

    Raises:
        InferenceError: There are no results, or the choices are not known.
        DatasetError: The data do not fit a model.

    References:
        Brier (1950), Verification of forecasts expressed in terms of probability,
        doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> cmt.compare_held_out({"constant": results}, pd.DataFrame({"mode": [1, 2]})).round(4).to_dict("records")
        [{'log-likelihood per choice': -0.837, 'accuracy': 0.5, 'Brier score': 0.625}]
    """
    import pandas as pd

    if not results:
        raise InferenceError("compare_held_out needs the results of at least one model, found none.")
    rows = {}
    for name, one in results.items():
        _, ds, evaluator = choices_on(one, data, "comparisons")
        theta = one.fit.theta
        if not ds.choices_known:
            raise InferenceError("The data have no choice column, so that nothing can be compared with the choices.")
        w, chosen, P = situation_weights(ds), ds.chosen_alternatives, evaluator.probabilities(theta)
        squares = ((P - (chosen == np.arange(len(P))[:, None, None])) ** 2).sum(axis=0)
        rows[name] = {
            "log-likelihood per choice": evaluator.value(theta) / w.sum(),
            "accuracy": np.average(P.argmax(axis=0) == chosen, weights=w),
            "Brier score": np.average(squares, weights=w),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
