"""Statsmodels' names: what statisticians type, each as a word for an answer that is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.analysis import PostEstimation, Responses
from pycmtensor.analysis.elasticities import Moved
from pycmtensor.analysis.predict import choices_on
from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.inference import DerivedQuantities, HypothesisTest, Kind, delta, wald
from pycmtensor.results.estimates import Estimates
from pycmtensor.terms.relations import Relation, matrix, relations_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StatsmodelsNames"]

#: Where marginal effects are taken: statsmodels' word -> that of `marginal_effects`.
AT = {"overall": "individuals", "mean": "means"}


@checked_class(InferenceError)
class StatsmodelsNames(PostEstimation, Estimates):
    """Names of statsmodels for answers of `pycmtensor.Results`.

    They mean what they mean there, with two differences. ``llnull`` is the log-likelihood with equal shares of the
    available alternatives, LL(0), and so is what ``llr``, ``llr_pvalue`` and ``prsquared`` compare with; constants only
    are `llconstants` and `rho2_constants`. And tests use the normal distribution, as all of the library does.

    References:
        Seabold & Perktold (2010), statsmodels: econometric and statistical modeling with Python,
        doi:10.25080/Majora-92bf1922-011.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> results.df_model, results.df_resid, round(results.llr, 4)  # 2 (30 log(3 / 2) + 10 log(1 / 2))
        (1, 39, 10.465)
        >>> results.resid.iloc[0].round(6).to_dict()  # the first chose the car, whose probability is 3 / 4
        {'car': 0.25, 'bus': -0.25}
    """

    # ---- fit --------------------------------------------------------------------------------------------------

    @property
    def llr(self) -> float:
        """Likelihood ratio statistic against equal shares, 2 (LL - LL(0)); NaN for a model that is no choice.

        Examples:
            >>> round(results.llr, 4)
            182.2904
        """
        return 2 * (self.llf - self.llnull)

    @property
    def llr_pvalue(self) -> float:
        """Probability of a larger ``llr`` if shares were equal, from the chi-squared distribution of ``df_model``.

        Examples:
            >>> bool(results.llr_pvalue < 1e-6)
            True
        """
        from scipy.special import chdtrc

        return float(chdtrc(self.df_model, max(self.llr, 0.0)))

    @property
    def prsquared(self) -> float:
        """McFadden's pseudo R-squared, 1 - LL / LL(0): `rho2`.

        Examples:
            >>> round(results.prsquared, 4)
            0.3131
        """
        return self.rho2

    @property
    def k_params(self) -> int:
        """Number of estimates, K, those that constraints determine too.

        Examples:
            >>> results.k_params
            5
        """
        return len(self.fit.theta)

    @property
    def df_model(self) -> int:
        """Degrees of freedom of the model against equal shares: parameters that vary freely.

        Examples:
            >>> results.df_model
            5
        """
        return self.fit.n_parameters

    @property
    def df_resid(self) -> int:
        """Choice situations less parameters that vary freely.

        Examples:
            >>> results.df_resid
            205
        """
        return self.nobs - self.fit.n_parameters

    @property
    def method(self) -> str:
        """Name of the method of estimation.

        Examples:
            >>> results.method
            'trust-region'
        """
        return self.fit.method

    @property
    def converged(self) -> bool:
        """Whether the estimates are a maximum of the likelihood; ``outcome`` says why.

        Examples:
            >>> results.converged
            True
        """
        return self.fit.outcome.converged

    @property
    def cov_type(self) -> str:
        """Kind of the covariance of ``bse``, ``tvalues`` and ``pvalues``; other kinds are asked for by ``kind=``.

        Examples:
            >>> results.cov_type
            'classical'
        """
        return "classical"

    # ---- rows -------------------------------------------------------------------------------------------------

    @property
    def fittedvalues(self) -> pd.DataFrame:
        """Choice probabilities, one row per choice situation, one column per alternative: those of `predict`.

        Examples:
            >>> results.fittedvalues.iloc[0].round(3).to_dict()
            {'air': 0.08, 'train': 0.371, 'bus': 0.168, 'car': 0.381}
        """
        choices_on(self, None, "fitted values")
        return self.predict().probabilities

    @property
    def resid(self) -> pd.DataFrame:
        r"""Generalised residuals, 1 or 0 for what was chosen less its probability.

        .. math:: e_{jn} = [y_n = j] - P_{jn}

        One row per choice situation, one column per alternative. They are the derivatives of the log-likelihood of a
        logit by its utilities, and sum to 0 over those who have a constant's alternative.

        References:
            Gourieroux, Monfort, Renault & Trognon (1987), Generalised residuals, doi:10.1016/0304-4076(87)90079-0.

        Examples:
            >>> results.resid.sum().abs().max().round(4).item()
            0.0
        """
        ds, fitted = choices_on(self, None, "residuals").data, self.fittedvalues
        chosen = ds.of_situations(ds.chosen_alternatives)[:, None] == np.arange(fitted.shape[1])
        return chosen - fitted

    # ---- tests and tables -------------------------------------------------------------------------------------

    def t_test(
        self,
        hypotheses: str | Variable | Relation | Sequence[str | Variable | Relation],
        alpha: float = 0.05,
        kind: Kind = "classical",
    ) -> DerivedQuantities:
        """Test each of some linear hypotheses by itself; `wald_test` tests them together.

        Args:
            hypotheses: As in `wald`, such as "b_time = b_cost, asc_car = 0".
            alpha: One minus the coverage of the intervals.
            kind: Kind of the covariance of the estimates.

        Returns:
            Left side minus right side of each hypothesis, with its standard error, z, p and interval, as of `delta`.

        Raises:
            ModelError: As `wald`.
            InferenceError: A hypothesis is an inequality.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
            >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
            >>> results.t_test("asc_car = 1").table.round(4)  # (log(3) - 1) / sqrt(1 / 30 + 1 / 10)
                         estimate  std_err       z  pvalue   lower   upper
            asc_car = 1    0.0986   0.3651  0.2701  0.7871 -0.6171  0.8143
        """
        relations = relations_of(hypotheses)
        if not relations:
            raise InferenceError("t_test: there is no hypothesis in hypotheses. Write for example 'b_time = b_cost'.")
        _, senses, _ = matrix(relations, self.fit.labels, self.fit.fixed)
        for relation, sense in zip(relations, senses, strict=True):
            if sense != "=":
                raise InferenceError(f"A t test is about equalities, found '{relation}'. Write it with = in place.")
        return delta(self, {str(relation): _difference(relation) for relation in relations}, alpha, kind)

    def wald_test(
        self, hypotheses: str | Variable | Relation | Sequence[str | Variable | Relation], kind: Kind = "classical"
    ) -> HypothesisTest:
        """Test linear hypotheses together: `wald`.

        Args:
            hypotheses: As in `wald`.
            kind: Kind of the covariance of the estimates.

        Returns:
            The test.

        Examples:
            >>> results.wald_test("b_cost = 0, b_wait = 0").df
            2
        """
        return wald(self, hypotheses, kind)

    def get_margeff(
        self, column: Moved, at: str = "overall", method: str = "dydx", alpha: float = 0.05, kind: Kind = "classical"
    ) -> Responses:
        """Marginal effects of a column: `marginal_effects`, or `elasticities`.

        Args:
            column: A column that utilities use.
            at: "overall" for the average over choice situations, "mean" for the effect at the means of all columns.
            method: "dydx" for derivatives, "eyex" for elasticities, averaged with the probabilities as weights.
            alpha: One minus the coverage of the intervals.
            kind: Kind of the covariance of the estimates.

        Returns:
            The responses.

        Examples:
            >>> results.get_margeff(("gc", "car")).matrix.round(4).iloc[0].to_dict()
            {'air': 0.0011, 'train': 0.0011, 'bus': 0.0005, 'car': -0.0027}
        """
        if at not in AT:
            raise InferenceError(f"get_margeff: at is one of {', '.join(AT)}, found {at!r}.")
        if method not in ("dydx", "eyex"):
            raise InferenceError(f"get_margeff: method is dydx or eyex, found {method!r}.")
        if method == "dydx":
            return self.marginal_effects(column, AT[at], alpha, kind)
        return self.elasticities(column, None, AT[at], alpha, kind)

    def to_marginaleffects(self, kind: Kind = "classical") -> Any:
        """These results for the functions of the package marginaleffects: predictions, comparisons, slopes, hypotheses.

        A choice situation is a row, an alternative a group. Its errors are those of the delta method with differences
        in place of derivatives, and agree with those of `predict` and `marginal_effects` to some digits.

        Args:
            kind: Kind of the covariance, unless ``vcov=`` names another one there.

        Returns:
            What the functions of marginaleffects take.

        Raises:
            InferenceError: The model is no choice, its data are long, or they are not at hand.
            ImportError: marginaleffects is not installed.

        References:
            Arel-Bundock, Greifer & Heiss (2024), How to interpret statistical models using marginaleffects for R and
            Python, doi:10.18637/jss.v111.i09.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt, marginaleffects
            >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10, "cost": [1.0, 2.0, 3.0, 4.0] * 10})
            >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
            >>> logit = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car") + cmt.Beta("b") * ds["cost"], "bus": 0}))
            >>> slopes = marginaleffects.avg_slopes(logit.to_marginaleffects(), variables="cost")
            >>> sorted(slopes["group"])
            ['bus', 'car']
        """
        covariance = self.cov_params(kind)
        from pycmtensor.results.marginal_effects import ChoiceProbabilities

        return ChoiceProbabilities(self, covariance.to_numpy())

    def pred_table(self) -> pd.DataFrame:
        """Weighted counts by observed (rows) and most probable (columns) alternative: `confusion`.

        Returns:
            Counts (J, J).

        Examples:
            >>> results.pred_table().shape
            (4, 4)
        """
        return self.confusion()


def _difference(relation: Relation) -> Variable:
    """Left side minus right side, as symbols, since not all names can be written in text."""

    def symbol(name: str) -> Variable:
        found = pt.dscalar(name)
        found.tag.label = name
        return found

    terms = [c * symbol(name) for name, c in relation.coefficients.items()]
    return pt.add(*terms, -relation.value)
