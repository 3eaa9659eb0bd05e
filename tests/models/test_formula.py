"""Models of formulas: the published estimates of mlogit, and the same models written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt

pytest.importorskip("formulaic")

COLUMNS = {"alternative": "alt", "situation": "case"}


@pytest.fixture(scope="module")
def canada() -> pd.DataFrame:
    """Trips by train, air or car, the example of mlogit's vignette c3.rum."""
    frame = cmt.datasets.load("modecanada")
    frame = frame[frame.noalt == 4].assign(time=lambda trips: trips.ivt + trips.ovt)
    by_bus = frame.case[(frame.alt == "bus") & (frame.choice == 1)]
    return frame[~frame.case.isin(by_bus) & (frame.alt != "bus")]


def test_the_published_log_likelihood_of_mlogit(canada: pd.DataFrame) -> None:
    """choice ~ cost + freq | income | time with reflevel "car" has -1951.3 there."""
    model = cmt.MNL.from_formula("choice ~ cost + freq | income | time", canada, **COLUMNS, reference="car")
    results = cmt.estimate(model)
    assert f"{results.llf:.6f}" == "-1951.343731"
    assert list(results.params.index) == [
        "cost",
        "freq",
        "(Intercept):train",
        "(Intercept):air",
        "income:train",
        "income:air",
        "time:train",
        "time:air",
        "time:car",
    ]


def written(frame: pd.DataFrame, utility: Any) -> float:
    ds = cmt.Dataset.from_long(frame, choice="choice", alternative="alt", situation="case")
    return float(cmt.estimate(cmt.MNL(ds, utility(ds))).llf)


def test_functions_categories_and_no_constants(canada: pd.DataFrame) -> None:
    levels = {f"urban_{level}": (canada.urban == level).astype(float) for level in (1, 2)}
    frame = canada.assign(log_cost=np.log(canada.cost), **levels)
    found = cmt.estimate(cmt.MNL.from_formula("choice ~ log(cost) | 0 + urban", canada, **COLUMNS)).llf
    others = ("car", "air")
    truth = written(
        frame,
        lambda ds: (
            cmt.Beta("c") * ds["log_cost"]
            + ds.per_alternative({name: cmt.Beta(f"u_{name}") for name in others}) * ds["urban"]
        ),
    )
    assert found == pytest.approx(truth, rel=1e-9)
    by_category = cmt.MNL.from_formula("choice ~ cost | C(urban)", canada, **COLUMNS)
    assert "C(urban)[T.1]:car" in by_category.labels
    truth = written(
        frame,
        lambda ds: (
            cmt.Beta("c") * ds["cost"]
            + ds.per_alternative({name: cmt.Beta(f"a_{name}") for name in others})
            + ds.per_alternative({name: cmt.Beta(f"u_{name}") for name in others}) * ds["urban_1"]
            + ds.per_alternative({name: cmt.Beta(f"v_{name}") for name in others}) * ds["urban_2"]
        ),
    )
    assert cmt.estimate(by_category).llf == pytest.approx(truth, rel=1e-9)


def test_constants_are_there_without_a_second_part(canada: pd.DataFrame) -> None:
    model = cmt.MNL.from_formula("choice ~ cost", canada, **COLUMNS)
    assert model.labels == ("cost", "(Intercept):air", "(Intercept):car")


def test_other_models_and_polars(canada: pd.DataFrame) -> None:
    import polars as pl

    nests = [cmt.Nest("land", ["train", "car"], cmt.Beta("mu", 1.1, lb=1.0)), "air"]
    model = cmt.NestedLogit.from_formula("choice ~ cost", pl.from_pandas(canada), **COLUMNS, nests=nests)
    assert isinstance(model, cmt.NestedLogit)
    assert "mu" in model.labels


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("choice ~ cost + (", "must be text such as"),
        ("cost + freq", "must be text such as"),
        ("choice ~ cost | income | time | freq", "must be text such as"),
        (3, "must be text such as|formula must be"),
        ("choice ~ money", "cannot be computed of the frame.*money"),
        ("choice ~ cost | freq", "'freq' in the second part differs between alternatives"),
        ("choice ~ 0 | 0", "nothing to estimate"),
        ("chosen ~ cost", "no column 'chosen'|chosen"),
    ],
)
def test_faults_are_named(canada: pd.DataFrame, formula: Any, message: str) -> None:
    with pytest.raises(cmt.PyCMTensorError, match=message):
        cmt.MNL.from_formula(formula, canada, **COLUMNS)


def test_the_frame_and_the_reference_are_checked(canada: pd.DataFrame) -> None:
    with pytest.raises(cmt.PyCMTensorError, match="reference must be an alternative, train, air, car, found 'bus'"):
        cmt.MNL.from_formula("choice ~ cost", canada, **COLUMNS, reference="bus")
    with pytest.raises(cmt.PyCMTensorError, match="frame must be a table"):
        cmt.MNL.from_formula("choice ~ cost", 3, **COLUMNS)
    before = canada.copy()
    cmt.MNL.from_formula("choice ~ log(cost)", canada, **COLUMNS)
    assert canada.equals(before)
