"""Newton steps with third derivatives, on cubic functions whose third derivatives are known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.estimation.quadratic import around
from pycmtensor.estimation.tensor_step import with_third_derivatives
from tests.estimation.test_trust_region import FREE, Fake

Array = NDArray[np.floating]


def cubic(seed: int, size: float) -> tuple[Fake, Array]:
    """g'x + x'Hx/2 + T[x, x, x]/6 with positive definite H, and its T (3, 3, 3)."""
    rng = np.random.default_rng(seed)
    A, g, third = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(3, 3, 3))
    H, T = A @ A.T + np.eye(3), size * np.mean([third.transpose(axes) for axes in permutations(range(3))], axis=0)
    return Fake(
        lambda x: g @ x + x @ H @ x / 2 + np.einsum("ijk,i,j,k", T, x, x, x) / 6,
        lambda x: g + H @ x + np.einsum("ijk,j,k", T, x, x) / 2,
        lambda x: H + np.einsum("ijk,k", T, x),
        3,
    ), T


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), back=st.floats(0.1, 3))
def test_along_the_last_step_third_derivatives_are_those_of_the_cubic(seed: int, back: float) -> None:
    engine, T = cubic(seed, size=0.05)
    free = (-FREE[:3], FREE[:3])
    here = around(engine, np.zeros(3), free)
    newton = here.step()
    expected = newton - 0.5 * np.linalg.solve(here.H, np.einsum("ijk,j,k", T, newton, newton))
    found = with_third_derivatives(newton, here, around(engine, -back * newton, free))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_across_the_last_step_they_are_those_that_it_tells_of() -> None:
    """x y^2 / 2 from a step along x: T[n, n] = (n_y^2, 2 n_x n_y), of which the last step knows the second."""
    engine = Fake(
        lambda z: (z @ z) / 2 + z[0] * z[1] ** 2 / 2 - 0.1 * z.sum(),
        lambda z: z - 0.1 + np.array([z[1] ** 2 / 2, z[0] * z[1]]),
        lambda z: np.eye(2) + np.array([[0, z[1]], [z[1], z[0]]]),
        2,
    )
    free = (-FREE[:2], FREE[:2])
    here, last = (around(engine, np.array(z, float), free) for z in ([0, 0], [-0.5, 0]))
    np.testing.assert_allclose(with_third_derivatives(here.step(), here, last), [0.1, 0.1 - 0.01], rtol=1e-12)


@pytest.mark.parametrize("why", ["the change is large", "a bound is near", "a bound holds x0"])
def test_newtons_step_stays_where(why: str) -> None:
    engine, _ = cubic(seed=1, size=20.0 if why == "the change is large" else 0.05)
    newton = around(engine, np.zeros(3), (-FREE[:3], FREE[:3])).step()
    lb, ub = -FREE[:3], FREE[:3].copy()
    if why == "a bound is near":
        ub[:] = np.where(newton > 0, newton, np.inf)
    if why == "a bound holds x0":
        lb, ub = (np.array([0, -np.inf, -np.inf]), ub) if newton[0] < 0 else (lb, np.array([0, np.inf, np.inf]))
    here, last = around(engine, np.zeros(3), (lb, ub)), around(engine, -newton, (-FREE[:3], FREE[:3]))
    step = here.step()
    np.testing.assert_array_equal(with_third_derivatives(step, here, last), step)


def test_the_swissmetro_logit_takes_an_evaluation_less_than_by_newtons_method(swissmetro: cmt.MNL) -> None:
    evaluations = {
        method: len(cmt.estimate(swissmetro, method=method).history) for method in ("newton", "trust-region")
    }
    assert evaluations["trust-region"] < evaluations["newton"]
