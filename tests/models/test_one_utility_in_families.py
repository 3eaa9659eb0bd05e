"""One utility for all alternatives is the utilities one by one, in every family that takes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import InferenceError, ModelError

Make = Callable[[cmt.LongDataset, Any], cmt.ChoiceModel]


def at_once(ds: cmt.LongDataset) -> Any:
    return cmt.Beta("gc") * ds["gc"] + cmt.Beta("ttme") * ds["ttme"] + ds.per_alternative({"air": cmt.Beta("air")})


def one_by_one(ds: cmt.LongDataset) -> Any:
    gc, ttme, air = map(cmt.Beta, ("gc", "ttme", "air"))
    return {j: gc * ds["gc", j] + ttme * ds["ttme", j] + (air if j == "air" else 0) for j in ds.alternatives}


def nested(ds: cmt.LongDataset, V: Any) -> cmt.ChoiceModel:
    return cmt.NestedLogit(ds, V, nests=["air", cmt.Nest("ground", ["train", "bus", "car"], 1.5)])


def cross_nested(ds: cmt.LongDataset, V: Any) -> cmt.ChoiceModel:
    fast = cmt.CrossNest("fast", {"air": 1, "train": 0.5}, cmt.Beta("mu", 1.5))
    return cmt.CrossNestedLogit(ds, V, nests=[fast, cmt.CrossNest("ground", {"train": None, "bus": 1, "car": 1}, 1.2)])


def heteroscedastic(ds: cmt.LongDataset, V: Any) -> cmt.ChoiceModel:
    return cmt.HeteroscedasticLogit(ds, V, scales={"air": cmt.Beta("theta", 1.0)})


def ranked(ds: cmt.LongDataset, V: Any) -> cmt.ChoiceModel:
    return cmt.RankedLogit(ds, V, ranks={j: ds["choice", j] for j in ds.alternatives})


def classes(ds: cmt.LongDataset, V: Any) -> cmt.ChoiceModel:
    other = {j: cmt.Beta("asc") if j == "car" else 0 for j in ds.alternatives}
    return cmt.LatentClass(ds, {"one": nested(ds, V), "two": other})


@pytest.mark.parametrize("make", [nested, cross_nested, heteroscedastic, ranked])
@pytest.mark.slow_cases("cross_nested", "heteroscedastic", "ranked", "nested")
def test_they_are_the_same(modechoice: cmt.LongDataset, make: Make) -> None:
    ds = modechoice
    one, each = (cmt.estimate(make(ds, V)) for V in (at_once(ds), one_by_one(ds)))
    assert one.outcome.converged
    assert one.llf == pytest.approx(each.llf, rel=1e-10)
    np.testing.assert_allclose(one.params, each.params, rtol=1e-6)
    np.testing.assert_allclose(one.standard_errors("robust"), each.standard_errors("robust"), rtol=1e-5)
    ratio = each.params["ttme"] / each.params["gc"]
    assert one.wtp("ttme", "gc").estimate == pytest.approx(ratio, rel=1e-6)
    assert one.wtp(ds["ttme", "air"], ds["gc", "air"]).estimate == pytest.approx(ratio, rel=1e-6)
    assert one.wtp(ds["ttme", "air"], ds["gc", "air"]).unit == each.wtp(ds["ttme", "air"], ds["gc", "air"]).unit
    np.testing.assert_allclose(one.predict().table, each.predict().table, rtol=1e-5)
    np.testing.assert_allclose(one.elasticities("gc").table, each.elasticities("gc").table, rtol=1e-4, atol=1e-8)


@pytest.mark.slow
def test_classes_of_such_models(modechoice: cmt.LongDataset) -> None:
    one, each = classes(modechoice, at_once(modechoice)), classes(modechoice, one_by_one(modechoice))
    assert one.labels == each.labels
    theta = np.array([-0.01, -0.05, 3.0, 0.4, -0.3])
    at = [LocalEvaluator(model).value_and_grad(theta) for model in (one, each)]
    assert at[0][0] == pytest.approx(at[1][0], rel=1e-12)
    np.testing.assert_allclose(at[0][1], at[1][1], rtol=1e-9)


def test_samples_of_alternatives_tell_no_alternatives_apart(modechoice: cmt.LongDataset) -> None:
    sample = modechoice.sample_alternatives(3, seed=1)
    with pytest.raises(ModelError, match="NestedLogit tells alternatives apart, the data set has samples of them"):
        nested(sample, cmt.Beta("gc") * sample["gc"])


def test_elasticities_take_symbols_and_lists(modechoice: cmt.LongDataset, modechoice_results: cmt.Results) -> None:
    ds, results = modechoice, modechoice_results
    whole = results.elasticities("gc").table
    several = results.elasticities(["gc", ds["ttme"], ds["gc", "car"], ("gc", "bus")])
    same = partial(np.testing.assert_allclose, rtol=1e-13)  # several columns at once may be summed in another order
    assert list(several) == ["gc", "ttme", "gc of car", "gc of bus"]
    same(several["gc"].table, whole)
    same(several["gc of car"].table, whole.loc[["car"]])
    same(several["gc of bus"].table, whole.loc[["bus"]])
    same(several["ttme"].table, results.elasticities("ttme").table)
    same(results.marginal_effects(ds["gc"]).table, results.marginal_effects("gc").table)
    arc = results.elasticities(ds["gc", "air"], change=0.1)
    same(arc.table, results.elasticities("gc", change=0.1).table.loc[["air"]])
    wrong: Any
    for wrong in (2 * ds["gc"], 3, None, ("gc", "boat"), ("gc", 1, 2)):
        with pytest.raises(InferenceError, match=r"found|no column 'gc' of 'boat'"):
            results.elasticities(wrong)
    other = cmt.Dataset.from_long(
        cmt.datasets.load("modechoice"), choice="choice", alternative="mode", situation="individual"
    )
    with pytest.raises(InferenceError, match="of another data set"):
        results.elasticities(other["gc"])
