"""Transformations of columns against closed forms and many digits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import mpmath
import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.engine.linear import linear_form
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import ModelError, OptimizerError
from pycmtensor.expressions import Beta
from tests.conftest import MODES


@pytest.fixture(scope="module")
def box_cox() -> Any:
    """Value and derivatives up to the second as functions of x and lambda."""
    x, power = pt.dscalars("x", "power")
    lowered = lower([x, power], [cmt.box_cox(x, power)])

    def value(*at: float) -> Any:
        return lowered(*at)[0]

    derivatives = jax.jit(lambda *at: (value(*at), jax.grad(value, (0, 1))(*at), jax.hessian(value, (0, 1))(*at)))
    return in_64_bits(derivatives)


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(1e-3, 1e3), power=st.one_of(st.floats(-3, 3), st.floats(-1e-6, 1e-6)).filter(lambda p: abs(p) > 1e-9)
)
@example(x=0.5, power=1.0)  # the second derivative with x is 0
@example(x=0.001, power=1.0)
@example(x=900.0, power=-2.9)
def test_box_cox_and_its_derivatives_in_many_digits(box_cox: Any, x: float, power: float) -> None:
    value, slope, bend = box_cox(x, power)
    with mpmath.workdps(60):
        z, p = mpmath.mpf(x), mpmath.mpf(power)
        log_x, y = mpmath.log(z), z**p
        truth = [(y - 1) / p, y / z, (p * y * log_x - y + 1) / p**2, (p - 1) * y / z**2, y * log_x / z]
        truth.append(y * log_x**2 / p - 2 * y * log_x / p**2 + 2 * (y - 1) / p**3)
    found = np.array([value, *slope, bend[0][0], bend[0][1], bend[1][1]])
    np.testing.assert_allclose(found, np.array(truth, dtype=float), rtol=1e-12, atol=1e-15)


def test_box_cox_at_zero_is_the_logarithm(box_cox: Any) -> None:
    """d / d lambda = log(x)^2 / 2 and d^2 / d lambda^2 = log(x)^3 / 3."""
    for x in (0.01, 0.5, 1.0, 3.0, 200.0):
        value, slope, bend = box_cox(x, 0.0)
        log_x = np.log(x)
        np.testing.assert_allclose([value, *slope], [log_x, 1 / x, log_x**2 / 2], rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose([bend[0][1], bend[1][1]], [log_x / x, log_x**3 / 3], rtol=1e-14, atol=1e-16)


def test_a_model_with_box_cox(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(pd.concat([trips] * 5), "mode", MODES)
    b, power = Beta("b", -0.1), Beta("power", 0.0)
    V = {name: b * cmt.box_cox(ds[f"t_{name}"], power) for name in MODES}
    engine = LocalEvaluator(cmt.MNL(ds, V))
    at_log = cmt.MNL(ds, {name: b * pt.log(ds[f"t_{name}"]) for name in MODES})
    assert engine.value(np.array([-0.1, 0.0])) == pytest.approx(
        LocalEvaluator(at_log).value(np.array([-0.1])), rel=1e-14
    )
    assert np.isfinite(engine.second_order(np.array([-0.1, 0.0])).hessian).all()


def test_what_has_no_box_cox(trips: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="box_cox takes positive numbers, found 0.0"):
        cmt.box_cox(0.0, Beta("power"))
    ds = cmt.Dataset(trips.assign(t_car=[1, 0, 3, 4, 5, 6]), "mode", MODES)
    model = cmt.MNL(ds, {"car": cmt.box_cox(ds["t_car"], Beta("power", 1.0)), "bus": 0})
    with pytest.raises(OptimizerError, match="utility of 'car' is not finite in row 1"):
        cmt.estimate(model)


@settings(max_examples=30, deadline=None)
@given(x=st.floats(-50, 50), seed=st.integers(0, 10_000), K=st.integers(2, 5))
def test_pieces_are_the_integral_of_their_slopes(x: float, seed: int, K: int) -> None:
    rng = np.random.default_rng(seed)
    knots, slopes = np.sort(rng.uniform(-30, 30, K - 1)).tolist(), rng.normal(size=K)
    value = float(cmt.piecewise_linear(x, knots, [pt.constant(s) for s in slopes]).eval())
    turns = np.array([knots[0], *(c for c in knots if knots[0] < c < x), max(x, knots[0])])
    expected = slopes[0] * min(x, knots[0])
    for start, end in pairwise(turns):
        expected += slopes[np.searchsorted(knots, (start + end) / 2)] * (end - start)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_pieces_of_one_slope_are_a_line_and_linear_in_slopes(ds: cmt.Dataset) -> None:
    slopes = [Beta("b1"), Beta("b2"), Beta("b3")]
    pieces = cmt.piecewise_linear(ds["t_car"], [15, 25], slopes)
    for slope in slopes:
        slope.set_value(-0.3)
    np.testing.assert_allclose(pieces.eval({ds["t_car"]: ds.array("t_car")}), -0.3 * ds.array("t_car"), rtol=1e-14)
    form = linear_form(pieces, [slope() for slope in slopes])
    assert form is not None
    assert set(form) - {None} == {slope() for slope in slopes}


@pytest.mark.parametrize(
    ("knots", "slopes", "message"),
    [
        ([30, 10], [1, 2, 3], r"finite numbers in rising order, found \[30, 10\]"),
        ([10, 10], [1, 2, 3], "in rising order"),
        ([], [1], "in rising order"),
        ([np.inf], [1, 2], "finite numbers"),
        ([Beta("c")], [1, 2], "finite numbers"),
        ([10, 30], [1, 2], r"2 knot\(s\) make 3 pieces with a slope each, found 2 slope"),
    ],
)
def test_pieces_that_do_not_fit(knots: list[Any], slopes: list[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cmt.piecewise_linear(1.0, knots, slopes)
