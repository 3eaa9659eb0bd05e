"""Elasticities against the closed form of the logit and against differences of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from pycmtensor.expressions import Beta
from tests.analysis.problems import engine_of
from tests.engine.test_local import differences

NAMES = ["train", "sm", "car"]


def test_the_logit_on_every_row(swissmetro_results: cmt.Results) -> None:
    """b x (1 - P) for the own time, - b x P for that of another."""
    r, frame = swissmetro_results, swissmetro_mnl.frame
    P = engine_of(r).probabilities(r.fit.theta)[:, 0].T
    for j, column in enumerate(["TRAIN_TT", "SM_TT", "CAR_TT"]):
        x = frame[column].to_numpy() / 100
        truth = r.params["B_TIME"] * x[:, None] * (np.eye(3)[j] - P[:, [j]])
        found = r.elasticities(column)
        assert found.by_situation.index.equals(frame.index)
        np.testing.assert_allclose(found.by_situation, np.where(P > 0, truth, np.nan), rtol=1e-10)
        np.testing.assert_allclose(found.table.estimate, (P * truth).sum(axis=0) / P.sum(axis=0), rtol=1e-10)
        slopes = r.params["B_TIME"] / 100 * P * (np.eye(3)[j] - P[:, [j]])
        effects = r.marginal_effects(column)
        np.testing.assert_allclose(effects.by_situation, np.where(P > 0, slopes, np.nan), rtol=1e-10)
        np.testing.assert_allclose(effects.table.estimate, slopes.mean(axis=0), rtol=1e-10)
    assert list(found.matrix.index) == ["car"]
    assert list(found.matrix.columns) == NAMES


def finite_differences(results: cmt.Results, column: str, theta: NDArray, step: float = 1e-4) -> tuple[Any, Any, Any]:
    """Probabilities (J, T, N), their differences with a column, and the column."""
    engine = engine_of(results)
    up, down = (
        engine.on(engine.dataset.with_columns({column: lambda x, h=h: x + h})).probabilities(theta)
        for h in (step, -step)
    )
    return engine.probabilities(theta), (up - down) / (2 * step), engine.dataset.array(column)[..., 0]


def total(results: cmt.Results, column: str, theta: NDArray) -> NDArray:
    """The elasticity of the shares by differences."""
    P, slopes, x = finite_differences(results, column, theta)
    w = engine_of(results).dataset.array(engine_of(results).dataset.observed)[..., 0]
    return (w * slopes * x).sum(axis=(1, 2)) / (w * P).sum(axis=(1, 2))


@pytest.fixture(scope="module")
def nested() -> cmt.Results:
    frame = swissmetro_mnl.frame.iloc[::20]
    ds = swissmetro_mnl.ds.like(frame)
    model = swissmetro_mnl.model
    nests: list[cmt.Nest | str] = [cmt.Nest("existing", ["train", "car"], Beta("mu", 1.5)), "sm"]
    return cmt.estimate(cmt.NestedLogit(ds, model.utilities, model.availability, nests=nests))


@pytest.fixture(scope="module")
def crossed() -> cmt.Results:
    ds = swissmetro_mnl.ds.like(swissmetro_mnl.frame.iloc[::20])
    model = swissmetro_mnl.model
    nests = [
        cmt.CrossNest("existing", {"train": 0.5, "car": 1}, Beta("mu", 1.5)),
        cmt.CrossNest("public", {"train": 0.5, "sm": 1}, 1.2),
    ]
    return cmt.estimate(cmt.CrossNestedLogit(ds, model.utilities, model.availability, nests=nests))


@pytest.mark.parametrize(
    ("name", "column"), [("nested", "TRAIN_TT"), ("nested", "CAR_CO"), ("crossed", "TRAIN_TT"), ("mixed", "t_bus")]
)
@pytest.mark.slow_cases("crossed-TRAIN_TT", "nested-TRAIN_TT")
def test_other_models_by_finite_differences(name: str, column: str, request: pytest.FixtureRequest) -> None:
    r = request.getfixturevalue(name)
    found, ds = r.elasticities(column), engine_of(r).dataset
    P, slopes, x = finite_differences(r, column, r.fit.theta)
    E = ds.of_situations(np.where(P > 0, slopes * x / np.where(P > 0, P, 1), np.nan)).T
    np.testing.assert_allclose(found.by_situation, E, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.table.estimate, total(r, column, r.fit.theta), rtol=1e-6)
    G = differences(lambda theta: total(r, column, theta), r.fit.theta).T
    std_err = np.sqrt(np.diag(G @ r.cov_params().to_numpy() @ G.T))
    np.testing.assert_allclose(found.table.std_err, std_err, rtol=1e-4)
    effects = r.marginal_effects(column, kind="robust")
    observed = ds.array(ds.observed)[..., 0]
    np.testing.assert_allclose(effects.table.estimate, (slopes * observed).sum(axis=(1, 2)) / ds.nobs, rtol=1e-5)


@pytest.fixture
def weighted(trips: pd.DataFrame) -> cmt.Results:
    trips["w"] = [1.0, 2, 3, 4, 5, 6]
    ds = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2}, weights="w")
    b = Beta("b")
    return cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"] / 10, "bus": Beta("asc") + b * ds["t_bus"] / 10}))


def test_other_data_respond_at_the_same_estimates(weighted: cmt.Results, trips: pd.DataFrame) -> None:
    """The closed form on rows, weights and a format of choices (none) that the estimation has not seen."""
    other = trips.assign(t_car=trips.t_car[::-1].to_numpy() + 3, w=[6.0, 0, 1, 2, 2, 1]).drop(columns="mode")
    b, asc = weighted.params[["b", "asc"]]
    P = (1 / (1 + np.exp(asc + b * (other.t_bus - other.t_car) / 10))).to_numpy()
    own, w, x = b * other.t_car.to_numpy() / 10, other.w.to_numpy(), other.t_car.to_numpy()
    for data in (other, cmt.Dataset(other, None, {"car": 1, "bus": 2}, weights="w")):
        found = weighted.elasticities("t_car", data=data)
        np.testing.assert_allclose(found.by_situation["car", "car"], own * (1 - P), rtol=1e-10)
        assert found.table.estimate.iloc[0] == pytest.approx((w * P * own * (1 - P)).sum() / (w * P).sum(), rel=1e-10)
        effects = weighted.marginal_effects("t_car", data=data)
        assert effects.table.estimate.iloc[0] == pytest.approx((w * P * (1 - P) * b / 10).sum() / w.sum(), rel=1e-10)
        at_means = weighted.elasticities("t_car", at="means", data=data).table.estimate.iloc[0]
        mean, bus = w @ x / w.sum(), w @ other.t_bus / w.sum()
        assert at_means == pytest.approx(b * mean / 10 * (1 - 1 / (1 + np.exp(asc + b * (bus - mean) / 10))), rel=1e-10)
        P_up = 1 / (1 + np.exp(asc + b * (other.t_bus - 1.1 * other.t_car) / 10))
        arc = (w @ P_up - w @ P) / (w @ P_up + w @ P) * 2 / (0.1 / 1.05)
        assert weighted.elasticities("t_car", 0.1, data=data).table.estimate.iloc[0] == pytest.approx(arc, rel=1e-10)
    with pytest.raises(DatasetError, match="'t_car' holds 6 missing"):
        weighted.elasticities("t_car", data=other.assign(t_car=np.nan))


def test_arcs_divide_by_the_middle(weighted: cmt.Results, trips: pd.DataFrame) -> None:
    b, asc = weighted.params[["b", "asc"]]

    def car(t_car: Any) -> Any:
        return 1 / (1 + np.exp(asc + b * (trips.t_bus - t_car) / 10))

    P0, P1, w = car(trips.t_car), car(1.3 * trips.t_car), np.array([1.0, 2, 3, 4, 5, 6])
    found = weighted.elasticities("t_car", change=0.3)
    arc = (P1 - P0) / ((P1 + P0) / 2) / (0.3 / 1.15)
    np.testing.assert_allclose(found.by_situation["car", "car"], arc, rtol=1e-12)
    S0, S1 = w @ P0, w @ P1
    np.testing.assert_allclose(found.table.estimate.iloc[0], (S1 - S0) / ((S1 + S0) / 2) / (0.3 / 1.15), rtol=1e-12)
    point = weighted.elasticities("t_car").table
    near = weighted.elasticities("t_car", change=1e-6).table
    np.testing.assert_allclose(near, point, rtol=1e-5)


def test_at_the_means_of_columns(weighted: cmt.Results, trips: pd.DataFrame) -> None:
    w = np.array([1.0, 2, 3, 4, 5, 6])
    t_car, t_bus = w @ trips.t_car / 21, w @ trips.t_bus / 21
    b, asc = weighted.params[["b", "asc"]]
    P = 1 / (1 + np.exp(asc + b * (t_bus - t_car) / 10))
    found = weighted.elasticities("t_car", at="means")
    np.testing.assert_allclose(found.table.estimate, [b * t_car / 10 * (1 - P), -b * t_car / 10 * P], rtol=1e-12)
    assert "at the means" in str(found)


@pytest.mark.slow
def test_long_data_change_one_alternative_after_the_other(modechoice_results: cmt.Results) -> None:
    """With one utility for all, and with one for each: own and cross elasticities of the closed form."""
    r = modechoice_results
    ds = engine_of(r).dataset
    P = engine_of(r).probabilities(r.fit.theta)[:, 0]
    x = ds.array("gc")[:, 0, :, 0]
    truth = r.params["gc"] * x[:, None] * (np.eye(4)[:, :, None] - P[:, None])
    found = r.elasticities("gc")
    np.testing.assert_allclose(found.by_situation.to_numpy().T.reshape(4, 4, -1), truth, rtol=1e-10)
    np.testing.assert_allclose(found.matrix, (truth * P).sum(axis=-1) / P.sum(axis=-1), rtol=1e-10)
    assert isinstance(ds, cmt.LongDataset)
    gc, ttme = Beta("gc"), Beta("ttme")
    V = {name: gc * ds["gc", name] + ttme * ds["ttme", name] for name in ds.alternatives}
    each = cmt.estimate(cmt.MNL(ds, V))
    P = engine_of(each).probabilities(each.fit.theta)[:, 0]
    truth = each.params["gc"] * x[:, None] * (np.eye(4)[:, :, None] - P[:, None])
    again = each.elasticities("gc").by_situation.to_numpy().T.reshape(4, 4, -1)
    np.testing.assert_allclose(again, truth, rtol=1e-10)


def test_incomes_change_for_all_alternatives_at_once(modechoice_results: cmt.Results) -> None:
    r = modechoice_results
    found = r.elasticities("hinc")
    income = engine_of(r).dataset.array("hinc")[0, 0, :, 0]
    P = engine_of(r).probabilities(r.fit.theta)[:, 0]
    truth = r.params["income_air"] * income * (np.eye(4)[0][:, None] - P[0])
    np.testing.assert_allclose(found.by_situation.T, truth, rtol=1e-10)


def test_what_has_no_elasticity(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(ModelError, match="does not use a column 'TRAIN_T'. Did you mean 'TRAIN_TT'"):
        swissmetro_results.elasticities("TRAIN_T")
    with pytest.raises(InferenceError, match="'CAR_OPEN' is in no utility"):
        swissmetro_results.elasticities("CAR_OPEN")
    with pytest.raises(InferenceError, match="at is 'individuals' or 'means', found 'mean'"):
        swissmetro_results.elasticities("SM_TT", at="mean")
    with pytest.raises(InferenceError, match="change must be"):
        swissmetro_results.elasticities("SM_TT", change=-1)


@pytest.mark.parametrize("at", ["individuals", "means"])
@pytest.mark.slow_cases("individuals", "means")
def test_an_alternative_that_nobody_can_choose_is_left_out(at: str) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.integers(1, 3, 60), **{f"x{j}": rng.normal(size=60) for j in (1, 2, 3)}, "never": 0})
    names = {"a": 1, "b": 2, "c": 3}
    tables = []
    for alternatives in (names, {"a": 1, "b": 2}):
        ds = cmt.Dataset(frame, "y", alternatives)
        b = cmt.Beta("b")
        V = {name: b * ds[f"x{code}"] for name, code in alternatives.items()}
        results = cmt.estimate(cmt.MNL(ds, V, {"c": ds["never"]} if "c" in alternatives else None))
        tables.append(
            [results.elasticities("x1", at=at), results.elasticities("x1", 0.1), results.marginal_effects("x1")]
        )
    for with_it, without in zip(*tables, strict=True):
        np.testing.assert_allclose(with_it.table, without.table, rtol=1e-9)
        np.testing.assert_allclose(with_it.by_situation, without.by_situation, rtol=1e-9)
        assert with_it.note == "Without c, which nobody can choose."
        assert without.note == ""
