"""Utilities that differ between segments of the data, in coefficients or in their scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, overload

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.exceptions import DatasetError, ModelError, checked
from pycmtensor.expressions import Parameter
from pycmtensor.terms.domains import Domain, with_domains

__all__ = ["by_segment", "check_segments", "scaled"]

Expression: TypeAlias = Variable | Parameter | float


@checked(ModelError)
def by_segment(
    column: Variable, expressions: Mapping[float, Expression], otherwise: Expression | None = None
) -> Variable:
    """The expression that belongs to the value of a column in each choice situation.

    Args:
        column: A column of whole numbers, such as ``ds["purpose"]``, or an expression of columns.
        expressions: Value -> a parameter, an expression or a number.
        otherwise: What belongs to all other values. None says that there are none, which is checked when a model is
            made and when it is given other data.

    Returns:
        An expression with the axes of the column.

    Raises:
        ModelError: ``column`` is no symbol, or ``expressions`` does not map numbers.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "purpose": [1, 2, 3], "t_car": [10.0, 20, 30]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> b_time = cmt.by_segment(ds["purpose"], {1: cmt.Beta("b_work"), 2: cmt.Beta("b_leisure")}, otherwise=0)
        >>> cmt.MNL(ds, {"car": b_time * ds["t_car"], "bus": 0})
        MNL(car, bus; b_work, b_leisure)
    """
    if not isinstance(column, Variable):
        raise ModelError(f"by_segment takes a column of a data set, such as ds['purpose'], found {column!r}.")
    if not isinstance(expressions, Mapping) or not expressions or not all(map(_is_number, expressions)):
        raise ModelError(
            f"by_segment maps values of '{column}', which are numbers, to expressions, found {expressions}."
        )
    for given in (*expressions.values(), *([] if otherwise is None else [otherwise])):
        if isinstance(given, list | tuple | np.ndarray) or given is None:
            raise ModelError(f"by_segment: expressions and otherwise are numbers or expressions, found {given!r}.")
    is_value = [pt.cast(pt.eq(column, value), pytensor.config.floatX) for value in expressions]
    parts = [here * expression for here, expression in zip(is_value, expressions.values(), strict=True)]
    if otherwise is not None:
        parts.append((1 - sum(is_value[1:], start=is_value[0])) * otherwise)
    total = sum(parts[1:], start=parts[0])
    if otherwise is None:
        total.tag.segments = column, tuple(expressions)
    return total


@overload
def scaled(utilities: Mapping[str, Any], scale: Expression) -> dict[str, Any]: ...


@overload
def scaled(utilities: Expression, scale: Expression) -> Variable: ...


@checked(ModelError)
def scaled(utilities: Mapping[str, Any] | Expression, scale: Expression) -> dict[str, Any] | Variable:
    """Utilities times the scale of their errors.

    With a scale that differs between segments, by `by_segment`, it is the logit (or any other model) with
    heteroscedastic errors, in which data of different sources or groups are pooled. The scale of one segment is to be
    held at 1.

    Args:
        utilities: Name -> utility, one utility for all alternatives, or what `LatentClass` takes.
        scale: Positive: a parameter, an expression, or a number.

    Returns:
        The scaled utilities, in the form in which they were given.

    Raises:
        ModelError: The scale is not positive; where it depends on columns, when a model is made.

    References:
        Swait & Louviere (1993), The role of the scale parameter in the estimation and comparison of multinomial logit
        models, doi:10.1177/002224379303000303.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "survey": [1, 2, 2], "t_car": [10.0, 20, 30]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> V = {"car": cmt.Beta("b_time") * ds["t_car"], "bus": 0}
        >>> cmt.MNL(ds, cmt.scaled(V, cmt.by_segment(ds["survey"], {1: 1, 2: cmt.Beta("mu", 1.0, lb=0.01)})))
        MNL(car, bus; b_time, mu)
    """
    if isinstance(utilities, Mapping):
        return {name: scaled(utility, scale) for name, utility in utilities.items()}
    advice = "Start at 1, where it changes nothing: Beta('mu', 1)."
    return with_domains(pt.mul(scale, utilities), [Domain("scaled: the scale", scale, "(0, inf)", advice, neutral=1.0)])


def check_segments(expressions: Iterable[Variable], data: Dataset) -> None:
    """Raise a `DatasetError` when ``data`` hold values of which a `by_segment` in the expressions knows nothing."""
    for part in ancestors(list(expressions)):
        if hasattr(part.tag, "segments"):
            column, known = part.tag.segments
            values = data.evaluate(column)[..., 0]
            others = ~np.isin(values, known)
            rows = data.rows_of(np.any(others.reshape(-1, *others.shape[-2:]), axis=0))
            if len(rows):
                found = ", ".join(f"{value:g}" for value in np.unique(values[others])[:10])
                raise DatasetError(
                    f"by_segment gives '{column}' no expression for the value(s) {found} ({rows_text(rows)}). Name "
                    "them, or say what belongs to them: otherwise=... (For an Embedding these are levels that the data "
                    "of its network did not have: leave the rows out, or merge levels.)"
                )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_))
