"""Mini-batch training beside the loop that somebody who knows JAX and optax would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import pycmtensor as cmt
from benchmarks.swissmetro import arrays
from benchmarks.timing import Comparison, interleaved
from examples.swissmetro_mnl import model
from pycmtensor.engine import LocalEngine, Training
from pycmtensor.optimizers import Adam

EPOCHS = 20


def swissmetro() -> Comparison:
    """Batches of 256, twenty epochs a call."""
    ours = library(model, 256)
    hand = by_hand(*arrays(), 256)
    assert np.isfinite(ours()).all()
    assert np.isfinite(hand()).all()
    return interleaved(
        "Swissmetro logit, Adam, batch 256, 20 epochs, against jax.jit + lax.scan + optax", ours, hand, 1.15, 31
    )


def library(model: cmt.MNL, batch: int) -> Callable[[], np.ndarray]:
    training = Training(LocalEngine(model), Adam, None, batch, 1)
    start = training.start(np.zeros(len(model.labels)))
    return lambda: training.theta(training.run(start, 0, EPOCHS, 0.005))


def by_hand(X: np.ndarray, available: np.ndarray, chosen: np.ndarray, batch: int) -> Callable[[], np.ndarray]:
    n, batches = len(X), -(-len(X) // batch)
    data = tuple(map(jnp.asarray, (X, available, chosen)))
    optimizer = optax.adam(0.005)
    present = (jnp.arange(batches * batch) < n).reshape(batches, batch)

    def loss(theta: jax.Array, X: jax.Array, available: jax.Array, chosen: jax.Array, w: jax.Array) -> jax.Array:
        V = jnp.where(available, X @ theta, -jnp.inf)
        logP = jnp.take_along_axis(jax.nn.log_softmax(V), chosen[:, None], axis=1)[:, 0]
        return -(logP * w).sum() / w.sum()

    @jax.jit
    def epochs(theta: jax.Array, state: Any, key: jax.Array, *data: jax.Array) -> Any:
        def epoch(carry: Any, key: jax.Array) -> Any:
            order = jnp.pad(jax.random.permutation(key, n), (0, batches * batch - n)).reshape(batches, batch)

            def step(carry: Any, individuals_and_present: Any) -> Any:
                theta, state = carry
                i, w = individuals_and_present
                g = jax.grad(loss)(theta, *(x[i] for x in data), w)
                updates, state = optimizer.update(g, state)
                return (optax.apply_updates(theta, updates), state), None

            return jax.lax.scan(step, carry, (order, present))[0], None

        return jax.lax.scan(epoch, (theta, state), jax.random.split(key, EPOCHS))[0]

    def run() -> np.ndarray:
        theta = jnp.zeros(X.shape[2])
        return np.asarray(epochs(theta, optimizer.init(theta), jax.random.key(1), *data)[0])

    return run
