"""Equations of utilities: text at a prompt, MathML and LaTeX in a notebook."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from pycmtensor.exceptions import ModelError
from pycmtensor.host.escaping import latex
from pycmtensor.report.answer import Answer, Part
from pycmtensor.report.html import fragment
from pycmtensor.report.mathml import FUNCTION, STATEMENTS, equation

__all__ = ["Equation", "Equations"]

OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: ("-", 1),
    ast.Mult: (r"\cdot", 2),
}
RELATIONS = {"lt": "<", "le": r"\le", "gt": ">", "ge": r"\ge", "eq": "=", "neq": r"\ne"}


class Equation(Answer):
    r"""The equation of one utility, which shows as text, and typeset in a notebook.

    Args:
        name: Of the alternative.
        formula: Arithmetic in Python's notation; anything else is shown as it is.

    Examples:
        >>> Equation("bus", "asc_bus + b_time * bus_time / 60")
        V[bus] = asc_bus + b_time * bus_time / 60
        >>> print(Equation("bus", "b * x ** 2 / 60").to_latex())
        V_{\text{bus}} = \frac{\text{b} \cdot \text{x}^{2}}{60}
    """

    def __init__(self, name: str, formula: str) -> None:
        self.name, self.formula = name, formula

    def _shown(self) -> list[Part]:
        return [f"V[{self.name}] = {self.formula}"]

    def to_latex(self) -> str:
        """The equation for a mathematical environment of LaTeX."""
        try:
            right = _set(ast.parse(self.formula, mode="eval").body)[0]
        except (SyntaxError, ValueError):
            right = rf"\text{{{latex(self.formula)}}}"
        return rf"V_{{\text{{{latex(self.name)}}}}} = {right}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.to_latex()}$"

    def _repr_html_(self) -> str:
        return fragment(equation(self.name, self.formula))


class Equations(Answer, Mapping[str, Equation]):
    """The equations of the utilities of a model: name of an alternative -> its `Equation`.

    Args:
        formulas: Name of an alternative -> arithmetic in Python's notation.
    """

    def __init__(self, formulas: Mapping[str, str]) -> None:
        self._of = {name: Equation(name, formula) for name, formula in formulas.items()}

    def __getitem__(self, name: str) -> Equation:
        if name not in self._of:
            raise ModelError(f"There is no utility of {name!r}; there are those of {', '.join(self._of)}.")
        return self._of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    def _shown(self) -> list[Part]:
        return [str(equation) for equation in self._of.values()]

    def to_latex(self) -> str:
        """All of them as an ``aligned`` environment of amsmath."""
        lines = [equation.to_latex().replace(" = ", " &= ", 1) for equation in self._of.values()]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.to_latex()}$"

    def to_html(self) -> str:
        """All of them as MathML, one below the other."""
        return "".join(equation(one.name, one.formula) for one in self._of.values())

    def _repr_html_(self) -> str:
        return fragment(self.to_html())


def _set(node: ast.expr) -> tuple[str, int]:
    """LaTeX, and how tight it binds: 1 sum, 2 product, 3 sign or power, 4 name."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return rf"\frac{{{_set(left)[0]}}}{{{_set(right)[0]}}}", 3
        case ast.BinOp(left=base, op=ast.Pow(), right=power):
            return f"{_within(base, FUNCTION)}^{{{_set(power)[0]}}}", 3
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            sign, binds = OPERATORS[type(op)]
            return f"{_within(left, binds)} {sign} {_within(right, binds + isinstance(op, ast.Sub))}", binds
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_within(operand, 2)}", 2
        case ast.Call(func=ast.Name(id=name), args=[left, right]) if name.lower() in STATEMENTS:
            return rf"\left({_set(left)[0]} {RELATIONS[name.lower()]} {_set(right)[0]}\right)", FUNCTION
        case ast.Call(func=ast.Name(id="Float32" | "Float64" | "float32" | "float64"), args=[number]):
            return _set(number)
        case ast.Call(func=function, args=arguments):
            inner = ", ".join(_set(argument)[0] for argument in arguments)
            name = rf"\operatorname{{{latex(ast.unparse(function).lower())}}}"
            return rf"{name}\left({inner}\right)", FUNCTION
        case ast.Constant(value=number):
            return latex(str(number)), FUNCTION
    return rf"\text{{{latex(ast.unparse(node))}}}", FUNCTION


def _within(node: ast.expr, least: int) -> str:
    """The expression, in parentheses when it binds less than ``least``."""
    text, binds = _set(node)
    return text if binds >= least else rf"\left({text}\right)"
