"""Statements about parameters against Python's own arithmetic, finite differences and relations by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta, Weight
from pycmtensor.terms.relations import ParameterFunction, constraint, matrix, relations_of

a, b, c, w = Beta("a"), Beta("b"), Beta("c"), Weight("w", (2, 3))
LABELS = ("b", "a", *w.labels())
THETA = np.array([1.7, 0.6, *np.linspace(0.2, 1.2, 6)])
NAMES = {"a": 0.6, "b": 1.7, "c": 2.5, "w": THETA[2:].reshape(2, 3), "exp": math.exp, "log": math.log}

TEXTS = ["a / b", "-a + 2 * (b - 1) ** 2", "exp(a) * 2 ** b", "log(w[1, 2] / b) - w[0, 1]", "a ** b ** a", "+a*c/3e-2"]
SYMBOLS: list[tuple[Variable, Callable[[dict[str, Any]], float]]] = [
    (a / b, lambda v: v["a"] / v["b"]),
    (pt.exp(a) * w[0, 1] + c, lambda v: math.exp(v["a"]) * v["w"][0, 1] + v["c"]),
    (pt.log(w()).sum() / b, lambda v: float(np.log(v["w"]).sum()) / v["b"]),
    (pt.dot(np.ones(2), w())[2] - w[1].max(), lambda v: float(v["w"][:, 2].sum() - v["w"][1].max())),
]


def function(expression: Any) -> ParameterFunction:
    return ParameterFunction.of(expression, LABELS, {"c": 2.5})


@pytest.mark.parametrize("text", TEXTS)
def test_text_means_what_it_means_in_python(text: str) -> None:
    assert function(text).at(THETA) == pytest.approx(eval(text, dict(NAMES)), rel=1e-14)


@pytest.mark.parametrize(("symbols", "expected"), SYMBOLS)
def test_symbols_are_taken_at_theta_not_at_their_own_values(
    symbols: Variable, expected: Callable[[dict[str, Any]], float]
) -> None:
    assert function(symbols).at(THETA) == pytest.approx(expected(NAMES), rel=1e-14)


@pytest.mark.parametrize("expression", [*TEXTS, *(symbols for symbols, _ in SYMBOLS)])
def test_gradients_are_those_of_finite_differences_and_draws_are_one_by_one(expression: str | Variable) -> None:
    f, h = function(expression), 1e-6
    differences = [(f.at(THETA + h * e) - f.at(THETA - h * e)) / (2 * h) for e in np.eye(len(THETA))]
    np.testing.assert_allclose(f.gradient(THETA), differences, rtol=1e-7, atol=1e-8)
    draws = THETA * np.random.default_rng(0).uniform(0.9, 1.1, (5, len(THETA)))
    np.testing.assert_allclose(f.over(draws), [f.at(draw) for draw in draws], rtol=1e-14)


def test_a_function_names_the_free_parameters_that_it_uses() -> None:
    assert function("b * c + a").uses == ("b", "a")
    assert function(w[0, 0] + c).uses == tuple(w.labels())


def test_single_precision_does_not_reach_the_function() -> None:
    third = Weight("third", 1, value=np.zeros(1, dtype="float32"))
    f = ParameterFunction.of(third()[0] / 3, ["third[0]"], {})
    assert f.at(np.array([1.0])) == 1 / 3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=4, max_size=4).filter(lambda k: k[0] != k[1]))
def test_a_relation_is_its_linear_form(k: list[int]) -> None:
    text = f"{k[0]} * a + {k[2]} <= {k[1]} * a + 3 * b / 2 - {k[3]}"
    symbols = constraint(k[0] * a + k[2] <= k[1] * a + 3 * b / 2 - k[3])
    for relation in (constraint(text), symbols):
        assert relation.coefficients == {"a": k[0] - k[1], "b": -1.5}
        assert (relation.sense, relation.value) == ("<=", -k[2] - k[3])


@pytest.mark.parametrize(
    ("statement", "text", "coefficients", "value"),
    [
        (a <= b, "a <= b", {"a": 1, "b": -1}, 0),
        (a < 1, "a <= 1", {"a": 1}, 1),
        (pt.constant(1) <= a, "1 <= a", {"a": -1}, -1),
        (np.float64(2) > a, "a <= 2.0", {"a": 1}, 2),
        ("a == b", "a = b", {"a": 1, "b": -1}, 0),
        ("a >\n (b + 1) / 2", "a >= (b + 1) / 2", {"a": 1, "b": -0.5}, 0.5),
        (pt.eq(w[0, 1] + a / 2, 3 * b - 1), "w[0, 1] + a / 2 = 3 * b - 1", {"w[0, 1]": 1, "a": 0.5, "b": -3}, -1),
        ("w[0,1] = -2**2", "w[0, 1] = -2 ** 2", {"w[0, 1]": 1}, -4),
        (pt.eq(w[1].sum(), 1), "sum(w[1], axis=None) = 1", {"w[1, 0]": 1, "w[1, 1]": 1, "w[1, 2]": 1}, 1),
    ],
)
def test_ways_to_write_a_relation(
    statement: str | Variable, text: str, coefficients: dict[str, float], value: float
) -> None:
    relation = cmt.constraint(statement)
    assert (str(relation), relation.coefficients, relation.value) == (text, coefficients, value)


def test_several_relations() -> None:
    found = relations_of(["a = b = 1, w[0, 1] >= 2", pt.eq(a, 0), constraint("c = 3")])
    assert [str(relation) for relation in found] == ["a = b", "b = 1", "w[0, 1] >= 2", "a = 0", "c = 3"]


def test_the_matrix_moves_fixed_parameters_to_the_right() -> None:
    relations = relations_of("2 * a - c <= 1, w[0, 2] = b, a + b + c >= 0")
    R, senses, r = matrix(relations, LABELS, {"c": 2.5})
    np.testing.assert_array_equal(R[:, [0, 1, 4]], [[0, 2, 0], [-1, 0, 1], [1, 1, 0]])
    assert np.count_nonzero(R) == 5
    assert (senses, r.tolist()) == (("<=", "=", ">="), [3.5, 0, -2.5])


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (a == b, r"found False\. Python's == asks.*"),
        (3, r"A relation is text such as 'b_a = b_b', pt.eq\(b_a, b_b\) or b_a <= b_b, found 3"),
        ("a * b = 1", r"'a \* b = 1' is not linear in the parameters: a \* b\. .* results\.delta"),
        ("2 * a + exp(b) = 1", r"not linear in the parameters: Exp\(b\)"),
        (pt.le(1 / a, 2), r"not linear in the parameters: 1 / a"),
        (pt.eq(a**2 + b, 2), r"not linear in the parameters: a \*\* 2"),
        (pt.eq(pt.maximum(a, b), 2), "not linear in the parameters: "),
        ("a = b, b = 1", "holds 2 relations"),
        ("a != 1", "'a != 1' is no relation"),
        ("a + b", "'a [+] b' is no relation. Write = , <= or >="),
        (a + b, r"a \+ b is no relation. Write pt.eq"),
        (a(), "a is no relation"),
        ("1 = 2", "'1 = 2' says nothing about any parameter"),
        ("a - a = 0", "says nothing about any parameter"),
        ("a / 0 = 0", "holds a number that is not finite"),
        ("a = ", "cannot be read as arithmetic"),
        ("lambda = 1", "no Python name is written as a symbol"),
        ("__import__('os').getcwd() = 1", r"holds '__import__\('os'\).getcwd\(\)', which is not understood"),
        ("f(a) = 1", r"holds 'f\(a\)', which is not understood. Use names of parameters, numbers, .* exp, log, sqrt"),
        ("a = True", "holds 'True', which is not understood"),
        ("a = 'b'", "holds ''b'', which is not understood"),
        (pt.eq(w, 0), "has 2 dimension"),
        (pt.eq(a, pt.dscalar("x")), "depends on 'x', which is no parameter. Use numbers in place of data"),
        (pt.eq(Beta("a") + a, 1), "more than one parameter: a"),
    ],
)
def test_faults_of_relations_are_named(statement: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        constraint(statement)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("bb / a", "'bb / a' names 'bb', which is no parameter of the model. Did you mean b"),
        ("w[0, 7]", "names 'w.0, 7.', which is no parameter of the model. Did you mean w.0, "),
        ("price", "The parameters are b, a, w"),
        (w(), "w has 2 dimension.*elements such as w.0, 1."),
        (None, "Expected text such as 'b_time / b_cost' or an expression of parameters, found None"),
        (Beta("d") / a, "'d / a' names 'd'"),
    ],
)
def test_faults_of_functions_are_named(expression: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        function(expression)


def test_relations_that_do_not_fit_a_model() -> None:
    with pytest.raises(ModelError, match="'aa = 1' names 'aa', which is no parameter of the model. Did you mean a"):
        matrix([constraint("aa = 1")], LABELS, {})
    with pytest.raises(ModelError, match="'c = 1' is about fixed parameters only. Free one of them"):
        matrix([constraint("c = 1")], LABELS, {"c": 2.5})
