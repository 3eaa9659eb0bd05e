"""Answers of a posterior: those of results, at draws of the parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.elasticities import Moved, elasticities
from pycmtensor.analysis.marginal import Marginal
from pycmtensor.analysis.predict import Prediction, predict
from pycmtensor.analysis.responses import Responses
from pycmtensor.analysis.scenario import Scenarios, scenario
from pycmtensor.analysis.wtp import WillingnessToPay, is_one_number, ratio_of, wtp
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator
from pycmtensor.estimation import Fit
from pycmtensor.exceptions import InferenceError, checked_class, in_range, whole
from pycmtensor.models import Model
from pycmtensor.results.posterior.draws import Draws
from pycmtensor.results.posterior.over_draws import Answer, AtDraw, combined
from pycmtensor.terms.relations import Expression, ParameterFunction, text_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PosteriorAnswers"]

Array = NDArray[np.floating]


@checked_class(InferenceError)
class PosteriorAnswers(ABC):
    """Answers about draws of parameters, evaluated at some of them; base of `pycmtensor.Posterior`."""

    fit: Fit
    draws: Draws
    model: Model | None
    data: Dataset | None
    evaluator: Evaluator | None

    @abstractmethod
    def cov_params(self) -> pd.DataFrame:
        """Covariance of the parameters (K, K)."""

    def predict(self, data: Any = None, conditional: bool = False, alpha: float = 0.05, draws: int = 200) -> Prediction:
        """Choice probabilities, most probable choices and shares; see `pycmtensor.analysis.predict`.

        Args:
            data: A frame, a path or a Dataset, also without choices; None for the data of the estimation.
            conditional: On the choices that were observed of the same individuals; for random coefficients.
            alpha: One minus the coverage of the intervals of shares.
            draws: At how many draws of the posterior.

        Returns:
            Probabilities and shares, as `Results.predict` gives them.

        Examples:
            >>> round(float(posterior.predict(draws=20).table["estimate"].sum()), 6)
            1.0
        """
        return self.over(lambda at: predict(at, data, conditional, alpha), alpha, draws)

    def shares(self, data: Any = None, alpha: float = 0.05, draws: int = 200) -> pd.DataFrame:
        """Shares of the alternatives with their uncertainty, the table of `predict`.

        Args:
            data: As in `predict`.
            alpha: One minus the coverage of the intervals, in (0, 1).
            draws: As in `predict`.

        Returns:
            Columns estimate, std_err, lower, upper; one row per alternative.

        Examples:
            >>> posterior.shares(draws=20).columns.tolist()
            ['estimate', 'std_err', 'lower', 'upper']
        """
        return self.predict(data, alpha=alpha, draws=draws).table

    def elasticities(
        self,
        column: Moved | list[Moved],
        change: float | None = None,
        at: str = "individuals",
        alpha: float = 0.05,
        data: Any = None,
        draws: int = 200,
    ) -> Responses | dict[str, Responses]:
        """Elasticities of choice probabilities, direct and cross; see `pycmtensor.analysis.elasticities`.

        Args:
            column: As in `Results.elasticities`.
            change: As there.
            at: As there.
            alpha: One minus the coverage of the intervals.
            data: As in `predict`.
            draws: As in `predict`.

        Returns:
            Responses with posterior means, deviations and quantiles; one for each column of a list.

        Examples:
            >>> posterior.elasticities("time", draws=20).matrix.shape
            (1, 2)
        """

        def asked(estimated: Any) -> Any:
            return elasticities(estimated, column, change, at, alpha, data=data)

        return self.over(asked, alpha, draws)

    def wtp(
        self, numerator: Marginal, denominator: Marginal, alpha: float = 0.05, draws: int = 200
    ) -> WillingnessToPay:
        """Willingness to pay, a ratio of marginal utilities; see `pycmtensor.analysis.wtp`.

        Args:
            numerator: As in `Results.wtp`.
            denominator: As there, of cost.
            alpha: One minus the coverage of the interval.
            draws: As in `predict`.

        Returns:
            The ratio, as `Results.wtp` gives it.

        Examples:
            >>> posterior.wtp("b_time", "b_cost", draws=100).table.shape[0]
            1
        """
        here = self.at(self.fit.theta)
        if is_one_number(here, numerator) and is_one_number(here, denominator):
            ratio = ratio_of(here, numerator, denominator)
            table = self.functions(ratio, alpha)
            return WillingnessToPay(text_of(ratio), table, None, "", alpha, "posterior")
        return self.over(lambda at: wtp(at, numerator, denominator, alpha), alpha, draws)

    def functions(self, expression: Expression | Mapping[str, Expression], alpha: float = 0.05) -> pd.DataFrame:
        """Functions of parameters over all draws: mean, standard deviation and quantiles.

        Args:
            expression: Symbols such as ``b_time / b_cost``, text such as "b_time / b_cost", or a dict of several, such
                as the covariances that `pycmtensor.coefficients.correlated` gives.
            alpha: One minus the coverage of the intervals, in (0, 1).

        Returns:
            Columns estimate, std_err, lower, upper; one row per function.

        Raises:
            ModelError: An expression cannot be read, or names an unknown parameter.

        Examples:
            >>> posterior.functions("b_time / b_cost").columns.tolist()
            ['estimate', 'std_err', 'lower', 'upper']
        """
        import pandas as pd

        in_range("functions", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
        named = expression if isinstance(expression, Mapping) else {text_of(expression): expression}
        theta = self.draws.theta.reshape(-1, self.draws.theta.shape[-1])
        found = {name: ParameterFunction.of(one, self.fit.labels, self.fit.fixed) for name, one in named.items()}
        values = np.array([np.broadcast_to(function.over(theta), len(theta)) for function in found.values()])
        lower, upper = np.quantile(values, [alpha / 2, 1 - alpha / 2], axis=1)
        columns = {"estimate": values.mean(axis=1), "std_err": values.std(axis=1, ddof=1)}
        return pd.DataFrame({**columns, "lower": lower, "upper": upper}, index=list(found))

    def scenario(
        self,
        data: Any,
        changes: Mapping[Any, Any],
        segment: str | None = None,
        cost: Marginal | None = None,
        alpha: float = 0.05,
        draws: int = 200,
    ) -> Scenarios:
        """Shares, diversion and surplus of changed columns; see `pycmtensor.scenario`.

        Args:
            data: As in `predict`.
            changes: As in `pycmtensor.scenario`.
            segment: As there.
            cost: As there.
            alpha: One minus the coverage of the intervals.
            draws: As in `predict`.

        Returns:
            Tables, as `pycmtensor.scenario` gives them.

        Examples:
            >>> posterior.scenario(None, {"time": lambda time: 2 * time}, draws=20).changes.shape[0]
            2
        """
        return self.over(lambda at: scenario(at, data, changes, segment=segment, cost=cost, alpha=alpha), alpha, draws)

    def over(self, answer: Callable[[AtDraw], Answer], alpha: float = 0.05, draws: int = 200) -> Answer:
        """Any answer about estimates as one about the posterior: its mean, standard deviation and quantiles.

        Args:
            answer: A function of estimates, such as ``lambda at: pycmtensor.analysis.predict(at)``.
            alpha: One minus the coverage of the intervals.
            draws: At how many draws of the posterior, spread evenly over all.

        Returns:
            The answer, of the kind that the function gives.

        Examples:
            >>> from pycmtensor.analysis import predict
            >>> round(float(posterior.over(lambda at: predict(at), draws=20).table["estimate"].sum()), 6)
            1.0
        """
        in_range("over", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
        return combined([answer(self.at(theta)) for theta in self.thinned(draws)], alpha)

    def thinned(self, draws: int) -> Array:
        """Some draws of the parameters, spread evenly over all chains, (at most draws, K).

        Args:
            draws: How many at most.

        Returns:
            Draws of the parameters.

        Examples:
            >>> posterior.thinned(100).shape
            (100, 2)
        """
        whole("Posterior", "draws", draws, least=2, error=InferenceError)
        theta = np.swapaxes(self.draws.theta, 0, 1).reshape(-1, self.draws.theta.shape[-1])
        return theta[np.unique(np.linspace(0, len(theta) - 1, draws).astype(int))]

    def at(self, theta: Array) -> AtDraw:
        """Estimates with parameters (K,), and the covariance of the posterior.

        Args:
            theta: Values of the parameters.

        Returns:
            What answers take in place of results.

        Examples:
            >>> posterior.at(posterior.params.to_numpy()).fit.theta.shape
            (2,)
        """
        return AtDraw(replace(self.fit, theta=theta), self.model, self.data, self.evaluator, self._covariance)

    @cached_property
    def _covariance(self) -> pd.DataFrame:
        return self.cov_params()
