"""PostEstimation about all alternatives after an estimation with samples of them, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.dataset.sampling import SampledDataset
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from pycmtensor.expressions import Beta
from pycmtensor.models import Model
from tests.analysis.problems import engine_of

J, N = 12, 150
LONG = {"choice": "chosen", "alternative": "zone", "situation": "trip"}
Z = {"3": Beta("asc_3")}


@pytest.fixture(scope="module")
def zones() -> cmt.LongDataset:
    """150 choices among 9 to 12 zones, of which large ones are drawn more often."""
    rng = np.random.default_rng(4)
    size, price = np.repeat(rng.normal(0, 1, J)[None], N, axis=0), rng.exponential(1, (N, J))
    is_there = np.arange(J) < rng.integers(9, J + 1, N)[:, None]
    U = size - price + rng.gumbel(size=(N, J))
    chosen = np.where(is_there, U, -np.inf).argmax(axis=1)
    trip, zone = np.nonzero(is_there)
    values = {"size": size[trip, zone], "price": price[trip, zone], "draw": np.exp(0.8 * size[trip, zone])}
    income = rng.uniform(1, 3, N)[trip]
    frame = pd.DataFrame({"trip": trip, "zone": zone, "chosen": zone == chosen[trip], "income": income, **values})
    return cmt.Dataset.from_long(frame, **LONG)


def utility(ds: cmt.LongDataset) -> Any:
    V = Beta("size") * ds["size"] + (Beta("price") + Beta("rich") * ds["income"]) * ds["price"]
    return V + ds.per_alternative(Z)


@pytest.fixture(scope="module")
def sampled(zones: cmt.LongDataset) -> cmt.Results:
    sample = zones.sample_alternatives(5, seed=2, weights="draw")
    return cmt.estimate(cmt.MNL(sample, utility(sample) + sample["correction"]))


def by_hand(results: cmt.Results, ds: cmt.LongDataset, price: float = 1.0) -> tuple[NDArray, NDArray, NDArray]:
    """Utilities (J, N), those of what is there exponentiated, and the marginal utility of the price (N,)."""
    b = results.params
    income, size = ds.array("income")[0, 0, :, 0], ds.array("size")[:, 0, :, 0]
    slope = b["price"] + b["rich"] * income
    V = b["size"] * size + slope * price * ds.array("price")[:, 0, :, 0]
    V[3] += b["asc_3"]
    return V, np.exp(V) * ds.array(ds.available())[:, 0, :, 0], slope


def test_probabilities_of_all_alternatives_have_no_correction(sampled: cmt.Results, zones: cmt.LongDataset) -> None:
    _, e, _ = by_hand(sampled, zones)
    P = e / e.sum(axis=0)
    for data in (zones, zones.to_long(), zones.to_long().drop(columns="chosen")):
        found = sampled.predict(data)
        np.testing.assert_allclose(found.probabilities, P.T, rtol=1e-10)
        np.testing.assert_allclose(found.shares, P.mean(axis=1), rtol=1e-10)
    chosen = zones.chosen_alternatives[0]
    assert sampled.predict(zones).llf == pytest.approx(np.log(P[chosen, np.arange(N)]).sum(), rel=1e-12)


def test_elasticities_and_money_of_all_alternatives(sampled: cmt.Results, zones: cmt.LongDataset) -> None:
    _, e, slope = by_hand(sampled, zones)
    P, x = e / e.sum(axis=0), zones.array("price")[:, 0, :, 0]
    found = sampled.elasticities("price", data=zones).matrix.to_numpy()
    own = (slope * x * (1 - P) * P).sum(axis=1) / P.sum(axis=1)
    np.testing.assert_allclose(np.diag(found), own, rtol=1e-9)
    effect = sampled.marginal_effects("price", data=zones).matrix.to_numpy()
    np.testing.assert_allclose(effect[0, 1], -(slope * P[0] * P[1]).mean(), rtol=1e-9)
    cost = Beta("price") + Beta("rich") * zones["income"]
    asked = cmt.scenario(sampled, zones, {"price": lambda p: 0.8 * p}, cost=cost)
    _, cheaper, _ = by_hand(sampled, zones, 0.8)
    gain = (np.log(cheaper.sum(axis=0)) - np.log(e.sum(axis=0))) / -slope
    assert asked.gains is not None
    np.testing.assert_allclose(asked.gains["scenario"], gain, rtol=1e-9)


def test_what_needs_no_probabilities_is_told_of_samples(sampled: cmt.Results) -> None:
    """Functions of estimates, and of what does not differ between alternatives."""
    b, ds = sampled.params, engine_of(sampled).dataset
    income = ds.situation_values("income")
    assert sampled.wtp("size", "price").estimate == pytest.approx(b["size"] / b["price"], rel=1e-12)
    value = Beta("price") + Beta("rich") * ds["income"]
    np.testing.assert_allclose(sampled.tastes({"price": value})["price"], b["price"] + b["rich"] * income, rtol=1e-12)
    found = sampled.wtp(Beta("size"), value)
    assert found.estimate == pytest.approx((b["size"] / (b["price"] + b["rich"] * income)).mean(), rel=1e-12)
    with pytest.raises(ModelError, match="'size', which differs between alternatives"):
        sampled.tastes({"size": Beta("size") * ds["size"]})


@pytest.mark.slow
def test_mixed_logits_and_latent_classes_of_samples(zones: cmt.LongDataset) -> None:
    """Predictions are those of the same model of the whole data set with the same values."""
    sample = zones.sample_alternatives(5, seed=2)
    assert isinstance(sample, SampledDataset)

    def mixed(ds: cmt.LongDataset) -> Model:
        b = normal("b", Beta("size", 1.0), Beta("sd", 0.5))
        return cmt.MixedLogit(ds, b * ds["size"] - ds["price"] + ds.per_alternative(Z), draws=cmt.Sampling(16, seed=1))

    def latent(ds: cmt.LongDataset) -> Model:
        two = {name: Beta(name, start) * ds["size"] - ds["price"] for name, start in (("a", 0.1), ("b", 2.0))}
        return cmt.LatentClass(ds, two)

    for make in (mixed, latent):
        results = cmt.estimate(make(sample), method=cmt.Stochastic(cmt.optimizers.Adam, epochs=1))
        expected = LocalEvaluator(make(zones)).probabilities(results.fit.theta)[:, 0]
        np.testing.assert_allclose(results.predict(zones).probabilities.T, expected, rtol=1e-9)


def test_fixed_parameters_keep_their_values(zones: cmt.LongDataset) -> None:
    sample = zones.sample_alternatives(5, seed=2)
    price = Beta("price", -1.0, status=1)
    results = cmt.estimate(cmt.MNL(sample, Beta("size") * sample["size"] + price * sample["price"]))
    e = np.exp(results.params["size"] * zones.array("size") - zones.array("price")) * zones.array(zones.available())
    np.testing.assert_allclose(results.predict(zones).probabilities.T, (e / e.sum(axis=0))[:, 0, :, 0], rtol=1e-10)


def test_what_samples_cannot_tell(sampled: cmt.Results, zones: cmt.LongDataset) -> None:
    again = zones.sample_alternatives(5, seed=9)
    for ask, error, message in (
        (lambda: sampled.predict(), InferenceError, "Predictions need all alternatives.*has them all as data"),
        (lambda: sampled.predict(again), InferenceError, "holds samples of them"),
        (lambda: sampled.elasticities("price"), InferenceError, "Elasticities need all alternatives"),
        (lambda: cmt.scenario(sampled, None, {"price": 1}), InferenceError, "Scenarios need all alternatives"),
        (lambda: sampled.confusion(), InferenceError, "Most probable choices need all alternatives"),
        (lambda: sampled.predict(zones, conditional=True), InferenceError, "Leave conditional out"),
        (lambda: sampled.predict(zones.to_long().drop(columns="size")), DatasetError, "no column 'size'"),
    ):
        with pytest.raises(error, match=message):
            ask()
    residual = cmt.ResLogit(again, Beta("size") * again["size"], layers=1)
    trained = cmt.estimate(residual, method=cmt.Stochastic(cmt.optimizers.Adam, epochs=1))
    with pytest.raises(ModelError, match="belong to places of a sample"):
        trained.predict(zones)
