"""Linearity of expressions in some of their symbols, told from the operations."""

from __future__ import annotations

from collections.abc import Collection

from pytensor import scalar
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Dot, Sum
from pytensor.tensor.subtensor import Subtensor

__all__ = ["nonlinear_term"]


def nonlinear_term(expression: Variable, leaves: Collection[Variable]) -> Variable | None:
    """The innermost term that is not linear in the leaves, or None."""
    moving = set(leaves)
    for node in io_toposort([], [expression]):
        moves = [variable in moving for variable in node.inputs]
        if any(moves):
            if not _is_linear(node, moves):
                return node.outputs[0]
            moving.update(node.outputs)
    return None


def _is_linear(node: Apply, moves: list[bool]) -> bool:
    """Whether an operation is linear in those of its inputs that move."""
    operation = type(node.op.scalar_op) if isinstance(node.op, Elemwise) else type(node.op)
    if operation in (scalar.Mul, Dot):
        return sum(moves) == 1
    if operation in (scalar.TrueDiv, Subtensor):
        return not any(moves[1:])
    return operation in (scalar.Add, scalar.Sub, scalar.Neg, scalar.Cast, DimShuffle, Sum)
