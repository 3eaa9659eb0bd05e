"""Every method of maximum likelihood against the same truths: NumPy's estimates, functions with known maxima, boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytensor
import pytest
from scipy.optimize import lsq_linear, rosen_der

import pycmtensor as cmt
from pycmtensor.engine import FirstOrder, SecondOrder
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.estimation.fit import Iterate
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.methods import METHODS
from pycmtensor.exceptions import NotConvergedWarning, OptimizerError
from tests.conftest import MODES
from tests.estimation.test_trust_region import FREE, ROSENBROCK, Fake

LEARNING = ["trust-region", "newton", "bfgs", "lbfgs"]  # BHHH needs scores, which the fakes have not


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_published_maximum(
    swissmetro: cmt.MNL, swissmetro_results: cmt.Results, method: str
) -> None:
    results = cmt.estimate(swissmetro, method=method)
    assert results.outcome.ending == "maximum"
    assert results.fit.method == method
    assert results.llf == pytest.approx(-5331.252006916, abs=1e-6)
    distance = (results.params - swissmetro_results.params) / swissmetro_results.bse
    assert distance.abs().max() < 1e-4
    assert results.history.llf.iloc[-1] == pytest.approx(results.llf, abs=1e-6)
    pd.testing.assert_series_equal(results.bse, swissmetro_results.bse, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_respects_bounds(trips: pd.DataFrame, method: str) -> None:
    """The free estimate of b is positive; with ub=0 it is 0, and half of six trips are by car."""
    ds = cmt.Dataset(trips, "mode", MODES)
    asc, b = cmt.Beta("asc", 0.3), cmt.Beta("b", -1.0, ub=0.0)
    results = cmt.estimate(cmt.MNL(ds, {"car": asc + b * ds["t_bus"], "bus": b * ds["t_car"]}), method=method)
    assert results.outcome.ending == "maximum at a bound"
    assert results.params["b"] == 0
    assert results.params["asc"] == pytest.approx(0, abs=1e-4)
    assert results.llf == pytest.approx(6 * np.log(0.5), abs=1e-8)


@pytest.mark.parametrize("method", LEARNING)
@pytest.mark.parametrize("start", [[-1.2, 1, -1.2, 1], [3, -3, 3, -3], [0, 0, 0, 0]])
def test_rosenbrock(method: str, start: list[float]) -> None:
    best = METHODS[method](Search(ROSENBROCK, np.array(start, float), (-FREE, FREE), max_iterations=500))
    assert best.outcome.converged
    assert np.abs(rosen_der(best.theta)).max() < 1e-2
    assert best.outcome.evidence.startswith("largest derivative")


@pytest.mark.parametrize("method", LEARNING)
@pytest.mark.parametrize("seed", range(5))
def test_boxes_are_solved_like_bounded_least_squares(method: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(8, 4)) * 10 ** rng.uniform(-2, 2, 4), rng.normal(size=8)
    unbounded = np.linalg.lstsq(A, b, rcond=None)[0]
    lb = unbounded + rng.uniform(-1, 0.5, 4) * np.abs(unbounded)
    ub = lb + rng.choice([0.3, 1, np.inf], 4) * np.abs(unbounded)
    truth = lsq_linear(A, b, (lb, ub), method="bvls", tol=1e-14).x
    engine = Fake(lambda x: ((A @ x - b) ** 2).sum() / 2, lambda x: A.T @ (A @ x - b), lambda x: A.T @ A, 4)
    best = METHODS[method](Search(engine, np.clip(np.zeros(4), lb, ub), (lb, ub), max_iterations=500))
    assert best.outcome.converged
    np.testing.assert_allclose((best.theta - truth) * np.linalg.norm(A, axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_too_few_iterations_are_no_convergence(swissmetro: cmt.MNL, method: str) -> None:
    with pytest.warns(NotConvergedWarning, match="stopped after 2 iterations"):
        results = cmt.estimate(swissmetro, method=method, max_iterations=2)
    assert results.outcome.ending == "iteration limit"
    assert results.outcome.remedy.startswith("Raise max_iterations")
    assert len(results.history) == 3


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_method_returns_its_best_point(swissmetro: cmt.MNL, method: str) -> None:
    engine, seen = LocalEvaluator(swissmetro), 0  # the fourth evaluation is the last that is finished

    class Interrupted(LocalEvaluator):
        def value_and_grad(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
            self.count()
            return super().value_and_grad(theta)

        def count(self) -> None:
            nonlocal seen
            seen += 1
            if seen == 5:
                raise KeyboardInterrupt

        def first_order(self, theta: np.ndarray) -> FirstOrder:
            self.count()
            return super().first_order(theta)

        def second_order(self, theta: np.ndarray) -> SecondOrder:
            self.count()
            return super().second_order(theta)

    best = METHODS[method](Search(Interrupted(swissmetro), np.zeros(4), (-FREE, FREE)))
    assert best.outcome.ending == "interrupted"
    assert "Go on from here" in best.outcome.remedy
    assert best.at.value > engine.value(np.zeros(4))


@pytest.mark.parametrize("method", METHODS)
def test_a_start_without_a_value_is_an_error(method: str) -> None:
    engine = Fake(lambda x: np.nan, lambda x: x, lambda x: np.eye(1), 1)
    with pytest.raises(OptimizerError, match="not finite at the start values {'x0': 2.0}"):
        METHODS[method](Search(engine, np.array([2.0]), (-FREE[:1], FREE[:1])))


def test_what_the_exact_hessian_does_not_confirm_is_no_convergence() -> None:
    """With this tolerance BFGS takes the start for the maximum."""
    engine = Fake(lambda x: (x**4).sum(), lambda x: 4 * x**3, lambda x: np.diag(12 * x**2), 1)
    iterates: list[Iterate] = []
    search = Search(engine, np.array([1.0]), (-FREE[:1], FREE[:1]), report=iterates.append)
    best = METHODS["bfgs"](replace(search, tolerance=10))
    assert not best.outcome.converged
    assert best.outcome.ending == "stalled"
    assert len(iterates) == len(best.path)


@pytest.mark.parametrize(
    ("method", "within"), [("trust-region", 1e-3), ("newton", 1e-3), ("bfgs", 2e-3), ("bhhh", 2e-3)]
)
def test_single_precision_finds_the_maximum_as_far_as_it_can_tell(method: str, within: float) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=500), (rng.random(500) < 0.4).astype(int)
    found = {}
    for dtype in ("float64", "float32"):
        with pytensor.config.change_flags(floatX=dtype):
            ds = cmt.Dataset(pd.DataFrame({"y": y, "x": x}), "y", {"a": 1, "b": 0})
            asc, b = cmt.Beta("asc"), cmt.Beta("b")
            found[dtype] = cmt.estimate(cmt.MNL(ds, {"a": asc + b * ds["x"], "b": 0}), method=method)
    assert found["float32"].fit.scores.dtype == np.float32
    assert found["float32"].outcome.converged
    distance = (found["float32"].params - found["float64"].params) / found["float64"].bse
    assert distance.abs().max() < within
