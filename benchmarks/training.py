"""Mini-batch training beside the loops that somebody who knows the tools would write."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytensor
import pytensor.tensor as pt

import pycmtensor as cmt
from benchmarks.data import Data, as_table, synthetic
from benchmarks.swissmetro import arrays
from benchmarks.timing import Comparison, interleaved
from examples.swissmetro_mnl import ds, model
from pycmtensor.engine import LocalEngine, Training
from pycmtensor.expressions import Beta, Weight
from pycmtensor.models import Model
from pycmtensor.optimizers import Adam

LR = 0.005


def swissmetro() -> Comparison:
    """Batches of 256, twenty epochs a call."""
    ours, hand = library(model, 256, 20), by_hand(arrays(), 256, 20)
    same_place(ours(), hand())
    name = "Swissmetro logit, Adam, batch 256, 20 epochs, against jax.jit + lax.scan + optax"
    return interleaved(name, ours, hand, 1.15, 31)


def res_logit() -> Comparison:
    """Sixteen residual layers, batches of 128, one epoch."""
    residual = cmt.ResLogit(ds, model.utilities, model.availability, layers=16)
    ours, hand = library(residual, 128, 1), by_hand(arrays(), 128, 1, layers=16)
    same_place(ours(), hand())
    name = "Swissmetro ResLogit of 16 layers, Adam, batch 128, one epoch, against jax.jit + lax.scan + optax"
    return interleaved(name, ours, hand, 1.2, 31)


def one_call_per_batch() -> Comparison:
    """One compiled PyTensor function, called from Python for each batch of an epoch."""
    ours, calls = library(model, 256, 20), pytensor_calls(256, 20)
    same_place(ours(), calls())
    name = "Swissmetro logit, Adam, batch 256, 20 epochs, against one pytensor.function call per batch"
    return interleaved(name, ours, calls, 0.2, 15)


def torch_loop() -> Comparison | None:
    """The loop of a torch tutorial; left out with a word where torch is not installed."""
    if find_spec("torch") is None:
        print("torch is not installed: its loop is left out")
        return None
    ours, torch = library(model, 256, 20), by_torch(arrays(), 256, 20)
    same_place(ours(), torch())
    return interleaved("Swissmetro logit, Adam, batch 256, 20 epochs, against a torch loop", ours, torch, 0.2, 15)


def million_rows() -> Comparison:
    """A million rows, five alternatives, ten attributes, batches of 32, one epoch."""
    data = synthetic(1_000_000, 5, 10)
    ours, hand = library(generic_logit(data), 32, 1), by_hand(data, 32, 1)
    same_place(ours(), hand())
    name = "1,000,000 x 5 x 10, Adam, batch 32, one epoch, against jax.jit + lax.scan + optax"
    return interleaved(name, ours, hand, 1.15, 5)


def many_betas() -> Comparison:
    """Two hundred scalar Betas beside one vector of two hundred, two alternatives."""
    data = synthetic(6000, 2, 200)
    scalars = library(generic_logit(data), 256, 10)
    vector = library(generic_logit(data, as_vector=True), 256, 10)
    same_place(scalars(), vector())
    return interleaved("200 scalar Betas, batch 256, 10 epochs, against one vector", scalars, vector, 1.5, 9)


def generic_logit(data: Data, as_vector: bool = False) -> cmt.MNL:
    """One coefficient per attribute, the same in all utilities."""
    _, J, K = data[0].shape
    columns = cmt.Dataset(pd.DataFrame(as_table(data)), "choice", {f"alternative {j}": j for j in range(J)})
    x = [[columns[f"x{j}_{k}"] for k in range(K)] for j in range(J)]
    if as_vector:
        w = Weight("w", K, value=np.zeros(K))
        V = [pt.concatenate(x_j, axis=-1).dot(w())[..., None] for x_j in x]
    else:
        betas = [Beta(f"b{k}") for k in range(K)]
        V = [sum(b * x_jk for b, x_jk in zip(betas, x_j, strict=True)) for x_j in x]
    return cmt.MNL(columns, dict(zip(columns.alternatives, V, strict=True)))


def same_place(a: np.ndarray, b: np.ndarray) -> None:
    """Both loops see the individuals in other orders, so they end near each other, not at the same bits."""
    np.testing.assert_allclose(a, b, atol=0.1)


def library(choice_model: Model, batch: int, epochs: int) -> Callable[[], np.ndarray]:
    training = Training(LocalEngine(choice_model), Adam, None, batch, 1)
    start = training.start(np.zeros(len(choice_model.labels)))
    return lambda: training.theta(training.run(start, 0, epochs, LR))


def by_hand(data: Data, batch: int, epochs: int, layers: int = 0) -> Callable[[], np.ndarray]:
    n, J, K = data[0].shape
    batches = -(-n // batch)
    on_device = tuple(map(jnp.asarray, data))
    optimizer = optax.adam(LR)
    present = (jnp.arange(batches * batch) < n).reshape(batches, batch)

    def loss(theta: jax.Array, X: jax.Array, available: jax.Array, chosen: jax.Array, w: jax.Array) -> jax.Array:
        h = X @ theta[:K]
        for W in theta[K:].reshape(layers, J, J):
            h = h - jax.nn.softplus(jnp.where(available, h, 0.0) @ W.T)
        V = jnp.where(available, h, -jnp.inf)
        logP = jnp.take_along_axis(jax.nn.log_softmax(V), chosen[:, None], axis=1)[:, 0]
        return -(logP * w).sum() / w.sum()

    @jax.jit
    def train(theta: jax.Array, state: Any, key: jax.Array, *data: jax.Array) -> Any:
        def epoch(carry: Any, key: jax.Array) -> Any:
            order = jnp.pad(jax.random.permutation(key, n), (0, batches * batch - n)).reshape(batches, batch)

            def step(carry: Any, individuals_and_present: Any) -> Any:
                theta, state = carry
                i, w = individuals_and_present
                g = jax.grad(loss)(theta, *(x[i] for x in data), w)
                updates, state = optimizer.update(g, state)
                return (optax.apply_updates(theta, updates), state), None

            return jax.lax.scan(step, carry, (order, present))[0], None

        return jax.lax.scan(epoch, (theta, state), jax.random.split(key, epochs))[0]

    def run() -> np.ndarray:
        theta = jnp.zeros(K + layers * J * J)
        return np.asarray(train(theta, optimizer.init(theta), jax.random.key(1), *on_device)[0])

    return run


def pytensor_calls(batch: int, epochs: int) -> Callable[[], np.ndarray]:
    optimizer = Adam(model.params)
    mean = model.cost / model.dataset.chosen.shape[1]
    step = pytensor.function(model.inputs, mean, updates=optimizer.update(mean, model.params, lr=LR))
    columns, start = model.arrays(), optimizer.state_dict()
    rng = np.random.default_rng(1)

    def run() -> np.ndarray:
        optimizer.load_state_dict(start)
        for parameter in model.params:
            parameter.reset_value()
        for _ in range(epochs):
            order = rng.permutation(ds.n_individuals)
            for first in range(0, len(order), batch):
                step(*(column[:, order[first : first + batch]] for column in columns))
        theta = np.array([float(parameter.get_value()) for parameter in model.params])
        for parameter in model.params:
            parameter.reset_value()
        return theta

    return run


def by_torch(data: Data, batch: int, epochs: int) -> Callable[[], np.ndarray]:
    import torch

    X, available, chosen = map(torch.as_tensor, data)
    n, K = len(X), X.shape[2]

    def run() -> np.ndarray:
        theta = torch.zeros(K, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([theta], lr=LR)
        for _ in range(epochs):
            for i in torch.randperm(n).split(batch):
                optimizer.zero_grad()
                V = (X[i] @ theta).masked_fill(~available[i], -torch.inf)
                loss = torch.nn.functional.cross_entropy(V, chosen[i])
                loss.backward()
                optimizer.step()
        return theta.detach().numpy()

    return run
