"""The notebooks: their cells run, and the numbers that their text tells are true.

`make test` runs their first cells, `make test-all` all of them.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from tests import by_hand
from tests.docs.cells import cells, run
from tests.docs.test_pages import PAGES

#: Notebook -> how many of its cells `make test` runs: up to the first estimates, or where that takes long to the data.
SHORT = {"swissmetro": 5, "electricity": 3, "networks": 1, "large_data": 2}


def short(name: str) -> dict[str, Any]:
    """What the first cells of a notebook leave; the others are Python."""
    for cell in cells(f"notebooks/{name}.md"):
        compile(cell, name, "exec")
    return run(cells(f"notebooks/{name}.md")[: SHORT[name]])


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest) -> Any:
    """What all cells of a notebook leave."""
    names = run(cells(f"notebooks/{request.param}.md"))
    plt.close("all")
    return names


def test_no_notebook_is_forgotten() -> None:
    assert {page for page in PAGES if page.startswith("notebooks/")} == {f"notebooks/{name}.md" for name in SHORT}


def test_swissmetro_begins_with_the_published_logit() -> None:
    names = short("swissmetro")
    assert f"{names['logit'].llf:.6f}" == "-5331.252007"
    published = {"asc_train": 0.082562, "asc_car": 0.058163, "b_time": 0.104254, "b_cost": 0.068225}
    naive = names["naive"].standard_errors("robust").round(6)
    assert naive.to_dict() == published
    ratio = names["logit"].standard_errors("robust")[list(published)] / pd.Series(published)
    assert ratio.between(2, 3).all()  # "two to three times as large"


def test_electricity_begins_with_the_logit_written_out_in_numpy() -> None:
    names = short("electricity")
    frame = cmt.datasets.load("electricity").sort_values(["chid", "alt"])
    X: NDArray = frame[names["attributes"]].to_numpy(dtype=float).reshape(-1, 4, 6)
    chosen = frame["choice"].to_numpy().reshape(-1, 4).argmax(axis=1)
    theta, llf, *_ = by_hand.newton(X, np.ones(X.shape[:2]), chosen)
    assert names["logit"].llf == pytest.approx(llf, rel=1e-12)
    np.testing.assert_allclose(names["logit"].params[names["attributes"]], theta, rtol=1e-8)
    cents = theta / theta[names["attributes"].index("pf")]
    assert cents.round(1).tolist()[2::2] == [-2.3, 8.7]  # a local supplier, and rates by time of day


def test_networks_begin_with_three_groups_of_different_people() -> None:
    names = short("networks")
    groups = [set(names[part].individual_labels) for part in ("train", "validation", "test")]
    assert set.union(*groups) == set(names["survey"]["ID"])
    assert sum(map(len, groups)) == names["survey"]["ID"].nunique()


def test_large_data_are_twenty_times_those_that_are_published() -> None:
    names = short("large_data")
    assert (names["scanned"].nobs, names["scanned"].n_individuals) == (20 * 6768, 20 * 752)


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["swissmetro"], indirect=True)
def test_swissmetro_ends_with_what_its_text_says(whole: dict[str, Any]) -> None:
    assert f"{whole['nested'].llf:.6f}" == "-5236.900014"
    assert round(whole["nested"].params["mu"], 2) == 2.05
    # The exact log-likelihood of the panel by quadrature; 500 draws leave some points.
    assert whole["mixed"].llf == pytest.approx(-4359.41, abs=4)
    assert whole["hours"]["estimate"].round().to_dict() == {"logit": 71, "nested": 63, "mixed": 118}
    assert 1 / 8 < (whole["tastes"] > 0).mean() < 1 / 6
    changes = pd.concat({name: answer.changes["estimate"] for name, answer in whole["answers"].items()})
    lost = -changes.xs("sm", level=-1).unstack()
    assert (lost["20 minutes slower"] > lost["20% dearer"]).all()
    assert whole["again"].llf == whole["mixed"].llf


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["electricity"], indirect=True)
def test_electricity_ends_with_what_its_text_says(whole: dict[str, Any]) -> None:
    table, mlogit = whole["mixed"].to_frame("robust"), whole["mlogit"]
    assert ((table["value"] - mlogit) / table["std_err"]).abs().max() < 3  # of two times a hundred draws
    assert whole["more"].llf == pytest.approx(-3888.41, abs=15)  # xlogit's with 600 draws
    assert whole["more"].llf - whole["mixed"].llf > 50
    summary = whole["people"].summary
    assert (summary["sd of means"] < summary["sd"]).all()
    assert 0.1 < 1 - whole["local"].distribution["share negative"] < 0.125  # one in nine
    shares: dict[str, pd.Series] = whole["shares"]
    assert {name: share.idxmax() for name, share in shares.items()} == {"logit": "1", "mixed logit": "3"}
    stay = shares["logit"].drop("3")
    np.testing.assert_allclose(whole["gained"]["logit"], stay / stay.sum(), rtol=1e-6)  # as the logit must
    assert abs(whole["gained"]["mixed logit"] - whole["gained"]["logit"]).max() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["networks"], indirect=True)
def test_networks_end_with_what_their_text_says(whole: dict[str, Any]) -> None:
    models = {"logit": whole["logit"], "linear": whole["linear"], "network": whole["network"]}
    llf = cmt.compare_held_out(models, whole["test"])["log-likelihood per choice"]
    assert llf["network"] - llf["logit"] > 0.05
    assert abs(llf["network"] - llf["linear"]) < 0.02  # "as good"
    assert whole["runs"].table["log-likelihood per choice"].std() < 0.005
    assert whole["values"].min() > 0
    assert whole["payers"]["employer"] > 1.2 * whole["payers"]["self"]


@pytest.mark.slow
@pytest.mark.parametrize("whole", ["large_data"], indirect=True)
def test_large_data_end_with_what_their_text_says(whole: dict[str, Any]) -> None:
    assert f"{whole['large'].llf / 20:.6f}" == "-5331.252007"
    ratio = whole["one"].standard_errors("robust") / whole["large"].standard_errors("robust")
    np.testing.assert_allclose(ratio, np.sqrt(20), rtol=1e-6)
    assert len(whole["scanned"].parts) > len(whole["other"].parts) > 1
    np.testing.assert_allclose(whole["again"].params, whole["large"].params, atol=1e-8)
    of_one = cmt.scenario(whole["one"], None, whole["dearer"], kind="robust").changes["estimate"]
    np.testing.assert_allclose(whole["changes"]["estimate"], of_one, rtol=1e-8)  # as copies have the same shares
    robust, bootstrap = whole["errors"].values()
    assert (bootstrap / robust).between(0.75, 1.3).all()  # a hundred replicates tell a spread to 7%
