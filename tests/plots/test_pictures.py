"""Pictures show the numbers of the tables that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.coefficients import normal
from pycmtensor.exceptions import InferenceError
from pycmtensor.expressions import Beta


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def dots(ax: Axes) -> tuple[np.ndarray, np.ndarray]:
    (line,) = [line for line in ax.lines if line.get_marker() == "o"]
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def names(ax: Axes) -> list[str]:
    ax.figure.canvas.draw()
    return [text.get_text() for text in ax.get_yticklabels()]


def test_coefficients(swissmetro_results: cmt.Results) -> None:
    ax = swissmetro_results.plot_coefficients("robust")
    np.testing.assert_allclose(dots(ax)[0], swissmetro_results.params)
    ends = np.array([np.asarray(path.vertices)[:, 0] for path in ax.collections[0].get_paths()])
    np.testing.assert_allclose(ends, swissmetro_results.conf_int(kind="robust"))
    assert names(ax) == list(swissmetro_results.params.index)
    assert "robust" in ax.get_xlabel()


def test_answers(swissmetro_results: cmt.Results) -> None:
    r, ds = swissmetro_results, swissmetro_mnl.ds
    elasticities = r.elasticities("TRAIN_TT")
    np.testing.assert_allclose(dots(elasticities.plot())[0], elasticities.table["estimate"])
    value = r.wtp(ds["CAR_TT"], ds["CAR_CO"])
    ax = value.plot()
    assert dots(ax)[0] == pytest.approx([value.estimate])
    assert "CHF per minutes" in ax.get_xlabel()
    scenario = cmt.scenario(r, None, {"dearer": {"TRAIN_COST": lambda cost: 1.1 * cost}})
    assert names(scenario.plot()) == ["dearer, train", "dearer, sm", "dearer, car"]
    with pytest.raises(InferenceError, match="surplus needs cost"):
        scenario.plot("surplus")


def test_elasticities_of_several_alternatives_are_a_heat_map(modechoice_results: cmt.Results) -> None:
    answer = modechoice_results.elasticities("gc")
    ax = answer.plot()
    [image] = ax.images
    np.testing.assert_allclose(np.asarray(image.get_array()), answer.matrix)
    assert names(ax) == ["air", "train", "bus", "car"]
    estimate, lower, upper = answer.table[["estimate", "lower", "upper"]].xs(("car", "car"))
    assert f"{estimate:.2f}\n{lower:.2f} to {upper:.2f}" in {text.get_text() for text in ax.texts}
    assert ax.figure.axes[1].get_ylabel() == "Elasticities"


def test_shares(swissmetro_results: cmt.Results) -> None:
    table, ax = swissmetro_results.shares_by("MALE"), swissmetro_results.plot_shares("MALE")
    np.testing.assert_allclose(
        [bar.get_height() for bar in ax.patches if isinstance(bar, Rectangle)], table["observed"]
    )
    np.testing.assert_allclose(dots(ax)[1], table["estimate"])


def test_the_distribution_of_a_taste() -> None:
    """A normal with known moments: 10,000 Sobol draws show its mean, and the share above 0."""
    ds = swissmetro_mnl.ds.take(np.arange(50))
    mean, sd = Beta("mean", -1.0, status=1), Beta("sd", 2.0, status=1)
    b = normal("b_time", mean, sd)
    V = {"train": b * ds["TRAIN_TT"] / 100, "sm": Beta("asc"), "car": 0}
    ax = cmt.estimate(cmt.MixedLogit(ds, V, draws=8)).plot_distribution("b_time")
    _, labels = ax.get_legend_handles_labels()
    assert labels[1] == "69.1% below 0, 30.9% above"  # the normal distribution function at 1 / 2
    assert float(labels[0].removeprefix("mean ")) == pytest.approx(-1, abs=1e-3)
    with pytest.raises(InferenceError, match="no random coefficient 'b_cost'; there is b_time"):
        cmt.estimate(cmt.MixedLogit(ds, V, draws=8)).plot_distribution("b_cost")


def test_what_individuals_are_willing_to_pay(swissmetro_results: cmt.Results) -> None:
    """The picture shows the mean of the means of individuals, and says what they are."""
    ds = swissmetro_mnl.ds
    varying = swissmetro_results.wtp(swissmetro_mnl.b_time * (1 + ds["TRAIN_TT"] / 100), "B_COST")
    ax = varying.plot("individuals")
    _, labels = ax.get_legend_handles_labels()
    longer = swissmetro_mnl.frame["TRAIN_TT"].mean() / 100
    expected = (1 + longer) * swissmetro_results.wtp("B_TIME", "B_COST").estimate
    assert float(labels[0].removeprefix("mean ")) == pytest.approx(expected, rel=1e-3)
    assert "mean of each individual" in ax.get_xlabel()
    with pytest.raises(InferenceError, match="'interval' or 'individuals', found 'draws'"):
        varying.plot("draws")


@pytest.mark.slow
def test_units_of_changes(swissmetro_results: cmt.Results) -> None:
    r, ds = swissmetro_results, swissmetro_mnl.ds
    assert r.marginal_effects("CAR_TT").plot().get_xlabel() == "Marginal effects, per minutes"
    changes = {"CAR_TT": lambda t: 0.9 * t}
    in_francs = cmt.scenario(r, None, changes, cost=ds["CAR_CO"]).plot("surplus")
    assert in_francs.get_xlabel() == "change in consumer surplus of a choice, CHF"
    in_hundreds = cmt.scenario(r, None, changes, cost="B_COST").plot("surplus")
    assert in_hundreds.get_xlabel().endswith("in the unit that cost has in the utilities")


def test_nests_that_share_alternatives() -> None:
    """A box for each nest and alternative, and the part that belongs to a nest on its line."""
    ds = swissmetro_mnl.ds
    nests = [
        cmt.CrossNest("existing", {"train": Beta("alpha", 0.5, lb=0, ub=1), "car": 1}, Beta("mu", 1.5, lb=1)),
        cmt.CrossNest("public", {"train": None, "sm": 1}, 1.2),
    ]
    ax = cmt.CrossNestedLogit(ds, swissmetro_mnl.V, nests=nests).plot()
    labels = sorted(text.get_text() for text in ax.texts)
    expected = ["1", "1", "alpha", "car", "existing\nscale mu", "public\nscale 1.2", "rest", "sm", "train"]
    assert labels == expected
    assert len(ax.lines) == 4


def test_results_show_the_estimates_of_scales() -> None:
    """Of two alike alternatives: the scale that the analytic likelihood of their nest has."""
    import pandas as pd

    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3, 3]}), "mode", {"train": 1, "car": 2, "sm": 3})
    nest = cmt.Nest("old", ["train", "car"], scale=1 / Beta("half", 0.5, status=1))
    ax = cmt.estimate(cmt.NestedLogit(ds, {"train": 0, "car": 0, "sm": Beta("asc")}, nests=[nest, "sm"])).plot_nests()
    assert "old\nscale 1 / half = 2" in {text.get_text() for text in ax.texts}


def test_ten_lines_differ_in_grey_and_in_form() -> None:
    import pandas as pd
    from matplotlib.colors import to_rgb

    from pycmtensor.report.plots import partial_dependence

    index = pd.MultiIndex.from_product([[1.0, 2.0], [f"mode {j}" for j in range(10)]], names=["cost, CHF", "of"])
    table = pd.DataFrame({"estimate": [0.1] * 20, "lower": 0.05, "upper": 0.15}, index=index)
    ax = partial_dependence(table)
    channels = np.array([to_rgb(line.get_color()) for line in ax.lines])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)  # sRGB
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16  # CIELAB, of the luminance
    assert np.diff(np.sort(lightness)).min() > 5
    assert len({(str(line.get_linestyle()), str(line.get_marker())) for line in ax.lines}) == 10
    ax.figure.canvas.draw()
    boxes = sorted((text.get_window_extent().y0, text.get_window_extent().y1) for text in ax.texts)
    assert len(boxes) == 10
    assert all(above[0] >= below[1] - 3 for below, above in pairwise(boxes))  # no name on another


def test_residual_weights_are_readable_without_colour() -> None:
    import pandas as pd

    from pycmtensor.report.plots import cross_effects

    table = pd.DataFrame([[0.25, -1.5], [0.0, 2.0]], index=["car", "bus"], columns=["car", "bus"])
    ax = cross_effects(table)
    at = {(round(x), round(y)): text.get_text() for text in ax.texts for x, y in [text.get_position()]}
    assert at == {(0, 0): "0.25", (1, 0): "-1.5", (0, 1): "0", (1, 1): "2"}


def test_the_tree_of_nests(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(InferenceError, match="Multinomial logit has no nests"):
        swissmetro_results.plot_nests()
    ds = swissmetro_mnl.ds
    road = cmt.Nest("road", ["car"], 2.0)
    nests: list[cmt.Nest | str] = [cmt.Nest("existing", ["train", road], 1 / Beta("lambda_", 0.5)), "sm"]
    ax = cmt.NestedLogit(ds, swissmetro_mnl.V, nests=nests).plot()
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert set(at) == {"root", "existing\nscale 1 / lambda_", "road\nscale 2", "train", "car", "sm"}
    heights = [at[name][1] for name in ("root", "existing\nscale 1 / lambda_", "road\nscale 2", "car")]
    assert heights == sorted(heights, reverse=True)
    assert len({at[name][0] for name in ("train", "car", "sm")}) == 3
    assert {at[name][1] for name in ("train", "car", "sm")} == {1}
