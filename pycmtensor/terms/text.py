"""Arithmetic in text as symbols: names of parameters, numbers, + - * / **, parentheses, exp, log and sqrt."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import ModelError

__all__ = ["Reader", "parsed"]

OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: pt.add,
    ast.Sub: pt.sub,
    ast.Mult: pt.mul,
    ast.Div: pt.true_div,
    ast.Pow: pt.power,
    ast.USub: pt.neg,
    ast.UAdd: lambda x: x,
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {"exp": pt.exp, "log": pt.log, "sqrt": pt.sqrt}


class Reader:
    """Arithmetic in text -> PyTensor, with a symbol for each name; nothing is ever executed."""

    def __init__(self, text: str, known: Mapping[str, Variable] | None = None) -> None:
        self.text, self.symbols = text.strip(), dict(known or {})

    def value(self, node: ast.expr) -> Variable:
        """The expression below a node, as `parsed` returns it."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return pt.constant(float(number), dtype="float64")
            case ast.Name() | ast.Subscript(value=ast.Name()):
                return self._symbol(node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
                return OPERATIONS[type(op)](self.value(left), self.value(right))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATIONS:
                return OPERATIONS[type(op)](self.value(operand))
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](self.value(argument))
        raise ModelError(
            f"'{self.text}' holds '{ast.unparse(node)}', which is not understood. Use names of parameters, numbers, "
            f"+ - * / **, parentheses, {', '.join(FUNCTIONS)}."
        )

    def _symbol(self, node: ast.expr) -> Variable:
        label = ast.unparse(node)
        if label not in self.symbols:
            self.symbols[label] = pt.dscalar(label)
            self.symbols[label].tag.label = label
        return self.symbols[label]


def parsed(text: str) -> ast.expr:
    """The syntax tree of text that is one expression."""
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError):
        raise ModelError(
            f"'{text.strip()}' cannot be read as arithmetic with names of parameters. Write for example "
            "'b_time / b_cost'; a parameter whose name is no Python name is written as a symbol."
        ) from None
