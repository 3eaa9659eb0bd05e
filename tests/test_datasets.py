"""The packaged data: whole, documented, and with the published estimates."""

from __future__ import annotations

import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError
from pycmtensor.expressions import Beta

#: Rows and columns of each.
SHAPES = {
    "electricity": (17232, 10),
    "hc": (250, 18),
    "heating": (900, 16),
    "modecanada": (15520, 11),
    "modechoice": (840, 9),
    "swissmetro": (10728, 28),
}


def test_all_are_known() -> None:
    assert cmt.datasets.available() == list(SHAPES)
    with pytest.raises(DatasetError, match="no data set 'swiss'. Available: electricity, hc, .*swissmetro"):
        cmt.datasets.load("swiss")


@pytest.mark.parametrize("name", SHAPES)
def test_each_is_whole_and_documented(name: str) -> None:
    frame = cmt.datasets.load(name)
    assert frame.shape == SHAPES[name]
    assert not frame.isna().any().any()
    assert list(frame.attrs["units"]) == list(frame.columns)
    assert {"source", "reference", "licence", "description"} <= set(frame.attrs)


def test_swissmetro_has_its_travellers() -> None:
    frame = cmt.datasets.load("swissmetro")
    assert frame.ID.nunique() == 1192
    assert frame.CHOICE.value_counts().to_dict() == {2: 6216, 3: 3080, 1: 1423, 0: 9}


def test_modechoice_gives_greenes_estimates(modechoice: cmt.LongDataset, modechoice_results: cmt.Results) -> None:
    """The conditional logit of Greene's Econometric Analysis, to the six digits of NLOGIT."""
    assert f"{modechoice_results.llf:.6f}" == "-199.128369"
    assert modechoice_results.params.round(6).to_dict() == {
        "air": 5.207443,
        "train": 3.869043,
        "bus": 3.163194,
        "gc": -0.015502,
        "ttme": -0.096125,
        "income_air": 0.013287,
    }
    assert modechoice_results.bse.round(6).to_list() == [0.779055, 0.443127, 0.450266, 0.004408, 0.010440, 0.010262]


def test_electricity_gives_the_logit_of_the_textbook() -> None:
    ds = cmt.Dataset.from_long(
        cmt.datasets.load("electricity"), choice="choice", alternative="alt", situation="chid", individual="id"
    )
    assert (ds.nobs, ds.n_individuals, ds.n_situations) == (4308, 361, 12)
    names = ["pf", "cl", "loc", "wk", "tod", "seas"]
    results = cmt.estimate(cmt.MNL(ds, sum(Beta(name) * ds[name] for name in names)))
    assert f"{results.llf:.6f}" == "-4958.649119"
    assert results.params.round(6).to_list() == [-0.625228, -0.108299, 1.442243, 0.995504, -5.462759, -5.840031]


def test_modecanada_gives_the_published_log_likelihood() -> None:
    """The trips with all four modes and without bus: cost and freq generic, income and total time by mode."""
    frame = cmt.datasets.load("modecanada")
    frame["time"] = frame.ivt + frame.ovt
    frame = frame[frame.noalt == 4]
    four = cmt.Dataset.from_long(frame, choice="choice", alternative="alt", situation="case")
    ds = four.without("bus")
    assert (four.nobs, ds.nobs, list(ds.alternatives)) == (2779, 2769, ["train", "air", "car"])
    cost, freq = Beta("cost"), Beta("freq")
    V = {}
    for name in ds.alternatives:
        V[name] = cost * ds["cost", name] + freq * ds["freq", name] + Beta(f"time_{name}") * ds["time", name]
        if name != "car":
            V[name] = V[name] + Beta(f"asc_{name}") + Beta(f"income_{name}") * ds["income", name]
    assert f"{cmt.estimate(cmt.MNL(ds, V)).llf:.6f}" == "-1951.343731"


def test_heating_gives_the_published_estimates() -> None:
    """Exercise 1 of Train and Croissant, with the R package mlogit: costs only."""
    systems = ["gc", "gr", "ec", "er", "hp"]
    ds = cmt.Dataset(cmt.datasets.load("heating"), "depvar", {name: name for name in systems})
    ic, oc = Beta("ic"), Beta("oc")
    V = {name: ic * ds[f"ic.{name}"] + oc * ds[f"oc.{name}"] for name in systems}
    results = cmt.estimate(cmt.MNL(ds, V))
    assert results.params.round(8).to_dict() == {"ic": -0.00623187, "oc": -0.00458008}
    assert results.bse.round(8).to_list() == [0.00035277, 0.00032216]


def test_hc_has_the_published_frequencies() -> None:
    """As the vignette on nested logits of the R package mlogit prints them."""
    frequencies = cmt.datasets.load("hc").depvar.value_counts(normalize=True).sort_index()
    expected = {"ec": 0.004, "ecc": 0.016, "er": 0.032, "erc": 0.004, "gc": 0.096, "gcc": 0.744, "hpc": 0.104}
    assert frequencies.to_dict() == expected
