"""The trust-region method on functions with known maxima; a five-line fake stands for the engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import lsq_linear, minimize, rosen, rosen_der, rosen_hess
from scipy.special import expit

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import FirstOrder, KnownIndividuals, SecondOrder
from pycmtensor.estimation.curvature import newton_distance
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.trust_region import trust_region
from pycmtensor.exceptions import OptimizerError

Array = NDArray[np.floating]


NOBODY = KnownIndividuals(np.zeros((1, 1)), np.zeros(1), np.zeros(1))


class Fake:
    """A function to maximise, given by minus its value, gradient and Hessian."""

    def __init__(self, f: Callable, g: Callable, H: Callable, size: int) -> None:
        self.f, self.g, self.H, self.labels = f, g, H, tuple(f"x{i}" for i in range(size))

    def value(self, theta: Array) -> float:
        return -self.f(theta)

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        return -self.f(theta), -self.g(theta)

    def probabilities(self, theta: Array) -> Array:
        return np.empty((0, 1, 1))  # a function has no alternatives

    def first_order(self, theta: Array) -> FirstOrder:
        return FirstOrder(NOBODY, *self.value_and_grad(theta), np.eye(len(theta)))

    def second_order(self, theta: Array) -> SecondOrder:
        return SecondOrder(NOBODY, -self.f(theta), -self.g(theta), -self.H(theta))


ROSENBROCK = Fake(rosen, rosen_der, rosen_hess, 4)
FREE = np.full(4, np.inf)


@given(share=st.floats(0.02, 0.98), start=st.floats(-3, 3), persons=st.sampled_from([4, 1_000]))
def test_estimates_are_nearer_than_the_tolerance_asks(share: float, start: float, persons: int) -> None:
    """The constant of an alternative that a share of all persons take is log(share / (1 - share))."""
    logit = Fake(
        lambda x: persons * float(np.logaddexp(0, x)[0] - share * x[0]),
        lambda x: persons * (expit(x) - share),
        lambda x: persons * np.atleast_2d(expit(x) * (1 - expit(x))),
        1,
    )
    best = trust_region(Search(logit, np.array([start]), (-FREE[:1], FREE[:1])))
    assert best.outcome.converged
    np.testing.assert_allclose(best.theta, np.log(share / (1 - share)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("start", [[-1.2, 1, -1.2, 1], [3, -3, 3, -3], [0, 0, 0, 0], [100, -50, 20, 7]])
def test_rosenbrock_from_everywhere(start: list[float]) -> None:
    best = trust_region(Search(ROSENBROCK, np.array(start, float), (-FREE, FREE)))
    assert best.outcome.converged
    assert newton_distance(rosen_der(best.theta), rosen_hess(best.theta)) <= 1e-7  # what the method promises
    assert np.linalg.eigvalsh(rosen_hess(best.theta))[0] > 0  # a minimum: the global or scipy's known local one


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_quadratics_in_boxes_are_solved_like_bounded_least_squares(seed: int) -> None:
    """|Ax - b|^2 / 2 in a box: scipy's lsq_linear is the truth. Some boxes have equal or one-sided bounds."""
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(8, 4)) * 10 ** rng.uniform(-3, 3, 4), rng.normal(size=8)
    unbounded = np.linalg.lstsq(A, b, rcond=None)[0]
    lb = unbounded + rng.uniform(-1, 0.5, 4) * np.abs(unbounded)
    ub = lb + rng.choice([0.3, 1, np.inf], 4) * np.abs(unbounded)
    lb[rng.random(4) < 0.3] = -np.inf
    truth = lsq_linear(A, b, (lb, ub), method="bvls", tol=1e-14).x
    engine = Fake(lambda x: ((A @ x - b) ** 2).sum() / 2, lambda x: A.T @ (A @ x - b), lambda x: A.T @ A, 4)
    best = trust_region(Search(engine, np.clip(np.zeros(4), lb, ub), (lb, ub)))
    assert best.outcome.converged
    np.testing.assert_allclose(best.theta, truth, rtol=1e-6, atol=1e-8 * np.abs(unbounded).max())
    pushes = np.abs(A.T @ (A @ truth - b)) > 1e-6 * np.linalg.norm(A, axis=0)
    assert (best.at_bound[pushes]).all()


def test_bounded_rosenbrock_agrees_with_scipy() -> None:
    lb, ub = np.array([-2, -2, -2, -2.0]), np.array([0.5, 2, 2, 2])
    best = trust_region(Search(ROSENBROCK, np.full(4, -1.0), (lb, ub)))
    options = {"maxiter": 10_000, "ftol": 1e-15, "gtol": 1e-12}
    truth = minimize(rosen, best.theta, jac=rosen_der, bounds=list(zip(lb, ub, strict=True)), options=options)
    assert best.outcome.converged
    assert best.at_bound.tolist() == [True, False, False, False]
    assert "x0 at a bound" in best.outcome.reason
    np.testing.assert_allclose(best.theta, truth.x, atol=1e-5)


def test_saddle_points_are_left() -> None:
    """x^4 + y^4 - x^2 + y^2 has a saddle at 0, where the gradient vanishes, and minima at x = -+1 / sqrt(2)."""
    engine = Fake(
        lambda x: x[0] ** 4 + x[1] ** 4 - x[0] ** 2 + x[1] ** 2,
        lambda x: np.array([4 * x[0] ** 3 - 2 * x[0], 4 * x[1] ** 3 + 2 * x[1]]),
        lambda x: np.diag([12 * x[0] ** 2 - 2, 12 * x[1] ** 2 + 2]),
        2,
    )
    best = trust_region(Search(engine, np.zeros(2), (-FREE[:2], FREE[:2])))
    assert best.outcome.converged
    assert abs(best.theta[0]) == pytest.approx(np.sqrt(0.5), rel=1e-7)


def test_values_that_are_not_finite_shorten_the_step() -> None:
    """-log(1 - x) - x from the left of a wall: the Newton step from -50 jumps behind it."""
    engine = Fake(
        lambda x: -np.log(x[0]) + x[0] if x[0] > 0 else np.nan,
        lambda x: np.array([-1 / x[0] + 1]),
        lambda x: np.array([[1 / x[0] ** 2]]),
        1,
    )
    best = trust_region(Search(engine, np.array([50.0]), (-FREE[:1], FREE[:1])))
    assert best.outcome.converged
    assert best.theta[0] == pytest.approx(1, rel=1e-7)


def test_running_out_of_iterations_is_no_convergence() -> None:
    best = trust_region(Search(ROSENBROCK, np.array([-1.2, 1, -1.2, 1]), (-FREE, FREE), max_iterations=3))
    assert not best.outcome.converged
    assert "3 iterations" in best.outcome.reason
    assert best.outcome.remedy


def test_a_start_without_a_value_is_an_error() -> None:
    engine = Fake(lambda x: np.nan, lambda x: x, lambda x: np.eye(1), 1)
    with pytest.raises(OptimizerError, match="not finite at the start values {'x0': 2.0}"):
        trust_region(Search(engine, np.array([2.0]), (-FREE[:1], FREE[:1])))


@given(scale=st.floats(1e-8, 1e8))
def test_the_distance_has_no_unit(scale: float) -> None:
    g, H = np.array([0.3, -0.2]), np.array([[2.0, 0.5], [0.5, 1.0]])
    D = np.array([scale, 1.0])
    expected = np.sqrt(g @ np.linalg.solve(H, g))
    assert newton_distance(g * D, H * np.outer(D, D)) == pytest.approx(expected, rel=1e-9)
    assert newton_distance(g, np.diag([1.0, -1.0])) == np.inf


def test_a_gradient_that_promises_what_the_value_does_not_keep_is_a_stall() -> None:
    engine = Fake(lambda x: 1.0, lambda x: np.ones(1), lambda x: np.eye(1), 1)
    best = trust_region(Search(engine, np.zeros(1), (-FREE[:1], FREE[:1])))
    assert not best.outcome.converged
    assert "no step raises the log-likelihood; a maximum is about 1 standard errors away" in best.outcome.reason
    assert not best.outcome.near_maximum


def test_a_stall_beside_the_maximum_is_the_maximum() -> None:
    """Values without their last digits hide the gain of the last step, 3e-12, and the gradient is a little off."""
    engine = Fake(lambda x: round(0.5 * x[0] ** 2, 6) + 5, lambda x: x + 1e-6, lambda x: np.eye(1), 1)
    best = trust_region(Search(engine, np.array([1.0]), (-FREE[:1], FREE[:1]), tolerance=1e-12))
    assert best.outcome.converged
    assert abs(best.theta[0]) < 1e-4


def test_columns_of_any_size_from_starts_far_away() -> None:
    """Minutes and francs as they are, all parameters from 1: utilities of thousands, which saturate the likelihood."""
    frame = cmt.datasets.load("swissmetro")
    frame = frame[frame.PURPOSE.isin([1, 3]) & (frame.CHOICE != 0)]
    ds = cmt.Dataset(frame, choice="CHOICE", alternatives={"train": 1, "sm": 2, "car": 3})
    b_time, b_cost = cmt.Beta("b_time", 1.0), cmt.Beta("b_cost", 1.0)
    without_pass = pt.eq(ds["GA"], 0)
    V = {
        "train": cmt.Beta("asc_train", 1.0) + b_time * ds["TRAIN_TT"] + b_cost * ds["TRAIN_CO"] * without_pass,
        "sm": b_time * ds["SM_TT"] + b_cost * ds["SM_CO"] * without_pass,
        "car": cmt.Beta("asc_car", 1.0) + b_time * ds["CAR_TT"] + b_cost * ds["CAR_CO"],
    }
    availability = {"train": ds["TRAIN_AV"], "car": ds["CAR_AV"]}
    results = cmt.estimate(cmt.MNL(ds, V, availability))
    assert results.llf == pytest.approx(-5331.252007, abs=1e-6)  # that of the example, with scaled columns
    assert len(results.history) <= 30


@pytest.mark.parametrize("start", [0.0, 0.1, 0.5])
def test_random_coefficients_from_small_spreads(start: float) -> None:
    """From spreads of 0 the log-likelihood has no maximum in the first models; 200 iterations were too few once."""
    frame = cmt.datasets.load("swissmetro")
    frame = frame[frame.PURPOSE.isin([1, 3]) & (frame.CHOICE != 0)]
    alternatives = {"train": 1, "sm": 2, "car": 3}
    ds = cmt.Dataset(frame, choice="CHOICE", alternatives=alternatives, individual="ID")
    asc_train, asc_car, time, cost = (
        normal(name, cmt.Beta(name), cmt.Beta(f"sd_{name}", start)) for name in ("train", "car", "time", "cost")
    )
    without_pass = pt.eq(ds["GA"], 0)
    V = {
        "train": asc_train + time * ds["TRAIN_TT"] / 100 + cost * ds["TRAIN_CO"] * without_pass / 100,
        "sm": time * ds["SM_TT"] / 100 + cost * ds["SM_CO"] * without_pass / 100,
        "car": asc_car + time * ds["CAR_TT"] / 100 + cost * ds["CAR_CO"] / 100,
    }
    model = cmt.MixedLogit(ds, V, {"train": ds["TRAIN_AV"], "car": ds["CAR_AV"]}, draws=50)
    results = cmt.estimate(model)
    assert results.outcome.converged
    assert len(results.history) <= 60
