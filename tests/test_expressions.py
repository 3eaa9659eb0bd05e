"""Parameters behave like the numbers they hold, on both sides of every operator."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import INITIALISERS, Beta, Bias, Parameter, TensorVariable, Weight, Weights, parameters_of

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
numbers = st.floats(0.1, 10)


def value(expression: Any) -> Any:
    return expression.eval(mode=pytensor.compile.mode.Mode(linker="py", optimizer=None))


@pytest.mark.parametrize("op", OPERATORS)
@settings(deadline=None)
@given(a=numbers, b=numbers)
def test_operators_are_those_of_numbers(op: Callable[[Any, Any], Any], a: float, b: float) -> None:
    beta = Beta("beta", a)
    assert value(op(beta, b)) == pytest.approx(op(a, b))
    assert value(op(b, beta)) == pytest.approx(op(b, a))
    assert value(op(beta, pt.constant(b))) == pytest.approx(op(a, b))
    assert value(op(pt.constant(b), beta)) == pytest.approx(op(b, a))
    np.testing.assert_allclose(value(op(np.array([b, b]), beta)), op(b, a))
    np.testing.assert_allclose(value(op(beta, np.array([b, b]))), op(a, b))


@pytest.mark.parametrize("op", [operator.le, operator.ge, operator.lt, operator.gt])
@settings(deadline=None)
@given(a=numbers, b=numbers)
def test_comparisons_are_symbols(op: Callable[[Any, Any], Any], a: float, b: float) -> None:
    beta = Beta("beta", a)
    assert value(op(beta, b)) == op(a, b)
    assert value(op(b, beta)) == op(b, a)
    assert value(op(pt.constant(b), beta)) == op(b, a)
    anything: Any = b
    assert (beta == anything) is False
    assert (beta == beta) is True


def test_unary_operators_and_functions() -> None:
    beta = Beta("beta", -2.0)
    assert (value(-beta), value(abs(beta)), value(+beta), value(pt.exp(beta))) == (2, 2, -2, np.exp(-2.0))


def test_matrix_products_and_elements() -> None:
    w = Weight("w", (2, 2), value=[[1.0, 2.0], [3.0, 4.0]])
    x = np.array([1.0, -1.0])
    np.testing.assert_array_equal(value(w @ x), [-1, -1])
    np.testing.assert_array_equal(value(x @ w), [-2, -2])
    assert value(w[0, 1]) == 2.0


def test_values_can_be_read_set_and_reset() -> None:
    beta = Beta("beta", 1.0, lb=0, ub=3)
    beta.set_value(2)
    assert (float(beta.get_value()), float(beta().get_value())) == (2.0, 2.0)
    beta.reset_value()
    assert float(beta.get_value()) == 1.0
    with pytest.raises(ModelError, match=r"outside its bounds \[0, 3\]"):
        beta.set_value(4)


def test_bounds_of_zero_are_bounds() -> None:
    assert (Beta("a", lb=0).lb, Beta("a", ub=0).ub) == (0.0, 0.0)
    with pytest.raises(ModelError, match="outside its bounds"):
        Beta("a", -1.0, lb=0)
    with pytest.raises(ModelError, match="outside its bounds"):
        Beta("a", 1.0, ub=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Beta(""), "needs a name"),
        (lambda: Beta("b", 0.0, lb=1, ub=-1), "lower bound 1 is above the upper bound -1"),
        (lambda: Beta("b", float("nan")), "must be finite"),
        (lambda: Beta("b", "much"), "must be a number"),  # type: ignore[arg-type]
        (lambda: Beta("b", status=2), "status is 0 .* or 1"),
        (lambda: Beta("b", lb="low"), "lb must be a number or None"),  # type: ignore[arg-type]
        (lambda: Beta("b", [1.0, 2.0]), "single number"),  # type: ignore[arg-type]
        (lambda: Weight("w", (2, 3), value=np.zeros((3, 2))), r"size=\(2, 3\) was asked, the value has the shape"),
        (lambda: Weight("w", (2, 0)), "whole numbers of at least 1"),
        (lambda: Weight("w", 2, init_type="magic"), "one of zeros, identity, he_normal"),
        (lambda: Weight("w", 2).set_value(np.zeros(3)), r"shape \(2,\), the new value has the shape \(3,\)"),
    ],
)
def test_faults_are_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()


def test_start_values_of_weights_have_the_spread_of_their_papers() -> None:
    size = (400, 100)
    deviation = {name: float(Weight("w", size, init_type=name, seed=1).get_value().std()) for name in INITIALISERS}
    assert deviation.pop("zeros") == 0
    assert deviation.pop("identity") == pytest.approx(np.eye(*size).std())
    he, glorot = np.sqrt(2 / 400), np.sqrt(2 / 500)
    expected = {"he_normal": he, "he_uniform": he, "glorot_normal": glorot, "glorot_uniform": glorot}
    assert deviation == pytest.approx(expected, rel=0.02)


def test_weights_are_drawn_by_their_seed() -> None:
    first, again, other = (Weight("w", (3, 3), seed=s).get_value() for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert Weights is Weight
    assert not Bias("b", 4).get_value().any()


def test_float32_stays_float32() -> None:
    assert Weight("w", 2, value=np.ones(2, dtype="float32"))().dtype == "float32"
    assert Beta("b", 1)().dtype == pytensor.config.floatX


def test_a_graph_gives_its_parameters_back_in_the_order_of_creation() -> None:
    a, b, unused = Beta("a"), Weight("b", 2), Beta("unused")
    x = pt.vector("x")
    assert parameters_of((b() * x).sum() + pt.exp(a)) == [a, b]
    assert unused not in parameters_of([a(), b().sum()])


def test_two_parameters_with_one_name_are_an_error() -> None:
    with pytest.raises(ModelError, match="more than one parameter: a"):
        parameters_of(Beta("a") + Beta("a"))


def test_parameters_are_hashable_and_not_iterable() -> None:
    a = Beta("a")
    assert {a: 1}[a] == 1
    with pytest.raises(TypeError, match="not iterable"):
        list(a)  # type: ignore[call-overload]


def test_labels_name_every_number() -> None:
    assert Beta("b").labels() == ["b"]
    assert Weight("w", (1, 2)).labels() == ["w[0, 0]", "w[0, 1]"]


@pytest.mark.parametrize("make", [lambda: Beta("b"), lambda: Weight("w", (2, 3)), lambda: Bias("c", 2)])
def test_parameters_have_one_base_of_two_names(make: Callable[[], Parameter]) -> None:
    assert TensorVariable is Parameter
    assert isinstance(make(), TensorVariable)
