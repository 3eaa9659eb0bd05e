"""Residual matrices of a `ResLogit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.models import ResLogit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cross_effects"]


def cross_effects(results: Estimated, layer: int = 1) -> pd.DataFrame:
    """The residual matrix W_m of a layer of a residual logit.

    Args:
        results: The estimates of a `ResLogit`.
        layer: m, from 1 to the number of layers.

    Returns:
        (J, J): with a positive number, a higher utility of the alternative of the column takes from the utility of the
        alternative of the row.

    Raises:
        InferenceError: The model is no residual logit, or has no such layer.

    References:
        Wong & Farooq (2021), doi:10.1016/j.trc.2021.103050, section 4.3.
    """
    import pandas as pd

    model = problem_of(results, "cross effects").model
    if not isinstance(model, ResLogit):
        raise InferenceError(f"{model.name} has no residual layers, which cross effects are. Estimate a ResLogit.")
    if isinstance(layer, bool) or layer not in range(1, model.layers + 1):
        raise InferenceError(f"layer must be a whole number from 1 to {model.layers}, found {layer!r}.")
    W = model.residuals[layer - 1]
    values = dict(zip(results.fit.labels, results.fit.theta.tolist(), strict=True)) | results.fit.fixed
    names = model.alternatives if len(model.alternatives) == W.shape[0] else range(W.shape[0])
    rows = [values[label] for label in W.labels()]
    index = pd.Index(names, name="utility of"), pd.Index(names, name="with that of")
    return pd.DataFrame([rows[i : i + len(names)] for i in range(0, len(rows), len(names))], *index)
