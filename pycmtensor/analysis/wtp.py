"""Willingness to pay: ratios of marginal utilities, such as the value of time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.traversal import graph_inputs

from pycmtensor.analysis.dual import Dual, intervals, note
from pycmtensor.analysis.marginal import column_of, marginal_utility
from pycmtensor.analysis.predict import situation_weights
from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.delta import delta
from pycmtensor.inference.krinsky_robb import krinsky_robb
from pycmtensor.inference.protocol import Estimated, likelihood_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.relations import Expression, in_parameters, text_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["WillingnessToPay", "wtp"]

Array = NDArray[np.floating]

#: How intervals are found.
METHODS = ("delta", "krinsky-robb")

#: Of distributions.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class WillingnessToPay:
    """A ratio of marginal utilities.

    Attributes:
        name: What is divided by what.
        table: Estimate, standard error and confidence interval; of the mean, where the ratio has a distribution.
        distribution: Over choice situations and draws, weighted: mean, sd, quantiles, and the share that is negative;
            None where the ratio is one number.
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

    @property
    def estimate(self) -> float:
        """The ratio at the estimates, or its mean."""
        return float(self.table["estimate"].iloc[0])

    def plot(self, ax: Axes | None = None) -> Axes:
        """The estimates with their intervals; see `pycmtensor.plots.intervals`."""
        from pycmtensor.plots import intervals

        return intervals(self.table, f"{self.name}, {self.unit}" if self.unit else self.name, ax)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        about = f"{1 - self.alpha:.4g} interval, {self.kind} covariance"
        spread = [] if self.distribution is None else [self.distribution.to_string()]
        return "\n".join([f"{self.name}{unit}", self.table.to_string(), about, *spread, *filter(None, [self.note])])


def wtp(
    results: Estimated,
    numerator: Expression,
    denominator: Expression,
    alpha: float = 0.05,
    kind: Kind = "classical",
    method: str = "delta",
) -> WillingnessToPay:
    r"""Willingness to pay for an attribute: its marginal utility over that of cost.

    .. math:: WTP = \frac{\partial V / \partial x}{\partial V / \partial c}

    Marginal utilities are given as coefficients, whose units are those of the utilities as they were written; or as
    columns, for exact derivatives of the utilities that hold them, which know how columns were scaled. Ratios that
    depend on data or on draws have a distribution; their mean is over all situations where the denominator is not 0.
    For the ratios of individuals ask `conditional_estimates`.

    Args:
        results: The estimates.
        numerator: A coefficient, as text or symbols of parameters, draws and columns; or a column, ``ds["TRAIN_TT"]``,
            of long data ``ds["ivt", "train"]``.
        denominator: Likewise, of cost.
        alpha: One minus the coverage of the interval, in (0, 1).
        kind: Kind of the covariance of the estimates.
        method: "delta", or "krinsky-robb" for quantiles of draws of the estimates, where the ratio is one number.

    Raises:
        ModelError: A name, a column or draws are not of the model.
        InferenceError: A column is in no utility or in several, the denominator is 0 everywhere, or the method is
            unknown or does not go with a distribution.

    References:
        Daly, Hess & de Jong (2012), doi:10.1016/j.trb.2011.10.008, for errors; Daly, Hess & Train (2012), Assuring
        finite moments for willingness to pay, doi:10.1007/s11116-011-9331-3, for random denominators.

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
    if _is_one_number(numerator) and _is_one_number(denominator):
        return _of_parameters(results, numerator, denominator, alpha, kind, method)
    if method != "delta":
        raise InferenceError("A ratio with a distribution over situations or draws has errors by method='delta'.")
    engine, theta = likelihood_of(results, "marginal utilities"), results.fit.theta
    (top, above), (bottom, below) = marginal_utility(engine, numerator), marginal_utility(engine, denominator)
    quantities, w = engine.program.quantities, situation_weights(engine.dataset)
    sums = Dual(*engine.totals(quantities.mean_ratio(top, bottom), w[None], theta))[0]
    name = text_of(f"({above}) / ({below})")
    if sums.value[1] == 0:
        raise InferenceError(f"{name}: the denominator is 0 in all choice situations. Ask for another column of cost.")
    mean = sums[:1] / sums[1:]
    table = intervals(results, mean, [name], alpha, kind)
    distribution, about = _distribution(engine.by_situation(quantities.ratio(top, bottom), theta), w)
    notes = [note(results, mean, kind), about]
    unit = _unit(engine.dataset, numerator, denominator)
    return WillingnessToPay(name, table, distribution, unit, alpha, str(kind), " ".join(filter(None, notes)))


def _is_one_number(expression: Expression) -> bool:
    """Whether it depends on parameters alone."""
    if isinstance(expression, str) or not hasattr(expression, "tag"):
        return True
    return not any(hasattr(v.tag, "draws") or hasattr(v.tag, "column") for v in graph_inputs([expression]))


def _of_parameters(
    results: Estimated, numerator: Expression, denominator: Expression, alpha: float, kind: Kind, method: str
) -> WillingnessToPay:
    """A ratio that is one number."""
    import pandas as pd

    ratio: Expression = f"({numerator}) / ({denominator})"
    if not (isinstance(numerator, str) and isinstance(denominator, str)):
        parameters = likelihood_of(results, "symbols beside text").model.params
        ratio = in_parameters(numerator, parameters) / in_parameters(denominator, parameters)
    name = text_of(ratio)
    if method == "delta":
        found = delta(results, {name: ratio}, alpha, kind)
        table = found.table[["estimate", "std_err", "lower", "upper"]]
        return WillingnessToPay(name, table, None, "", alpha, str(kind), found.notes.get(name, ""))
    simulated = krinsky_robb(results, ratio, alpha=alpha, kind=kind)
    row = {"estimate": simulated.estimate, "std_err": np.nan, "lower": simulated.lower, "upper": simulated.upper}
    about = simulated.note or f"The interval holds quantiles of {len(simulated.draws):,} draws of the estimates."
    return WillingnessToPay(name, pd.DataFrame(row, index=[name]), None, "", alpha, str(kind), about)


def _distribution(values: Array, w: Array) -> tuple[pd.Series | None, str]:
    """How ratios (2, T, N, R), with their denominators, are spread, and what is odd about them, in sentences."""
    import pandas as pd

    ratio, below = values
    weights = w if len(ratio) > 1 else w.sum(axis=0, keepdims=True)
    weights = np.broadcast_to(weights[..., None], ratio.shape)
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


def _unit(ds: Dataset, numerator: Expression, denominator: Expression) -> str:
    """Such as 'CHF per minutes', when both are columns whose units the data set knows."""
    keys = [column_of(expression) for expression in (numerator, denominator)]
    names = [key[0] if isinstance(key, tuple) else key for key in keys]
    above, below = (re.split(r"[;:(,]", ds.units.get(name, ""))[0].strip() for name in names)
    return f"{below} per {above}" if above and below else ""
