"""The results as a user reads them: statsmodels' names, tables, HTML."""

from __future__ import annotations

import pickle
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor.exceptions import InferenceError, ModelError, OptimizerError
from tests.conftest import MODES


def test_fit_statistics_follow_their_formulas(swissmetro_results: cmt.Results) -> None:
    r = swissmetro_results
    ll, ll0, K, n = -5331.252007, -6964.662979, 4, 6768
    assert r.rho2 == pytest.approx(1 - ll / ll0, rel=1e-8)
    assert r.rho2_adjusted == pytest.approx(1 - (ll - K) / ll0, rel=1e-8)
    assert r.aic == pytest.approx(2 * K - 2 * ll, rel=1e-9)
    assert r.bic == pytest.approx(K * np.log(n) - 2 * ll, rel=1e-9)
    assert (r.nobs, r.n_individuals) == (n, n)


def test_inference_follows_the_normal_distribution(swissmetro_results: cmt.Results) -> None:
    r = swissmetro_results
    np.testing.assert_allclose(r.tvalues, r.params / r.bse)
    np.testing.assert_allclose(r.pvalues, 2 * stats.norm.sf(np.abs(r.tvalues)), rtol=1e-10)
    z = stats.norm.ppf(0.95)
    interval = r.conf_int(alpha=0.1, kind="robust")
    np.testing.assert_allclose(interval.lower, r.params - z * r.standard_errors("robust"))
    np.testing.assert_allclose(interval.upper, r.params + z * r.standard_errors("robust"))
    assert list(r.params.index) == ["ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"]


def test_the_summary_in_a_terminal(swissmetro_results: cmt.Results) -> None:
    text = str(swissmetro_results.summary())
    lines = text.splitlines()
    assert re.search(r"^ B_COST +-1\.083791 +0\.051830 +-20\.91 +0\.0000 +-1\.1854 +-0\.9822$", text, re.M)
    assert re.search(r"LL\(0\) +-6964\.662979", text)
    assert re.search(r"Rho-squared +0\.234528", text)
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in text
    assert "converged: a maximum of the log-likelihood." in text
    evidence = r"At the maximum: largest derivative \de-\d+, eigenvalues .* 0.19 to 1.9\. Classical standard errors"
    assert re.search(evidence, " ".join(text.split()))


def test_fixed_parameters_are_shown_as_fixed(ds: cmt.Dataset) -> None:
    b, c = cmt.Beta("b"), cmt.Beta("c", 1.5, status=1)
    results = cmt.estimate(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": c()}))
    assert re.search(r"^ c +1\.500000 +fixed", str(results.summary()), re.M)
    assert list(results.params.index) == ["b"]


class Outline(HTMLParser):
    """Cells of tables, sources of pictures, and whatever would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.sources: list[str] = []
        self._in_cell = False
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self._in_cell = tag in ("td", "th")
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells.append(data)


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    assert not parser.open
    return parser


def test_the_summary_in_a_notebook(swissmetro_results: cmt.Results) -> None:
    for shown in (swissmetro_results, swissmetro_results.summary()):
        cells = outline(shown._repr_html_()).cells
        assert cells[7:11] == ["ASC_TRAIN", "-0.701187", "0.054874", "-12.78"]


def test_the_page_needs_no_other_file(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    path = swissmetro_results.to_html(tmp_path / "report.html")
    page = outline(path.read_text(encoding="utf-8"))
    assert "-1.083791" in page.cells
    assert {source.split("-")[0].split(";")[0] for source in page.sources} == {"data:image/svg+xml", "#section"}
    assert list(tmp_path.iterdir()) == [path]


def test_names_are_escaped_in_html(ds: cmt.Dataset) -> None:
    results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("<script>") * ds["t_car"], "bus": 0}))
    assert "<script>" not in results._repr_html_()
    assert "&lt;script&gt;" in results._repr_html_()


def test_the_convergence_plot_shows_the_history(swissmetro_results: cmt.Results) -> None:
    ax = swissmetro_results.plot_convergence()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), swissmetro_results.history.llf)
    assert ax.get_xlabel() == "iteration"
    assert ax.get_ylabel() == "log-likelihood"


def test_the_history_ends_at_the_estimates(swissmetro_results: cmt.Results) -> None:
    history = swissmetro_results.history
    assert history.llf.iloc[0] == pytest.approx(swissmetro_results.llnull)  # the example starts at 0
    assert history.llf.iloc[-1] == swissmetro_results.llf
    assert history.llf.is_monotonic_increasing


def test_estimates_leave_the_parameters_alone(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    assert [float(p.get_value()) for p in swissmetro.params] == [0, 0, 0, 0]


def test_start_values_by_name(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    near = cmt.estimate(swissmetro, start={"B_TIME": -1.2, "B_COST": -1.1})
    assert near.fit.start.tolist() == [0, 0, -1.2, -1.1]
    np.testing.assert_allclose(near.params, swissmetro_results.params, rtol=1e-8)
    with pytest.raises(ModelError, match="start names B_TMIE; the free parameters are ASC_TRAIN, ASC_CAR"):
        cmt.estimate(swissmetro, start={"B_TMIE": 0.0})


def test_start_values_respect_bounds(ds: cmt.Dataset) -> None:
    model = cmt.MNL(ds, {"car": cmt.Beta("b", ub=0.0) * ds["t_car"], "bus": 0})
    with pytest.raises(ModelError, match=r"start value 1 of 'b' lies outside its bounds \[-inf, 0\]"):
        cmt.estimate(model, start={"b": 1.0})


def test_other_data_can_be_given(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    model = cmt.MNL(ds, {"car": cmt.Beta("b") * ds["t_car"], "bus": 0})
    part = cmt.Dataset(trips.head(4), "mode", {"car": 1, "bus": 2})
    on_part = cmt.estimate(model, part)
    alone = cmt.estimate(cmt.MNL(part, {"car": cmt.Beta("b") * part["t_car"], "bus": 0}))
    assert on_part.nobs == 4
    assert on_part.params["b"] == pytest.approx(alone.params["b"], rel=1e-9)
    assert on_part.llnull == pytest.approx(-4 * np.log(2))


def test_an_unknown_method_is_an_error(swissmetro: cmt.MNL) -> None:
    with pytest.raises(OptimizerError, match=r"one of 'trust-region', 'newton', .* or a Stochastic"):
        cmt.estimate(swissmetro, method="simplex")


def test_a_run_that_ends_early_says_so(swissmetro: cmt.MNL) -> None:
    with pytest.warns(cmt.exceptions.NotConvergedWarning, match="2 iterations"):
        results = cmt.estimate(swissmetro, max_iterations=2)
    assert not results.outcome.converged
    assert "NOT CONVERGED" in str(results.summary())


def test_progress_lines(swissmetro: cmt.MNL, capsys: pytest.CaptureFixture[str]) -> None:
    cmt.estimate(swissmetro)
    assert capsys.readouterr() == ("", "")
    cmt.estimate(swissmetro, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"^ +0 +-6964\.662979 +1\.85e\+03", err, re.M)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": [0, 0]}, "start maps names of parameters to values"),
        ({"start": {"b": "x"}}, "start value of 'b' must be a finite number, found 'x'"),
        ({"start": {"b": np.nan}}, "start value of 'b' must be a finite number, found nan"),
        ({"data": pd.DataFrame()}, "data must be a Dataset, found DataFrame"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1, found 0"),
    ],
)
def test_slips_in_the_call_are_named(ds: cmt.Dataset, arguments: dict[str, Any], message: str) -> None:
    model = cmt.MNL(ds, {"car": cmt.Beta("b") * ds["t_car"], "bus": 0})
    with pytest.raises(cmt.PyCMTensorError, match=message):
        cmt.estimate(model, **arguments)


def test_a_value_that_became_infinite_is_nothing_to_start_from(ds: cmt.Dataset) -> None:
    b = cmt.Beta("b")
    model = cmt.MNL(ds, {"car": b * ds["t_car"], "bus": 0})
    b().set_value(np.inf)
    with pytest.raises(ModelError, match="'b' must be a finite number to start from, found inf"):
        cmt.estimate(model)


def test_the_parameters_of_earlier_results_are_start_values(ds: cmt.Dataset) -> None:
    model = cmt.MNL(ds, {"car": cmt.Beta("b") * ds["t_car"], "bus": 0})
    first = cmt.estimate(model)
    assert cmt.estimate(model, start=first.params).fit.start[0] == first.params["b"]


def test_a_model_whose_parameters_were_all_fixed_later(ds: cmt.Dataset) -> None:
    b = cmt.Beta("b")
    model = cmt.MNL(ds, {"car": b * ds["t_car"], "bus": 0})
    b.status = 1
    with pytest.raises(ModelError, match="free at least one"):
        cmt.estimate(model)
    with pytest.raises(ModelError, match="status is 0 .estimated. or 1 .* found '1'"):
        b.status = "1"  # type: ignore[assignment]


def test_coverage_is_a_share(swissmetro_results: cmt.Results) -> None:
    with pytest.raises(
        InferenceError, match=r"alpha must be a finite number in \(0, 1\), found 95. Write 0.05 for 95%"
    ):
        swissmetro_results.conf_int(95)


def test_a_logarithm_of_zero_is_located(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips.assign(t_bus=[15.0, 12, 20, 0, 60, 21]), "mode", {"car": 1, "bus": 2})
    b, c = cmt.Beta("b", 1.0), cmt.Beta("c", 1.0)
    model = cmt.MNL(ds, {"car": c, "bus": b * c * pt.log(ds["t_bus"])}, {"bus": ds["has_bus"]})
    with pytest.raises(OptimizerError, match=r"utility of 'bus' is not finite in row 3\. .*pt\.switch"):
        cmt.estimate(model)


@pytest.mark.filterwarnings("ignore::pycmtensor.exceptions.NotConvergedWarning")
@pytest.mark.parametrize("start", [-500.0, -50.0, 50.0, 500.0])
def test_starts_far_away_end_at_the_same_maximum(
    swissmetro: cmt.MNL, swissmetro_results: cmt.Results, start: float
) -> None:
    far = cmt.estimate(swissmetro, start={"B_TIME": start, "ASC_CAR": -start})
    assert far.outcome.converged
    np.testing.assert_allclose(far.params, swissmetro_results.params, rtol=1e-6)


def test_without_convergence_there_are_no_standard_errors(swissmetro: cmt.MNL) -> None:
    with pytest.warns(cmt.exceptions.NotConvergedWarning):
        early = cmt.estimate(swissmetro, max_iterations=1)
    assert early.bse.isna().all()
    assert early.standard_errors("robust").isna().all()


def test_results_go_through_pickle(swissmetro_results: cmt.Results) -> None:
    copy = pickle.loads(pickle.dumps(swissmetro_results))
    pd.testing.assert_series_equal(copy.params, swissmetro_results.params)
    assert copy.evaluator.value(copy.fit.theta) == pytest.approx(swissmetro_results.llf, rel=1e-13)
    pd.testing.assert_frame_equal(copy.bootstrap(5).params, swissmetro_results.bootstrap(5).params, rtol=1e-9)


def test_a_picture_without_a_gradient_has_no_logarithm(trips: pd.DataFrame) -> None:
    """The only parameter is at its bound from the start."""
    ds = cmt.Dataset(trips, "mode", MODES)
    results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc", 0.5, lb=0.5)(), "bus": 0}))
    assert results.plot_convergence().figure.axes[1].get_yscale() == "linear"


def test_renaming_one_answer_leaves_the_others(swissmetro_results: cmt.Results) -> None:
    swissmetro_results.params.index.name = "coefficient"
    assert swissmetro_results.bse.index.name is None
