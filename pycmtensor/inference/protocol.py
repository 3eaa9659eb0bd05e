"""What inference may ask of the results of an estimation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pycmtensor.engine import LocalEngine
from pycmtensor.estimation import Fit
from pycmtensor.inference.resampling import Kind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimated"]


class Estimated(Protocol):
    """Estimates, their covariance, and the likelihood where it is at hand; `pycmtensor.Results` is one."""

    fit: Fit
    engine: LocalEngine | None

    def cov_params(self, kind: Kind = "classical") -> pd.DataFrame:
        """Covariance of the estimates (K, K), NaN where it means nothing."""
