"""Domains: the intervals in which numbers of a model mean something, such as the scale of a nest above 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pytensor.tensor as pt
from numpy.typing import ArrayLike, NDArray
from pytensor import config
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors, graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import columns_in, interpreted
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Parameter, parameters_of

__all__ = ["Domain", "Values", "domains_in", "neutral_values", "with_domains", "within"]

Expression: TypeAlias = Variable | Parameter | float
Values: TypeAlias = Mapping[str, ArrayLike]

#: How far from a closed end a number may lie that is computed of others, such as what allocations leave.
ROUNDING = 1e-9
#: Intervals that have a name.
NAMED = {"(0, inf)": "positive", "[0, inf)": "at least 0"}


@dataclass(frozen=True)
class Domain:
    """An interval that a number of a model must lie in: a constant, a parameter, or an expression of them.

    A model declares it in its method ``domains``. It is checked for constants, fixed and free parameters alike: when
    the model is made, at start values, and where an estimation ends. A likelihood to which `within` is added is NaN
    outside, where a search turns back.

    Args:
        what: The number in words, such as "Nest 'old': the scale".
        value: The number.
        interval: Such as ``"(0, inf)"``; a round bracket leaves the end out.
        advice: Why, or what to do, in sentences.
        neutral: The value at which the number changes nothing, such as 1 for a scale. Tables test parameters against
            it. None to test against 0.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> Domain("The scale", Beta("mu", -1.0, status=1), "(0, inf)").check()
        Traceback (most recent call last):
            ...
        pycmtensor.exceptions.ModelError: The scale must be positive, found -1 (mu = -1).
    """

    what: str
    value: Expression
    interval: str
    advice: str = ""
    neutral: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval."""
        low, high = (float(end) for end in self.interval[1:-1].split(","))
        return low, high

    @property
    def symbol(self) -> Variable:
        """The number as a symbol."""
        return pt.as_tensor_variable(self.value)

    def check(self, values: Values | None = None, data: Dataset | None = None) -> None:
        """Raise a `ModelError` when the number lies outside.

        Args:
            values: Name of a parameter -> its value; others have their own.
            data: Where the number depends on columns, their numbers; None leaves such a number unchecked.
        """
        found = self.at(values or {}, data)
        outside = found if found.dtype.kind not in "biuf" else found[~self.holds(found)]
        if not outside.size:
            return
        parameters = parameters_of([self.symbol])
        at = ", ".join(f"{p.name} = {_value(p, values or {}):g}" for p in parameters if p.shape == ())
        named = NAMED.get(self.interval, f"in {self.interval}")
        raise ModelError(
            f"{self.what} must be {named}, found {outside.item(0):g}{f' ({at})' if at else ''}. {self.advice}".rstrip()
        )

    def holds(self, numbers: NDArray[Any]) -> NDArray[np.bool_]:
        """Which numbers lie in the interval."""
        return np.asarray(self._holds(numbers, ROUNDING * (1 + np.abs(numbers))))

    def _holds(self, x: Any, slack: Any) -> Any:
        """Whether numbers or symbols lie in the interval, closed ends with some slack."""
        low, high = self.ends
        above = x >= low - slack if self.interval[0] == "[" else x > low
        below = x <= high + slack if self.interval[-1] == "]" else x < high
        return above & below

    def at(self, values: Values, data: Dataset | None = None) -> NDArray[Any]:
        """The numbers at values of parameters; none where they depend on draws, or on columns without ``data``."""
        symbol, parameters = self.symbol, parameters_of([self.symbol])
        if any(hasattr(v.tag, "draws") for v in graph_inputs([symbol])) or (data is None and columns_in([symbol])):
            return np.empty(0)
        if len(parameters) == 1 and symbol is parameters[0]():
            return _value(parameters[0], values)
        given = {p(): pt.constant(_value(p, values)) for p in parameters}
        [symbol] = graph_replace([symbol], given, strict=False)
        return np.asarray(interpreted(symbol, {}) if data is None else data.evaluate(symbol))


def within(domains: Iterable[Domain]) -> Variable:
    """0 where all numbers that are not constant lie in their intervals, NaN elsewhere, a scalar."""
    symbols = [(domain, domain.symbol) for domain in domains]
    holds = [domain._holds(symbol, 0.0) for domain, symbol in symbols if not isinstance(symbol, Constant)]
    zero = pt.constant(np.zeros((), config.floatX))
    return pt.switch(reduce(pt.and_, holds), zero, np.nan) if holds else zero


def with_domains(expression: Variable, domains: Sequence[Domain]) -> Variable:
    """The expression, which carries domains of numbers in it into every model that it stands in."""
    for domain in domains:
        domain.check()
    expression.tag.domains = tuple(domains)
    return expression


def domains_in(expressions: Iterable[Variable]) -> list[Domain]:
    """The domains that expressions carry."""
    parts = ancestors(list(expressions))
    return [domain for part in parts for domain in getattr(part.tag, "domains", ())]


def neutral_values(domains: Iterable[Domain], data: Dataset) -> dict[str, float]:
    """Name of a parameter -> the value that makes a number of the model neutral, as 1 does with a scale or its inverse.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2]}), "mode", {"car": 1, "bus": 2})
        >>> neutral_values([Domain("The scale", 1 / cmt.Beta("lambda", 0.5), "(0, inf)", neutral=1.0)], ds)
        {'lambda': 1.0}
    """
    found: dict[str, float] = {}
    for domain in domains:
        parameters = parameters_of([domain.symbol])
        if domain.neutral is not None and all(p.shape == () for p in parameters):
            values = {p.name: domain.neutral for p in parameters}
            numbers = domain.at(values, data)
            if numbers.size and np.all(numbers == domain.neutral):
                found |= values
    return found


def _value(parameter: Parameter, values: Values) -> NDArray[Any]:
    own = parameter.get_value()
    return np.asarray(values.get(parameter.name, own), own.dtype)
