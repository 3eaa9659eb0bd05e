"""Functions of arrays element by element whose exponentials and the like are computed once, whoever uses them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

__all__ = ["kept", "staged"]

#: Operations that cost more than reading their result from the cache.
EXPENSIVE = frozenset(
    {"div", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "log", "log1p", "logistic", "pow", "tanh"}
)

#: Operations that stand for a function of their own, which is put in their place.
CALLS = frozenset({"closed_call", "custom_jvp_call", "custom_vjp_call", "jit", "pjit"})


class Operation(NamedTuple):
    """One operation of a function.

    Attributes:
        primitive: Of JAX.
        params: Its settings.
        inputs: Its inputs: numbers of arguments (negative) and results of operations, or values.
        level: Number of expensive operations on the longest way to it, itself counted.
    """

    primitive: Any
    params: dict[str, Any]
    inputs: tuple[Any, ...]
    level: int


class Place(NamedTuple):
    """A result: the output of an operation, or with a number below 0 an argument."""

    operation: int
    output: int


def staged(function: Callable[..., Any], *args: Any) -> Any:
    """The value of a function at arguments, with what is expensive kept in memory, level by level.

    XLA computes anew whatever is cheap to describe in each sum that uses it, exponentials included.

    Args:
        function: Of arrays, traceable.
        args: The arrays.
    """
    traced, shape = jax.make_jaxpr(function, return_shape=True)(*args)
    graph = _Graph(args)
    outputs = graph.add(traced.jaxpr, [Place(-1 - i, 0) for i in range(len(args))], traced.consts)
    return jax.tree.unflatten(jax.tree.structure(shape), graph.evaluated(outputs))


class _Graph:
    """Operations in order, each once."""

    def __init__(self, args: Sequence[Any]) -> None:
        self._args, self._operations = list(args), list[Operation]()
        self._numbers: dict[Any, int] = {}

    def add(self, jaxpr: Any, inputs: Sequence[Any], consts: Sequence[Any]) -> list[Any]:
        """The operations of a function of these inputs; returns where its outputs are."""
        known = dict(zip((*jaxpr.invars, *jaxpr.constvars), (*inputs, *consts), strict=True))

        def of(v: Any) -> Any:
            return v.val if isinstance(v, Literal) else known[v]

        for equation in jaxpr.eqns:
            own = tuple(map(of, equation.invars))
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            if equation.primitive.name in CALLS and inner is not None:
                found = self.add(getattr(inner, "jaxpr", inner), own, getattr(inner, "consts", ()))
            else:
                number = self._number(equation.primitive, equation.params, own)
                found = [Place(number, i) for i in range(len(equation.outvars))]
            known.update(zip(equation.outvars, found, strict=True))
        return [of(v) for v in jaxpr.outvars]

    def _number(self, primitive: Any, params: dict[str, Any], inputs: tuple[Any, ...]) -> int:
        """The number of an operation, which is a new one when there was none like it."""
        key = primitive.name, str(params), tuple(x if isinstance(x, Place) else _identity(x) for x in inputs)
        if key not in self._numbers:
            level = max((self._level(x) for x in inputs), default=0) + (primitive.name in EXPENSIVE)
            self._numbers[key] = len(self._operations)
            self._operations.append(Operation(primitive, params, inputs, level))
        return self._numbers[key]

    def _level(self, x: Any) -> int:
        return self._operations[x.operation].level if isinstance(x, Place) and x.operation >= 0 else 0

    def evaluated(self, outputs: Sequence[Any]) -> list[Any]:
        """The values of outputs."""
        values: dict[Place, Any] = {Place(-1 - i, 0): x for i, x in enumerate(self._args)}
        levels: dict[int, list[Any]] = {}
        for n in self._needed(outputs, values):
            if self._operations[n].primitive.name in EXPENSIVE:
                levels.setdefault(self._operations[n].level, []).append(Place(n, 0))
        for level in sorted(levels):
            found = kept(partial(self._computed, levels[level], dict(values)), self._args[0])
            values.update(zip(levels[level], found, strict=True))
        return kept(partial(self._computed, outputs, values), self._args[0])

    def _needed(self, outputs: Sequence[Any], known: Collection[Place]) -> list[int]:
        """Numbers of the operations that outputs depend on beside what is known, each after those that it needs."""
        found: set[int] = set()
        waiting = list(outputs)
        while waiting:
            x = waiting.pop()
            if isinstance(x, Place) and x not in known and x.operation not in found:
                found.add(x.operation)
                waiting += self._operations[x.operation].inputs
        return sorted(found)

    def _computed(self, outputs: Sequence[Any], known: dict[Place, Any]) -> list[Any]:
        """The values of outputs, of those that are known."""
        values = dict(known)

        def value(x: Any) -> Any:
            return values[x] if isinstance(x, Place) else x

        for n in self._needed(outputs, known):
            operation = self._operations[n]
            found = operation.primitive.bind(*map(value, operation.inputs), **operation.params)
            found = found if operation.primitive.multiple_results else [found]
            values.update({Place(n, i): one for i, one in enumerate(found)})
        return [value(x) for x in outputs]


def _identity(x: Any) -> Any:
    """What tells a value from others."""
    if np.ndim(x) or isinstance(x, jax.core.Tracer):
        return id(x)
    return str(np.asarray(x).dtype), np.asarray(x).item()


def kept(make: Callable[[], Any], x: Any) -> Any:
    """What a function makes, in a branch that is always taken: XLA computes what comes out of one once.

    Args:
        make: Makes a list of arrays.
        x: An array that XLA does not know the numbers of, so that it cannot tell that the branch is always taken.
    """
    number = jnp.ravel(x)[0]

    def none() -> list[Any]:
        return [jnp.zeros(shape.shape, shape.dtype) for shape in jax.eval_shape(make)]

    return jax.lax.cond((number > 0) & (number < 0), none, make)
