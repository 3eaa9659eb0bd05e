"""Factors of log-likelihoods as JAX functions of their arguments, with derivatives by these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.factors import SITUATIONS, Factor, mixture_of
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.random_coefficients import Coefficients
from pycmtensor.engine.separation import merged
from pycmtensor.engine.staged import kept, staged

__all__ = ["Derived", "LoweredFactor", "LoweredMixture"]


#: Maximum number of arguments of a factor; with more, its second derivatives by pairs of them cost too much.
MOST_ARGUMENTS = 12


class Derived(NamedTuple):
    """A factor of B individuals at one theta, with its derivatives by those A arguments that depend on theta."""

    logprob: Any  #: (T, B, R)
    x: Any  #: data of the M coefficients in each argument, (M, A, T, B)
    g: list[Any]  #: first derivatives, each (T, B, R)
    h: dict[tuple[int, int], Any]  #: second derivatives by pairs of arguments, each (T, B, R)


class LoweredMixture(NamedTuple):
    """The factors of each latent class as JAX functions, and the coefficients of their arguments."""

    factors: list[list[LoweredFactor]]
    coefficients: Coefficients

    @classmethod
    def of(cls, arguments: Arguments) -> LoweredMixture | None:
        """That of a model, or None when its likelihood is no such mixture, or factors have many arguments."""
        if any(p.shape for p in arguments.free):
            return None
        mixture = mixture_of(arguments.model)
        if mixture is None or any(len(f.arguments) > MOST_ARGUMENTS for factors in mixture for f in factors):
            return None
        one = pt.constant(1.0, dtype=config.floatX)
        every = [a for factors in mixture for factor in factors for a in factor.arguments]
        found, places = merged([one if c is None else c for a in every for c in a.terms])
        coefficients, own = Coefficients(found, arguments), iter(places)
        moving = {d.coefficient for d in coefficients.first}
        lowered = [[LoweredFactor(factor, arguments, own, moving) for factor in factors] for factors in mixture]
        return cls(lowered, coefficients) if moving else None


class LoweredFactor:
    """A factor as JAX functions.

    Args:
        factor: The factor.
        arguments: What the functions of the model take.
        places: Iterator over the numbers of the coefficients of all arguments, of which this one takes its own.
        moving: The coefficients that depend on theta.
    """

    def __init__(self, factor: Factor, arguments: Arguments, places: Iterator[int], moving: set[int]) -> None:
        self._of_situations = factor.logprob.ndim == SITUATIONS
        self._terms = [[next(places) for _ in argument.terms] for argument in factor.arguments]
        self._active = [a for a, terms in enumerate(self._terms) if moving.intersection(terms)]
        cells: list[Variable] = [x for argument in factor.arguments for x in argument.terms.values()]
        self._columns = lower(arguments.symbols, cells)
        self._places = [(a, p.ndim - factor.logprob.ndim) for a, own in enumerate(factor.arguments) for p in own.places]
        self._kernel = lower([*(p for a in factor.arguments for p in a.places), *arguments.symbols], [factor.logprob])

    def at(self, beta: list[Any], inputs: tuple[Any, ...], columns: list[Any], order: int) -> Derived:
        """The factor and its derivatives up to an order.

        Args:
            beta: Coefficients, each (1 or T, B, R) or ().
            inputs: Parameters and columns.
            columns: The columns alone.
            order: 0, 1 or 2.
        """
        T, B = columns[0].shape[-3:-1]
        T = T if self._of_situations else 1
        cells = iter(jnp.broadcast_to(cell, (T, B, 1)) for cell in self._columns(*inputs) or ())
        data = [{m: next(cells) for m in terms} for terms in self._terms]
        u = [sum((beta[m][:T] if beta[m].ndim else beta[m]) * x for m, x in own.items()) for own in data]
        R = max((u_a.shape[-1] for u_a in u), default=1)
        u = [jnp.broadcast_to(u_a, (T, B, R)) for u_a in u]

        def kernel(*active: Any) -> Any:
            every = list(u)
            for a, u_a in zip(self._active, active, strict=True):
                every[a] = u_a
            every = every if self._of_situations else [u_a[0] for u_a in every]
            at_places = [every[a].reshape(every[a].shape + (1,) * more) for a, more in self._places]
            logprob = self._kernel(*at_places, *inputs)[0]
            return jnp.broadcast_to(logprob, (T, B, logprob.shape[-1]))

        logprob, g, h = derivatives(kernel, [u[a] for a in self._active], order)
        return Derived(logprob, _data([data[a] for a in self._active], len(beta), columns[0][..., 0]), g, h)


def _data(active: Sequence[dict[int, Any]], M: int, column: Any) -> Any:
    """Data of the coefficients in each active argument, (M, A, T, B)."""
    if not active:
        return jnp.zeros((M, 0, *column.shape), column.dtype)
    zero = jnp.zeros_like(next(iter(active[0].values()))[..., 0])
    cells = [[own[m][..., 0] if m in own else zero for own in active] for m in range(M)]
    return kept(lambda: [jnp.stack([jnp.stack(row) for row in cells])], column)[0]


def derivatives(kernel: Any, u: list[Any], order: int) -> tuple[Any, list[Any], dict[tuple[int, int], Any]]:
    """A function of each element of arrays, and its first and second derivatives by pairs of arrays."""
    A = range(len(u))
    if not u:
        return kernel(), [], {}
    gradient = jax.grad(lambda *u: kernel(*u).sum(), argnums=tuple(A))

    def all_of_them(*u: Any) -> Any:
        h: dict[tuple[int, int], Any] = {}
        for i in A if order == 2 else ():

            def along(u_i: Any, i: int = i) -> Any:
                return gradient(*u[:i], u_i, *u[i + 1 :])

            bend = jax.jvp(along, (u[i],), (jnp.ones_like(u[i]),))[1]
            h |= {(i, j): bend[j] for j in A[i:]}
        return kernel(*u), list(gradient(*u)) if order else [], h

    logprob, g, h = staged(all_of_them, *u)
    return logprob, g, h
