"""Coefficients of data and their derivatives by parameters, which may vary over draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset.symbols import is_column
from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.linear import linear_form
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.separation import same
from pycmtensor.engine.types import Fixed
from pycmtensor.terms.draws import draws_of

__all__ = ["Coefficients", "Derivative", "Value"]


class Derivative(NamedTuple):
    """A first or second derivative of a coefficient by parameters."""

    coefficient: int
    parameters: tuple[int, ...]
    factor: int  #: those that vary over draws in the same way have one number; 0: it is the same at all draws


#: The value of a derivative at one theta: an array of all draws, or () when it is the same at all draws.
Value = Callable[[Derivative], Any]


class Coefficients:
    r"""M coefficients :math:`\beta_m(\theta, z)` of parameters and draws, and their derivatives, made by JAX.

    Args:
        coefficients: Expressions of parameters and draws.
        arguments: What the functions of the model take.

    Attributes:
        random: Which coefficients vary over draws.
        first: The first derivatives that are not 0 everywhere.
        second: The second derivatives that are not 0 everywhere.
        varying: Number of factors of first derivatives, that which is the same at all draws counted.
        within: Whether any coefficient varies between the situations of an individual.
    """

    def __init__(self, coefficients: Sequence[Variable], arguments: Arguments) -> None:
        free = [p() for p in arguments.free]
        draws = [] if arguments.draws is None else arguments.draws.draws
        unknowns = [v for v in arguments.symbols if not is_column(v)]
        self.random = [bool(draws_of([coefficient])) for coefficient in coefficients]
        self.within = any(d.within for coefficient in coefficients for d in draws_of([coefficient]))
        self.first, self.second = derivatives(coefficients, free)
        self.varying = 1 + max((d.factor for d in self.first), default=0)
        self._K = len(free)
        self._lowered = lower([*unknowns, *(d() for d in draws)], list(coefficients))

    def __len__(self) -> int:
        return len(self.random)

    def at(self, parts: Sequence[Any], fixed: Fixed, draws: Sequence[Any]) -> tuple[list[Any], Value]:
        """The coefficients and the function of a derivative that gives its value.

        Both are (B, 1 or T, R), or () where they are the same at all draws.

        Args:
            parts: Free parameters.
            fixed: Fixed parameters.
            draws: Each (1 or T, B, R).
        """

        def coefficients(*parts: Any) -> Any:
            return self._lowered(*parts, *fixed, *draws)

        def value(d: Derivative) -> Any:
            function = coefficients
            for k in d.parameters:
                function = _along(function, k)
            found = function(*parts)[d.coefficient]
            return jnp.swapaxes(found, 0, 1) if d.factor else jnp.ravel(found)[0]

        beta = zip(self.random, coefficients(*parts), strict=True)
        return [jnp.swapaxes(b, 0, 1) if random else jnp.ravel(b)[0] for random, b in beta], value

    def table(self, value: Value, dtype: Any) -> tuple[Any, Any, Any, Any]:
        """First derivatives: coefficient, factor and constant scale of each, and which (K, .) parameter it is by."""
        coefficient, factor = (np.array([getattr(d, name) for d in self.first]) for name in ("coefficient", "factor"))
        one = jnp.ones((), dtype)
        scale = jnp.stack([one if d.factor else value(d) for d in self.first])
        own = np.array([[d.parameters == (k,) for d in self.first] for k in range(self._K)], scale.dtype)
        return coefficient, factor, scale, own

    def along(self, value: Value, x: Sequence[Any], g: Sequence[Any]) -> Any:
        """Derivatives of a sum over situations of what depends on arguments u = x beta, by first derivatives.

        Args:
            value: Of derivatives.
            x: Data of the coefficients in each argument, (B, T, M).
            g: Derivative of the sum by each argument, (B, T, R).

        Returns:
            (first derivatives, B, R).
        """
        u = None if self.within else sum(_over_situations(x_a, g_a) for x_a, g_a in zip(x, g, strict=True))

        def by(d: Derivative) -> Any:
            if u is not None:
                return value(d)[:, 0] * u[:, d.coefficient] if d.factor else u[:, d.coefficient]
            u_d: Any = sum(x_a[..., d.coefficient, None] * g_a for x_a, g_a in zip(x, g, strict=True))
            return (value(d) * u_d if d.factor else u_d).sum(axis=1)

        return jnp.stack(jnp.broadcast_arrays(*map(by, self.first)))


def _over_situations(x: Any, g: Any) -> Any:
    """Sums over situations of x (B, T, M) times g (B, T, R), (B, M, R)."""
    return (x * g).sum(axis=1)[..., None] if g.shape[-1] == 1 else jnp.einsum("btm,btr->bmr", x, g)


def _along(function: Callable[..., Any], k: int) -> Callable[..., Any]:
    """The derivative of a function by its argument k."""

    def derivative(*parts: Any) -> Any:
        def of_one(part: Any) -> Any:
            return function(*parts[:k], part, *parts[k + 1 :])

        return jax.jvp(of_one, (parts[k],), (jnp.ones_like(parts[k]),))[1]

    return derivative


def derivatives(
    coefficients: Sequence[Variable], free: list[Variable]
) -> tuple[tuple[Derivative, ...], tuple[Derivative, ...]]:
    """The first and second derivatives of coefficients that are not 0 everywhere."""
    first, second = [], []
    varying: list[Variable | None] = []
    for m, coefficient in enumerate(coefficients):
        inputs = set(graph_inputs([coefficient]))
        own = [k for k, p in enumerate(free) if p in inputs]
        form, random = linear_form(coefficient, free), bool(draws_of([coefficient]))
        for k in own:
            slope = None if form is None else form[free[k]]
            if not random or (slope is not None and not draws_of([slope])):
                first.append(Derivative(m, (k,), 0))
                continue
            known = [f for f, v in enumerate(varying) if slope is not None and v is not None and same(v, slope)]
            if not known:
                varying.append(slope)
            first.append(Derivative(m, (k,), 1 + (known[0] if known else len(varying) - 1)))
        if form is None:
            second += [(m, by, random) for by in combinations_with_replacement(own, 2)]
    beyond = len(varying)
    numbered = [Derivative(m, by, beyond + i if random else 0) for i, (m, by, random) in enumerate(second, 1)]
    return tuple(first), tuple(numbered)
