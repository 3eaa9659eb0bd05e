"""Willingness to pay: ratios of marginal utilities, such as the value of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.traversal import graph_inputs

from pycmtensor.analysis.dual import Dual, intervals, note, stacked
from pycmtensor.analysis.marginal import Marginal, expressed, marginal_utilities, unit_of
from pycmtensor.analysis.parts import summed
from pycmtensor.analysis.predict import situation_weights
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.dataset.symbols import is_column
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import MeanRatios, Ratio, Ratios, RatiosGivenChoices
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.delta import delta
from pycmtensor.inference.krinsky_robb import krinsky_robb
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import LatentClass
from pycmtensor.report.answer import Answer, Part
from pycmtensor.terms.relations import Expression, in_parameters, text_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["WillingnessToPay", "is_one_number", "ratio_of", "wtp"]

Array = NDArray[np.floating]

#: Methods of intervals.
METHODS = ("delta", "krinsky-robb")

#: Quantiles of distributions.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class WillingnessToPay(Answer):
    """A ratio of marginal utilities.

    Attributes:
        name: What is divided by what.
        table: Estimate, standard error and confidence interval; of the mean, where the ratio has a distribution. Below
            it those of the latent classes, if there are any.
        distribution: Over choice situations, draws and classes, weighted: mean, sd, quantiles, and the share that is
            negative; None where the ratio is one number.
        unit: Unit of the ratio, as far as the data know those of two columns; empty otherwise.
        alpha: One minus the coverage of the interval.
        kind: Kind of the covariance of the estimates.
        note: What is to be known about it, empty when nothing is.
    """

    name: str
    table: pd.DataFrame
    distribution: pd.Series | None
    unit: str
    alpha: float
    kind: str
    note: str = ""
    _rows: Callable[[], pd.DataFrame] | None = field(default=None, repr=False)

    @property
    def estimate(self) -> float:
        """The ratio at the estimates, or its mean."""
        return float(self.table["estimate"].iloc[0])

    @cached_property
    def by_individual(self) -> pd.DataFrame:
        """The ratio of each individual given its choices: mean, sd, and the quantiles lower, median and upper.

        As the function `wtp` tells, which also says how far from lower to upper is.

        Raises:
            InferenceError: The ratio is one number, the same for everybody.
        """
        if self._rows is None:
            raise InferenceError(f"{self.name} is one number, {self.estimate:.6g}, the same for everybody.")
        return self._rows()

    def plot(self, what: str = "interval", ax: Axes | None = None) -> Axes:
        """A picture: "interval" of the estimates, or "individuals", how the means of individuals are spread.

        Raises:
            InferenceError: There is no such picture; individuals: the ratio is the same for everybody.
        """
        from pycmtensor.report.plots import distribution, intervals

        label = f"{self.name}, {self.unit}" if self.unit else self.name
        if what == "interval":
            return intervals(self.table, label, ax)
        if what != "individuals":
            raise InferenceError(f"what is 'interval' or 'individuals', found {what!r}.")
        return distribution(self.by_individual["mean"].dropna().to_numpy(), f"{label}, mean of each individual", ax)

    def _shown(self) -> list[Part]:
        unit = f" {self.unit}" if self.unit else ""
        about = f"{1 - self.alpha:.4g} interval, {self.kind} covariance"
        spread = [] if self.distribution is None else [self.distribution]
        return [f"{self.name}{unit}", self.table, about, *spread, *filter(None, [self.note])]


def wtp(
    results: Estimated,
    numerator: Marginal,
    denominator: Marginal,
    alpha: float = 0.05,
    kind: Kind = "classical",
    method: str = "delta",
) -> WillingnessToPay:
    r"""Willingness to pay for an attribute: its marginal utility over that of cost.

    .. math:: WTP = \frac{\partial V / \partial x}{\partial V / \partial c}

    Marginal utilities are given as coefficients, whose units are those of the utilities as they were written; or as
    columns, for exact derivatives of the utilities that hold them, which know how columns were scaled. Ratios that
    depend on data, draws or latent classes have a distribution; their mean is over all situations where the denominator
    is not 0, and classes count with their probabilities before choices are seen.

    ``by_individual`` then has a row for each individual, given what it chose:

    .. math::
        E[WTP_n | y_n] = \sum_c \sum_r h_{ncr} \frac{1}{T_n} \sum_t WTP_{ntcr}, \quad
        h_{ncr} = \frac{\pi_{nc} L_{nc}(\beta_{nr})}{\sum_d \sum_s \pi_{nd} L_{nd}(\beta_{ns})}, \quad
        L_{nc}(\beta) = \prod_t P_{y_{nt}, c}(\beta)

    with standard deviation and the quantiles alpha / 2, 1 / 2 and 1 - alpha / 2 of the same weights, which are of what
    the individual is willing to pay, with the estimates taken as known. Without draws and classes, the choices of an
    individual tell nothing of it, and its row is about its characteristics in all of its situations.

    Args:
        results: The estimates.
        numerator: A coefficient, as text or symbols of parameters, draws and columns; names of random coefficients go
            before those of parameters; or a column, ``ds["TRAIN_TT"]``, of long data
            ``ds["ivt", "train"]``. Of a latent class model, also name of each class -> one of these; a column stands
            for the derivatives of the utilities of all classes.
        denominator: Likewise, of cost.
        alpha: One minus the coverage of the interval, in (0, 1).
        kind: Kind of the covariance of the estimates.
        method: "delta", or "krinsky-robb" for quantiles of draws of the estimates, where the ratio is one number.

    Raises:
        ModelError: A name, a column or draws are not of the model.
        InferenceError: A column is in no utility or in several, the denominator is 0 everywhere, classes are not those
            of the model, or the method is unknown or does not go with a distribution.

    References:
        Daly, Hess & de Jong (2012), doi:10.1016/j.trb.2011.10.008, for errors; Daly, Hess & Train (2012), Assuring
        finite moments for willingness to pay, doi:10.1007/s11116-011-9331-3, for random denominators; Greene & Hensher
        (2003), doi:10.1016/S0191-2615(02)00046-2, and Train (2009), doi:10.1017/CBO9780511805271, chapter 11, for
        individuals.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 2, 2], "min": [9.0, 6, 4, 8], "chf": [2.0, 5, 1, 4]})
        >>> frame.attrs["units"] = {"min": "minutes", "chf": "CHF"}
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> V = {"car": 0, "bus": cmt.Beta("b_time") * ds["min"] / 60 + cmt.Beta("b_cost") * ds["chf"]}
        >>> results = cmt.estimate(cmt.MNL(ds, V))
        >>> by_name, by_column = results.wtp("b_time / 60", "b_cost"), results.wtp(ds["min"], ds["chf"])
        >>> by_name.name, by_column.unit, round(by_name.estimate / by_column.estimate, 9)
        ('b_time / 60 / b_cost', 'CHF per minutes', 1.0)
    """
    if method not in METHODS:
        raise InferenceError(f"method is one of {', '.join(METHODS)}, found {method!r}.")
    if is_one_number(results, numerator) and is_one_number(results, denominator):
        return _of_parameters(results, numerator, denominator, alpha, kind, method)
    if method != "delta":
        raise InferenceError("A ratio with a distribution over situations or draws has errors by method='delta'.")
    asked, theta = problem_of(results, "marginal utilities"), results.fit.theta
    ratios, names = _ratios(asked, numerator, denominator)

    def ask(part: Problem) -> dict[str, Any]:
        quantity = MeanRatios(_ratios(part, numerator, denominator)[0])
        return {"ratios": Dual(*part.evaluator.totals(quantity, situation_weights(part.data)[None], theta))[0]}

    sums = summed(asked, ask)["ratios"]
    for name, defined in zip(names, sums.value[1::2], strict=True):
        if defined == 0:
            raise InferenceError(
                f"{name}: the denominator is 0 in all choice situations. Ask for another column of cost."
            )
    title = names[0] if len(set(names)) == 1 else "mean over classes"
    mean, rows = _total(sums[::2]) / _total(sums[1::2]), [title]
    if isinstance(asked.model, LatentClass):
        rows += [f"{name} in class {of_class}" for name, of_class in zip(names, asked.model.classes, strict=True)]
        mean = stacked([mean, sums[::2] / sums[1::2]])
    table = intervals(results, mean, rows, alpha, kind)
    if isinstance(asked.data, ScannedDataset):
        distribution, about = None, "The data are scanned: the distribution of the ratio is that of a sample in memory."
    else:
        values = asked.evaluator.by_situation(Ratios(ratios), theta)
        distribution, about = _distribution(values, situation_weights(asked.data))
    about = " ".join(filter(None, [note(results, mean, kind), about]))
    unit = _unit(asked.data, numerator, denominator)
    individuals = None if distribution is None else partial(_individuals, results, asked, ratios, alpha)
    return WillingnessToPay(title, table, distribution, unit, alpha, str(kind), about, individuals)


def _ratios(asked: Problem, numerator: Marginal, denominator: Marginal) -> tuple[Ratio, list[str]]:
    """The ratio in each class, and its name."""
    above, below = marginal_utilities(asked, numerator), marginal_utilities(asked, denominator)
    pairs = list(zip(above, below, strict=True))
    return tuple((top, bottom) for (top, _), (bottom, _) in pairs), [
        text_of(f"({top}) / ({bottom})") for (_, top), (_, bottom) in pairs
    ]


def _total(of: Dual) -> Dual:
    """The sum along the first axis, which stays."""
    return Dual(of.value.sum(axis=0, keepdims=True), of.slope.sum(axis=0, keepdims=True))


def _individuals(results: Estimated, asked: Problem, ratios: Ratio, alpha: float) -> pd.DataFrame:
    """Ratios given the choices of each individual, one row each."""
    import pandas as pd

    quantity = RatiosGivenChoices(ratios, (alpha / 2, 0.5, 1 - alpha / 2))
    found = asked.evaluator.by_situation(quantity, results.fit.theta)[:, 0]
    return pd.DataFrame(found.T, asked.data.individual_labels, ["mean", "sd", "lower", "median", "upper"])


def is_one_number(results: Estimated, expression: Marginal) -> bool:
    """Whether it depends on parameters alone."""
    if isinstance(expression, str) and results.model is not None:
        expression = expressed(results.model, expression)
    if isinstance(expression, str) or not hasattr(expression, "tag"):
        return not isinstance(expression, Mapping)
    return not any(hasattr(v.tag, "draws") or is_column(v) for v in graph_inputs([expression]))


def _of_parameters(
    results: Estimated, numerator: Any, denominator: Any, alpha: float, kind: Kind, method: str
) -> WillingnessToPay:
    """A ratio that is one number."""
    import pandas as pd

    ratio = ratio_of(results, numerator, denominator)
    name = text_of(ratio)
    if method == "delta":
        found = delta(results, {name: ratio}, alpha, kind)
        table = found.table[["estimate", "std_err", "lower", "upper"]]
        return WillingnessToPay(name, table, None, "", alpha, str(kind), found.notes.get(name, ""))
    simulated = krinsky_robb(results, ratio, alpha=alpha, kind=kind)
    row = {"estimate": simulated.estimate, "std_err": np.nan, "lower": simulated.lower, "upper": simulated.upper}
    about = simulated.note or f"The interval holds quantiles of {len(simulated.draws):,} draws of the estimates."
    return WillingnessToPay(name, pd.DataFrame(row, index=[name]), None, "", alpha, str(kind), about)


def ratio_of(results: Estimated, numerator: Any, denominator: Any) -> Expression:
    """The ratio of two expressions of parameters, as text or symbols."""
    if isinstance(numerator, str) and isinstance(denominator, str):
        return f"({numerator}) / ({denominator})"
    parameters = problem_of(results, "symbols beside text").model.params
    ratio: Expression = in_parameters(numerator, parameters) / in_parameters(denominator, parameters)
    return ratio


def _distribution(values: Array, w: Array) -> tuple[pd.Series | None, str]:
    """Distribution of ratios, given with denominators and weights (3, T, N, R), and remarks about it in sentences."""
    import pandas as pd

    ratio, below, share = values
    weights = w if len(ratio) > 1 else w.sum(axis=0, keepdims=True)
    weights = weights[..., None] * share
    counts = weights > 0
    is_defined = counts & (below != 0)
    x, w_x = ratio[is_defined], weights[is_defined]
    about = []
    if is_defined.sum() < counts.sum():
        share = 1 - w_x.sum() / weights.sum()
        about.append(f"Without {share:.2%} of choice situations and draws, where the denominator is 0.")
    if (below[is_defined] > 0).any() and (below[is_defined] < 0).any():
        about.append("The denominator has both signs: mean and sd mean nothing, and a quantile of ratios says little.")
    mean = np.average(x, weights=w_x)
    if np.ptp(x) <= 1e-9 * abs(mean):
        return None, " ".join(about)
    quantiles = np.quantile(x, QUANTILES, weights=w_x, method="inverted_cdf")
    numbers = {
        "mean": mean,
        "sd": np.sqrt(np.average((x - mean) ** 2, weights=w_x)),
        **{f"{q:.0%}": value for q, value in zip(QUANTILES, quantiles, strict=True)},
        "share negative": np.average(x < 0, weights=w_x),
    }
    return pd.Series(numbers, name="distribution"), " ".join(about)


def _unit(ds: Dataset, numerator: Marginal, denominator: Marginal) -> str:
    """Such as 'CHF per minutes', when both are columns whose units the data set knows."""
    above, below = (unit_of(ds, expression) for expression in (numerator, denominator))
    return f"{below} per {above}" if above and below else ""
