"""A PyTensor graph becomes a function that JAX can trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pytensor.compile.mode import optdb
from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.link.jax.dispatch.basic import jax_funcify, jax_typify
from pytensor.link.utils import fgraph_to_python

from pycmtensor.engine.types import BlockData
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.models.operations import REWRITES, no_form, without_jax

__all__ = ["lower"]


def _constant(data: BlockData, **kwargs: Any) -> Any:
    """A constant of the graph; NumPy arrays stay so, where PyTensor would put each on the device by itself."""
    if isinstance(data, np.ndarray):
        return data if data.ndim else data.item()
    return jax_typify(data, **kwargs)


@in_64_bits
def lower(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> Callable[..., tuple[Any, ...]]:
    """The outputs as a function of the inputs, made of JAX operations.

    Args:
        inputs: Variables, shared ones too, that become positional arguments.
        outputs: Expressions of them.

    Raises:
        ModelError: JAX has no form of an operation.
    """
    graph = FunctionGraph(list(inputs), list(outputs), clone=True)
    optdb.query(REWRITES).rewrite(graph)
    try:
        lowered: Callable[..., tuple[Any, ...]] = fgraph_to_python(
            graph, jax_funcify, type_conversion_fn=_constant, fgraph_name="lowered"
        )
    except (NotImplementedError, AttributeError) as error:
        unknown = without_jax(graph.toposort())
        raise (no_form("An expression", unknown) if unknown else error) from error
    return lowered
