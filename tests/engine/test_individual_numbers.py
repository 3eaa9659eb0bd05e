"""Draws belong to persons: the same however data are divided, in both precisions, for numbers of 64 bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import TrainingSettings
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.expressions import Beta
from pycmtensor.models import Model
from pycmtensor.optimizers import SGD
from pycmtensor.terms.draws import KINDS, Draws, Sampling, uniforms, values_of

N = 30


def table(n: int = N) -> pd.DataFrame:
    """One to three choices of n persons among three modes, whose rows are mixed."""
    rng = np.random.default_rng(4)
    who = rng.permutation(np.repeat(np.arange(n), rng.integers(1, 4, n)))
    frame = pd.DataFrame({"who": who, "y": rng.integers(1, 4, len(who)), "day": rng.integers(0, 9, len(who))})
    return frame.assign(**{f"x_{name}": rng.normal(size=len(who)) for name in "abc"})


def wide(individual: str | None = "who") -> cmt.Dataset:
    return cmt.Dataset(table(), "y", {"a": 1, "b": 2, "c": 3}, individual=individual)


def long(individual: str | None = "who") -> cmt.LongDataset:
    x = {name: f"x_{name}" for name in "abc"}
    frame = wide(individual).to_long({"x": x}).sample(frac=1, random_state=1)
    return cmt.Dataset.from_long(
        frame,
        choice="y",
        alternative="alternative",
        situation="situation",
        individual=individual,
        alternatives=["a", "b", "c"],
    )


#: Name -> a part of a data set.
PARTS: dict[str, Callable[[Any], cmt.Dataset]] = {
    "take": lambda ds: ds.take(np.array([7, 2, 19])),
    "take of a part": lambda ds: ds.take(np.arange(5, 25)).take(np.array([0, 3, 19])),
    "split": lambda ds: ds.split(0.6, seed=2)[1],
    "folds": lambda ds: ds.folds(3)[2][0],
    "split_time": lambda ds: ds.split_time("day", 4)[1],
    "without": lambda ds: ds.without("b"),
    "with_columns": lambda ds: ds.take(np.array([7, 2, 19])).with_columns({"day": 0}),
    "at_means": lambda ds: ds.take(np.array([7, 2, 19])).at_means(),
}


@pytest.mark.parametrize("make", [wide, long], ids=["wide", "long"])
@pytest.mark.parametrize("individual", ["who", None], ids=["panel", "cross-section"])
@pytest.mark.parametrize("part", PARTS)
def test_a_person_keeps_its_number(make: Callable[..., cmt.Dataset], individual: str | None, part: str) -> None:
    """The rows of a part are those of the persons whose numbers it has."""
    ds = make(individual)
    np.testing.assert_array_equal(ds.individual_numbers, np.arange(ds.n_individuals))
    found = PARTS[part](ds)
    assert found.individual_numbers.shape == (found.n_individuals,)
    if part == "at_means":
        assert found.individual_numbers.tolist() == [2]
        return
    column = "who" if individual else "x_a" if make is wide else "situation"
    persons = ds.situation_values(column)[ds.situations[0]]
    own = found.situation_values(column)[found.situations[0]]
    np.testing.assert_array_equal(persons[found.individual_numbers], own)


def test_samples_of_alternatives_and_other_frames() -> None:
    ds = long().take(np.array([7, 2, 19]))
    assert isinstance(ds, cmt.LongDataset)
    assert ds.sample_alternatives(2).individual_numbers.tolist() == [2, 7, 19]
    assert wide().take(np.array([7, 2])).like(table()).individual_numbers.tolist() == list(range(N))


def mixed(ds: cmt.Dataset) -> Model:
    b = normal("b", Beta("m", -0.6), Beta("s", 0.8))
    V = {name: b * ds[f"x_{name}"] + (Beta("asc", 0.3) if name == "a" else 0) for name in "abc"}
    return cmt.MixedLogit(ds, V, draws=50)


def nested(ds: cmt.Dataset) -> Model:
    z = Draws("in each situation", within=True)
    b = Beta("m", -0.6) + Beta("s", 0.8) * z
    V = {name: b * ds[f"x_{name}"] + (Beta("asc", 0.3) if name == "a" else 0) for name in "abc"}
    return cmt.NestedLogit(ds, V, nests=[cmt.Nest("ab", ["a", "b"], 1.5), "c"], draws=50)


@pytest.mark.parametrize("make", [mixed, nested])
@pytest.mark.slow_cases("nested")
def test_likelihoods_of_a_part_are_those_in_the_whole(make: Callable[[cmt.Dataset], Model]) -> None:
    ds = wide()
    model = make(ds)
    engine, theta = LocalEvaluator(model, block=4), np.array([p.get_value() for p in model.free])
    scores, logprob = engine.individuals(theta)
    assert len(np.unique(logprob.round(9))) == N
    some = np.flatnonzero(ds.array(ds.observed)[..., 0].sum(axis=0) < 3)[[1, 4, 5, -1]]
    part = ds.take(some)
    assert part.n_situations < ds.n_situations
    for other in (engine.on(part), LocalEvaluator(model, part, block=2, cores=2)):
        found = other.individuals(theta)
        np.testing.assert_allclose(found[1], logprob[some], rtol=1e-12)
        np.testing.assert_allclose(found[0], scores[some], rtol=1e-9, atol=1e-12)
    value, gradient = engine.on(part).training(TrainingSettings(SGD, lambda t: 0.1, 2)).value_and_grad(theta)
    np.testing.assert_allclose(value, logprob[some].sum(), rtol=1e-12)
    np.testing.assert_allclose(gradient, scores[some].sum(axis=0), rtol=1e-9)


@pytest.mark.parametrize("floatX", ["float64", "float32"])
@pytest.mark.parametrize("make", [mixed, nested])
def test_large_numbers_have_draws_of_their_own(make: Callable[[cmt.Dataset], Model], floatX: str) -> None:
    """Persons who are alike but for their numbers, against averages over draws that NumPy makes."""
    numbers = np.array([5, 2**24 + 5, 2**24 + 6, 2**32 + 5, 2**40 + 2**24 + 5, 2**63 - 1])
    alike = pd.concat([table().head(1)] * len(numbers), ignore_index=True).assign(who=np.arange(len(numbers)))
    with pytensor.config.change_flags(floatX=floatX):
        ds = cmt.Dataset(alike, "y", {"a": 1, "b": 2, "c": 3}, individual="who")
        ds.individual_numbers = numbers
        model = make(ds)
        theta = np.array([p.get_value() for p in model.free])
        _, found = LocalEvaluator(model, block=2).individuals(theta)
        assert found.dtype == floatX
        assert model.sampling is not None
        (z,) = values_of(model.draws, model.sampling, numbers, 1)
    x, y = alike[["x_a", "x_b", "x_c"]].to_numpy()[0], int(alike["y"].iloc[0]) - 1
    V = (-0.6 + 0.8 * z[0].astype(float)) * x[:, None, None] + np.array([0.3, 0, 0])[:, None, None]
    mu = 1.5 if make is nested else 1.0
    within = np.exp(mu * V[:2]) / np.exp(mu * V[:2]).sum(axis=0)
    inclusive = np.log(np.exp(mu * V[:2]).sum(axis=0)) / mu
    top = np.exp(inclusive) / (np.exp(inclusive) + np.exp(V[2]))
    P = np.concatenate([within * top, 1 - top[None]])[y]
    np.testing.assert_allclose(found, np.log(P.mean(axis=-1)), rtol=1e-6 if floatX == "float64" else 1e-4)
    assert len(np.unique(found)) == len(numbers)


@pytest.mark.parametrize("kind", KINDS)
def test_all_bits_of_a_number_count(kind: str) -> None:
    """Each of 63 bits changes the shifts of two dimensions, and not in the same way."""
    sampling = Sampling(64, kind, seed=1)
    base, one_bit_each = sampling.base(2), 1 << np.arange(63)
    first, second = (uniforms(sampling, base[k], k, np.append(0, one_bit_each)) for k in (0, 1))
    assert len(np.unique(first[:, 0])) == len(np.unique(second[:, 0])) == 64
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("kind", "truth"),
    [
        ("sobol", [0.2034834, 0.29457659, 0.22296041]),
        ("halton", [0.13199216, 0.58825856, 0.1437785]),
        ("mlhs", [0.73021096, 0.78359646, 0.63264447]),
        ("pseudo", [0.39170355, 0.09023339, 0.69577175]),
    ],
)
def test_draws_below_2_to_the_32_stay(kind: str, truth: list[float]) -> None:
    """Numbers that an earlier version made."""
    sampling = Sampling(4, kind, seed=3)
    u = uniforms(sampling, sampling.base(2)[1], 1, np.array([0, 1000, 2**32 - 1]))
    np.testing.assert_allclose(u[:, 2], truth, atol=1e-7)
