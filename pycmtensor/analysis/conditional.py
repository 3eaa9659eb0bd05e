"""Tastes of individuals: random coefficients given the choices that were observed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.replace import graph_replace

from pycmtensor.analysis.marginal import coefficients_of, marginal_utility
from pycmtensor.analysis.parts import Moments, rows_of, summed
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Posterior
from pycmtensor.exceptions import InferenceError, in_range
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.models import LatentClass
from pycmtensor.report.answer import Answer, Part
from pycmtensor.terms.draws import Sampling, values_of
from pycmtensor.terms.relations import Expression

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ConditionalEstimates", "conditional_estimates", "population_draws"]


@dataclass(frozen=True, eq=False)
class ConditionalEstimates(Answer):
    """The distributions of random coefficients given the choices of each individual.

    Attributes:
        summary: By coefficient mean and standard deviation in the population, and mean and standard deviation of the
            conditional means, weighted. The means of a well-specified model are alike; conditional means vary less.
        alpha: One minus the coverage of lower to upper.
    """

    summary: pd.DataFrame
    alpha: float
    n_individuals: int
    _rows: Callable[[], pd.DataFrame] = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """One row per individual; of each coefficient mean, standard deviation, and quantiles lower, median and upper.

        Raises:
            InferenceError: They were written to a file, or are of scanned data.
        """
        return self._rows()

    @property
    def means(self) -> pd.DataFrame:
        """Conditional means, one row per individual, one column per coefficient."""
        return self.table.loc[:, (slice(None), "mean")].droplevel(1, axis=1)

    def _shown(self) -> list[Part]:
        about = f"{self.n_individuals:,} individuals, {1 - self.alpha:.4g} of each between lower and upper"
        return [self.summary, about]


def conditional_estimates(
    results: Estimated,
    coefficients: Mapping[str, Expression] | None = None,
    alpha: float = 0.05,
    to: str | PathLike[str] | None = None,
) -> ConditionalEstimates:
    r"""Random coefficients of the individuals of the estimation, given what they chose.

    .. math::
        E[\beta_n | y_n] = \frac{\sum_r \beta_{nr} L_n(\beta_{nr})}{\sum_r L_n(\beta_{nr})}, \quad
        L_n(\beta) = \prod_t P_{y_{nt}}(\beta)

    Standard deviations and quantiles weigh the draws alike. They are of the individual's taste, with the estimates
    taken as known.

    Args:
        results: The estimates of a model with random coefficients.
        coefficients: Name -> expression, such as ``{"time": b_time, "value of time": b_time / b_cost}``; None for all
            that `pycmtensor.coefficients` made.
        alpha: One minus the coverage of the interval between the quantiles lower and upper, in (0, 1).
        to: A Parquet file that the table is written to, in place of keeping it; that of scanned data part by part.

    Raises:
        InferenceError: The model has no random coefficients, none is found, or one varies between the choice situations
            of an individual.
        ModelError: An expression is not of the model.

    References:
        Revelt & Train (2000), Customer-specific taste parameters and mixed logit; Train (2009), Discrete Choice Methods
        with Simulation, doi:10.1017/CBO9780511805271, equation 11.5.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2, 1, 2, 2, 2], "who": [1, 1, 1, 1, 2, 2, 2, 2]})
        >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2}, individual="who")
        >>> taste = cmt.coefficients.normal("car", cmt.Beta("mean"), 1.0)
        >>> results = cmt.estimate(cmt.MixedLogit(ds, {"car": taste, "bus": 0}, draws=200))
        >>> results.conditional_estimates().means.round(2).to_numpy().ravel().tolist()
        [0.53, -0.53]
    """
    import pandas as pd

    in_range("conditional_estimates", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
    asked = problem_of(results, "conditional estimates")
    model = asked.model
    if not model.draws:
        instead = "everybody has the same"
        if isinstance(model, LatentClass):
            instead = "results.membership() tells the classes of individuals, results.wtp what they are willing to pay"
        raise InferenceError(f"{model.name} has no random coefficients; {instead}.")
    given: Mapping[str, Expression] = coefficients_of(model) if coefficients is None else coefficients
    if not given:
        raise InferenceError("No coefficient is known by name. Give them, such as {'time': mean + sd * z}.")
    quantiles = (alpha / 2, 0.5, 1 - alpha / 2)
    columns = pd.MultiIndex.from_product([list(given), ["mean", "sd", "lower", "median", "upper"]])
    with rows_of(asked.data, to) as rows:

        def ask(part: Problem) -> dict[str, Any]:
            ds = part.data
            terms = tuple(marginal_utility(part, expression)[0] for expression in given.values())
            found = part.evaluator.by_situation(Posterior(terms, quantiles), results.fit.theta)[:, 0]
            found = found.reshape(len(terms), 7, ds.n_individuals)
            table = found[:, :5].reshape(-1, ds.n_individuals).T
            rows.add(ds, pd.DataFrame(table, ds.individual_labels, columns))
            w = ds.individual_weights
            return {"population": Moments.of(found[:, 5:], w), "means": Moments.of(found[:, 0], w)}

        found = summed(asked, ask)
    (mean, square), means = found["population"].mean.T, found["means"]
    summary = pd.DataFrame(
        {
            "mean": mean,
            "sd": np.sqrt(np.maximum(square - mean**2, 0)),
            "mean of means": means.mean,
            "sd of means": means.sd,
        },
        index=list(given),
    )
    return ConditionalEstimates(summary, alpha, asked.data.n_individuals, rows.whole)


def population_draws(results: Estimated, coefficient: str, number: int = 10_000) -> NDArray[np.floating]:
    """Draws of a random coefficient in the population, at the estimates.

    Args:
        results: The estimates.
        coefficient: Its name.
        number: How many.

    Raises:
        InferenceError: There is no random coefficient of this name.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 1, 1, 2]}), "mode", {"car": 1, "bus": 2})
        >>> asc = cmt.coefficients.normal("asc", cmt.Beta("mean"), cmt.Beta("sd", 2.0, status=1))
        >>> results = cmt.estimate(cmt.MixedLogit(ds, {"car": asc, "bus": 0}, draws=200))
        >>> round(float(population_draws(results, "asc").std()), 2)
        2.0
    """
    model = problem_of(results, "distributions of tastes").model
    known = coefficients_of(model)
    if coefficient not in known:
        raise InferenceError(f"There is no random coefficient '{coefficient}'; there is {', '.join(known) or 'none'}.")
    fit = results.fit
    values = dict(zip(fit.labels, fit.theta.tolist(), strict=True)) | fit.fixed
    at = {p(): pt.constant(values[p.name], dtype=p().dtype) for p in model.params if p.shape == ()}
    drawn = values_of(model.draws, Sampling(number), 1, 1)
    at |= {draws(): pt.constant(own[:1]) for draws, own in zip(model.draws, drawn, strict=True)}
    (found,) = graph_replace([known[coefficient]], at, strict=False)
    return np.asarray(found.eval(mode="FAST_COMPILE")).ravel()
