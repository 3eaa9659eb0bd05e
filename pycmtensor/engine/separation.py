"""Utilities as sums of coefficients, which hold no data, times data, which hold no unknowns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import pytensor.tensor as pt
from pytensor import config, scalar
from pytensor.graph.basic import Apply, Constant, Variable, equal_computations
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.basic import MakeVector
from pytensor.tensor.elemwise import DimShuffle, Elemwise

from pycmtensor.dataset.symbols import columns_in, is_column

__all__ = ["Separated", "each_term", "merged", "row_of", "same", "separate", "sum_of_terms"]

#: Coefficient -> the data that it multiplies; None -> data that stand alone.
Separated: TypeAlias = dict[Variable | None, Variable]


def separate(expression: Variable) -> Separated | None:
    """The expression as ``sum of coefficient * data``, or None when it is no such sum.

    A coefficient is any expression of parameters and draws without data.

    Args:
        expression: A utility.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt, pytensor.tensor as pt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time": [3.0, 4.0]}), "mode", {"car": 1, "bus": 2})
        >>> b, c = cmt.Beta("b"), cmt.Beta("c")
        >>> len(separate(-pt.exp(b) * ds["time"] / 100 + b * c))
        2
        >>> separate((1 + ds["time"]) ** b) is None
        True
    """
    forms: dict[Variable, Separated] = {}
    for node in io_toposort([], [expression]):
        parts = [forms.get(variable) or _leaf(variable) for variable in node.inputs]
        form = _combined(node, parts)
        if form is None:
            return None
        forms[node.outputs[0]] = form
    return forms.get(expression) or _leaf(expression)


def merged(variables: list[Variable]) -> tuple[list[Variable], list[int]]:
    """The distinct equations among expressions, and the place of each expression's among them."""
    distinct: list[Variable] = []
    places = []
    for variable in variables:
        places.append(next((i for i, d in enumerate(distinct) if same(d, variable)), len(distinct)))
        if places[-1] == len(distinct):
            distinct.append(variable)
    return distinct, places


def same(a: Variable, b: Variable) -> bool:
    """Whether two expressions are one equation of the same variables."""
    return a is b or equal_computations([a], [b])


def _leaf(variable: Variable) -> Separated:
    if isinstance(variable, Constant) or is_column(variable):
        return {None: variable}
    return {variable: _ONE}


_ONE = pt.constant(1.0, dtype=config.floatX)

#: What gives an array (T, N, R) an axis of alternatives, (1, T, N, R).
ALTERNATIVES_FIRST = ("x", 0, 1, 2)


def _combined(node: Apply, parts: list[Separated]) -> Separated | None:
    """The form of one operation on forms."""
    if all(set(part) == {None} for part in parts):
        return {None: node.outputs[0]}
    if _adds_axes(node) and None not in parts[0] and _holds_no_data(parts[0]):
        return parts[0]  # what lacks an axis is the same along it
    if isinstance(node.op, MakeVector):
        units = [pt.constant(unit, dtype=config.floatX) for unit in np.eye(len(parts))]
        return sum_of_terms([each_term(part, partial(_times, unit)) for part, unit in zip(parts, units, strict=True)])
    if all(_holds_no_data(part) for part in parts):
        return {node.outputs[0]: _ONE}
    if isinstance(node.op, DimShuffle):
        scalars = all(coefficient is None or coefficient.ndim == 0 for coefficient in parts[0])
        return each_term(parts[0], partial(_shuffled, node.op)) if scalars else None
    operation = type(node.op.scalar_op) if isinstance(node.op, Elemwise) else None
    if operation is scalar.Add:
        return sum_of_terms(parts)
    if operation is scalar.Sub:
        return sum_of_terms([parts[0], each_term(parts[1], pt.neg)])
    if operation is scalar.Neg:
        return each_term(parts[0], pt.neg)
    if operation is scalar.Mul:
        return reduce(partial(_product, pt.mul), parts)
    if operation is scalar.TrueDiv and len(parts[1]) == 1:
        return _product(pt.true_div, *parts)
    return None


def _holds_no_data(part: Separated) -> bool:
    """Whether a form is one coefficient or one number."""
    ((coefficient, data), *others) = part.items()
    return not others and (data is _ONE if coefficient is not None else not _columns(data))


def _columns(data: Variable) -> bool:
    """Whether an expression depends on columns."""
    return bool(columns_in([data]))


def each_term(form: Separated, change: Callable[[Variable], Variable]) -> Separated:
    """The form with every term changed."""
    return {coefficient: change(data) for coefficient, data in form.items()}


def sum_of_terms(forms: list[Separated]) -> Separated:
    """The sum of forms."""
    total: Separated = {}
    for form in forms:
        for coefficient, data in form.items():
            total[coefficient] = total[coefficient] + data if coefficient in total else data
    return total


def _adds_axes(node: Apply) -> bool:
    """Whether an operation gives axes to a number, or an axis of alternatives to an array without one."""
    if not isinstance(node.op, DimShuffle):
        return False
    return node.inputs[0].ndim == 0 or node.op.new_order == ALTERNATIVES_FIRST


def _times(unit: Variable, x: Variable) -> Variable:
    """The product of two data."""
    return unit if x is _ONE else unit * x


def row_of(form: Separated, row: int, ndim: int = 4) -> Separated:
    """The form of one row of an expression with so many axes, such as one alternative, without data that are 0 there.

    Data with fewer axes, or with one row, are the same in all rows.
    """
    found: Separated = {}
    for coefficient, x in form.items():
        own = 0 if x.ndim == ndim and x.type.shape[0] == 1 else row
        if isinstance(x, Constant):
            x = pt.constant(x.data[own] if x.ndim == ndim else x.data)
            if np.any(x.data):
                found[coefficient] = x
        else:
            found[coefficient] = x[own] if x.ndim == ndim else x
    return found


def _shuffled(op: DimShuffle, x: Variable) -> Variable:
    """Data with their axes in another order; of a constant, a constant."""
    if not isinstance(x, Constant):
        return op(x)
    kept: list[list[Any]] = [[None]]
    op.perform(op.make_node(x), [x.data], kept)
    return pt.constant(kept[0][0])


def _product(operation: Callable[..., Variable], a: Separated, b: Separated) -> Separated:
    """Every term of one form times, or divided by, every term of the other."""
    terms = []
    for (beta, x), (gamma, y) in product(a.items(), b.items()):
        coefficient = beta if gamma is None else operation(_ONE if beta is None else beta, gamma)
        terms.append({coefficient: x if y is _ONE else operation(x, y)})
    return sum_of_terms(terms)
