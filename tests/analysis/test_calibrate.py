"""Constants that reproduce shares: exactly, in closed form where there is one, and by segment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import InferenceError

MODES = {"car": 1, "bus": 2, "tram": 3}
SHARES = {"car": 0.2, "bus": 0.5, "tram": 0.3}


def frame(rows: int = 120, seed: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({f"t_{m}": rng.uniform(0, 2, rows) for m in MODES})
    data["there"], data["w"], data["town"] = (rng.random(rows) < 0.7).astype(int), rng.uniform(0.5, 2, rows), 1.0
    data.loc[rng.random(rows) < 0.4, "town"] = 2.0
    V = np.column_stack([1 - data.t_car, -data.t_bus, np.where(data.there == 1, -data.t_tram, -np.inf)])
    data["mode"] = (V + rng.gumbel(size=V.shape)).argmax(axis=1) + 1
    return data


def specified(ds: cmt.Dataset, kind: str) -> cmt.ChoiceModel:
    asc, b, there = cmt.Beta("asc_car"), cmt.Beta("b"), {"tram": ds["there"]}
    V = {m: b * ds[f"t_{m}"] + (asc if m == "car" else 0) for m in MODES}
    if kind == "nested":
        return cmt.NestedLogit(ds, V, there, nests=["car", cmt.Nest("public", ["bus", "tram"], cmt.Beta("mu", 1.5))])
    if kind == "mixed":
        taste = normal("taste", b, cmt.Beta("sd", 1.0, status=1))
        return cmt.MixedLogit(
            ds, {m: taste * ds[f"t_{m}"] + (asc if m == "car" else 0) for m in MODES}, there, draws=50
        )
    return cmt.MNL(ds, V, there)


@pytest.fixture(scope="module", params=["logit", "nested", "mixed"])
def results(request: pytest.FixtureRequest) -> cmt.Results:
    ds = cmt.Dataset(frame(), "mode", MODES, weights="w")
    return cmt.estimate(specified(ds, request.param))


@pytest.mark.slow_cases("mixed")
def test_shares_are_reproduced(results: cmt.Results) -> None:
    found = results.calibrated(SHARES)
    np.testing.assert_allclose(found.predict().shares[list(SHARES)], list(SHARES.values()), atol=1e-10)
    assert list(found.fit.fixed)[-2:] == ["calibration_bus", "calibration_tram"]
    told = " ".join(str(found.summary()).split())
    assert "Constants that reproduce given shares were added: calibration_bus, calibration_tram, no" in told
    assert found.params.equals(results.params)
    assert found.bse.equals(results.bse)
    assert found.elasticities("t_bus").table["std_err"].notna().all()
    dearer = cmt.scenario(found, None, {"t_bus": lambda t: 1.5 * t})
    assert dearer.shares["estimate"]["before", "bus"] == pytest.approx(0.5, abs=1e-10)
    assert dearer.shares["estimate"]["scenario", "bus"] < 0.5


def test_on_other_data_and_for_some_alternatives(results: cmt.Results) -> None:
    """The others keep the ratio that the model says of two that are always available."""
    other = frame(80, seed=9)
    found = results.calibrated({"tram": 0.35}, other)
    assert found.predict().shares["tram"] == pytest.approx(0.35, abs=1e-10)
    assert found.predict(other).shares["tram"] == pytest.approx(0.35, abs=1e-10)
    assert list(found.fit.fixed)[-1] == "calibration_tram"


def test_by_segment(results: cmt.Results) -> None:
    wanted = {1.0: SHARES, 2.0: {"car": 0.6, "bus": 0.3, "tram": 0.1}}
    found = results.calibrated(wanted, by="town")
    table = found.shares_by("town")["estimate"]
    for town, shares in wanted.items():
        np.testing.assert_allclose([table[town, m] for m in shares], list(shares.values()), atol=1e-10)
    assert "calibration_bus_town_1.0" in found.fit.fixed


def test_the_closed_form_of_a_logit_with_constants_only() -> None:
    """c = log(S / P), less that of the first."""
    ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 5 + [2] * 3 + [3] * 2}), "mode", MODES)
    results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": cmt.Beta("asc_bus"), "tram": 0}))
    fixed = results.calibrated(SHARES).fit.fixed
    truth = np.log([0.5 / 0.3, 0.3 / 0.2]) - np.log(0.2 / 0.5)
    np.testing.assert_allclose([fixed["calibration_bus"], fixed["calibration_tram"]], truth, rtol=1e-9)


def test_one_utility_for_all_alternatives(modechoice_results: cmt.Results) -> None:
    wanted = {"air": 0.1, "train": 0.2, "bus": 0.3, "car": 0.4}
    found = modechoice_results.calibrated(wanted)
    np.testing.assert_allclose(found.predict().shares[list(wanted)], list(wanted.values()), atol=1e-10)
    np.testing.assert_allclose(found.calibrated({"air": 0.3}).predict().shares["air"], 0.3, atol=1e-10)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"shares": {}}, "shares maps alternatives to shares"),
    ({"shares": {"plane": 0.2}}, "shares are of the alternatives car, bus, tram"),
    ({"shares": {"car": 0.0}}, r"share of 'car' must be in \(0, 1\), found 0.0"),
    ({"shares": {"car": "0.2"}}, r"share of 'car' must be in \(0, 1\), found '0.2'"),
    ({"shares": {"car": float("nan")}}, r"share of 'car' must be in \(0, 1\), found nan"),
    ({"shares": {"car": 0.5, "bus": 0.5}}, "leave something for the other alternatives, found the sum 1"),
    ({"shares": {"car": 0.5, "bus": 0.2, "tram": 0.2}}, "add up to 1, found the sum 0.9"),
    ({"shares": {1.0: SHARES}, "by": "town"}, r"'town' has the value\(s\) 1.0, 2.0, found shares of 1.0"),
]


@pytest.mark.parametrize(("options", "message"), FAULTS)
def test_faults_are_named(options: dict[str, Any], message: str) -> None:
    ds = cmt.Dataset(frame(), "mode", MODES)
    results = cmt.estimate(specified(ds, "logit"))
    with pytest.raises(InferenceError, match=message):
        results.calibrated(**options)


def test_an_alternative_that_nobody_can_choose() -> None:
    data = frame().query("mode != 3").assign(there=0)
    ds = cmt.Dataset(data, "mode", MODES)
    results = cmt.estimate(specified(ds, "logit"))
    with pytest.raises(InferenceError, match="nobody can choose 'tram'"):
        results.calibrated({"tram": 0.1})
