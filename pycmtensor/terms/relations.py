"""Statements about parameters, as text or symbols: functions of estimates, hypotheses, linear constraints."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor import scalar
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import clone_replace, vectorize_graph
from pytensor.graph.traversal import graph_inputs
from pytensor.printing import greek, pprint
from pytensor.tensor.elemwise import Elemwise

from pycmtensor.exceptions import ModelError, checked
from pycmtensor.expressions import Parameter, parameters_of
from pycmtensor.terms.linearity import nonlinear_term
from pycmtensor.terms.text import Reader, parsed

__all__ = [
    "ParameterFunction",
    "Relation",
    "constraint",
    "in_parameters",
    "matrix",
    "relations_of",
    "text_of",
]

Array = NDArray[np.floating]
#: Text such as "b_time / b_cost", a parameter, or a PyTensor expression of parameters.
Expression: TypeAlias = str | Parameter | Variable


@dataclass(frozen=True)
class ParameterFunction:
    """A number that depends on parameters, such as the value of time, as a function of a flat theta (K,).

    Attributes:
        text: The expression, for messages and tables.
        uses: Names of the free parameters that it depends on.
        theta: Symbol of the free parameters (K,).
        value: The expression of ``theta``, a scalar.
    """

    text: str
    uses: tuple[str, ...]
    theta: Variable
    value: Variable

    @classmethod
    def of(cls, expression: Expression, labels: Sequence[str], fixed: Mapping[str, float]) -> ParameterFunction:
        """The function that an expression is, fixed parameters at their values.

        Args:
            expression: Text with names, numbers, + - * / **, parentheses, exp, log and sqrt; or symbols.
            labels: Names of theta (K,).
            fixed: Names and values of parameters that are not in theta.

        Raises:
            ModelError: The text cannot be read; a name is unknown; the expression is not one number, or depends on
                something other than parameters.

        Examples:
            >>> ratio = ParameterFunction.of("b_time / b_cost", ["b_time", "b_cost"], {})
            >>> float(ratio.at(np.array([3.0, 2.0]))), ratio.gradient(np.array([3.0, 2.0])).tolist()
            (1.5, [0.5, -0.75])
        """
        symbols, text = _symbols(expression), text_of(expression)
        if symbols.ndim:
            raise ModelError(
                f"{text} has {symbols.ndim} dimension(s); a statement is about one number at a time. Write it with "
                "elements such as w[0, 1]."
            )
        leaves = _leaves(symbols, text)
        theta = pt.tensor("theta", dtype="float64", shape=(len(labels),))
        numbers = pt.concatenate([theta, np.array(list(fixed.values()), dtype=float)])
        position = {label: k for k, label in enumerate([*labels, *fixed])}
        elements: dict[Variable, Variable] = {}
        for leaf, names in leaves.items():
            for name in names:
                _check_known(name, position, text)
            k = position[names[0]]  # the elements of an array follow each other
            elements[leaf] = numbers[k : k + len(names)].reshape(leaf.type.shape)
        value = pt.cast(clone_replace(symbols, elements, rebuild_strict=False), "float64")
        free = set(labels)
        return cls(text, tuple(name for names in leaves.values() for name in names if name in free), theta, value)

    def at(self, theta: Array) -> float:
        """The value at theta (K,)."""
        return float(_numbers(self.value, {self.theta: theta}))

    def gradient(self, theta: Array) -> Array:
        """The exact gradient (K,) at theta (K,)."""
        slope = pytensor.grad(self.value, self.theta, disconnected_inputs="ignore")
        return _numbers(slope, {self.theta: theta})

    def over(self, draws: Array) -> Array:
        """The value at each of many thetas (R, K), an array (R,)."""
        many = pt.tensor("draws", dtype="float64", shape=(None, draws.shape[1]))
        return np.broadcast_to(_numbers(vectorize_graph(self.value, {self.theta: many}), {many: draws}), (len(draws),))


@dataclass(frozen=True)
class Relation:
    """A linear statement about parameters, ``sum_k coefficients[k] theta_k  sense  value``.

    Attributes:
        coefficients: Name of a parameter -> its coefficient, none of them 0.
        sense: "=", "<=" or ">=".
        value: The right side.
        text: As it was written, for messages.
    """

    coefficients: Mapping[str, float]
    sense: str
    value: float
    text: str

    def __str__(self) -> str:
        return self.text


@checked(ModelError)
def constraint(statement: str | Variable | Relation) -> Relation:
    """A linear equality or inequality between parameters.

    Args:
        statement: Symbols such as ``b_a <= b_b`` and ``pt.eq(b_a + b_b, 1)``, or text such as "b_time = 2 * b_cost".
            ``<`` is taken as ``<=``, and ``>`` as ``>=``: an estimate can reach the border of either.

    Returns:
        The relation, for ``estimate(..., constraints=...)``.

    Raises:
        ModelError: The statement is no relation, several, or not linear; the message names the nonlinear term.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> b_time, b_cost = Beta("b_time"), Beta("b_cost")
        >>> constraint(b_time <= 2 * b_cost)
        Relation(coefficients={'b_time': 1.0, 'b_cost': -2.0}, sense='<=', value=0.0, text='b_time <= 2 * b_cost')
        >>> constraint("w[0, 1] + w[0, 2] = 1").coefficients
        {'w[0, 1]': 1.0, 'w[0, 2]': 1.0}
    """
    found = relations_of(statement)
    if len(found) != 1:
        raise ModelError(f"'{statement}' holds {len(found)} relations. Make a constraint of each.")
    return found[0]


def relations_of(statements: str | Variable | Relation | Iterable[str | Variable | Relation]) -> list[Relation]:
    """Linear relations from text, where commas separate them, from symbols, or from a list of both.

    Raises:
        ModelError: As `constraint`.

    Examples:
        >>> [str(relation) for relation in relations_of("b_time = b_cost, asc_car = 0")]
        ['b_time = b_cost', 'asc_car = 0']
    """
    if isinstance(statements, Relation):
        return [statements]
    if isinstance(statements, str):
        return _relations_in(statements)
    if isinstance(statements, Variable):
        return [_relation_of(statements)]
    if isinstance(statements, (list, tuple)):
        return [relation for statement in statements for relation in relations_of(statement)]
    hint = " Python's == asks whether two objects are the same." if isinstance(statements, (bool, np.bool_)) else ""
    raise ModelError(
        f"A relation is text such as 'b_a = b_b', pt.eq(b_a, b_b) or b_a <= b_b, found {statements!r}.{hint}"
    )


def matrix(
    relations: Sequence[Relation], labels: Sequence[str], fixed: Mapping[str, float]
) -> tuple[Array, tuple[str, ...], Array]:
    """Relations as ``R theta  senses  r``, with the values of fixed parameters moved to the right side.

    Args:
        relations: M relations.
        labels: Names of theta (K,).
        fixed: Names and values of parameters that are not in theta.

    Returns:
        R (M, K), the M senses, and r (M,).

    Raises:
        ModelError: A parameter is unknown, or a relation holds no free parameter.

    Examples:
        >>> matrix([constraint("a + 2 * c <= 3")], ["a", "b"], {"c": 1.0})
        (array([[1., 0.]]), ('<=',), array([1.]))
    """
    R, r = np.zeros((len(relations), len(labels))), np.zeros(len(relations))
    column = {label: k for k, label in enumerate(labels)}
    for m, relation in enumerate(relations):
        r[m] = relation.value
        for name, coefficient in relation.coefficients.items():
            _check_known(name, {**column, **fixed}, relation.text)
            if name in column:
                R[m, column[name]] = coefficient
            else:
                r[m] -= coefficient * fixed[name]
        if not R[m].any():
            raise ModelError(f"'{relation}' is about fixed parameters only. Free one of them, or leave it out.")
    return R, tuple(relation.sense for relation in relations), r


# ---- symbols --------------------------------------------------------------------------------------------------------


def in_parameters(
    expression: Expression, parameters: Iterable[Parameter], coefficients: Mapping[str, Variable] | None = None
) -> Variable:
    """Text or symbols as an expression of these parameters, which are found by their names.

    Args:
        expression: As in `ParameterFunction.of`; symbols may depend on columns and draws too.
        parameters: Those of a model.
        coefficients: What further names in text stand for; they go before parameters.

    Raises:
        ModelError: The text cannot be read, or a name is unknown.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> time, cost = Beta("b_time", 3.0), Beta("b_cost", 2.0)
        >>> float(in_parameters("b_time / b_cost", [time, cost]).eval())
        1.5
    """
    coefficients = coefficients or {}
    if isinstance(expression, str) and expression in coefficients:  # also where it is no Python name
        return coefficients[expression]
    symbols, text = _symbols(expression, coefficients), text_of(expression)
    known = {**coefficients, **{parameter.name: parameter() for parameter in parameters}}
    for parameter in parameters:
        if parameter.shape:
            indices = np.ndindex(*parameter.shape)
            known |= dict(zip(parameter.labels(), (parameter[index] for index in indices), strict=True))
    own: dict[Variable, Variable] = {}
    for variable in graph_inputs([symbols]):
        named = getattr(variable.tag, "parameter", None)
        name = getattr(variable.tag, "label", None) if named is None else named.name
        if name is not None:
            _check_known(name, known, text)
            own[variable] = known[name]
    return clone_replace(symbols, own, rebuild_strict=False) if own else symbols


def _symbols(expression: Expression, known: Mapping[str, Variable] | None = None) -> Variable:
    if isinstance(expression, str):
        return Reader(expression, known).value(parsed(expression))
    if isinstance(expression, (Parameter, Variable)):
        return pt.as_tensor_variable(expression)
    raise ModelError(f"Expected text such as 'b_time / b_cost' or an expression of parameters, found {expression!r}.")


def text_of(expression: Expression) -> str:
    """An expression of parameters as Python writes it, without brackets that say nothing."""
    text = expression if isinstance(expression, str) else pprint(_symbols(expression))
    for name, typeset in greek.items():  # PyTensor prints a parameter 'alpha' as TeX does
        text = text.replace(typeset, name)
    try:
        return ast.unparse(ast.parse(text.strip(), mode="eval"))
    except SyntaxError:  # names that are no Python names
        return text


def _leaves(expression: Variable, text: str) -> dict[Variable, list[str]]:
    """The parameters below an expression, from left to right, with the names of their elements."""
    parameters_of(expression)  # names are unique
    leaves = {}
    for variable in reversed(list(graph_inputs([expression]))):
        if hasattr(variable.tag, "parameter"):
            leaves[variable] = variable.tag.parameter.labels()
        elif hasattr(variable.tag, "label"):
            leaves[variable] = [variable.tag.label]
        elif not isinstance(variable, Constant):
            raise ModelError(f"{text} depends on '{variable}', which is no parameter. Use numbers in place of data.")
    return leaves


def _check_known(name: str, known: Collection[str], text: str) -> None:
    if name not in known:
        near = get_close_matches(name, list(known), n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"The parameters are {', '.join(known)}."
        raise ModelError(f"'{text}' names '{name}', which is no parameter of the model. {hint}")


def _numbers(expression: Variable, values: Mapping[Variable, Array]) -> Array:
    interpreted = Mode(linker="py", optimizer=None)  # nothing is compiled for a single evaluation
    with np.errstate(all="ignore"):  # what is not finite is told by whoever asked
        return np.asarray(expression.eval(dict(values), mode=interpreted, on_unused_input="ignore"))


COMPARISONS: dict[type[ast.cmpop], str] = {ast.Eq: "=", ast.LtE: "<=", ast.Lt: "<=", ast.GtE: ">=", ast.Gt: ">="}
SENSES = {scalar.EQ: "=", scalar.LE: "<=", scalar.LT: "<=", scalar.GE: ">=", scalar.GT: ">="}


def _relation_of(statement: Variable) -> Relation:
    """The relation that a comparison such as ``pt.le(b_a, b_b)`` is."""
    op = statement.owner.op if statement.owner else None
    sense = SENSES.get(type(op.scalar_op)) if isinstance(op, Elemwise) else None
    if sense is None:
        raise ModelError(f"{text_of(statement)} is no relation. Write pt.eq(a, b), a <= b or a >= b.")
    left, right = statement.owner.inputs
    return _linear(left, sense, right, f"{text_of(left)} {sense} {text_of(right)}")


def _linear(left: Variable, sense: str, right: Variable, text: str) -> Relation:
    """``left sense right`` with all parameters on the left and the constants on the right."""
    difference = left - right
    leaves = _leaves(difference, text)
    term = nonlinear_term(difference, leaves)
    if term is not None:
        raise ModelError(
            f"'{text}' is not linear in the parameters: {text_of(term)}. Write a sum of parameters times numbers; for "
            "nonlinear functions of estimates there is results.delta."
        )
    names = [name for labels in leaves.values() for name in labels]
    function = ParameterFunction.of(difference, names, {})
    zero = np.zeros(len(names))
    slope, value = function.gradient(zero), -function.at(zero)
    if not np.isfinite([*slope, value]).all():
        raise ModelError(f"'{text}' holds a number that is not finite.")
    coefficients = {name: float(c) for name, c in zip(names, slope, strict=True) if c}
    if not coefficients:
        raise ModelError(f"'{text}' says nothing about any parameter.")
    return Relation(coefficients, sense, value + 0.0, text)  # + 0.0 makes -0.0 a plain zero


def _relations_in(text: str) -> list[Relation]:
    """Relations separated by commas; ``a = b = c`` are two."""
    tree = parsed(re.sub(r"(?<![<>=!])=(?!=)", "==", text))
    reader, found = Reader(text), []
    for part in tree.elts if isinstance(tree, ast.Tuple) else [tree]:
        if not isinstance(part, ast.Compare) or any(type(op) not in COMPARISONS for op in part.ops):
            raise ModelError(f"'{ast.unparse(part)}' is no relation. Write = , <= or >= between two sides.")
        for (left, right), op in zip(pairwise([part.left, *part.comparators]), part.ops, strict=True):
            sense = COMPARISONS[type(op)]
            written = f"{ast.unparse(left)} {sense} {ast.unparse(right)}"
            found.append(_linear(reader.value(left), sense, reader.value(right), written))
    return found
