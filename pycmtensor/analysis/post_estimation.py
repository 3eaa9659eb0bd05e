"""The methods of results that answer questions after an estimation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

from pycmtensor.analysis.calibration import calibration
from pycmtensor.analysis.conditional import ConditionalEstimates, conditional_estimates, population_draws
from pycmtensor.analysis.cross_effects import cross_effects
from pycmtensor.analysis.demand import demand
from pycmtensor.analysis.elasticities import Moved, Responses, elasticities, marginal_effects
from pycmtensor.analysis.fit_measures import (
    CrossValidation,
    confusion,
    cross_validate,
    hit_rate,
    llconstants,
    shares_by,
)
from pycmtensor.analysis.marginal import Marginal
from pycmtensor.analysis.partial_dependence import partial_dependence
from pycmtensor.analysis.predict import Prediction, predict
from pycmtensor.analysis.simulate import simulate
from pycmtensor.analysis.simulator import Simulator, simulator
from pycmtensor.analysis.tastes import regularity, tastes
from pycmtensor.analysis.wtp import WillingnessToPay, wtp
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator
from pycmtensor.estimation import Fit
from pycmtensor.estimation.recorded import Checkpoint
from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.inference.protocol import problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import MDCEV, CrossNestedLogit, Model, NestedLogit
from pycmtensor.terms.relations import Expression

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["PostEstimation"]


@checked_class(InferenceError)
class PostEstimation:
    """PostEstimation of `pycmtensor.Results`; each method calls the function of its name."""

    fit: Fit
    model: Model | None
    data: Dataset | None
    evaluator: Evaluator | None

    if TYPE_CHECKING:

        def cov_params(self, kind: Kind = "classical", groups: Any = None) -> pd.DataFrame:
            """See `pycmtensor.Results`."""

    def plot_distribution(self, coefficient: str, ax: Axes | None = None) -> Axes:
        """The distribution of a random coefficient in the population; see `pycmtensor.report.plots.distribution`."""
        from pycmtensor.report.plots import distribution

        return distribution(population_draws(self, coefficient), coefficient, ax)

    def plot_nests(self, ax: Axes | None = None) -> Axes:
        """The nests of a `NestedLogit` or `CrossNestedLogit`, as its ``plot`` shows them.

        Raises:
            InferenceError: The model has no nests.
        """
        model = problem_of(self, "nests").model
        if not isinstance(model, (NestedLogit, CrossNestedLogit)):
            raise InferenceError(f"{model.name} has no nests.")
        return model.plot(ax)

    def plot_shares(self, segment: str, ax: Axes | None = None) -> Axes:
        """Observed and predicted shares by segment; see `pycmtensor.report.plots.shares`."""
        from pycmtensor.report.plots import shares

        return shares(self.shares_by(segment), ax)

    def plot_calibration(
        self, data: Any = None, alternative: str = "all", bins: int = 10, ax: Axes | None = None
    ) -> Axes:
        """Predicted probabilities and observed frequencies; see `pycmtensor.report.plots.calibration`.

        Args:
            data: As in `calibration`.
            alternative: Its name, or "all" for all of them together.
            bins: How many.
            ax: Where to draw; None makes a figure.
        """
        from pycmtensor.report.plots import calibration as plot

        table = self.calibration(data, bins)
        known = table.index.unique("alternative")
        if alternative not in known:
            raise InferenceError(f"There is no alternative '{alternative}' here. Ask for one of {', '.join(known)}.")
        return plot(table.loc[[alternative]], alternative, ax)

    def plot_partial_dependence(
        self,
        column: str | tuple[str, str],
        values: Sequence[float] | int = 20,
        data: Any = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Average probabilities along a column; see `pycmtensor.report.plots.partial_dependence`.

        Args:
            column: As in `partial_dependence`.
            values: As in `partial_dependence`.
            data: As in `partial_dependence`.
            ax: Where to draw; None makes a figure.
        """
        from pycmtensor.report.plots import partial_dependence as plot

        return plot(self.partial_dependence(column, values, data), ax)

    def predict(
        self, data: Any = None, conditional: bool = False, alpha: float = 0.05, kind: Kind = "classical"
    ) -> Prediction:
        """Choice probabilities, most probable choices and shares; see `pycmtensor.analysis.predict`.

        Of an `MDCEV` a `Demand`, quantities of the goods; see `pycmtensor.analysis.demand`.

        Args:
            data: A frame, a path or a Dataset, also without choices; None for the data of the estimation.
            conditional: On the choices that were observed of the same individuals; for random coefficients.
            alpha: One minus the coverage of the intervals of shares.
            kind: Kind of the covariance of the estimates.
        """
        if isinstance(problem_of(self, "predictions").model, MDCEV):
            return demand(self, data, conditional, alpha, kind)
        return predict(self, data, conditional, alpha, kind)

    @overload
    def elasticities(
        self,
        column: Moved,
        change: float | None = None,
        at: str = "individuals",
        alpha: float = 0.05,
        kind: Kind = "classical",
        data: Any = None,
    ) -> Responses: ...

    @overload
    def elasticities(
        self,
        column: list[Moved],
        change: float | None = None,
        at: str = "individuals",
        alpha: float = 0.05,
        kind: Kind = "classical",
        data: Any = None,
    ) -> dict[str, Responses]: ...

    def elasticities(
        self,
        column: Moved | list[Moved],
        change: float | None = None,
        at: str = "individuals",
        alpha: float = 0.05,
        kind: Kind = "classical",
        data: Any = None,
    ) -> Responses | dict[str, Responses]:
        """Elasticities of choice probabilities, direct and cross; see `pycmtensor.analysis.elasticities`.

        Args:
            column: A column that utilities use, as text or ``ds["cost"]``, or a list of them.
            change: None for point elasticities, 0.1 for arc elasticities of a rise by 10%.
            at: "individuals", or "means" of all columns.
            alpha: One minus the coverage of the intervals.
            kind: Kind of the covariance of the estimates.
            data: As in `predict`.
        """
        return elasticities(self, column, change, at, alpha, kind, data)

    @overload
    def marginal_effects(
        self,
        column: Moved,
        at: str = "individuals",
        alpha: float = 0.05,
        kind: Kind = "classical",
        data: Any = None,
    ) -> Responses: ...

    @overload
    def marginal_effects(
        self,
        column: list[Moved],
        at: str = "individuals",
        alpha: float = 0.05,
        kind: Kind = "classical",
        data: Any = None,
    ) -> dict[str, Responses]: ...

    def marginal_effects(
        self,
        column: Moved | list[Moved],
        at: str = "individuals",
        alpha: float = 0.05,
        kind: Kind = "classical",
        data: Any = None,
    ) -> Responses | dict[str, Responses]:
        """Average derivatives of choice probabilities; see `pycmtensor.analysis.marginal_effects`.

        Args:
            column: A column that utilities use, as text or ``ds["cost"]``, or a list of them.
            at: "individuals", or "means" of all columns.
            alpha: One minus the coverage of the intervals.
            kind: Kind of the covariance of the estimates.
            data: As in `predict`.
        """
        return marginal_effects(self, column, at, alpha, kind, data)

    def wtp(
        self,
        numerator: Marginal,
        denominator: Marginal,
        alpha: float = 0.05,
        kind: Kind = "classical",
        method: str = "delta",
    ) -> WillingnessToPay:
        """Willingness to pay, a ratio of marginal utilities; see `pycmtensor.analysis.wtp`.

        Args:
            numerator: A coefficient as text or symbols, which may be random, or a column ``ds["TRAIN_TT"]``; of a
                latent class model also name of each class -> one of these.
            denominator: Likewise, of cost.
            alpha: One minus the coverage of the interval.
            kind: Kind of the covariance of the estimates.
            method: "delta" or "krinsky-robb".
        """
        return wtp(self, numerator, denominator, alpha, kind, method)

    def conditional_estimates(
        self, coefficients: Mapping[str, Expression] | None = None, alpha: float = 0.05
    ) -> ConditionalEstimates:
        """Random coefficients of each individual given its choices; see `pycmtensor.analysis.conditional_estimates`.

        Args:
            coefficients: Name -> expression; None for all that `pycmtensor.coefficients` made.
            alpha: One minus the coverage of the quantiles lower and upper.
        """
        return conditional_estimates(self, coefficients, alpha)

    def calibration(self, data: Any = None, bins: int = 10) -> pd.DataFrame:
        """Predicted probabilities and observed frequencies; see `pycmtensor.analysis.calibration`.

        Args:
            data: A frame, a path or a Dataset, best of individuals who were not used to estimate.
            bins: How many, of equal width.
        """
        return calibration(self, data, bins)

    def partial_dependence(
        self,
        column: str | tuple[str, str],
        values: Sequence[float] | int = 20,
        data: Any = None,
        alpha: float = 0.05,
        kind: Kind = "classical",
    ) -> pd.DataFrame:
        """Average probabilities as a column takes values; see `pycmtensor.analysis.partial_dependence`.

        Args:
            column: A column that the model uses, in long data (column, alternative) for that of one alternative.
            values: The values, or how many.
            data: As in `predict`.
            alpha: One minus the coverage of the intervals.
            kind: Kind of the covariance of the estimates.
        """
        return partial_dependence(self, column, values, data, alpha, kind)

    def tastes(self, expressions: Mapping[str, Expression], data: Any = None) -> pd.DataFrame:
        """Expressions of estimates and columns in every choice situation; see `pycmtensor.analysis.tastes`.

        Args:
            expressions: Name -> expression, such as ``{"value of time": network["b_time"] / b_cost}``.
            data: As in `predict`.
        """
        return tastes(self, expressions, data)

    def regularity(self, time: Expression, cost: Expression, data: Any = None) -> pd.Series:
        """Shares of individuals with marginal utilities of the wrong sign; see `pycmtensor.analysis.regularity`.

        Args:
            time: A coefficient, an expression, or a column of time.
            cost: Likewise, of cost.
            data: As in `predict`.
        """
        return regularity(self, time, cost, data)

    def cross_effects(self, layer: int = 1) -> pd.DataFrame:
        """The residual matrix of a layer of a `ResLogit`; see `pycmtensor.analysis.cross_effects`.

        Args:
            layer: From 1 to the number of layers.
        """
        return cross_effects(self, layer)

    def simulate(self, data: Any = None, seed: int = 1, n: int = 1, conditional: bool = False) -> pd.DataFrame:
        """Choices drawn from the model, as a frame; see `pycmtensor.analysis.simulate`."""
        return simulate(self, data, seed, n, conditional)

    def to_simulator(
        self,
        path: str | PathLike[str],
        attributes: Sequence[str] | None = None,
        prices: Mapping[str, str] | None = None,
        rows: Literal["all"] | None = None,
        segment: str | None = None,
        kind: Kind = "classical",
    ) -> Simulator:
        """Write a page in which attributes move and shares follow; see `pycmtensor.analysis.simulator`.

        Args:
            path: The file; its folder must exist.
            attributes: Columns that move; None for those that differ between alternatives.
            prices: Alternative -> the column of its price, for revenue.
            rows: "all" writes every choice situation into the file; None groups of at least five.
            segment: A column by whose values shares are shown too.
            kind: Kind of the covariance of the estimates.
        """
        return simulator(self, path, attributes, prices, rows, segment, kind)

    @property
    def hit_rate(self) -> float:
        """Share of the choice situations in which the most probable alternative was chosen."""
        return hit_rate(self)

    @property
    def llconstants(self) -> float:
        """Log-likelihood of a logit with constants only; see `pycmtensor.analysis.llconstants`."""
        return llconstants(self)

    @property
    def rho2_constants(self) -> float:
        """Rho-squared against constants only, 1 - LL / LL(constants)."""
        return 1 - self.fit.llf / self.llconstants

    def confusion(self) -> pd.DataFrame:
        """Observed and most probable alternatives; see `pycmtensor.analysis.confusion`."""
        return confusion(self)

    def shares_by(self, segment: str, alpha: float = 0.05, kind: Kind = "classical") -> pd.DataFrame:
        """Observed and predicted shares by the values of a column; see `pycmtensor.analysis.shares_by`."""
        return shares_by(self, segment, alpha, kind)

    def cross_validate(
        self,
        folds: int = 5,
        seed: int = 0,
        by: str = "individual",
        alpha: float = 0.05,
        checkpoint: Checkpoint = None,
    ) -> CrossValidation:
        """Log-likelihood of individuals who were not used to estimate; see `pycmtensor.analysis.cross_validate`."""
        return cross_validate(self, folds, seed, by, alpha, checkpoint)
