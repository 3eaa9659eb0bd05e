"""Likelihoods through the arguments of their factors: the same derivatives as by differentiating the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import correlated, lognormal, normal
from pycmtensor.engine.chained import Chained
from pycmtensor.engine.simulated_factors import SimulatedFactors
from pycmtensor.expressions import Beta
from pycmtensor.models import Model
from pycmtensor.terms.draws import Draws
from tests.engine.test_simulated import THREE, frame, normals
from tests.engine.whole import same_as_whole

Maker = Callable[[], Model]


def data(individual: str | None = "person") -> cmt.Dataset:
    rng = np.random.default_rng(8)
    f = frame()
    of_person = f["person"].map(dict(enumerate(rng.integers(0, 4, 7))))
    f = f.assign(answer=of_person, score=of_person - 0.3 * f["person"], missing=f["person"].map(lambda p: p % 2))
    return cmt.Dataset(f, "mode", THREE, individual=individual)


def fixed_tastes(ds: cmt.Dataset, name: str = "") -> dict[str, Any]:
    time, cost = Beta(f"time{name}", -0.5), Beta(f"cost{name}", -0.3)
    V = {m: time * ds[f"time_{m}"] + cost * ds[f"cost_{m}"] for m in THREE}
    return V | {"car": V["car"] + Beta(f"asc{name}") * ds["age"], "bike": V["bike"] + Beta(f"bike{name}", 0.1)}


def nested(ds: cmt.Dataset, V: dict[str, Any], draws: int | None = 16) -> Model:
    nests: list[Any] = [cmt.Nest("green", ["train", "bike"], 1 / Beta("lambda", 0.6)), "car"]
    return cmt.NestedLogit(ds, V, {"train": ds["open_train"]}, nests=nests, draws=draws)


def nested_normals() -> Model:
    ds = data(None)
    return nested(ds, normals(ds))


def nested_correlated() -> Model:
    ds = data()
    b, _ = correlated({"time": Beta("m_time", -0.5), "cost": Beta("m_cost", 0.2)})
    return nested(ds, {m: b["time"] * ds[f"time_{m}"] + b["cost"] * ds[f"cost_{m}"] for m in THREE})


def nested_within() -> Model:
    ds = data()
    time = Beta("m", -0.5) + Beta("s", 0.7) * Draws("time") + Beta("w", 0.4) * Draws("more", within=True)
    return nested(ds, {m: time * ds[f"time_{m}"] for m in THREE})


def crossed(individual: str | None, draws: int | None) -> Model:
    ds = data(individual)
    share = Beta("share", 0.4, lb=0, ub=1)
    nests = [
        cmt.CrossNest("rail", {"train": share, "bike": 1.0}, Beta("mu_rail", 1.4)),
        cmt.CrossNest("road", {"train": None, "car": 1.0}, Beta("mu_road", 1.7)),
    ]
    V = fixed_tastes(ds) if draws is None else normals(ds)
    return cmt.CrossNestedLogit(ds, V, {"train": ds["open_train"]}, nests=nests, draws=draws)


def classes(individual: str | None, draws: int | None) -> Model:
    ds = data(individual)
    one = fixed_tastes(ds) if draws is None else normals(ds)
    W = Beta("member") + Beta("by_answer", 0.2) * ds["answer"]
    return cmt.LatentClass(
        ds, {"a": one, "b": fixed_tastes(ds, "_b")}, {"train": ds["open_train"]}, membership={"b": W}, draws=draws
    )


def classes_of_models() -> Model:
    """Nested logits whose classes differ in what they consider."""
    ds = data()
    logit = cmt.MNL(ds, fixed_tastes(ds, "_l"), {"train": ds["open_train"]})
    return cmt.LatentClass(ds, {"nested": nested(ds, fixed_tastes(ds), None), "logit": logit})


def hybrid() -> Model:
    ds = data()
    attitude = Beta("g", 0.3) * ds["missing"] + Draws("attitude")
    V = fixed_tastes(ds)
    V["train"] = V["train"] + lognormal("love", Beta("l", -1.0), Beta("sl", 0.3)) * attitude
    thresholds = [Beta("t1", -0.5), Beta("t2", 0.4)]
    indicators = [
        cmt.OrderedIndicator(
            ds["answer"], Beta("load", 0.7) * attitude, missing=(3,), categories=(0, 1, 2), thresholds=thresholds
        ),
        cmt.ContinuousIndicator(ds["answer"], Beta("at", 0.2) + Beta("load_c", 0.5) * attitude, sd=Beta("sd", 0.9)),
    ]
    return cmt.HybridChoice(ds, V, {"train": ds["open_train"]}, indicators=indicators, draws=16)


def joint() -> Model:
    """A choice and a count of the same people, who share a draw."""
    ds = data()
    shared = Draws("shared")
    V = fixed_tastes(ds)
    V["car"] = V["car"] + Beta("s", 0.4) * shared
    choice = cmt.MixedLogit(ds, V, {"train": ds["open_train"]}, draws=16)
    log_rate = Beta("c", 0.1) + Beta("age", 0.2) * ds["age"] + Beta("s_count", 0.3) * shared
    count = cmt.LogLikelihood(ds, ds["answer"] * log_rate - pt.exp(log_rate), draws=16)
    return cmt.joint(choice, count)


def probit() -> Model:
    ds = data(None)
    return cmt.MultinomialProbit(ds, fixed_tastes(ds), {"train": ds["open_train"]}, draws=16)


def ranked() -> Model:
    rng = np.random.default_rng(2)
    ranks = np.argsort(rng.random((24, 3)), axis=1) + 1
    f = frame().assign(**{f"rank_{m}": ranks[:, j] for j, m in enumerate(THREE)}, mode=ranks.argmin(axis=1) + 1)
    ds = cmt.Dataset(f, "mode", THREE, individual="person")
    V = fixed_tastes(ds) | {
        "bike": Beta("a", 0.2) * Beta("b", 0.5) * ds["age"] + Beta("c") + Beta("d") * ds["age"] ** 2
    }
    return cmt.RankedLogit(ds, V, ranks={m: ds[f"rank_{m}"] for m in THREE})


def goods() -> Model:
    """Quantities of goods, one of which everybody buys, with a random taste."""
    rng = np.random.default_rng(4)
    names = ["out", "a", "b", "c"]
    f = frame().assign(**{f"q_{g}": rng.uniform(1, 4, 24) * (rng.random(24) < 0.6) for g in names})
    f["q_out"] = 1 + rng.random(24)
    ds = cmt.Dataset(f, individual="person")
    V = {g: Beta(f"c_{g}", 0.1) + Beta(f"b_{g}", 0.2) * ds["age"] for g in names[1:]}
    V |= {"out": 0.0, "a": V["a"] + normal("taste", 0.0, Beta("s", 0.5))}
    amounts = {g: ds[f"q_{g}"] for g in names}
    gammas = {g: Beta(f"g_{g}", 1.2, lb=0.01) for g in names[1:]}
    return cmt.MDCEV(ds, V, amounts=amounts, gammas=gammas, outside="out", draws=16)


#: Models by name, and the program that they get.
MODELS: dict[str, tuple[Maker, type]] = {
    "nested": (nested_normals, SimulatedFactors),
    "nested of panels": (nested_correlated, SimulatedFactors),
    "nested with draws within": (nested_within, SimulatedFactors),
    "cross-nested": (lambda: crossed(None, None), Chained),
    "cross-nested with draws": (lambda: crossed("person", 16), SimulatedFactors),
    "classes": (lambda: classes(None, None), Chained),
    "classes of panels": (lambda: classes("person", None), Chained),
    "classes with draws": (lambda: classes("person", 16), SimulatedFactors),
    "classes of models": (classes_of_models, Chained),
    "hybrid choice": (hybrid, SimulatedFactors),
    "joint": (joint, SimulatedFactors),
    "probit": (probit, SimulatedFactors),
    "ranked": (ranked, Chained),
    "goods": (goods, SimulatedFactors),
}


@pytest.mark.slow_cases(
    "nested with draws within",
    "cross-nested with draws",
    "classes of panels",
    "classes of models",
    "hybrid choice",
    "probit",
    "ranked",
    "goods",
    "cross-nested",
    "nested of panels",
    "classes with draws",
    "joint",
)
@pytest.mark.parametrize("name", MODELS)
def test_derivatives_are_those_of_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, kind = MODELS[name]
    same_as_whole(make, kind, 4, monkeypatch)
