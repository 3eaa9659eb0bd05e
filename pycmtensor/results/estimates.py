"""Estimates, how certain they are, and the statistics of their fit."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator, Problem
from pycmtensor.estimation import Fit
from pycmtensor.estimation.recorded import Checkpoint, journal_of, recorded, run_after
from pycmtensor.exceptions import InferenceError, PyCMTensorError, checked_class, in_range
from pycmtensor.inference import Bootstrap, Jackknife, Kind, Replicates, profile_intervals
from pycmtensor.inference.covariance import Groups, Sources
from pycmtensor.inference.kinds import group_numbers, grouped_kinds, kind_of
from pycmtensor.inference.normal import two_sided
from pycmtensor.inference.protocol import problem_of
from pycmtensor.inference.resampling import Resampling
from pycmtensor.models import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimates"]

Array = NDArray[np.floating]


@checked_class(InferenceError)
class Estimates:
    """The numbers that `pycmtensor.Results` is about.

    Args:
        fit: As in `pycmtensor.Results`.
        model: As in `pycmtensor.Results`.
        data: As in `pycmtensor.Results`.
        evaluator: As in `pycmtensor.Results`.
    """

    def __init__(
        self,
        fit: Fit,
        model: Model | None = None,
        data: Dataset | None = None,
        evaluator: Evaluator | None = None,
    ) -> None:
        self.fit, self.model, self.data, self.evaluator = fit, model, data, evaluator
        self._resampled: dict[str, Replicates] = {}
        self._whole: Estimates | None = None  #: what these are a part of, whose covariance they have

    # ---- estimates --------------------------------------------------------------------------------------------

    @property
    def params(self) -> pd.Series:
        """Estimates of the free parameters, by name.

        Examples:
            >>> results.params["b_wait"].round(4).item()
            -0.0971
        """
        return self._series(self.fit.theta, "value")

    @property
    def bse(self) -> pd.Series:
        """Classical standard errors, by name.

        Examples:
            >>> results.bse.round(4)["b_cost"].item()
            0.0044
        """
        return self.standard_errors()

    @property
    def tvalues(self) -> pd.Series:
        """Estimate divided by its classical standard error, by name; NaN for what constraints determine.

        Examples:
            >>> results.tvalues["b_cost"].round(2).item()
            -3.6
        """
        return self.params / self.bse.where(self.bse != 0)

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p values of the hypothesis that a parameter is 0, from the normal distribution, by name.

        Examples:
            >>> results.pvalues["b_cost"].round(4).item()
            0.0003
        """
        return self.tvalues.map(two_sided).rename("p value")

    def standard_errors(self, kind: Kind = "classical", groups: Any = None) -> pd.Series:
        """Standard errors of one kind, by name; NaN where they would mean nothing.

        Args:
            kind: As in `cov_params`.
            groups: As in `cov_params`.

        Returns:
            Standard errors, by name.

        Examples:
            >>> results.standard_errors("robust")["b_cost"].round(4).item()
            0.0049
        """
        return self._series(self._errors(kind, groups), f"{kind} std err")

    def cov_params(self, kind: Kind = "classical", groups: Any = None) -> pd.DataFrame:
        """Covariance matrix of the estimates.

        Args:
            kind: "classical", "robust", "bhhh", "cluster", "bootstrap" or "jackknife", or with settings
                ``ClusterRobust(...)``, ``Bootstrap(...)``, ``Jackknife(...)``; or a `Covariance` of one's own, as
                those of `pycmtensor.inference`.
            groups: For the last three: a column of the data, or one label per individual.

        Returns:
            Covariances (K, K), by name; NaN where they would mean nothing.

        Raises:
            PyCMTensorError: The kind is unknown, or lacks what it needs.

        Examples:
            >>> results.cov_params("robust").shape
            (5, 5)
        """
        import pandas as pd

        return pd.DataFrame(self._covariance(kind, groups), index=list(self.fit.labels), columns=list(self.fit.labels))

    def conf_int(
        self, alpha: float = 0.05, kind: Kind = "classical", groups: Any = None, checkpoint: Checkpoint = None
    ) -> pd.DataFrame:
        """Confidence intervals: Wald's, estimate -+ z(1 - alpha / 2) standard errors, or of the profile likelihood.

        Args:
            alpha: One minus the coverage, in (0, 1).
            kind: Kind of the standard errors as in `cov_params`, or "profile" for the values that a likelihood ratio
                test does not reject; see `pycmtensor.inference.profile`.
            groups: As in `cov_params`.
            checkpoint: Of kind="profile", as in `pycmtensor.estimate`.

        Returns:
            Columns 'lower' and 'upper', by name.

        Examples:
            >>> results.conf_int().loc["b_cost"].round(4).tolist()
            [-0.0244, -0.0072]
        """
        import pandas as pd
        from scipy.special import ndtri

        in_range("conf_int", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
        if kind == "profile":
            if groups is not None:
                raise PyCMTensorError(f"groups go with the kinds {grouped_kinds()}, found kind='profile'.")
            problem = self._problem("profile intervals")
            with journal_of(problem, checkpoint, run_after(self.fit, f"profile, alpha {alpha}")) as journal:
                ends = profile_intervals(self.fit, problem.evaluator, alpha, journal)
            return pd.DataFrame(ends, index=list(self.fit.labels), columns=["lower", "upper"])
        if checkpoint is not None:
            raise PyCMTensorError(
                f"checkpoint goes with the kind 'profile', found kind={kind!r}. A Bootstrap(...) or "
                "Jackknife(...) has its own."
            )
        half = ndtri(1 - alpha / 2) * self._errors(kind, groups)
        bounds = {"lower": self.fit.theta - half, "upper": self.fit.theta + half}
        return pd.DataFrame(bounds, index=list(self.fit.labels))

    def to_frame(self, kind: Kind = "classical", alpha: float = 0.05) -> pd.DataFrame:
        """The estimates as a frame, one row per parameter, fixed ones below.

        Columns: value, std_err, t, pvalue, lower and upper end of the interval; the hypothesis that t and p are about,
        1 for scales and their inverses and 0 for others; and the status, "estimated" or "fixed".

        Args:
            kind: Kind of the standard errors.
            alpha: One minus the coverage of the intervals.

        Returns:
            The frame.

        Examples:
            >>> results.to_frame("robust").loc["b_cost", ["value", "std_err"]].astype(float).round(4).to_dict()
            {'value': -0.0158, 'std_err': 0.0049}
        """
        import pandas as pd

        null = pd.Series({label: self.fit.neutral.get(label, 0.0) for label in self.fit.labels}, dtype=float)
        errors = self.standard_errors(kind)
        t = (self.params - null) / errors.where(errors != 0)
        columns = {"value": self.params, "std_err": errors, "t": t, "pvalue": t.map(two_sided)}
        ends = self.conf_int(alpha, kind)
        about = {"hypothesis": null, "status": "estimated"}
        free = pd.DataFrame(columns | {"lower": ends["lower"], "upper": ends["upper"]} | about)
        if not self.fit.fixed:
            return free
        fixed = pd.DataFrame({"value": self.fit.fixed, "status": "fixed"}, index=list(self.fit.fixed))
        return pd.concat([free, fixed])

    def bootstrap(
        self, replicates: int = 200, seed: int = 0, groups: Any = None, checkpoint: Checkpoint = None
    ) -> Replicates:
        """Estimates from samples drawn with replacement; see `pycmtensor.inference.bootstrap`.

        Args:
            replicates: As in `Bootstrap`.
            seed: As in `Bootstrap`.
            groups: As in `Bootstrap`.
            checkpoint: As in `pycmtensor.estimate`.

        Returns:
            The estimates of all samples, with their covariance and percentile intervals.

        Examples:
            >>> results.bootstrap(20, seed=1).params.shape
            (20, 5)
        """
        return self._replicates(Bootstrap(replicates, seed, groups, checkpoint))

    def jackknife(self, groups: Any = None, checkpoint: Checkpoint = None) -> Replicates:
        """Estimates without each individual or group in turn; see `pycmtensor.inference.jackknife`.

        Args:
            groups: As in `Jackknife`.
            checkpoint: As in `pycmtensor.estimate`.

        Returns:
            The estimates, one row for each group that was left out.

        Examples:
            >>> results.jackknife(groups="psize").params.shape
            (6, 5)
        """
        return self._replicates(Jackknife(groups, checkpoint))

    def correlation(self, kind: Kind = "classical") -> pd.DataFrame:
        """Correlations of the estimates (K, K), from the covariance of one kind.

        Args:
            kind: As in `cov_params`.

        Returns:
            Correlations, by name; NaN where there is no standard error.

        Examples:
            >>> round(float(results.correlation().loc["asc_air", "b_wait"]), 2)
            -0.94
        """
        covariance, errors = self.cov_params(kind), self.standard_errors(kind)
        return covariance.div(errors, axis=0).div(errors, axis=1)

    # ---- fit --------------------------------------------------------------------------------------------------

    @property
    def llf(self) -> float:
        """Log-likelihood at the estimates.

        Examples:
            >>> round(results.llf, 4)
            -199.9766
        """
        return self.fit.llf

    @property
    def llnull(self) -> float:
        """Log-likelihood when all available alternatives are equally likely, LL(0).

        Examples:
            >>> round(results.llnull, 4)  # 210 log(1 / 4)
            -291.1218
        """
        return self.fit.llnull

    @property
    def rho2(self) -> float:
        """McFadden's rho-squared, 1 - LL / LL(0).

        Examples:
            >>> round(results.rho2, 4)
            0.3131
        """
        return 1 - self.llf / self.llnull

    @property
    def rho2_adjusted(self) -> float:
        """Rho-squared with a charge for each parameter, 1 - (LL - K) / LL(0).

        Examples:
            >>> round(results.rho2_adjusted, 4)
            0.2959
        """
        return 1 - (self.llf - self.fit.n_parameters) / self.llnull

    @property
    def aic(self) -> float:
        """Akaike information criterion, 2 K - 2 LL.

        Examples:
            >>> round(results.aic, 2)
            409.95
        """
        return 2 * self.fit.n_parameters - 2 * self.llf

    @property
    def bic(self) -> float:
        """Bayesian information criterion, K log(choice situations) - 2 LL.

        Examples:
            >>> round(results.bic, 2)
            426.69
        """
        return self.fit.n_parameters * math.log(self.nobs) - 2 * self.llf

    @property
    def nobs(self) -> int:
        """Choice situations.

        Examples:
            >>> results.nobs
            210
        """
        return self.fit.nobs

    @property
    def n_individuals(self) -> int:
        """Decision makers.

        Examples:
            >>> results.n_individuals
            210
        """
        return len(self.fit.weights)

    @property
    def history(self) -> pd.DataFrame:
        """One row per iteration or epoch.

        Examples:
            >>> "llf" in results.history
            True
        """
        import pandas as pd

        return pd.DataFrame(self.fit.history)

    def _errors(self, kind: Kind, groups: Any = None) -> Array:
        return np.sqrt(np.diag(self._covariance(kind, groups)))

    def _covariance(self, kind: Kind, groups: Any = None) -> Array:
        if self._whole is not None:
            return self._whole._covariance(kind, groups)
        return kind_of(kind, groups).of(Sources(self.fit, self._groups, self._replicates))

    def _replicates(self, kind: Resampling) -> Replicates:
        """Replicates of one kind, computed once."""
        key = repr(kind) if kind.groups is None or isinstance(kind.groups, str) else None
        if key is not None and key in self._resampled:
            return self._resampled[key]
        problem, groups = self._problem(str(kind)), self._groups(kind.groups)
        run = {name: str(value) for name, value in vars(kind).items() if name != "checkpoint"}
        run |= {"groups": hashlib.sha256(groups.tobytes()).hexdigest(), **run_after(self.fit, type(kind).__name__)}
        with journal_of(problem, kind.checkpoint, run) as journal:
            found = kind.resampled(self.fit, recorded(problem.evaluator, journal), groups)
        if key is not None and found.complete:
            self._resampled[key] = found
        return found

    def _groups(self, groups: Any) -> Groups:
        """Number of each individual's group, from 0, (N,)."""
        if isinstance(groups, str):
            return self._problem("groups by column").data.groups(groups)
        return group_numbers(groups, self.n_individuals)

    def _problem(self, what: str) -> Problem:
        return problem_of(self, what)

    def _series(self, values: Array, name: str) -> pd.Series:
        import pandas as pd

        return pd.Series(values, index=_index(self.fit.labels).copy(), name=name)


@lru_cache(maxsize=8)
def _index(labels: tuple[str, ...]) -> pd.Index:
    """Names as an index, of which users get copies: they may rename it."""
    import pandas as pd

    return pd.Index(list(labels))
