"""Dropout against masks applied by hand; what is not training does not know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.engine import TrainingSettings
from pycmtensor.engine.columns import columns_of
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.shuffling import shuffled
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.optimizers import SGD, Adam

N, P = 30, 0.4


@pytest.fixture(scope="module")
def data() -> cmt.Dataset:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"y": rng.integers(1, 3, N), "z": rng.normal(size=N), "who": np.repeat(np.arange(N // 2), 2)})
    return cmt.Dataset(frame, "y", {"a": 1, "b": 2})


def network(ds: cmt.Dataset, dropout: float, seed: int = 1) -> cmt.Network:
    return cmt.Network(
        "n", [ds["z"]], data=ds, hidden=(4, 4), activation="tanh", residual=True, dropout=dropout, seed=seed
    )


def model(ds: cmt.Dataset, dropout: float = P, seed: int = 1) -> cmt.MNL:
    return cmt.MNL(ds, {"a": cmt.Beta("asc", 0.1) + network(ds, dropout, seed)(), "b": 0})


def output(theta: NDArray[Any], z: NDArray[Any], masks: Any) -> NDArray[Any]:
    """The network by hand, with masks (N, units) of its two hidden layers."""
    W1, b1, W2, b2, W3, b3 = np.split(theta, [4, 8, 24, 28, 32])
    h = np.tanh(((z - z.mean()) / z.std())[:, None] @ W1.reshape(1, 4) + b1) * masks[0]
    h = np.tanh(h @ W2.reshape(4, 4) + b2) * masks[1] + h
    return h @ W3 + b3


def loglike(theta: NDArray[Any], ds: cmt.Dataset, masks: Any) -> float:
    V = theta[0] + output(theta[1:], ds.array("z")[0, :, 0], masks)
    return float(np.where(ds.chosen_alternatives[0] == 0, -np.log1p(np.exp(-V)), -np.log1p(np.exp(V))).sum())


def point() -> NDArray[Any]:
    return np.random.default_rng(3).normal(size=34) / 2


@in_64_bits
def test_a_step_goes_along_the_gradient_with_masks(data: cmt.Dataset) -> None:
    """SGD with all individuals in one batch, against central differences of the likelihood by hand."""
    theta, seed, lr = point(), 5, 0.1
    training = LocalEvaluator(model(data)).training(TrainingSettings(SGD, None, None, seed))
    moved = training.theta(training.run(training.start(theta), 3, 1, lr)) - theta
    key = jax.random.fold_in(jax.random.key(seed), 3)
    order = np.asarray(shuffled(key, N))
    drawn = training.dropout.masks(jax.random.fold_in(key, 0), 1, N, float)
    masks = [np.empty((N, 4)), np.empty((N, 4))]
    for mask, of_batch in zip(masks, drawn, strict=True):
        mask[order] = np.asarray(of_batch)[0]
    h, slope = 1e-6, np.empty(34)
    for k, e in enumerate(np.eye(34)):
        slope[k] = (loglike(theta + h * e, data, masks) - loglike(theta - h * e, data, masks)) / (2 * h)
    np.testing.assert_allclose(moved, lr * slope / N, rtol=1e-6, atol=1e-9)


@in_64_bits
def test_masks_keep_what_a_layer_passes_on_the_same_on_average(data: cmt.Dataset) -> None:
    """An output is linear in the mask of the last hidden layer."""
    one = network(data, P)
    theta = point()[1:]
    dropout = LocalEvaluator(model(data)).training(TrainingSettings(SGD, None, 10, 0)).dropout
    assert dropout.rates == [P, P]
    draws = [np.asarray(m) for m in dropout.masks(jax.random.key(1), 2000, N, float)]
    for mask in draws:
        assert set(np.unique(mask)) == {0.0, 1 / (1 - P)}
        assert abs(mask.mean() - 1) < 5 * np.sqrt(P / (1 - P) / mask.size)
    assert abs(np.corrcoef(draws[0].ravel(), draws[1].ravel())[0, 1]) < 5 / np.sqrt(draws[0].size)
    ends = np.cumsum([p.size for p in one.params])
    for parameter, end in zip(one.params, ends, strict=True):
        parameter.set_value(theta[end - parameter.size : end].reshape(parameter.shape))
    whole = data.evaluate(one())[0, :, 0]
    z = data.array("z")[0, :, 0]
    np.testing.assert_allclose(output(theta, z, [1.0, 1.0]), whole, rtol=1e-12)
    found = np.array([output(theta, z, [1.0, mask]) for mask in draws[1]])
    assert np.abs((found.mean(axis=0) - whole) / (found.std(axis=0) / np.sqrt(len(found)))).max() < 5


def test_evaluations_are_of_the_whole_network(data: cmt.Dataset) -> None:
    with_dropout, without = LocalEvaluator(model(data)), LocalEvaluator(model(data, 0.0))
    theta = point()
    assert with_dropout.value(theta) == without.value(theta) == pytest.approx(loglike(theta, data, [1, 1]), rel=1e-12)
    np.testing.assert_array_equal(with_dropout.probabilities(theta), without.probabilities(theta))
    training = with_dropout.training(TrainingSettings(SGD, None, None, 0))
    assert training.value_and_grad(theta)[0] == pytest.approx(without.value(theta), rel=1e-12)


@pytest.mark.slow
def test_a_seed_repeats_a_run_and_a_checkpoint_continues_it(data: cmt.Dataset, tmp_path: Path) -> None:
    own = model(data)

    def trained(epochs: int, file: Path | None = None, of: cmt.MNL = own) -> cmt.Results:
        method = cmt.Stochastic(Adam, lr=0.05, batch_size=8, epochs=epochs, checkpoint=file, seed=1)
        return cmt.estimate(of, method=method)

    whole = trained(6)
    trained(3, tmp_path / "run")
    assert trained(6, tmp_path / "run").fit.theta.tolist() == whole.fit.theta.tolist()
    with pytest.raises(cmt.exceptions.CheckpointError, match="another run: its dropout"):
        trained(6, tmp_path / "run", model(data, 0.1))


@in_64_bits
@pytest.mark.slow
def test_draws_and_panels_have_masks_too() -> None:
    """The likelihood of a panel with random coefficients, all masks of one situation after the other by hand."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"y": rng.integers(1, 3, 6), "z": rng.normal(size=6), "who": [1, 1, 1, 2, 2, 3]})
    ds = cmt.Dataset(frame, "y", {"a": 1, "b": 2}, individual="who")
    taste = cmt.coefficients.normal("taste", cmt.Beta("mean"), cmt.Beta("sd", 1.0))
    n = cmt.Network("n", [ds["z"]], data=ds, hidden=2, dropout=P)
    engine = LocalEvaluator(cmt.MixedLogit(ds, {"a": taste + n(), "b": 0}, draws=8))
    training = engine.training(TrainingSettings(SGD, None, None, 0))
    theta = rng.normal(size=len(engine.labels))
    masked, _ = training.dropout.value_and_grad(
        jax.random.key(0), theta, [], ds.individual_weights, columns_of(engine.program, ds)
    )
    (mask,) = training.dropout.masks(jax.random.key(0), 3, 3, float)
    x = ds.array("z")[..., 0]
    x = (x - frame.z.mean()) / frame.z.std(ddof=0)
    W1, b1, W2, b2 = np.split(theta[2:], [2, 4, 6])
    r = ((np.maximum(x[..., None] * W1 + b1, 0) * np.asarray(mask)) @ W2 + b2)[..., None]
    (draws,) = [
        column
        for symbol, column in zip(engine.model.inputs, engine.model.arrays(), strict=True)
        if hasattr(symbol.tag, "draws")
    ]
    V = theta[0] + theta[1] * draws + r
    sign = np.where(ds.chosen_alternatives == 0, 1, -1)[..., None]
    logL = (-np.log1p(np.exp(-sign * V)) * ds.array(ds.observed)).sum(axis=0)
    assert float(masked) == pytest.approx(np.log(np.exp(logL).mean(axis=1)).sum(), rel=1e-8)  # draws: 1e-9
