"""Formulas as MathML, which browsers set without help from elsewhere."""

from __future__ import annotations

import ast

from pycmtensor.host.escaping import html

__all__ = ["equation"]

OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: ("−", 1),
    ast.Mult: ("·", 2),
}
#: Functions of two numbers that are 1 where the statement holds and 0 elsewhere.
STATEMENTS = {"lt": "&lt;", "le": "≤", "gt": "&gt;", "ge": "≥", "eq": "=", "neq": "≠"}
FUNCTION = 4  #: binds as tight as a name


def equation(left: str, formula: str) -> str:
    """``V_left = formula`` as a block; a formula that is not arithmetic in Python's notation is shown as it is.

    Args:
        left: A name.
        formula: Arithmetic, as `pycmtensor.terms.relations.text_of` writes it.
    """
    try:
        terms = [(sign, _within(term, 2)) for sign, term in signed_terms(ast.parse(formula, mode="eval").body)]
    except (SyntaxError, ValueError):
        return f"<pre>{html(left)} = {html(formula)}</pre>"
    subject = f"<msub><mi>V</mi><mtext>{html(left)}</mtext></msub><mo>=</mo>"
    signed = [f"<mo form='infix'>{'−' if sign < 0 else '+'}</mo>{term}" for sign, term in terms]
    first = signed[0] if terms[0][0] < 0 else terms[0][1]
    blocks = " ".join(f"<math displaystyle='true'>{block}</math>" for block in (subject + first, *signed[1:]))
    return f"<p class='equation'>{blocks}</p>"  # browsers break lines between formulas, never within one


def signed_terms(node: ast.expr, sign: int = 1) -> list[tuple[int, ast.expr]]:
    """The terms of a sum with their signs, 1 or -1; two signs become one.

    Examples:
        >>> [(sign, ast.unparse(term)) for sign, term in signed_terms(ast.parse("a - b * x + -c / 2").body[0].value)]
        [(1, 'a'), (-1, 'b * x'), (-1, 'c / 2')]
    """
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return signed_terms(left, sign) + signed_terms(right, sign)
        case ast.BinOp(left=left, op=ast.Sub(), right=right) if not _is_sum(right):
            return signed_terms(left, sign) + signed_terms(right, -sign)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return [*signed_terms(left, sign), (-sign, right)]
        case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=first), op=ast.Mult() | ast.Div() as op, right=right):
            return signed_terms(ast.BinOp(first, op, right), -sign)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not _is_sum(operand):
            return signed_terms(operand, -sign)
    return [(sign, node)]


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _set(node: ast.expr) -> tuple[str, int]:
    """The markup, and how tight it binds: 1 sum, 2 product, 3 sign or power, 4 name."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"<mfrac><mrow>{_set(left)[0]}</mrow><mrow>{_set(right)[0]}</mrow></mfrac>", 3
        case ast.BinOp(left=base, op=ast.Pow(), right=power):
            return f"<msup><mrow>{_within(base, FUNCTION)}</mrow><mrow>{_set(power)[0]}</mrow></msup>", 3
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            sign, binds = OPERATORS[type(op)]
            after = binds + isinstance(op, ast.Sub)
            return f"{_within(left, binds)}<mo>{sign}</mo>{_within(right, after)}", binds
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"<mo>−</mo>{_within(operand, 2)}", 2
        case ast.Call(func=ast.Name(id=name), args=[left, right]) if name.lower() in STATEMENTS:
            return f"<mo>(</mo>{_set(left)[0]}<mo>{STATEMENTS[name.lower()]}</mo>{_set(right)[0]}<mo>)</mo>", FUNCTION
        case ast.Call(func=ast.Name(id="Float32" | "Float64" | "float32" | "float64"), args=[number]):
            return _set(number)
        case ast.Call(func=function, args=arguments):
            inner = "<mo>,</mo>".join(_set(argument)[0] for argument in arguments)
            name = f"<mi>{html(ast.unparse(function).lower())}</mi>"
            return f"{name}<mo stretchy='true'>(</mo>{inner}<mo stretchy='true'>)</mo>", FUNCTION
        case ast.Constant(value=number):
            return f"<mn>{html(str(number))}</mn>", FUNCTION
    return f"<mtext>{html(ast.unparse(node))}</mtext>", FUNCTION


def _within(node: ast.expr, least: int) -> str:
    """The expression, in parentheses when it binds less than ``least``."""
    markup, binds = _set(node)
    return markup if binds >= least else f"<mo>(</mo>{markup}<mo>)</mo>"
