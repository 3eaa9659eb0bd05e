"""Mini-batch training beside the loops that somebody who knows the tools would write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from benchmarks.data import PEOPLE, Data, as_table, standardised_people, synthetic
from benchmarks.swissmetro import arrays, table
from benchmarks.timing import Comparison, interleaved
from examples.swissmetro_mnl import ds, model
from pycmtensor.engine import TrainingSettings
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.expressions import Beta, Weight
from pycmtensor.models import Model
from pycmtensor.optimizers import Adam

jax.config.update("jax_enable_x64", True)

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
    start = np.zeros(len(residual.labels))
    ours, hand = library(residual, 128, 1), by_hand(arrays(), 128, 1, residual_layers, start)
    same_place(ours(), hand())
    name = "Swissmetro ResLogit of 16 layers, Adam, batch 128, one epoch, against jax.jit + lax.scan + optax"
    return interleaved(name, ours, hand, 1.2, 31)


def taste_net() -> Comparison:
    """Sixteen units, seven characteristics, a coefficient of time and two constants, batches of 128, one epoch."""
    tastes = cmt.Network("tastes", [ds[name] for name in PEOPLE], ["time", "train", "car"], data=ds, hidden=16)
    b_cost = Beta("B_COST")
    utilities = {
        "train": tastes["train"] + tastes["time"] * ds["TRAIN_TT"] / 100 + b_cost * ds["TRAIN_COST"] / 100,
        "sm": tastes["time"] * ds["SM_TT"] / 100 + b_cost * ds["SM_COST"] / 100,
        "car": tastes["car"] + tastes["time"] * ds["CAR_TT"] / 100 + b_cost * ds["CAR_CO"] / 100,
    }
    varying = cmt.TasteNet(ds, utilities, model.availability, tastes=tastes)
    assert varying.labels[-1] == "B_COST"
    start = np.concatenate([parameter.get_value().ravel() for parameter in varying.free])
    X, available, chosen = arrays()
    data = X[:, :, 2], X[:, :, 3], available, standardised_people(table()), chosen
    ours, hand = library(varying, 128, 1), by_hand(data, 128, 1, tastes_of_people, start)
    engine = LocalEvaluator(varying)
    np.testing.assert_allclose(engine.value(ours()), engine.value(hand()), rtol=0.01)
    name = "Swissmetro TasteNet, Adam, batch 128, one epoch, against jax.jit + lax.scan + optax"
    return interleaved(name, ours, hand, 1.2, 31)


def one_call_per_batch() -> Comparison:
    """One compiled PyTensor function, called from Python for each batch of an epoch."""
    ours, calls = library(model, 256, 20), pytensor_calls(model, 256, 20)
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


def million_rows() -> Iterator[Comparison]:
    """A million rows, five alternatives, ten attributes, batches of 32, one epoch, beside each of the three loops."""
    data = synthetic(1_000_000, 5, 10)
    logit = generic_logit(data)
    ours = library(logit, 32, 1)
    others: list[tuple[str, Callable[[], Callable[[], np.ndarray]], float, int]] = [
        ("jax.jit + lax.scan + optax", lambda: by_hand(data, 32, 1), 1.15, 5),
        ("one pytensor.function call per batch", lambda: pytensor_calls(logit, 32, 1), 0.2, 1),
    ]
    if find_spec("torch") is not None:
        others.append(("a torch loop", lambda: by_torch(data, 32, 1), 0.2, 1))
    for name, make, bound, repeats in others:
        theirs = make()
        same_place(ours(), theirs())
        title = f"1,000,000 x 5 x 10, Adam, batch 32, one epoch, against {name}"
        yield interleaved(title, ours, theirs, bound, repeats)


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
    training = LocalEvaluator(choice_model).training(TrainingSettings(Adam, None, batch, 1))
    start = training.start(np.concatenate([parameter.get_value().ravel() for parameter in choice_model.free]))
    return lambda: training.theta(training.run(start, 0, epochs, LR))


def linear(theta: jax.Array, X: jax.Array, available: jax.Array) -> jax.Array:
    return jnp.where(available, X @ theta, -jnp.inf)


def residual_layers(theta: jax.Array, X: jax.Array, available: jax.Array) -> jax.Array:
    J, K = X.shape[1:]
    h = X @ theta[:K]
    for W in theta[K:].reshape(-1, J, J):
        h = h - jax.nn.softplus(jnp.where(available, h, 0.0) @ W.T)
    return jnp.where(available, h, -jnp.inf)


def tastes_of_people(
    theta: jax.Array, time: jax.Array, cost: jax.Array, available: jax.Array, z: jax.Array
) -> jax.Array:
    D, H = z.shape[1], 16
    W1, b1, W2, b2, b_cost = jnp.split(theta, np.cumsum([D * H, H, H * 3, 3]))
    tastes = jax.nn.relu(z @ W1.reshape(D, H) + b1) @ W2.reshape(H, 3) + b2
    constants = jnp.stack([tastes[:, 1], jnp.zeros(len(z)), tastes[:, 2]], axis=1)
    return jnp.where(available, constants + tastes[:, :1] * time + b_cost * cost, -jnp.inf)


def by_hand(
    data: tuple[np.ndarray, ...],
    batch: int,
    epochs: int,
    utilities: Callable[..., jax.Array] = linear,
    start: np.ndarray | None = None,
) -> Callable[[], np.ndarray]:
    """Training on data of which the last are the choices."""
    n, batches = len(data[0]), -(-len(data[0]) // batch)
    on_device = tuple(map(jnp.asarray, data))
    optimizer = optax.adam(LR)
    present = (jnp.arange(batches * batch) < n).reshape(batches, batch)
    first = jnp.zeros(data[0].shape[-1]) if start is None else jnp.asarray(start)

    def loss(theta: jax.Array, *batch: jax.Array) -> jax.Array:
        *columns, chosen, w = batch
        V = utilities(theta, *columns)
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
        return np.asarray(train(first, optimizer.init(first), jax.random.key(1), *on_device)[0])

    return run


def pytensor_calls(choice_model: Model, batch: int, epochs: int) -> Callable[[], np.ndarray]:
    optimizer, params = Adam(choice_model.params), choice_model.params
    n = choice_model.dataset.n_individuals
    mean = choice_model.cost / choice_model.dataset.chosen.shape[1]
    step = pytensor.function(choice_model.inputs, mean, updates=optimizer.update(mean, params, lr=LR))
    columns, start = choice_model.arrays(), optimizer.state_dict()
    rng = np.random.default_rng(1)

    def run() -> np.ndarray:
        optimizer.load_state_dict(start)
        for parameter in params:
            parameter.reset_value()
        for _ in range(epochs):
            order = rng.permutation(n)
            for first in range(0, n, batch):
                step(*(column[:, order[first : first + batch]] for column in columns))
        theta = np.array([float(parameter.get_value()) for parameter in params])
        for parameter in params:
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
