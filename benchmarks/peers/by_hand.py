"""The logit as somebody who knows JAX would write it in half an hour: classical and robust standard errors."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.data import Data, Table, as_arrays, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table))


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(as_arrays(table))


def estimation(data: Data) -> Callable[[], Estimate]:
    fit = newton(data)

    def estimate() -> Estimate:
        theta, llf, classical, _ = fit()
        return Estimate(llf, theta, np.sqrt(np.diag(classical)))

    return estimate


def newton(data: Data) -> Callable[[], tuple[np.ndarray, float, np.ndarray, np.ndarray]]:
    """Estimates, log-likelihood, classical and robust covariance."""
    jax.config.update("jax_enable_x64", True)
    K = data[0].shape[2]
    on_device = tuple(map(jnp.asarray, data))

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

    def fit() -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
        theta = np.zeros(K)
        while True:
            value, gradient, hessian = map(np.asarray, step(theta, *on_device))
            if np.abs(gradient).max() < 1e-6:
                break
            theta = theta - np.linalg.solve(hessian, gradient)
        s = np.asarray(scores(theta, *on_device))
        bread = np.linalg.inv(-hessian)
        return theta, float(value), bread, bread @ (s.T @ s) @ bread

    return fit


if __name__ == "__main__":
    serve(swissmetro, synthetic)
