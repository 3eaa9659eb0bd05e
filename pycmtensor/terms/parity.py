"""Parity of expressions: whether the sign of a parameter means something beside draws that are symmetric."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import Enum

import numpy as np
from pytensor import scalar
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.tensor.basic import Join, MakeVector
from pytensor.tensor.elemwise import DimShuffle, Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.subtensor import Subtensor

from pycmtensor.expressions import Parameter

__all__ = ["antisymmetric", "deviations_in"]


class Parity(Enum):
    """What becomes of an expression when some of its symbols change their signs."""

    EVEN = "unchanged"
    ODD = "changes its sign"
    NEITHER = "neither"


def antisymmetric(expression: Variable) -> Variable:
    """An expression of uniform draws, marked as one that is distributed symmetrically around 0."""
    expression.tag.antisymmetric = True
    return expression


def deviations_in(expressions: Sequence[Variable], parameters: Collection[Parameter]) -> list[Parameter]:
    r"""The parameters whose size alone means something, as that of a standard deviation of normal draws.

    A change of its sign is undone by mirrored draws, which are as likely:

    .. math:: f(-\sigma, -z) = f(\sigma, z)

    Args:
        expressions: The likelihood, or what it depends on.
        parameters: Those in question, scalars.

    Examples:
        >>> from pycmtensor import Beta
        >>> from pycmtensor.terms.draws import Draws
        >>> mean, sd = Beta("mean"), Beta("sd", 1.0)
        >>> deviations_in([mean + sd * Draws("time")], [mean, sd])
        [Beta('sd', 1)]
    """
    nodes = io_toposort([], list(expressions))
    return [p for p in parameters if all(_parity_of(nodes, expressions, p(), _factors_of(p, nodes)))]


def _factors_of(parameter: Parameter, nodes: Sequence[Apply]) -> set[Variable]:
    """Symbols of the draws that stand in products with the parameter, or with expressions of it."""
    own, factors = {parameter()}, set()
    for node in nodes:
        if _scalar_operation(node) is scalar.Mul and not own.isdisjoint(node.inputs):
            others = set(ancestors([variable for variable in node.inputs if variable not in own]))
            marked = [variable for variable in others if getattr(variable.tag, "antisymmetric", False)]
            factors |= _normal_draws(others) | {v for m in marked for v in ancestors([m]) if hasattr(v.tag, "draws")}
            own.add(node.outputs[0])
        if isinstance(node.op, DimShuffle) and node.inputs[0] in own:
            own.add(node.outputs[0])
    return factors


def _normal_draws(variables: Iterable[Variable]) -> set[Variable]:
    return {v for v in variables if hasattr(v.tag, "draws") and v.tag.draws.distribution == "normal"}


def _parity_of(
    nodes: Sequence[Apply], expressions: Sequence[Variable], parameter: Variable, draws: set[Variable]
) -> list[bool]:
    """Which expressions stay as they are when the parameter and draws change their signs."""
    parity = {parameter: Parity.ODD}
    parity |= dict.fromkeys(draws, Parity.NEITHER) | dict.fromkeys(_normal_draws(draws), Parity.ODD)
    for node in nodes:
        inputs = [parity.get(variable, Parity.EVEN) for variable in node.inputs]
        for output in node.outputs:
            marked = getattr(output.tag, "antisymmetric", False) and Parity.NEITHER in inputs
            parity[output] = Parity.ODD if marked else _after(node, inputs)
    return [parity.get(expression, Parity.EVEN) is Parity.EVEN for expression in expressions]


def _after(node: Apply, inputs: Sequence[Parity]) -> Parity:
    """The parity of the result of an operation."""
    if all(parity is Parity.EVEN for parity in inputs):
        return Parity.EVEN
    if Parity.NEITHER in inputs:
        return Parity.NEITHER
    operation, odd = _scalar_operation(node), inputs.count(Parity.ODD)
    if operation in (scalar.Mul, scalar.TrueDiv):
        return Parity.ODD if odd % 2 else Parity.EVEN
    if operation in (scalar.Abs, scalar.Sqr) or (operation is scalar.Pow and _is_even(node.inputs[1])):
        return Parity.EVEN
    if operation in (scalar.Neg, scalar.Cast) or isinstance(node.op, DimShuffle | Sum):
        return Parity.ODD
    if operation in (scalar.Add, scalar.Sub) or isinstance(node.op, MakeVector):
        return Parity.ODD if odd == len(inputs) else Parity.NEITHER
    if isinstance(node.op, Subtensor | Join):  # their other inputs are positions
        moved = inputs[:1] if isinstance(node.op, Subtensor) else inputs[1:]
        return Parity.ODD if all(parity is Parity.ODD for parity in moved) else Parity.NEITHER
    return Parity.NEITHER


def _is_even(exponent: Variable) -> bool:
    """Whether a symbol is an even whole number."""
    constants = [v for v in ancestors([exponent]) if v.owner is None]
    return all(isinstance(v, Constant) and bool(np.all(v.data % 2 == 0)) for v in constants)


def _scalar_operation(node: Apply) -> type:
    return type(node.op.scalar_op) if isinstance(node.op, Elemwise) else type(node.op)
