"""What answers show at a prompt and in a notebook: every public one, with names that would do more than be read."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor import coefficients
from pycmtensor.exceptions import ModelError
from pycmtensor.inference.posterior.diagnostics import Verdict
from pycmtensor.report.answer import ENDS, MOST_ROWS, Answer
from pycmtensor.report.text import frame_text
from pycmtensor.results.posterior.draws import Individuals, PosteriorSummary
from pycmtensor.results.seeds import SeedRuns

BAD = "<script>alert(1)</script>"
TOWNS = 5


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    """Choices between three alternatives, one of which has a name that is a script."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"town": rng.integers(0, TOWNS, 300)})
    frame = frame.assign(fare=rng.uniform(1, 5, 300), time=rng.uniform(10, 50, 300))
    utility = np.column_stack([1.5 - 0.8 * frame["fare"], -0.02 * frame["time"], np.zeros(300)])
    utility = utility + rng.gumbel(size=(300, 3))
    frame["y"] = utility.argmax(axis=1) + 1
    frame.attrs["units"] = {"fare": "CHF", "time": "min"}
    ds = cmt.Dataset(frame, "y", {BAD: 1, "a rather long name of an alternative": 2, "walk": 3})
    b_fare, b_time = cmt.Beta("b_fare", -0.1), cmt.Beta(BAD)
    slow = "a rather long name of an alternative"
    V = {BAD: cmt.Beta("c") + b_fare * ds["fare"], slow: b_time * ds["time"], "walk": cmt.Beta("k")}
    return cmt.estimate(cmt.MNL(ds, V))


@pytest.fixture(scope="module")
def mixed() -> cmt.Results:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"y": rng.integers(1, 3, 200), "x": rng.normal(size=200), "who": np.arange(200) // 5})
    ds = cmt.Dataset(frame, "y", {"a": 1, "b": 2}, individual="who")
    b = coefficients.normal("b", cmt.Beta("m"), cmt.Beta("s", 0.5))
    return cmt.estimate(cmt.MixedLogit(ds, {"a": b * ds["x"], "b": cmt.Beta("k")}, draws=16))


@pytest.fixture(scope="module")
def goods() -> Any:
    ds = cmt.Dataset(pd.DataFrame({"home": [3.0, 5, 4, 2], "sport": [1.0, 0, 0, 2]}))
    V, amounts = {"home": 0, "sport": cmt.Beta("sport")}, {"home": ds["home"], "sport": ds["sport"]}
    model = cmt.MDCEV(ds, V, amounts=amounts, gammas={"sport": 1}, outside="home")
    return cmt.estimate(model).predict()


#: Class -> how it is asked for.
ANSWERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "Responses": lambda r, m, g: r.elasticities("fare"),
    "WillingnessToPay": lambda r, m, g: r.wtp(r.data["time"], r.data["fare"]),
    "Scenarios": lambda r, m, g: cmt.scenario(r, None, {"dearer": {"fare": 4.0}}, cost="b_fare", segment="town"),
    "Prediction": lambda r, m, g: r.predict(),
    "Demand": lambda r, m, g: g,
    "CrossValidation": lambda r, m, g: r.cross_validate(2),
    "Pricing": lambda r, m, g: cmt.pricing(r, {BAD: "fare"}, bounds={BAD: (1.0, 9.0)}),
    "Segments": lambda r, m, g: r.by("town"),
    "ConditionalEstimates": lambda r, m, g: m.conditional_estimates(),
    "SimulationNoise": lambda r, m, g: m.simulation_noise(),
    "Identification": lambda r, m, g: r.identification(),
    "HypothesisTest": lambda r, m, g: r.wald("b_fare = 0"),
    "DerivedQuantity": lambda r, m, g: r.delta("b_fare / k"),
    "DerivedQuantities": lambda r, m, g: r.delta({BAD: "b_fare / k"}),
    "SimulatedQuantity": lambda r, m, g: r.krinsky_robb("b_fare / k", 50),
    "Replicates": lambda r, m, g: r.bootstrap(5),
    "Outcome": lambda r, m, g: r.outcome,
    "Fit": lambda r, m, g: r.fit,
    "Equation": lambda r, m, g: r.model.equations[BAD],
    "Equations": lambda r, m, g: r.model.equations,
    "Simulator": lambda r, m, g: r.to_simulator(Path(tempfile.mkdtemp()) / "s.html"),
    "Comparison": lambda r, m, g: cmt.compare([r, r]),
    "Summary": lambda r, m, g: r.summary(stars=True),
    "Description": lambda r, m, g: r.data.describe(),
    "Design": lambda r, m, g: cmt.design(lambda x: cmt.Beta("b", -0.5) * x[BAD], {BAD: [1, 2, 3]}, sets=3),
    "Specifications": lambda r, m, g: cmt.specifications(lambda q: r.model, {"q": [BAD]}, folds=0),
    "PosteriorSummary": lambda r, m, g: PosteriorSummary(
        pd.DataFrame({"mean": [1.0], "ess": [401.3], "rhat": [1.0], "prior": [BAD]}, index=[BAD]),
        Verdict(True, "R-hat is at most 1.001."),
        "4 chains of 1,000 draws.",
        0.05,
    ),
    "Individuals": lambda r, m, g: Individuals(BAD, pd.DataFrame({"mean": [1.0, 2.0], "sd": [0.1, 0.2]}), 0.05),
    "SeedRuns": lambda r, m, g: SeedRuns({1: r}, pd.DataFrame({BAD: [1.0]}, index=[1]), True),
}


class Read(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.filterwarnings("ignore::pycmtensor.exceptions.NotConvergedWarning")
@pytest.mark.parametrize("name", list(ANSWERS))
def test_every_answer_shows_itself(name: str, results: cmt.Results, mixed: cmt.Results, goods: Any) -> None:
    answer = ANSWERS[name](results, mixed, goods)
    assert type(answer).__name__ == name
    text, page = str(answer), Read(answer._repr_html_())
    assert repr(answer) == text
    assert "script" not in page.tags
    assert {"table", "dl", "math"} & set(page.tags)
    assert not text.startswith(f"{name}(")
    tables = [line for line in text.split("\n") if "  " in line.strip()]
    assert max(map(len, tables), default=0) <= 80
    if BAD in text:
        assert BAD in page.text


def test_no_answer_is_left_out() -> None:
    """Whatever writes text of its own in the rooms of answers is an answer, and is asked for above."""
    found = set()
    for room in ("analysis", "inference", "results", "dataset", "estimation", "report"):
        package = importlib.import_module(f"pycmtensor.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"pycmtensor.{room}."):
            for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if not cls.__module__.startswith(f"pycmtensor.{room}"):
                    continue
                if issubclass(cls, Answer):
                    found.add(cls.__name__)
                else:
                    assert "__str__" not in vars(cls) or not dataclasses.is_dataclass(cls) or room == "inference"
    assert found - {"Answer"} == set(ANSWERS)


def test_records_stay_records(results: cmt.Results) -> None:
    test = results.wald("b_fare = 0")
    assert pickle.loads(pickle.dumps(test)) == test
    assert dataclasses.replace(test, name="another") != test


def test_a_long_table_is_cut_in_the_middle() -> None:
    class Long(Answer):
        def __init__(self) -> None:
            self.rows = pd.DataFrame({"x": np.arange(1000.0)}, index=[f"row {i}" for i in range(1000)])

        def _shown(self) -> list[Any]:
            return [self.rows]

    for shown in (str(Long()), Read(Long()._repr_html_()).text):
        assert "row 19" in shown
        assert "row 980" in shown
        assert "row 20" not in shown
        assert "The first and last 20 of 1,000 rows; the attribute 'rows' holds all." in shown
    assert len(str(Long()).split("\n")) < MOST_ROWS
    assert MOST_ROWS > 2 * ENDS


def test_wide_tables_go_on_below() -> None:
    table = pd.DataFrame(np.ones((2, 30)), columns=[f"column {i}" for i in range(30)])
    text = frame_text(table)
    assert max(map(len, text.split("\n"))) <= 80
    assert all(f"column {i}" in text for i in range(30))


def test_a_summary_of_many_parameters(results: cmt.Results) -> None:
    rng = np.random.default_rng(0)
    x = {f"a column with quite a long name and number {k}": rng.normal(size=400) for k in range(70)}
    ds = cmt.Dataset(pd.DataFrame(x | {"y": rng.integers(1, 3, 400)}), "y", {"a": 1, "b": 2})
    many = cmt.estimate(cmt.MNL(ds, {"a": sum(cmt.Beta(name) * ds[name] for name in x), "b": 0}))
    text = str(many.summary("robust", stars=True))
    assert max(map(len, text.split("\n"))) <= 80
    assert "The first and last 20 of 70 rows; as_text() has all." in " ".join(text.split())
    whole = many.summary().as_text().split("\n")
    assert sum("number" in line for line in whole) == 70
    assert max(map(len, whole)) <= 80


def test_a_summary_of_another_covariance(swissmetro_results: cmt.Results) -> None:
    robust = swissmetro_results.conf_int(0.1, "robust").loc["B_TIME"]
    [row] = [row for row in swissmetro_results.summary("robust", 0.1, stars=True).rows if row[0] == "B_TIME"]
    np.testing.assert_allclose([float(row[5]), float(row[6])], robust, atol=5e-5)
    assert row[4] == "0.0000***"


def test_utilities_show_as_equations() -> None:
    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time_bus": [20.0, 30.0]}), "mode", {"car": 1, "bus": 2})
    asc, b = cmt.Beta("asc"), cmt.Beta("b")
    model = cmt.MNL(ds, {"car": 0, "bus": asc - b * (ds["time_bus"] - 3) ** 2 / 60 + b * (ds["time_bus"] >= 20)})
    found = model.equations["bus"].to_latex()
    assert r"\frac{\text{b} \cdot \left(\text{time\_bus} - 3" in found
    assert r"\left(\text{time\_bus} \ge 20" in found
    assert found.startswith(r"V_{\text{bus}} = \text{asc} - ")
    assert found in model.equations.to_latex().replace(" &= ", " = ")
    with pytest.raises(ModelError, match="There is no utility of 'tram'; there are those of car, bus"):
        model.equations["tram"]
