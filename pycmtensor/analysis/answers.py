"""The methods of results that answer questions after an estimation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycmtensor.analysis.predict import Prediction, predict
from pycmtensor.engine import LocalEngine
from pycmtensor.estimation import Fit
from pycmtensor.inference.resampling import Kind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answers"]


class Answers:
    """What `pycmtensor.Results` answers; each method hands itself to the function of its name."""

    fit: Fit
    engine: LocalEngine | None

    if TYPE_CHECKING:

        def cov_params(self, kind: Kind = "classical", groups: Any = None) -> pd.DataFrame:
            """Of the results."""

    def predict(
        self, data: Any = None, conditional: bool = False, alpha: float = 0.05, kind: Kind = "classical"
    ) -> Prediction:
        """Choice probabilities, most probable choices and shares; see `pycmtensor.analysis.predict`.

        Args:
            data: A frame, a path or a Dataset, also without choices; None for the data of the estimation.
            conditional: On the choices that were observed of the same individuals; for random coefficients.
            alpha: One minus the coverage of the intervals of shares.
            kind: Kind of the covariance of the estimates.
        """
        return predict(self, data, conditional, alpha, kind)
