"""The Swissmetro logit: cold start of a whole process, and a second estimation beside a hand-written one."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import pycmtensor as cmt
from benchmarks.timing import Comparison, interleaved, process
from examples.swissmetro_mnl import ds, model

TABLE = """
import pycmtensor as cmt
from examples.swissmetro_mnl import model
print(cmt.estimate(model).summary(), flush=True)
"""
IMPORTS = "import pytensor, jax"


def cold_start() -> Comparison:
    """From the start of the process to the last line of the table, nothing compiled before."""
    return interleaved(
        "Swissmetro logit, process start to table, against `import pytensor, jax`",
        process(TABLE, until=b"Estimated by"),
        process(IMPORTS),
        bound=2.5,
        repeats=9,
    )


def cold_process() -> Comparison:
    """The same to the end of the process, which has to clear away what it imported and compiled."""
    return interleaved("the same to the end of the process", process(TABLE), process(IMPORTS), bound=None, repeats=9)


def second_estimation() -> Comparison:
    """Estimates, classical and robust covariance, all compiled before, on both sides."""
    by_hand = newton_by_hand()
    theta, llf, robust = by_hand()
    results = cmt.estimate(model)
    np.testing.assert_allclose(results.llf, llf, rtol=1e-12)
    np.testing.assert_allclose(results.params, theta, atol=1e-8)
    np.testing.assert_allclose(results.cov_params("robust"), robust, rtol=1e-6)
    return interleaved(
        "Swissmetro logit, second estimation, against hand-written JAX Newton",
        lambda: cmt.estimate(model).standard_errors("robust"),
        by_hand,
        bound=1.0,
        repeats=51,
    )


def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Attributes (N, J, K), availability (N, J) and the position of the choice (N,)."""

    def column(name: str) -> np.ndarray:
        return ds.array(name)[0, :, 0]

    time = np.stack([column("TRAIN_TT"), column("SM_TT"), column("CAR_TT")], axis=1) / 100
    cost = np.stack([column("TRAIN_COST"), column("SM_COST"), column("CAR_CO")], axis=1) / 100
    n = len(time)
    X = np.zeros((n, 3, 4))
    X[:, 0, 0], X[:, 2, 1], X[:, :, 2], X[:, :, 3] = 1, 1, time, cost
    available = np.stack([column("TRAIN_OPEN"), column("SM_AV"), column("CAR_OPEN")], axis=1) != 0
    chosen = column("CHOICE").astype(int) - 1
    return X, available, chosen


def newton_by_hand() -> Callable[[], tuple[np.ndarray, float, np.ndarray]]:
    """The same model as somebody who knows JAX would write it in half an hour."""

    data = tuple(map(jnp.asarray, arrays()))

    def logprob(theta: jax.Array, X: jax.Array, available: jax.Array, chosen: jax.Array) -> jax.Array:
        V = jnp.where(available, X @ theta, -jnp.inf)
        return jnp.take_along_axis(jax.nn.log_softmax(V), chosen[:, None], axis=1)[:, 0]

    def total(theta: jax.Array, *data: jax.Array) -> jax.Array:
        return logprob(theta, *data).sum()

    @jax.jit
    def step(theta: jax.Array, *data: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        value, gradient = jax.value_and_grad(total)(theta, *data)
        hessian = jax.hessian(total)(theta, *data)
        return value, gradient, hessian

    scores = jax.jit(jax.vmap(jax.grad(lambda t, *d: logprob(t, *(x[None] for x in d))[0]), in_axes=(None, 0, 0, 0)))

    def fit() -> tuple[np.ndarray, float, np.ndarray]:
        theta = np.zeros(4)
        while True:
            value, gradient, hessian = map(np.asarray, step(theta, *data))
            if np.abs(gradient).max() < 1e-6:
                break
            theta = theta - np.linalg.solve(hessian, gradient)
        s = np.asarray(scores(theta, *data))
        bread = np.linalg.inv(-hessian)
        return theta, float(value), bread @ (s.T @ s) @ bread

    return fit
