"""Estimates from other samples of the same individuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import InferenceError, PyCMTensorError, in_range
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Replicates"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Replicates(Answer):
    """Estimates from other samples of the same individuals.

    Attributes:
        kind: "bootstrap" or "jackknife".
        labels: Names of the K parameters.
        theta: Estimates (R, K), one row per replicate that has a maximum.
        without_maximum: How many replicates have none, and are left out.
        factor: Of the sum of squared deviations from the mean in the covariance.
        complete: Whether all samples that were asked for are among them, False when they were interrupted.

    Examples:
        >>> some = results.bootstrap(20, seed=1)
        >>> some.kind, some.theta.shape
        ('bootstrap', (20, 5))
    """

    kind: str
    labels: tuple[str, ...]
    theta: Array
    without_maximum: int
    factor: float
    complete: bool = True

    def _shown(self) -> list[Part]:
        about = f"{len(self.theta):,} estimates by the {self.kind}, {self.without_maximum:,} samples without a maximum"
        return [about, self.params.agg(["mean", "std", "min", "max"]).T]

    @property
    def params(self) -> pd.DataFrame:
        """Estimates, one row per replicate."""
        import pandas as pd

        return pd.DataFrame(self.theta, columns=list(self.labels))

    @property
    def covariance(self) -> Array:
        """Covariance of the estimates (K, K)."""
        deviations = self.theta - self.theta.mean(axis=0)
        return self.factor * deviations.T @ deviations

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Percentile intervals of bootstrap replicates: the alpha/2 and 1 - alpha/2 quantiles, by name.

        Raises:
            PyCMTensorError: The replicates are a jackknife's, whose spread is not that of an estimate.
        """
        import pandas as pd

        if self.kind != "bootstrap":
            raise PyCMTensorError("Percentile intervals need bootstrap replicates. Use conf_int(kind='jackknife').")
        in_range("conf_int", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
        lower, upper = np.quantile(self.theta, [alpha / 2, 1 - alpha / 2], axis=0)
        return pd.DataFrame({"lower": lower, "upper": upper}, index=list(self.labels))
