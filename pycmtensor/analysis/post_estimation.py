"""The methods of results that answer questions after an estimation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

from pycmtensor.analysis.conditional import ConditionalEstimates, conditional_estimates
from pycmtensor.analysis.cross_effects import cross_effects
from pycmtensor.analysis.demand import demand
from pycmtensor.analysis.elasticities import Moved, elasticities, marginal_effects
from pycmtensor.analysis.marginal import Marginal
from pycmtensor.analysis.partial_dependence import partial_dependence
from pycmtensor.analysis.pictures import Pictures
from pycmtensor.analysis.predict import Prediction, predict
from pycmtensor.analysis.responses import Responses
from pycmtensor.analysis.simulate import simulate
from pycmtensor.analysis.simulator import Simulator, simulator
from pycmtensor.analysis.tastes import regularity, tastes
from pycmtensor.analysis.wtp import WillingnessToPay, wtp
from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.inference.protocol import problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import MDCEV
from pycmtensor.terms.relations import Expression

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PostEstimation"]


@checked_class(InferenceError)
class PostEstimation(Pictures):
    """Answers of `pycmtensor.Results`; each method calls the function of its name."""

    def predict(
        self,
        data: Any = None,
        conditional: bool = False,
        alpha: float = 0.05,
        kind: Kind = "classical",
        to: str | PathLike[str] | None = None,
    ) -> Prediction:
        """Choice probabilities, most probable choices and shares; see `pycmtensor.analysis.predict`.

        Of an `MDCEV` a `Demand`, quantities of the goods; see `pycmtensor.analysis.demand`.

        Args:
            data: A frame, a path or a Dataset, also without choices; None for the data of the estimation.
            conditional: On the choices that were observed of the same individuals; for random coefficients.
            alpha: One minus the coverage of the intervals of shares.
            kind: Kind of the covariance of the estimates.
            to: A Parquet file that the probabilities are written to, those of scanned data part by part.

        Returns:
            Probabilities of each situation and shares with their intervals.

        Examples:
            >>> results.predict().shares.round(4).to_dict()
            {'air': 0.2762, 'train': 0.3, 'bus': 0.1429, 'car': 0.281}
        """
        if isinstance(problem_of(self, "predictions").model, MDCEV):
            return demand(self, data, conditional, alpha, kind, to)
        return predict(self, data, conditional, alpha, kind, to)

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

        Returns:
            The responses, of each situation and of the sample; one for each column of a list.

        Examples:
            >>> results.elasticities(("gc", "car")).matrix.round(2).iloc[0].to_dict()
            {'air': 0.4, 'train': 0.31, 'bus': 0.37, 'car': -0.91}
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

        Returns:
            The responses, of each situation and of the sample; one for each column of a list.

        Examples:
            >>> results.marginal_effects(("gc", "car")).matrix.round(4).iloc[0].to_dict()
            {'air': 0.0011, 'train': 0.0011, 'bus': 0.0005, 'car': -0.0027}
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

        Returns:
            The ratio with its interval, in the unit of cost per unit of the numerator.

        Examples:
            >>> round(float(results.wtp("b_wait", "b_cost").estimate), 3)
            6.151
        """
        return wtp(self, numerator, denominator, alpha, kind, method)

    def conditional_estimates(
        self,
        coefficients: Mapping[str, Expression] | None = None,
        alpha: float = 0.05,
        to: str | PathLike[str] | None = None,
    ) -> ConditionalEstimates:
        """Random coefficients of each individual given its choices; see `pycmtensor.analysis.conditional_estimates`.

        Args:
            coefficients: Name -> expression; None for all that `pycmtensor.coefficients` made.
            alpha: One minus the coverage of the quantiles lower and upper.
            to: A Parquet file that the table is written to, that of scanned data part by part.

        Returns:
            Means, deviations and quantiles of each individual.

        Examples:
            `mixed` are results of a `MixedLogit` with the random coefficients cl and loc:

            >>> sorted(mixed.conditional_estimates().means.columns)
            ['cl', 'loc']
        """
        return conditional_estimates(self, coefficients, alpha, to)

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

        Returns:
            Columns estimate, std_err, lower, upper; one row per value and alternative.

        Examples:
            >>> results.partial_dependence(("gc", "car"), values=[20, 60])["estimate"].round(3).tolist()[3::4]  # of car
            [0.505, 0.393]
        """
        return partial_dependence(self, column, values, data, alpha, kind)

    def tastes(self, expressions: Mapping[str, Expression], data: Any = None) -> pd.DataFrame:
        """Expressions of estimates and columns in every choice situation; see `pycmtensor.analysis.tastes`.

        Args:
            expressions: Name -> expression, such as ``{"value of time": network["b_time"] / b_cost}``.
            data: As in `predict`.

        Returns:
            One row per choice situation, one column per expression.

        Examples:
            >>> results.tastes({"ratio": "b_wait / b_cost"}).round(3).iloc[0, 0].item()
            6.151
        """
        return tastes(self, expressions, data)

    def regularity(self, time: Expression, cost: Expression, data: Any = None) -> pd.Series:
        """Shares of individuals with marginal utilities of the wrong sign; see `pycmtensor.analysis.regularity`.

        Args:
            time: A coefficient, an expression, or a column of time.
            cost: Likewise, of cost.
            data: As in `predict`.

        Returns:
            Shares, by what is wrong.

        Examples:
            >>> results.regularity("b_wait", "b_cost").round(3).to_dict()
            {'time is no loss': 0.0, 'cost is no loss': 0.0, 'value of time is not positive': 0.0}
        """
        return regularity(self, time, cost, data)

    def cross_effects(self, layer: int = 1) -> pd.DataFrame:
        """The residual matrix of a layer of a `ResLogit`; see `pycmtensor.analysis.cross_effects`.

        Args:
            layer: From 1 to the number of layers.

        Returns:
            The matrix (J, J): what the utility of a row loses with that of a column.

        Examples:
            >>> import pycmtensor as cmt
            >>> from pycmtensor.optimizers import Adam
            >>> b, ds = cmt.Beta("b"), results.data
            >>> V = {name: b * ds["ttme", name] / 100 for name in ds.alternatives}
            >>> trained = cmt.estimate(cmt.ResLogit(ds, V, layers=1), method=cmt.Stochastic(Adam, lr=0.01, epochs=5))
            >>> trained.cross_effects().columns.tolist()
            ['air', 'train', 'bus', 'car']
        """
        return cross_effects(self, layer)

    def simulate(self, data: Any = None, seed: int = 1, n: int = 1, conditional: bool = False) -> pd.DataFrame:
        """Choices drawn from the model, as a frame; see `pycmtensor.analysis.simulate`.

        Args:
            data: As in `predict`.
            seed: Of the draws.
            n: How many times each situation is drawn.
            conditional: Whether tastes and classes are given the choices that were observed.

        Returns:
            A frame with the choices, as the data have them.

        Examples:
            >>> results.simulate(seed=1).shape[0]
            210
        """
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

        Returns:
            What was written: the path, and how far shares of the page are from those of the model.

        Examples:
            >>> import pathlib, tempfile
            >>> bool(results.to_simulator(pathlib.Path(tempfile.mkdtemp()) / "page.html").error < 0.05)
            True
        """
        return simulator(self, path, attributes, prices, rows, segment, kind)
