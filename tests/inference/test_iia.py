"""The test of IIA against two logits by hand, and the models and data that it makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from tests import by_hand
from tests.inference.conftest import ALTERNATIVES, LABELS, Survey

FOUR = LABELS[:4]


def by_two_logits(survey: Survey, without: str, compared: tuple[str, ...], estimated: tuple[str, ...]) -> Any:
    """q, V_s - V_f, from logits of all alternatives and of all but one; ``estimated`` are identified without it."""
    theta, _, _, hessian = by_hand.newton(survey.columns(*FOUR), survey.available, survey.chosen)
    j = list(ALTERNATIVES).index(without)
    rest, others = survey.chosen != j, [i for i in range(3) if i != j]
    chosen = np.searchsorted(others, survey.chosen[rest])
    X, available = survey.columns(*estimated)[rest][:, others], survey.available[rest][:, others]
    theta_s, _, _, hessian_s = by_hand.newton(X, available, chosen)
    f, s = [FOUR.index(label) for label in compared], [estimated.index(label) for label in compared]
    V = np.linalg.inv(-hessian_s)[np.ix_(s, s)] - np.linalg.inv(-hessian)[np.ix_(f, f)]
    return theta_s[s] - theta[f], V


@pytest.mark.parametrize(
    ("without", "compared", "estimated"),
    [
        ("train", ("ASC_CAR", "B_TIME", "B_COST"), ("ASC_CAR", "B_TIME", "B_COST")),
        ("car", ("ASC_TRAIN", "B_TIME", "B_COST"), ("ASC_TRAIN", "B_TIME", "B_COST")),
        ("sm", ("B_TIME", "B_COST"), ("ASC_CAR", "B_TIME", "B_COST")),  # only a difference of constants is identified
    ],
)
def test_hausman_mcfadden_by_hand(
    survey: Survey, full: cmt.Results, without: str, compared: tuple[str, ...], estimated: tuple[str, ...]
) -> None:
    q, V = by_two_logits(survey, without, compared, estimated)
    test = cmt.hausman_mcfadden(full, without)
    assert test.statistic == pytest.approx(q @ np.linalg.pinv(V) @ q, rel=1e-6)
    assert test.df == np.linalg.matrix_rank(V) == len(compared)
    assert test.pvalue == pytest.approx(stats.chi2.sf(max(test.statistic, 0), test.df), rel=1e-8)
    assert test.null.endswith(f"leaving '{without}' out does not change {', '.join(compared)}")
    assert ("not positive definite" in test.note) == (np.linalg.eigvalsh(V).min() < 0)
    assert ("negative statistic" in test.note) == (test.statistic < 0)


def test_both_kinds_of_difference_are_among_these(survey: Survey) -> None:
    """One alternative leaves a definite difference of covariances, another does not."""
    definite = {
        without: bool((np.linalg.eigvalsh(by_two_logits(survey, without, labels, labels)[1]) > 0).all())
        for without, labels in (("train", ("ASC_CAR", "B_TIME", "B_COST")), ("car", ("ASC_TRAIN", "B_TIME", "B_COST")))
    }
    assert set(definite.values()) == {True, False}


def test_nothing_of_the_users_is_changed(survey: Survey, full: cmt.Results) -> None:
    before = [(p.status, float(p.get_value())) for p in survey.betas.values()]
    cmt.hausman_mcfadden(full, "sm")
    assert [(p.status, float(p.get_value())) for p in survey.betas.values()] == before
    assert isinstance(full.model, cmt.MNL)
    assert full.model.alternatives == tuple(ALTERNATIVES)


def test_estimates_at_a_bound_are_not_compared(survey: Survey) -> None:
    betas, ds = {**survey.betas, "B_TIME": cmt.Beta("B_TIME", -2.0, ub=-2.0)}, survey.ds
    V = {name: sum((betas[label] * ds[f"{name}_{label}"] for label in FOUR), start=0.0) for name in ALTERNATIVES}
    results = cmt.estimate(cmt.MNL(ds, V, {name: ds[f"{name}_open"] for name in ALTERNATIVES}))
    assert results.fit.at_bound.tolist() == [False, False, False, True]  # created last
    assert cmt.hausman_mcfadden(results, "train").null.endswith("does not change ASC_CAR, B_COST")


def test_faults_are_named(survey: Survey, full: cmt.Results, ds: cmt.Dataset) -> None:
    with pytest.raises(DatasetError, match="no alternative 'tram'; the data set has train, sm, car"):
        cmt.hausman_mcfadden(full, "tram")
    with pytest.raises(InferenceError, match="choices among fewer alternatives need, are not at hand"):
        cmt.hausman_mcfadden(cmt.Results(full.fit), "sm")
    two = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("b") * ds["t_car"], "bus": 0}))
    with pytest.raises(DatasetError, match="Without 'bus', one alternative is left"):
        cmt.hausman_mcfadden(two, "bus")
    constants = cmt.estimate(survey.model("ASC_TRAIN", "ASC_CAR"))
    with pytest.raises(InferenceError, match="Without 'sm', no parameter is identified by itself"):
        cmt.hausman_mcfadden(constants, "sm")
    with pytest.raises(InferenceError, match="'train' carries no information on ASC_CAR"):
        cmt.hausman_mcfadden(constants_only(survey), "train")
    survey.betas["B_COST"].status = 1
    try:
        with pytest.raises(InferenceError, match="fixed or freed since"):
            cmt.hausman_mcfadden(full, "sm")
    finally:
        survey.betas["B_COST"].status = 0


def test_fewer_alternatives_that_separate_have_no_estimates() -> None:
    """Who does not take the tram always takes the faster of the others."""
    frame = pd.DataFrame({"mode": [1, 2, 3] * 8, "car": [1.0, 3, 2] * 8, "bus": [3.0, 1, 2] * 8})
    frame["tram"] = np.tile([1.0, 2, 3, 4], 6)
    ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2, "tram": 3})
    b = cmt.Beta("b")
    results = cmt.estimate(cmt.MNL(ds, {name: b * ds[name] for name in ds.alternatives}))
    with pytest.raises(InferenceError, match="Without 'tram' the estimates are no maximum .*separation"):
        cmt.hausman_mcfadden(results, "tram")


def constants_only(survey: Survey) -> cmt.Results:
    """Shares: the constant of the car is log(n_car / n_sm), with or without the train."""
    betas = survey.betas
    return cmt.estimate(cmt.MNL(survey.ds, {"train": betas["ASC_TRAIN"], "sm": 0, "car": betas["ASC_CAR"]}))


# ---- models and data with fewer alternatives ------------------------------------------------------------------------


@pytest.fixture
def three(trips: pd.DataFrame) -> pd.DataFrame:
    return trips.assign(mode=[1, 2, 3, 3, 1, 2], w=[2.0, 2, 2, 1, 1, 3])


def test_data_without_an_alternative(three: pd.DataFrame) -> None:
    ds = cmt.Dataset(three, "mode", {"car": 1, "tram": 3, "bus": 2}, individual="person", weights="w")
    left = ds.without("tram")
    expected = cmt.Dataset(three[three["mode"] != 3], "mode", {"car": 1, "bus": 2}, individual="person", weights="w")
    for symbol in ("t_car", left.chosen, left.observed, left.weight):
        np.testing.assert_array_equal(left.array(symbol), expected.array(symbol))
    assert left.alternatives == {"car": 1, "bus": 2}
    assert ds.nobs == 6


def test_a_model_without_an_alternative_is_the_logit_of_the_others(three: pd.DataFrame) -> None:
    ds = cmt.Dataset(three, "mode", {"car": 1, "tram": 3, "bus": 2})
    b, asc = cmt.Beta("b"), cmt.Beta("asc_tram")
    V = {"car": b * ds["t_car"], "tram": asc(), "bus": b * ds["t_bus"]}
    fewer = cmt.MNL(ds, V, {"bus": ds["has_bus"], "tram": 1}).without("tram")
    part = cmt.Dataset(three[three["mode"] != 3], "mode", {"car": 1, "bus": 2})
    direct = cmt.MNL(part, {"car": b * part["t_car"], "bus": b * part["t_bus"]}, {"bus": part["has_bus"]})
    assert (type(fewer), fewer.labels) == (cmt.MNL, ("b",))
    assert cmt.estimate(fewer).llf == pytest.approx(cmt.estimate(direct).llf, rel=1e-12)
    assert fewer.llnull() == direct.llnull()


def test_parameters_of_a_model_can_be_held(ds: cmt.Dataset) -> None:
    b, asc = cmt.Beta("b"), cmt.Beta("asc")
    model = cmt.MNL(ds, {"car": asc + b * ds["t_car"], "bus": b * ds["t_bus"]})
    held = cmt.estimate(model.with_fixed({"asc": 0.3}))
    constant = cmt.estimate(cmt.MNL(ds, {"car": 0.3 + b * ds["t_car"], "bus": b * ds["t_bus"]}))
    assert held.params["b"] == pytest.approx(constant.params["b"], rel=1e-9)
    assert held.fit.fixed == {"asc": 0.3}
    assert model.labels == ("b", "asc")
    with pytest.raises(ModelError, match="asc_bus cannot be fixed: the scalar parameters of the utilities are b, asc"):
        model.with_fixed({"asc_bus": 0.0})


def test_only_the_logit_has_the_property(three: pd.DataFrame) -> None:
    ds = cmt.Dataset(three, "mode", {"car": 1, "bus": 2, "tram": 3})
    V = {"car": cmt.Beta("asc_car")(), "bus": cmt.Beta("asc_bus")(), "tram": 0}
    nested = cmt.estimate(cmt.NestedLogit(ds, V, nests=[cmt.Nest("public", ["bus", "tram"], 1.5), "car"]))
    with pytest.raises(InferenceError, match="a property of the multinomial logit, found a NestedLogit"):
        cmt.hausman_mcfadden(nested, without="car")
