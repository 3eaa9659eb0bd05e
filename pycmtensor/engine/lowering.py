"""A PyTensor graph becomes a function that JAX can trace."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax
import numpy as np
from pytensor.compile.mode import optdb
from pytensor.configdefaults import config
from pytensor.gradient import DisconnectedGrad
from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.jax.dispatch import jax_funcify, jax_typify
from pytensor.link.utils import fgraph_to_python
from pytensor.scalar.math import Softplus

from pycmtensor.exceptions import PyCMTensorError

__all__ = ["lower"]

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


def _constant(data: Any, **kwargs: Any) -> Any:
    """A constant of the graph; NumPy arrays stay so, where PyTensor would put each on the device by itself."""
    if isinstance(data, np.ndarray):
        return data if data.ndim else data.item()
    return jax_typify(data, **kwargs)


def lower(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Callable[..., tuple[Any, ...]]:
    """The outputs as a function of the inputs, made of JAX operations.

    Args:
        inputs: Variables, shared ones too, that become positional arguments.
        outputs: Expressions of them.
    """
    if config.floatX == "float64" and not jax.config.jax_enable_x64:
        raise PyCMTensorError(
            "JAX was told to compute in 32 bits while the model is in 64. Set jax_enable_x64 to True, or make the "
            "model with pytensor.config.floatX = 'float32'."
        )
    graph = FunctionGraph(list(inputs), list(outputs), clone=True)
    optdb.query(REWRITES).rewrite(graph)
    lowered = fgraph_to_python(graph, jax_funcify, type_conversion_fn=_constant, fgraph_name="lowered")
    return lowered if jax.config.jax_enable_x64 else _in_32_bits(lowered)


def _in_32_bits(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without JAX's warnings, for every sum, that PyTensor asks for accumulators of 64 bits."""

    @wraps(function)
    def quiet(*args: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Explicitly requested dtype float64", UserWarning)
            return function(*args)

    return quiet
