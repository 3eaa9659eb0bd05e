"""Operations of PyTensor that JAX can compute, and the error about others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import optdb
from pytensor.gradient import DisconnectedGrad
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.graph.traversal import graph_inputs, io_toposort
from pytensor.link.jax.dispatch.basic import jax_funcify
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.math import Softplus
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import Elemwise

from pycmtensor.exceptions import ModelError
from pycmtensor.kernels.normal_interval import FAR, SERIES, LogNormalInterval

__all__ = ["REWRITES", "check_operations", "no_form", "without_jax"]

#: Rewrites that JAX needs, and those that keep log(1 + exp(x)) and the like from overflowing. XLA does the rest itself:
#: PyTensor's full set takes seven times as long and the result is no faster.
REWRITES = RewriteDatabaseQuery(include=["minimum_compile", "stabilize", "jax"])


@jax_funcify.register(DisconnectedGrad)
def _(op: DisconnectedGrad, **kwargs: Any) -> Callable[[Any], Any]:
    """PyTensor's own conversion is the identity, through which JAX would differentiate."""
    return jax.lax.stop_gradient


@jax_funcify.register(Softplus)
def _(op: Softplus, **kwargs: Any) -> Callable[[Any], Any]:
    """PyTensor's own conversion has derivatives that are not finite below -709, where exp(-x) overflows."""
    return jax.nn.softplus


@jax_funcify.register(LogNormalInterval)
def _(op: LogNormalInterval, **kwargs: Any) -> Callable[[Any, Any], Any]:
    return _log_normal_interval


@jax.custom_jvp
def _log_normal_interval(low: Any, high: Any) -> Any:
    """log(Phi(high) - Phi(low)) on the side of 0 where both are small, far in the tail by the asymptotic series."""
    above = low + high > 0
    low, high = jnp.where(above, -high, low), jnp.where(above, -low, high)
    far = FAR[str(jnp.result_type(high))]
    P = 0.5 * (jax.lax.erfc(-high / np.sqrt(2.0)) - jax.lax.erfc(-low / np.sqrt(2.0)))
    tail, further = jnp.minimum(high, far), jnp.minimum(low, far)
    log_high, log_low = _log_tail(tail), _log_tail(further)
    in_tail = log_high + jnp.log(-jnp.expm1(log_low - log_high))
    return jnp.where(high > far, jnp.log(jnp.where(high > far, P, 1.0)), in_tail)


@_log_normal_interval.defjvp
def _(primals: Any, tangents: Any) -> Any:
    log_P = _log_normal_interval(*primals)
    slopes = [jnp.exp(-0.5 * x**2 - 0.5 * np.log(2 * np.pi) - log_P) for x in primals]
    return log_P, slopes[1] * tangents[1] - slopes[0] * tangents[0]


def _log_tail(x: Any) -> Any:
    """log Phi(x) by the asymptotic series; Abramowitz & Stegun (1964), equation 26.2.12."""
    series, inverse = 1.0, 1.0 / x**2
    for n in SERIES:
        series = 1.0 - n * inverse * series
    return -0.5 * x**2 + jnp.log(-series / x) - 0.5 * np.log(2 * np.pi)


_checking = jax_funcify.dispatch(CheckAndRaise)


@jax_funcify.register(CheckAndRaise)
def _(op: CheckAndRaise, **kwargs: Any) -> Any:
    """PyTensor warns that JAX leaves checks out. Those of broadcasting, in derivatives, JAX makes itself."""
    with warnings.catch_warnings():
        if op.msg.startswith("Could not broadcast"):
            warnings.simplefilter("ignore", UserWarning)
        return _checking(op, **kwargs)


def check_operations(what: str, expressions: Sequence[Variable]) -> None:
    """Raise a `ModelError` when expressions hold an operation that JAX cannot compute.

    Nothing is compiled, and graphs are rewritten only when they hold an operation that rewriting must remove.

    Args:
        what: What the expressions are, for the message.
        expressions: Expressions of parameters, columns and draws.
    """
    if not without_jax(io_toposort([], expressions)):
        return
    inputs = [v for v in graph_inputs(expressions) if v.owner is None and not hasattr(v, "data")]
    graph = FunctionGraph(inputs, list(expressions), clone=True)
    optdb.query(REWRITES).rewrite(graph)
    left = without_jax(graph.toposort())
    if left:
        raise no_form(what, left)


def no_form(what: str, operations: Sequence[str]) -> ModelError:
    """The error about operations that JAX cannot compute."""
    return ModelError(
        f"{what} depends on {', '.join(operations)} of PyTensor, which has no form in JAX: it cannot be computed. "
        "Write it with other operations of pytensor.tensor, such as exp, log, erf, erfinv, gammaln or switch."
    )


def without_jax(nodes: Sequence[Apply]) -> list[str]:
    """Names of the operations among nodes of a graph that have no form in JAX, each once."""
    known: dict[Any, bool] = {}
    found = []
    for node in nodes:
        op = node.op
        if isinstance(op, OpFromGraph):
            found += without_jax(op.fgraph.toposort())
            continue
        key = (type(op.scalar_op), len(node.inputs)) if isinstance(op, Elemwise) else type(_core(op))
        if key not in known:
            known[key] = _has_form(node)
        if not known[key]:
            found.append(str(op.scalar_op) if isinstance(op, Elemwise) else str(_core(op)))
    return list(dict.fromkeys(found))


def _core(op: Any) -> Any:
    return op.core_op if isinstance(op, Blockwise) else op


def _has_form(node: Apply) -> bool:
    """Whether JAX knows the operation of a node."""
    if not isinstance(node.op, Elemwise):
        return jax_funcify.dispatch(type(_core(node.op))) is not jax_funcify.dispatch(object)
    try:
        jax_funcify(node.op.scalar_op, node=node)
    except (NotImplementedError, AttributeError):  # the second where NumPy's function of that name is not in JAX
        return False
    return True
