"""Logit and mixed logit as somebody who knows JAX would write them in half an hour, standard errors too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import qmc

from benchmarks.data import Data, Table, as_arrays, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table))


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(as_arrays(table))


def bootstrap(table: Table, variant: str) -> Callable[[], Estimate]:
    """Newton's method on every sample, from the estimates of the whole."""
    data = swissmetro_arrays(table)
    fit, rng, n = newton(data), np.random.default_rng(0), len(data[0])
    on_device = tuple(map(jnp.asarray, data))

    @jax.jit
    def step(theta: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        def total(theta: jax.Array) -> jax.Array:
            return weights @ logprob(theta, *on_device)

        return jax.grad(total)(theta), jax.hessian(total)(theta)

    def sample(theta: np.ndarray) -> np.ndarray:
        weights = np.bincount(rng.integers(n, size=n), minlength=n).astype(float)
        while True:
            gradient, hessian = map(np.asarray, step(theta, weights))
            if np.abs(gradient).max() < 1e-3:
                return theta
            theta = theta - np.linalg.solve(hessian, gradient)

    def estimate() -> Estimate:
        theta, llf, _, _ = fit()
        return Estimate(llf, theta, np.std([sample(theta) for _ in range(200)], axis=0, ddof=1))

    return estimate


def nested(table: Table, variant: str) -> Callable[[], Estimate]:
    """Train and car in a nest: BFGS with the exact gradient, then the exact Hessian."""
    jax.config.update("jax_enable_x64", True)
    X, available, chosen = map(jnp.asarray, swissmetro_arrays(table))
    K, existing = X.shape[2], jnp.asarray([0, 2])

    @jax.jit
    def cost(theta: jax.Array) -> jax.Array:
        mu = theta[K]
        V = jnp.where(available, X @ theta[:K], -1e9)
        within = mu * V[:, existing]
        inclusive = jax.nn.logsumexp(within, axis=1)
        nests = jax.nn.log_softmax(jnp.stack([V[:, 1], inclusive / mu], axis=1))
        in_nest = nests[:, 1:] + within - inclusive[:, None]
        logP = jnp.stack([in_nest[:, 0], nests[:, 0], in_nest[:, 1]], axis=1)
        return -jnp.take_along_axis(logP, chosen[:, None], axis=1).sum()

    value_and_grad, hessian = jax.jit(jax.value_and_grad(cost)), jax.jit(jax.hessian(cost))

    def both(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_grad(theta)
        return float(value), np.asarray(gradient)

    def estimate() -> Estimate:
        found = minimize(both, np.r_[np.zeros(K), 1.0], jac=True, method="BFGS", options={"gtol": 1e-3})
        return Estimate(-found.fun, found.x, np.sqrt(np.diag(np.linalg.inv(hessian(found.x)))))

    return estimate


def swissmetro_mixed(table: Table, variant: str) -> Callable[[], Estimate]:
    return mixed(swissmetro_arrays(table), [2], np.arange(len(table["CHOICE"])), 500)


def swissmetro_panel(table: Table, variant: str) -> Callable[[], Estimate]:
    return mixed(swissmetro_arrays(table), [2], table["ID"], 500)


def electricity(table: Table, variant: str) -> Callable[[], Estimate]:
    data = as_arrays(table)
    return mixed(data, range(data[0].shape[2]), table["person"], 600)


def mixed(data: Data, random: Sequence[int], persons: np.ndarray, draws: int) -> Callable[[], Estimate]:
    """Mixed logit with normal coefficients at the places ``random``: the whole sample at once, BFGS, exact Hessian."""
    jax.config.update("jax_enable_x64", True)
    X, available, chosen = map(jnp.asarray, data)
    K, (_, person) = X.shape[2], np.unique(persons, return_inverse=True)
    N = person.max() + 1
    u = qmc.Halton(len(random), seed=0).random(N * draws)
    z = jnp.asarray(ndtri(u).reshape(N, draws, len(random)))[person]
    places = jnp.asarray(random)

    @jax.jit
    def cost(theta: jax.Array) -> jax.Array:
        beta = jnp.broadcast_to(theta[:K], (*z.shape[:2], K)).at[:, :, places].add(theta[K:] * z)
        V = jnp.where(available[:, :, None], jnp.einsum("njk,nrk->njr", X, beta), -jnp.inf)
        logP = jnp.take_along_axis(jax.nn.log_softmax(V, axis=1), chosen[:, None, None], axis=1)[:, 0]
        of_person = jax.ops.segment_sum(logP, person, N)
        return -(jax.nn.logsumexp(of_person, axis=1) - jnp.log(draws)).sum()

    value_and_grad = jax.jit(jax.value_and_grad(cost))

    @jax.jit
    def hessian(theta: jax.Array) -> jax.Array:
        return jax.lax.map(lambda e: jax.jvp(jax.grad(cost), (theta,), (e,))[1], jnp.eye(len(theta)))

    def both(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_grad(theta)
        return float(value), np.asarray(gradient)

    def estimate() -> Estimate:
        start = np.r_[np.zeros(K), np.full(len(random), 0.1)]
        found = minimize(both, start, jac=True, method="BFGS", options={"gtol": 1e-3})
        return Estimate(-found.fun, found.x, np.sqrt(np.diag(np.linalg.inv(hessian(found.x)))))

    return estimate


def estimation(data: Data) -> Callable[[], Estimate]:
    fit = newton(data)

    def estimate() -> Estimate:
        theta, llf, classical, _ = fit()
        return Estimate(llf, theta, np.sqrt(np.diag(classical)))

    return estimate


def logprob(theta: jax.Array, X: jax.Array, available: jax.Array, chosen: jax.Array) -> jax.Array:
    """Of the choice, by observation."""
    V = jnp.where(available, X @ theta, -jnp.inf)
    return jnp.take_along_axis(jax.nn.log_softmax(V), chosen[:, None], axis=1)[:, 0]


def newton(data: Data) -> Callable[[], tuple[np.ndarray, float, np.ndarray, np.ndarray]]:
    """Estimates, log-likelihood, classical and robust covariance."""
    jax.config.update("jax_enable_x64", True)
    K = data[0].shape[2]
    on_device = tuple(map(jnp.asarray, data))

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
    serve(
        swissmetro,
        bootstrap,
        nested,
        synthetic,
        swissmetro_mixed,
        swissmetro_panel,
        electricity,
        many_alternatives=synthetic,
    )
