"""Answers of latent class models: averages over classes, before and after choices are seen, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.expressions import Beta
from tests.analysis.problems import ALTERNATIVES, attributes, engine_of, panel_frame


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    ds = cmt.Dataset(panel_frame(), "mode", {name: j for j, name in enumerate(ALTERNATIVES, 1)}, individual="who")
    b_cost, slow, fast = Beta("b_cost", -1.0), Beta("slow", -0.3), Beta("fast", -2.5)
    V = {
        which: {name: b * ds[f"t_{name}"] + b_cost * ds[f"c_{name}"] for name in ALTERNATIVES}
        for which, b in (("slow", slow), ("fast", fast))
    }
    return cmt.estimate(cmt.LatentClass(ds, V, {"tram": ds["has_tram"]}))


def by_hand(results: cmt.Results) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares (C,), utilities exponentiated and available (C, J, T, N), probabilities of the same shape."""
    b, (time, cost, tram) = results.params, attributes(engine_of(results).dataset)
    W = np.exp([0.0, b["class_fast"]])
    e = np.exp(np.stack([b[which] * time + b["b_cost"] * cost for which in ("slow", "fast")]))
    e[:, 2] *= tram
    return W / W.sum(), e, e / e.sum(axis=1, keepdims=True)


def posterior(results: cmt.Results) -> np.ndarray:
    """Class probabilities given the choices, (C, N)."""
    shares, _, P = by_hand(results)
    ds = engine_of(results).dataset
    chosen, observed = ds.array(ds.chosen)[..., 0].astype(int), ds.array(ds.observed)[..., 0]
    P_y = np.take_along_axis(P, chosen[None, None], axis=1)[:, 0]
    joint = shares[:, None] * np.prod(P_y**observed, axis=1)
    return joint / joint.sum(axis=0)


def test_probabilities_are_averages_over_classes(results: cmt.Results) -> None:
    shares, _, P = by_hand(results)
    expected = np.einsum("c,cjtn->jtn", shares, P)
    np.testing.assert_allclose(engine_of(results).probabilities(results.fit.theta), expected, rtol=1e-10)


def test_choices_tell_the_class(results: cmt.Results) -> None:
    ds = engine_of(results).dataset
    np.testing.assert_allclose(results.membership()[["slow", "fast"]], posterior(results).T, rtol=1e-9)
    _, _, P = by_hand(results)
    expected = np.einsum("cn,cjtn->jtn", posterior(results), P)
    found = results.predict(conditional=True).probabilities
    for j, name in enumerate(ALTERNATIVES):
        np.testing.assert_allclose(found[name], ds.of_situations(expected[j]), rtol=1e-9)


def test_draws_and_classes_are_mixed_together() -> None:
    """One class with draws is the mixed logit, also given choices."""
    ds = cmt.Dataset(panel_frame(), "mode", {name: j for j, name in enumerate(ALTERNATIVES, 1)}, individual="who")
    b = normal("b_time", Beta("m", -1.5), Beta("s", 1.0))
    V = {name: b * ds[f"t_{name}"] - ds[f"c_{name}"] for name in ALTERNATIVES}
    mixed = cmt.estimate(cmt.MixedLogit(ds, V, draws=64))
    latent = cmt.estimate(cmt.LatentClass(ds, {"all": V}, draws=64))
    first, second = (r.predict(conditional=True).probabilities for r in (mixed, latent))
    np.testing.assert_allclose(first, second, rtol=1e-7)


def test_the_surplus_is_the_average_of_those_of_the_classes(results: cmt.Results) -> None:
    shares, e, _ = by_hand(results)
    ds, b = engine_of(results).dataset, results.params
    _, cost, _ = attributes(ds)
    cheaper = e.copy()
    cheaper[:, 1] *= np.exp(-0.5 * b["b_cost"] * cost[1])
    gain = np.log(cheaper.sum(axis=1)) - np.log(e.sum(axis=1))
    expected = ds.of_situations(np.einsum("c,ctn->tn", shares, gain) / -b["b_cost"]).mean()
    found = cmt.scenario(results, None, {"half": {"c_bus": lambda c: 0.5 * c}}, cost="b_cost")
    assert found.surplus is not None
    assert found.surplus["estimate"]["half"] == pytest.approx(expected, rel=1e-9)
