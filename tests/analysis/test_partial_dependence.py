"""Partial dependence against logits by hand."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError
from pycmtensor.optimizers import SGD


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def test_it_is_the_average_logit_with_everybody_at_one_value(swissmetro_results: cmt.Results) -> None:
    results, ds = swissmetro_results, swissmetro_mnl.ds
    table = results.partial_dependence("TRAIN_TT", [50, 200.0])
    assert list(table.index) == [(x, name) for x in (50, 200.0) for name in ("train", "sm", "car")]
    b, h = results.params, 1e-6

    def share(time: float, b: pd.Series) -> float:
        """Of the train, by hand."""
        x = {name: ds.array(name).ravel() / 100 for name in ("TRAIN_COST", "SM_TT", "SM_COST", "CAR_TT", "CAR_CO")}
        train = b["ASC_TRAIN"] + b["B_TIME"] * time / 100 + b["B_COST"] * x["TRAIN_COST"]
        sm = b["B_TIME"] * x["SM_TT"] + b["B_COST"] * x["SM_COST"]
        car = b["ASC_CAR"] + b["B_TIME"] * x["CAR_TT"] + b["B_COST"] * x["CAR_CO"]
        e = np.exp(np.stack([train, sm, car])) * swissmetro_mnl.model.available()[:, 0]
        return float((e[0] / e.sum(axis=0)).mean())

    slope = {}
    for name in b.index:
        e = h * (b.index == name)
        slope[name] = (share(200, b + e) - share(200, b - e)) / (2 * h)
    estimate, std_err = table[["estimate", "std_err"]].to_numpy()[3]  # of the train at 200
    assert estimate == pytest.approx(share(200, b), rel=1e-12)
    g = np.array([slope[name] for name in b.index])
    assert std_err == pytest.approx(np.sqrt(g @ results.cov_params().to_numpy() @ g), rel=1e-5)
    np.testing.assert_allclose(table["estimate"].groupby(level=0).sum(), 1, rtol=1e-12)


def test_columns_of_one_alternative_of_long_data(modechoice_results: cmt.Results) -> None:
    """In long data one alternative's column moves: a dearer train loses to all others."""
    cheap, dear = modechoice_results.partial_dependence(("gc", "train"), [50, 100])["estimate"].to_numpy().reshape(2, 4)
    assert ((dear < cheap) == [False, True, False, False]).all()
    scenario = cmt.scenario(modechoice_results, None, {("gc", "train"): 100}).shares["estimate"]
    np.testing.assert_allclose(dear, scenario.to_numpy()[4:], rtol=1e-12)


def test_a_grid_lies_between_quantiles_and_the_picture_shows_it(swissmetro_results: cmt.Results) -> None:
    table = swissmetro_results.partial_dependence("CAR_TT", 5)
    ax = swissmetro_results.plot_partial_dependence("CAR_TT", 5)
    grid = table.index.unique("CAR_TT")
    ends = np.quantile(swissmetro_mnl.ds.array("CAR_TT"), [0.05, 0.95])
    np.testing.assert_allclose(grid, ends[0] + (ends[1] - ends[0]) * np.arange(5) / 4)
    assert len({line.get_linestyle() for line in ax.lines}) == len({line.get_marker() for line in ax.lines}) == 3
    for line in ax.lines:
        expected = table["estimate"].xs(str(line.get_label()), level="alternative")
        np.testing.assert_allclose(np.asarray(line.get_ydata()), expected)


def test_networks_have_no_standard_errors_and_unknown_levels_are_refused() -> None:
    frame = pd.DataFrame({"y": [1, 2, 1, 2], "kind": [1, 2, 3, 3], "x": [1.0, 2, 3, 4]})
    ds = cmt.Dataset(frame, "y", {"a": 1, "b": 2})
    n = cmt.Network("n", [ds["x"], cmt.Embedding(ds["kind"])], data=ds, hidden=2)
    results = cmt.estimate(cmt.MNL(ds, {"a": n(), "b": 0}), method=cmt.Stochastic(SGD, lr=0.1, epochs=2))
    table = results.partial_dependence("x", [0.0, 1.0])
    assert table["std_err"].isna().all()
    by_hand = results.predict(frame.assign(x=1.0)).probabilities["a"].mean()
    assert table["estimate"].iloc[2] == pytest.approx(by_hand, rel=1e-12)
    with pytest.raises(DatasetError, match="For an Embedding"):
        results.partial_dependence("kind", [1, 4])
    with pytest.raises(ModelError, match="does not use a column 'z'"):
        results.partial_dependence("z")
    with pytest.raises(InferenceError, match="no values"):
        results.partial_dependence("x", [])
