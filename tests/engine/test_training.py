"""Training as one program against the same steps taken one by one."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.engine import TrainingSettings
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.shuffling import shuffled
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.optimizers import SGD, Adam, schedules


@in_64_bits
def order(seed: int, epoch: int, n: int) -> np.ndarray:
    return np.asarray(shuffled(jax.random.fold_in(jax.random.key(seed), epoch), n))


def chi_squared(counts: np.ndarray) -> float:
    """Deviations from equal counts, in standard deviations of the chi-squared statistic."""
    expected, freedom = counts.mean(), counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * max(freedom, 1)))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_every_order_is_equally_likely(n: int) -> None:
    orders = np.asarray(jax.vmap(lambda key: shuffled(key, n))(jax.random.split(jax.random.key(0), 24_000)))
    assert (np.sort(orders, axis=1) == np.arange(n)).all()
    places = np.unique(orders @ n ** np.arange(n), return_counts=True)[1]
    assert len(places) == math.factorial(n)
    assert chi_squared(places) < 5


@pytest.mark.parametrize("n", [100, 1000, 6768])
@in_64_bits
def test_numbers_go_everywhere_and_neighbours_part(n: int) -> None:
    """Where a number goes, and how far from its neighbour, is spread evenly over many seeds."""
    draw = jax.jit(lambda key: shuffled(key, n))
    orders = np.array([draw(key) for key in jax.random.split(jax.random.key(1), 2000)])
    assert (np.sort(orders, axis=1) == np.arange(n)).all()
    for values in (orders[:, 0], orders[:, n // 2], orders[:, -1], (orders[:, 1] - orders[:, 0]) % n):
        assert chi_squared(np.histogram(values, bins=20, range=(0, n))[0]) < 5


@in_64_bits
def test_large_orders_are_complete() -> None:
    assert (np.sort(np.asarray(shuffled(jax.random.key(2), 1_000_003))) == np.arange(1_000_003)).all()


@pytest.mark.parametrize("individual", [None, "ID"])
def test_epochs_are_steps_on_batches_of_individuals(individual: str | None) -> None:
    """Seven hundred rows, batches of 64: the last batch is smaller, and its gradient is the mean over its own size."""
    frame = cmt.datasets.load("swissmetro").query("CHOICE != 0").head(702)
    ds = cmt.Dataset(frame, "CHOICE", {"train": 1, "sm": 2, "car": 3}, individual=individual)
    asc, b = cmt.Beta("asc"), cmt.Beta("b", ub=0.0)
    model = cmt.MNL(ds, {"train": asc + b * ds["TRAIN_TT"] / 100, "sm": b * ds["SM_TT"] / 100, "car": 0})
    engine = LocalEvaluator(model)
    size, seed, lr, n = 64, 3, 0.1, ds.n_individuals
    training = engine.training(TrainingSettings(SGD, None, size, seed))
    assert n % size

    theta = np.zeros(2)
    for epoch in range(2):
        individuals = order(seed, epoch, n)
        for first in range(0, n, size):
            batch = individuals[first : first + size]
            mean_score = engine.second_order(theta).scores[batch].mean(axis=0)
            theta = np.minimum(theta + lr * mean_score, [np.inf, 0.0])
    in_one = training.theta(training.run(training.start(np.zeros(2)), 0, 2, lr))
    np.testing.assert_allclose(in_one, theta, rtol=1e-10)


def test_the_number_of_epochs_per_call_does_not_matter(swissmetro: cmt.MNL) -> None:
    training = LocalEvaluator(swissmetro).training(TrainingSettings(Adam, None, 500, 0))
    start = training.start(np.zeros(4))
    at_once = training.run(start, 0, 3, 0.01)
    one_by_one = start
    for epoch in range(3):
        one_by_one = training.run(one_by_one, epoch, 1, 0.01)
    for a, b in zip(at_once, one_by_one, strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(at_once[training.names.index("Adam.t")]) == 3 * 14


@pytest.mark.parametrize("batch_size", [None, 500])
def test_runs_together_are_runs_by_themselves(swissmetro: cmt.MNL, batch_size: int | None) -> None:
    """Two seeds, two starts and two rates in one program."""
    engine = LocalEvaluator(swissmetro)
    several = engine.training(TrainingSettings(Adam, None, batch_size, 0))
    starts, seeds, rates = [np.zeros(4), np.full(4, -0.1)], [3, 8], [0.01, 0.02]
    found = several.run_together([several.start(theta) for theta in starts], seeds, 1, 2, rates)
    for state, theta, seed, rate in zip(found, starts, seeds, rates, strict=True):
        one = engine.training(TrainingSettings(Adam, None, batch_size, seed))
        for a, b in zip(state, one.run(one.start(theta), 1, 2, rate), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    for (value, g), theta in zip(several.value_and_grad_together(starts), starts, strict=True):
        expected, gradient = engine.value_and_grad(theta)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(g, gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": partial(Adam, b1=0.5)},
        {"optimizer": SGD},
        {"schedule": schedules.Exponential(0.01, 0.9)},
        {"batch_size": 400},
    ],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.slow_cases("optimizer1", "batch_size")
def test_what_an_earlier_training_compiled_is_used_where_it_is_the_same(
    trips: pd.DataFrame, other: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """With another seed and rate nothing is compiled; with other settings a program of its own gives its own steps."""

    def fresh() -> cmt.MNL:
        """A model that knows of no earlier training."""
        ds = cmt.Dataset(pd.concat([trips] * 150), "mode", {"car": 1, "bus": 2})
        return cmt.MNL(ds, {"car": cmt.Beta("asc") + cmt.Beta("b") * ds["t_car"] / 10, "bus": 0})

    def trained(model: cmt.MNL, seed: int, lr: float, **changes: Any) -> np.ndarray:
        settings = {"optimizer": Adam, "schedule": None, "batch_size": 300} | changes
        training = LocalEvaluator(model).training(TrainingSettings(**settings, seed=seed))
        return training.theta(training.run(training.start(np.zeros(2)), 0, 2, lr))

    model = fresh()
    trained(model, 0, 0.1)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        again = trained(model, 1, 0.2)
    assert "XLA compilation" not in caplog.text
    different = trained(model, 1, 0.2, **other)
    np.testing.assert_array_equal(again, trained(fresh(), 1, 0.2))
    np.testing.assert_array_equal(different, trained(fresh(), 1, 0.2, **other))
    assert not np.array_equal(again, different)


def test_weighted_individuals_count_as_often() -> None:
    frame = pd.DataFrame({"y": [1, 2, 1], "w": [1.0, 2.0, 3.0]})
    weighted = cmt.Dataset(frame, "y", {"a": 1, "b": 2}, weights="w")
    repeated = cmt.Dataset(frame.loc[[0, 1, 1, 2, 2, 2]], "y", {"a": 1, "b": 2})
    thetas = []
    for ds, lr in ((weighted, 0.3), (repeated, 0.6)):  # means over 3 and over 6 individuals
        training = LocalEvaluator(cmt.MNL(ds, {"a": cmt.Beta("asc")(), "b": 0})).training(
            TrainingSettings(SGD, None, None, 0)
        )
        thetas.append(training.theta(training.run(training.start(np.zeros(1)), 0, 5, lr)))
    np.testing.assert_allclose(thetas[0], thetas[1], rtol=1e-14)
