"""Prices that make revenue, profit or market share as large as the model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals, note, stacked
from pycmtensor.analysis.marginal import owners
from pycmtensor.analysis.predict import choices_on, situation_weights
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Slopes
from pycmtensor.exceptions import InferenceError, checked, in_range
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Pricing", "pricing"]

Array: TypeAlias = NDArray[np.floating]

#: Without bounds, prices are searched up to so many times the highest observed one.
FARTHEST = 10.0

#: Largest derivative of the objective at an optimum, relative to it and to prices.
TOLERANCE = 1e-7

#: Relative step of the differences that second derivatives are made of.
STEP = 1e-5


@dataclass(frozen=True, eq=False)
class Pricing(Answer):
    """Optimal prices.

    Attributes:
        objective: "revenue", "profit" or "share".
        table: One row per price: "now" (its mean in the data), and the optimal price as "estimate", "std_err", "lower",
            "upper". The error is that of the parameters; a price at a bound has none.
        shares: Shares of all alternatives "now" and "optimal".
        value: The objective of a choice situation, "now" and "optimal", with its interval.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        note: What is to be known: prices beyond those observed, prices at a bound, missing errors.
    """

    objective: str
    table: pd.DataFrame
    shares: pd.DataFrame
    value: pd.DataFrame
    alpha: float
    kind: str
    note: str = ""

    def _shown(self) -> list[Part]:
        parts: list[Part] = [f"Prices of the largest {self.objective}", self.table, "Shares", self.shares]
        parts += [f"{self.objective.capitalize()} of a choice situation", self.value]
        about = f"{1 - self.alpha:.4g} intervals, {self.kind} covariance"
        return [*parts, about, *filter(None, [self.note])]


@checked(InferenceError)
def pricing(
    results: Estimated,
    prices: Mapping[str, str],
    objective: Literal["revenue", "profit", "share"] = "revenue",
    bounds: Mapping[str, Any] | None = None,
    costs: Mapping[str, float] | None = None,
    data: Any = None,
    alpha: float = 0.05,
    kind: Kind = "classical",
) -> Pricing:
    r"""Prices of alternatives, the same for everybody, at which an objective is largest.

    .. math:: \max_p \frac{\sum_n w_n \sum_{j} (p_j - c_j) P_{jn}(p)}{\sum_n w_n}

    over the alternatives j that have a price; with c = 0 for revenue, and without the factor for the market share. The
    gradient is that of the model. An optimal price p*(theta) is a function of the parameters, with errors by the delta
    method and

    .. math:: \frac{\partial p^*}{\partial \theta} = -\left(\frac{\partial^2 R}{\partial p \partial p'}\right)^{-1}
        \frac{\partial^2 R}{\partial p \partial \theta'}

    A model says little of prices that nobody has seen: the note tells which optimal prices lie beyond the data.

    Args:
        results: The estimates of a choice model.
        prices: Alternative -> the column of its price; in long data the column of all prices.
        objective: "revenue", "profit" or "share", that of all alternatives in ``prices`` together.
        bounds: Alternative -> (lowest, highest) price; None for 0 to ten times the highest observed price. A
            share needs them.
        costs: Alternative -> cost of one unit sold, for "profit"; 0 for those that are not named.
        data: A frame, a path or a `Dataset` to sell to; None for the data of the estimation.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.

    Returns:
        Prices, shares and the objective, now and at the optimum, in the unit of the price columns.

    Raises:
        InferenceError: A price is in no utility, or is shared by several alternatives; an argument cannot be used; no
            optimum is found.

    References:
        Train (2009), doi:10.1017/CBO9780511805271, chapter 3, for derivatives; Li & Huh (2011), Pricing multiple
        products with the multinomial logit, doi:10.1287/msom.1110.0344.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"bought": [1] * 40 + [2] * 60, "price": [1.0, 2, 3, 4, 5] * 20})
        >>> ds = cmt.Dataset(frame, choice="bought", alternatives={"tea": 1, "nothing": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"tea": 2.0 + cmt.Beta("b", -1.0) * ds["price"], "nothing": 0}))
        >>> best = cmt.pricing(results, {"tea": "price"})
        >>> float(best.value.loc["optimal", "estimate"]) > float(best.value.loc["now", "estimate"])
        True
    """
    problem = choices_on(results, data, "prices")
    asked = _Asked(results, problem, _keys(problem, prices), objective, _costs(prices, costs, objective))
    now, highest, lowest = asked.observed()
    box = _box(asked, bounds, highest)
    found = _optimum(asked, np.clip(now, *box), box)
    value, slope = asked.at(found)
    before, _ = asked.at(None)
    inside = (found > box[0]) & (found < box[1])
    optimal = Dual(found, _response(asked, found, slope, inside))
    table = intervals(results, optimal, list(prices), alpha, kind)
    table.loc[~inside, ["std_err", "lower", "upper"]] = np.nan
    table.insert(0, "now", now)
    shares = np.stack([asked.shares(None), asked.shares(found)], axis=1)
    import pandas as pd

    notes = [note(results, optimal, kind), _beyond(prices, found, lowest, highest), _at_bounds(prices, inside)]
    return Pricing(
        objective,
        table,
        pd.DataFrame(shares, list(problem.data.alternatives), ["now", "optimal"]),
        intervals(results, stacked([before, value]), ["now", "optimal"], alpha, kind),
        alpha,
        str(kind),
        " ".join(filter(None, notes)),
    )


@dataclass(frozen=True)
class _Asked:
    """The objective as a function of prices (A,)."""

    results: Estimated
    problem: Problem
    keys: dict[str, tuple[str, str | None]]  #: alternative -> column, and in long data the alternative again
    objective: str
    costs: Array

    @property
    def positions(self) -> list[int]:
        """Positions of the alternatives that have prices."""
        return [list(self.problem.data.alternatives).index(name) for name in self.keys]

    def observed(self) -> tuple[Array, Array, Array]:
        """Mean, highest and lowest price in the data, each (A,)."""
        data = self.problem.data
        values = [data.of_situations(self._numbers(key)) for key in self.keys.values()]
        w = data.of_situations(situation_weights(data))
        mean = [float(np.average(x, weights=w)) for x in values]
        return np.array(mean), np.array([x.max() for x in values]), np.array([x.min() for x in values])

    def at(self, prices: Array | None) -> tuple[Dual, Dual]:
        """The objective (1,) and its derivatives with prices (A,); those in the data where none are given."""
        problem, theta = self._changed(prices), self.results.fit.theta
        w = situation_weights(problem.data)[None]
        w = w / w.sum()
        J, own = len(problem.data.alternatives), self.positions
        found = [
            Dual(*problem.evaluator.totals(Slopes(column, (alternative,)), w, theta))[0]
            for column, alternative in self.keys.values()
        ]
        P = found[0][np.array(own)]
        margins = np.ones(len(own)) if self.objective == "share" else self._margins(prices)
        value = Dual(np.array([margins @ P.value]), (margins @ P.slope)[None])
        slopes = [(f[J : 2 * J][np.array(own)]) for f in found]
        raised = 0.0 if self.objective == "share" else 1.0
        gradient = [
            Dual(np.array([raised * P.value[k] + margins @ s.value]), (raised * P.slope[k] + margins @ s.slope)[None])
            for k, s in enumerate(slopes)
        ]
        return value, stacked(gradient)

    def shares(self, prices: Array | None) -> Array:
        """Shares of all alternatives (J,)."""
        problem = self._changed(prices)
        w = situation_weights(problem.data)
        P = problem.evaluator.probabilities(self.results.fit.theta)
        return np.einsum("tn,jtn->j", w / w.sum(), P)

    def _margins(self, prices: Array | None) -> Array:
        return (self.observed()[0] if prices is None else prices) - self.costs

    def _changed(self, prices: Array | None) -> Problem:
        prices = self.observed()[0] if prices is None else prices
        changes = {
            (column if alternative is None else (column, alternative)): float(price)
            for (column, alternative), price in zip(self.keys.values(), prices, strict=True)
        }
        return self.problem.on(self.problem.data.with_columns(changes))

    def _numbers(self, key: tuple[str, str | None]) -> Array:
        column, alternative = key
        x = self.problem.data.array(column)
        return x[..., 0] if alternative is None else x[list(self.problem.data.alternatives).index(alternative), ..., 0]


def _optimum(asked: _Asked, start: Array, box: tuple[Array, Array]) -> Array:
    """The prices (A,) at which the objective is largest.

    Raises:
        InferenceError: None is found.
    """
    from scipy.optimize import minimize

    unit = np.maximum(np.abs(start), 1e-3)

    def loss(x: Array) -> tuple[float, Array]:
        value, gradient = asked.at(x * unit)
        return -float(value.value[0]), -gradient.value * unit

    limits = list(zip(box[0] / unit, box[1] / unit, strict=True))
    end = minimize(
        loss, start / unit, jac=True, method="L-BFGS-B", bounds=limits, options={"gtol": 1e-10, "ftol": 1e-15}
    )
    prices = np.clip(np.asarray(end.x) * unit, *box)
    value, gradient = asked.at(prices)
    slope = gradient.value * unit
    free = ~((prices <= box[0]) & (slope < 0)) & ~((prices >= box[1]) & (slope > 0))
    if not np.all(np.abs(slope[free]) < TOLERANCE * 100 * max(1.0, abs(float(value.value[0])))):
        reached = ", ".join(f"{name} {price:g}" for name, price in zip(asked.keys, prices, strict=True))
        raise InferenceError(
            f"pricing: no prices of the largest {asked.objective} were found; at {reached} it still rises. Give "
            "bounds, and check that utilities fall with prices."
        )
    return prices


def _response(asked: _Asked, prices: Array, slope: Dual, inside: NDArray[np.bool_]) -> Array:
    """Derivatives of optimal prices with the parameters (A, K); 0 for prices at a bound."""
    A, response = len(prices), np.zeros_like(slope.slope)
    steps = STEP * np.maximum(np.abs(prices), 1e-3)
    second = np.empty((A, A))
    for k in range(A):
        move = np.eye(A)[k] * steps[k]
        second[k] = (asked.at(prices + move)[1].value - asked.at(prices - move)[1].value) / (2 * steps[k])
    free = np.ix_(inside, inside)
    if inside.any():
        response[inside] = -np.linalg.solve((second + second.T)[free] / 2, slope.slope[inside])
    return response


def _keys(problem: Problem, prices: Mapping[str, str]) -> dict[str, tuple[str, str | None]]:
    """Alternative -> column, and in long data the alternative again."""
    if not prices:
        raise InferenceError("pricing: prices is empty. Give alternatives and the columns of their prices.")
    data = problem.data
    keys: dict[str, tuple[str, str | None]] = {}
    for alternative, column in prices.items():
        if alternative not in data.alternatives:
            known = ", ".join(data.alternatives)
            raise InferenceError(f"pricing: prices names {alternative!r}; the alternatives are {known}.")
        if not isinstance(column, str):
            raise InferenceError(
                f"pricing: the price of '{alternative}' must be the name of a column, found {column!r}."
            )
        own = owners(problem.model, column)
        if data.is_long:
            if not own or not data.varies(column):
                raise InferenceError(f"pricing: '{column}' in prices is no column of a utility of each alternative.")
            keys[alternative] = (column, alternative)
        else:
            if own != [alternative]:
                where = f"that of {', '.join(own)}" if own else "none"
                raise InferenceError(
                    f"pricing: the price '{column}' must be in the utility of '{alternative}' alone, it is in {where}."
                )
            keys[alternative] = (column, None)
    return keys


def _costs(prices: Mapping[str, str], costs: Mapping[str, float] | None, objective: str) -> Array:
    if objective not in ("revenue", "profit", "share"):
        raise InferenceError(f"pricing: objective must be 'revenue', 'profit' or 'share', found {objective!r}.")
    if costs is not None and objective != "profit":
        raise InferenceError(f"pricing: costs matter for the objective 'profit', found {objective!r}.")
    if costs is None and objective == "profit":
        raise InferenceError("pricing: the objective 'profit' needs costs, such as costs={'train': 2.0}.")
    _known("costs", costs or {}, prices)
    for name, cost in (costs or {}).items():
        in_range("pricing", f"costs['{name}']", cost, "(-inf, inf)", "", InferenceError)
    return np.array([float((costs or {}).get(name, 0.0)) for name in prices])


def _box(asked: _Asked, bounds: Mapping[str, Any] | None, highest: Array) -> tuple[Array, Array]:
    """Lowest and highest prices, each (A,)."""
    if bounds is None and asked.objective == "share":
        raise InferenceError(
            "pricing: a share is largest at the lowest prices. Give bounds, such as {'train': (1, 5)}."
        )
    _known("bounds", bounds or {}, asked.keys)
    lowest = np.zeros(len(highest))
    highest = FARTHEST * np.maximum(np.abs(highest), 1e-3)
    for k, name in enumerate(asked.keys):
        if bounds and name in bounds:
            pair = bounds[name]
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise InferenceError(f"pricing: bounds['{name}'] must be (lowest, highest), found {pair!r}.")
            for end in pair:
                in_range("pricing", f"bounds['{name}']", end, "(-inf, inf)", "", InferenceError)
            if not pair[0] < pair[1]:
                raise InferenceError(f"pricing: bounds['{name}'] must rise, found {pair!r}.")
            lowest[k], highest[k] = pair
    return lowest, highest


def _known(option: str, given: Mapping[str, Any], prices: Mapping[str, Any]) -> None:
    strangers = [str(name) for name in given if name not in prices]
    if strangers:
        raise InferenceError(f"pricing: {option} names {', '.join(strangers)}; prices names {', '.join(prices)}.")


def _beyond(prices: Mapping[str, str], found: Array, lowest: Array, highest: Array) -> str:
    beyond = [
        f"{name} (observed {low:g} to {high:g})"
        for name, price, low, high in zip(prices, found, lowest, highest, strict=True)
        if not low <= price <= high
    ]
    return f"Beyond the prices in the data: {', '.join(beyond)}; the model extrapolates." if beyond else ""


def _at_bounds(prices: Mapping[str, str], inside: NDArray[np.bool_]) -> str:
    held = [name for name, within in zip(prices, inside, strict=True) if not within]
    return f"At a bound: {', '.join(held)}." if held else ""
