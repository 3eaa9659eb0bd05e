"""What inference may ask of the results of an estimation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pycmtensor.engine import LocalEngine
from pycmtensor.estimation import Fit
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.inference.resampling import Kind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimated", "likelihood_of"]


class Estimated(Protocol):
    """Estimates, their covariance, and the likelihood where it is at hand; `pycmtensor.Results` is one."""

    fit: Fit
    engine: LocalEngine | None

    def cov_params(self, kind: Kind = "classical") -> pd.DataFrame:
        """Covariance of the estimates (K, K), NaN where it means nothing."""


def likelihood_of(results: Estimated, what: str) -> LocalEngine:
    """The likelihood that was maximised.

    Args:
        results: Results of an estimation.
        what: What needs it, in the plural, for the error.

    Raises:
        PyCMTensorError: It is not at hand any more.
    """
    if results.engine is None:
        raise PyCMTensorError(
            f"The model and the data, which {what} need, are not at hand. Give the model to "
            "Results.load(path, model), or estimate again."
        )
    return results.engine
