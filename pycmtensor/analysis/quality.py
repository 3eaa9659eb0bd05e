"""The methods of results that tell how well a model predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycmtensor.analysis.calibration import calibration
from pycmtensor.analysis.fit_measures import (
    CrossValidation,
    confusion,
    cross_validate,
    hit_rate,
    llconstants,
    shares_by,
)
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Cluster, Evaluator
from pycmtensor.estimation import Fit
from pycmtensor.estimation.recorded import Checkpoint
from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Quality"]


@checked_class(InferenceError)
class Quality:
    """Predictions of `pycmtensor.Results` against what was observed; each method calls the function of its name."""

    fit: Fit
    model: Model | None
    data: Dataset | None
    evaluator: Evaluator | None

    if TYPE_CHECKING:

        def cov_params(self, kind: Kind = "classical", groups: Any = None) -> pd.DataFrame:
            """See `pycmtensor.Results`."""

    def calibration(self, data: Any = None, bins: int = 10) -> pd.DataFrame:
        """Predicted probabilities and observed frequencies; see `pycmtensor.analysis.calibration`.

        Args:
            data: A frame, a path or a Dataset, best of individuals who were not used to estimate.
            bins: How many, of equal width.

        Returns:
            One row per alternative and bin.

        Examples:
            >>> results.calibration(bins=4).columns.tolist()
            ['predicted', 'observed', 'weight']
        """
        return calibration(self, data, bins)

    @property
    def hit_rate(self) -> float:
        """Share of the choice situations in which the most probable alternative was chosen.

        Examples:
            >>> round(float(results.hit_rate), 3)
            0.695
        """
        return hit_rate(self)

    @property
    def llconstants(self) -> float:
        """Log-likelihood of a logit with constants only; see `pycmtensor.analysis.llconstants`.

        Examples:
            >>> round(results.llconstants, 4)
            -283.7588
        """
        return llconstants(self)

    @property
    def rho2_constants(self) -> float:
        """Rho-squared against constants only, 1 - LL / LL(constants).

        Examples:
            >>> round(results.rho2_constants, 4)
            0.2953
        """
        return 1 - self.fit.llf / self.llconstants

    def confusion(self) -> pd.DataFrame:
        """Observed and most probable alternatives; see `pycmtensor.analysis.confusion`.

        Returns:
            Weighted counts (J, J), observed in rows.

        Examples:
            >>> float(results.confusion().loc["car", "car"])
            38.0
        """
        return confusion(self)

    def shares_by(self, segment: str, alpha: float = 0.05, kind: Kind = "classical") -> pd.DataFrame:
        """Observed and predicted shares by the values of a column; see `pycmtensor.analysis.shares_by`.

        Args:
            segment: A column by whose values shares are told.
            alpha: One minus the coverage of the intervals, in (0, 1).
            kind: Kind of the covariance of the estimates.

        Returns:
            Columns observed, estimate, std_err, lower, upper; one row per value and alternative.

        Examples:
            >>> results.shares_by("psize").loc[1, "observed"].round(3).to_dict()
            {'air': 0.298, 'train': 0.307, 'bus': 0.202, 'car': 0.193}
        """
        return shares_by(self, segment, alpha, kind)

    def cross_validate(
        self,
        folds: int = 5,
        seed: int = 0,
        by: str = "individual",
        alpha: float = 0.05,
        checkpoint: Checkpoint = None,
        on: Cluster | None = None,
    ) -> CrossValidation:
        """Log-likelihood of individuals who were not used to estimate; see `pycmtensor.analysis.cross_validate`.

        Args:
            folds: How many parts.
            seed: Of the draw of parts.
            by: As in `Dataset.split`.
            alpha: One minus the coverage of the interval, in (0, 1).
            checkpoint: As in `pycmtensor.estimate`.
            on: A cluster, whose workers estimate the folds at the same time.

        Returns:
            Log-likelihoods of each part when left out, and their sum with its interval.

        Examples:
            >>> results.cross_validate(folds=3, seed=1).table.shape[0]
            3
        """
        return cross_validate(self, folds, seed, by, alpha, checkpoint, on)
