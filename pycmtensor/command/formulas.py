"""Formulas in text: arithmetic, comparisons and a few functions of names; nothing else is understood, or executed."""

from __future__ import annotations

import ast
import operator
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor import config

from pycmtensor.exceptions import ModelError

__all__ = ["NUMBERS", "SYMBOLS", "Algebra", "Formula"]

ARITHMETIC: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
NAMES = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


@dataclass(frozen=True)
class Algebra:
    """Meaning of numbers, comparisons, logic and functions for one kind of values."""

    number: Callable[[float], Any]
    amount: Callable[[Any], Any]  #: what arithmetic computes with: a truth value counts 1 or 0
    truth: Callable[[Any], Any]  #: what logic computes with: a number is true unless it is 0
    comparisons: Mapping[str, Callable[..., Any]]
    both: Callable[..., Any]
    either: Callable[..., Any]
    negated: Callable[..., Any]
    functions: Mapping[str, Callable[..., Any]]


def _symbolic_amount(value: Any) -> Any:
    return pt.cast(value, config.floatX) if pt.as_tensor_variable(value).dtype == "bool" else value


def _symbolic_truth(value: Any) -> Any:
    return value if pt.as_tensor_variable(value).dtype == "bool" else pt.neq(value, 0)


#: Meaning for columns of a frame.
NUMBERS = Algebra(
    number=lambda number: number,
    amount=lambda value: value * 1.0,  # also, integers of few bits would overflow
    truth=lambda value: value != 0,
    comparisons={
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    },
    both=np.logical_and,
    either=np.logical_or,
    negated=np.logical_not,
    functions={
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "abs": np.abs,
        "min": np.minimum,
        "max": np.maximum,
        "where": np.where,
    },
)

#: Meaning for parameters and columns of a data set.
SYMBOLS = Algebra(
    number=lambda number: pt.constant(number, dtype=config.floatX),  # by itself PyTensor takes single precision
    amount=_symbolic_amount,
    truth=_symbolic_truth,
    comparisons={"==": pt.eq, "!=": pt.neq, "<": pt.lt, "<=": pt.le, ">": pt.gt, ">=": pt.ge},
    both=pt.and_,
    either=pt.or_,
    negated=pt.invert,
    functions={
        "exp": pt.exp,
        "log": pt.log,
        "sqrt": pt.sqrt,
        "abs": pt.abs,
        "min": pt.minimum,
        "max": pt.maximum,
        "where": pt.switch,
    },
)


class Formula:
    """A formula such as ``B_TIME * TRAIN_TT / 100`` or ``PURPOSE in [1, 3] and CHOICE != 0``.

    In arithmetic a comparison counts 1 where it holds and 0 elsewhere; in logic a number holds unless it is 0.

    Args:
        text: The formula.

    Raises:
        ModelError: It cannot be read, or holds something that formulas do not have.

    Examples:
        >>> Formula("2 * a + min(b, 1)").value({"a": 3.0, "b": 5.0}, NUMBERS)
        np.float64(7.0)
        >>> Formula("a in [1, 3] and not b").value({"a": 3, "b": False}, NUMBERS)
        np.True_
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        try:
            self._tree = ast.parse(f"({self.text}\n)", mode="eval").body
        except (SyntaxError, ValueError):
            raise ModelError(f"'{self.text}' cannot be read as a formula. {self._hint()}") from None
        except (RecursionError, MemoryError):
            raise self._too_long() from None

    def value(self, names: Mapping[str, Any], algebra: Algebra) -> Any:
        """Value of the formula for these values of its names.

        Raises:
            ModelError: A name is unknown, something is not understood, or the values cannot be computed with.
        """
        known = {unicodedata.normalize("NFKC", name): value for name, value in names.items()}  # as Python reads names
        try:
            return self._value(self._tree, known, algebra)
        except ModelError:
            raise
        except (TypeError, ValueError, NotImplementedError, ArithmeticError) as error:
            raise ModelError(f"'{self.text}' cannot be computed, as with text in place of numbers: {error}") from None
        except RecursionError:
            raise self._too_long() from None

    @property
    def names(self) -> list[str]:
        """The names in it as Python reads them (Unicode NFKC), in order; functions are none."""
        called = {node.func for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        found = [node for node in ast.walk(self._tree) if isinstance(node, ast.Name) and node not in called]
        return list(dict.fromkeys(node.id for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))))

    def _value(self, node: ast.expr, names: Mapping[str, Any], algebra: Algebra) -> Any:
        def value(part: ast.expr) -> Any:
            return self._value(part, names, algebra)

        def amount(part: ast.expr) -> Any:
            return algebra.amount(value(part))

        def truth(part: ast.expr) -> Any:
            return algebra.truth(value(part))

        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Constant(value=int() | float() as number):
                return algebra.number(number)
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.Name(id=name):
                near = get_close_matches(name, names, n=1)
                hint = f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(names)}."
                raise ModelError(f"'{self.text}' uses '{name}', which is unknown. {hint}")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return ARITHMETIC[type(op)](amount(left), amount(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return algebra.negated(truth(operand))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in ARITHMETIC:
                return ARITHMETIC[type(op)](amount(operand))
            case ast.BoolOp(op=op, values=parts):
                return reduce(algebra.both if isinstance(op, ast.And) else algebra.either, map(truth, parts))
            case ast.Compare(left=first, ops=ops, comparators=others):
                sides = pairwise([first, *others])
                found = [self._compared(op, a, b, value, algebra) for op, (a, b) in zip(ops, sides, strict=True)]
                return reduce(algebra.both, found)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in algebra.functions:
                return self._called(name, [value(argument) for argument in arguments], algebra)
        raise ModelError(f"'{self.text}' holds '{ast.unparse(node)}', which is not understood. {self._hint()}")

    def _compared(self, op: ast.cmpop, a: ast.expr, b: ast.expr, value: Callable[..., Any], algebra: Algebra) -> Any:
        if isinstance(op, (ast.In, ast.NotIn)) and isinstance(b, (ast.List, ast.Tuple)) and b.elts:
            one = reduce(algebra.either, [algebra.comparisons["=="](value(a), value(part)) for part in b.elts])
            return one if isinstance(op, ast.In) else algebra.negated(one)
        if type(op) in NAMES:
            return algebra.comparisons[NAMES[type(op)]](value(a), value(b))
        raise ModelError(f"'{self.text}' compares in a way that is not understood. {self._hint()}")

    def _called(self, name: str, arguments: list[Any], algebra: Algebra) -> Any:
        expected = {"min": 2, "max": 2, "where": 3}.get(name, 1)
        if len(arguments) != expected:
            raise ModelError(f"'{self.text}': {name} takes {expected} argument(s), found {len(arguments)}.")
        if name == "where":
            arguments[0] = algebra.truth(arguments[0])
            return algebra.functions[name](arguments[0], *map(algebra.amount, arguments[1:]))
        return algebra.functions[name](*map(algebra.amount, arguments))

    def _too_long(self) -> ModelError:
        return ModelError(f"'{self.text[:60]}...' is too long or too deep to be read. Split it into several formulas.")

    def _hint(self) -> str:
        return (
            "Use names, numbers, + - * / **, comparisons, in [...], and, or, not, parentheses, "
            f"{', '.join(NUMBERS.functions)}."
        )
