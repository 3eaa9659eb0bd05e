"""The command line, as somebody types it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import pycmtensor as cmt
from pycmtensor.command import main
from pycmtensor.command.specification import Specification, SpecificationError
from pycmtensor.engine import SecondOrder
from pycmtensor.engine.local import LocalEvaluator

EXAMPLE = Path(__file__).parents[2] / "examples" / "swissmetro_mnl.toml"


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "swissmetro.csv"
    assert "licence:" in run("datasets", "swissmetro", "--out", path)
    return path


def test_the_example_gives_the_numbers_of_the_script(
    survey: Path, tmp_path: Path, swissmetro_results: cmt.Results
) -> None:
    out = tmp_path / "report"
    printed = run("estimate", EXAMPLE, "--data", survey, "--out", out)
    assert "-5331.252007" in printed
    assert {p.name for p in out.iterdir()} == {"report.html", "summary.txt", "summary.md", "summary.tex", "results.cmt"}
    loaded = cmt.Results.load(out / "results.cmt")
    pd.testing.assert_series_equal(loaded.params, swissmetro_results.params, rtol=1e-9)
    new, csv = tmp_path / "new.csv", tmp_path / "P.csv"
    rows = pd.read_csv(survey).query("PURPOSE in [1, 3] and CHOICE != 0").head(300)
    rows.drop(columns="CHOICE").to_csv(new, index=False)
    predict = ("predict", EXAMPLE, "--results", out / "results.cmt", "--data", survey, "--new", new, "--out", csv)
    run(*predict)
    expected = swissmetro_results.predict().probabilities.head(300)
    np.testing.assert_allclose(pd.read_csv(csv, index_col=0), expected, rtol=1e-8)
    rows.to_csv(new, index=False)
    assert "Log-likelihood" in run(*predict)
    rows.assign(CHOICE=rows.CHOICE.where(rows.index != rows.index[7], 0)).to_csv(new, index=False)
    assert "The choice is not known in 1 row(s), the first 7: all are left out." in run(*predict)
    np.testing.assert_allclose(pd.read_csv(csv, index_col=0), expected, rtol=1e-8)


def test_a_command_goes_on_from_its_checkpoint(survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time it evaluates once, the scores for robust errors, and prints the same but for the time."""
    out, checkpoint = tmp_path / "report", tmp_path / "run.cmt"
    command = ("estimate", EXAMPLE, "--data", survey, "--out", out, "--checkpoint", checkpoint)
    first, evaluate, evaluations = run(*command), LocalEvaluator.second_order, []

    def counted(self: LocalEvaluator, theta: np.ndarray) -> SecondOrder:
        evaluations.append(theta)
        return evaluate(self, theta)

    monkeypatch.setattr(LocalEvaluator, "second_order", counted)
    second = run(*command)
    assert len(evaluations) == 1
    assert re.sub(r"[\d.]+ s\b", "", first) == re.sub(r"[\d.]+ s\b", "", second)


def test_data_are_described(survey: Path) -> None:
    assert "10,728 rows" in run("describe", survey)
    described = run("describe", survey, "--model", EXAMPLE)
    assert re.search(r"car +1,770 +0.2615 +5,607 +0.3157", described)  # a car is there in 5,607 of 6,768 rows
    assert set(cmt.datasets.available()) <= set(run("datasets").split())


NESTED = """
[data]
choice = "CHOICE"
alternatives = {train = 1, sm = 2, car = 3}
filter = "PURPOSE in [1, 3] and CHOICE != 0"
[parameters]
ASC = 0.1
B = {start = -1, upper = 0}
MU = {start = 1.5, lower = 1}
FIXED = {fixed = 0.5}
[utilities]
train = "B * TRAIN_TT / 100 + FIXED"
sm = "B * SM_TT / 100"
car = "ASC + B * CAR_TT / 100"
[model]
kind = "NestedLogit"
[[model.nests]]
name = "existing"
members = ["train", "car"]
scale = "MU"
"""


def test_a_nested_logit_is_the_same_as_in_python(tmp_path: Path) -> None:
    path = tmp_path / "nested.toml"
    path.write_text(NESTED)
    frame = cmt.datasets.load("swissmetro")
    specification = Specification(path)
    written = specification.model(specification.dataset(frame))
    ds = cmt.Dataset(frame[frame.PURPOSE.isin([1, 3]) & (frame.CHOICE != 0)], "CHOICE", {"train": 1, "sm": 2, "car": 3})
    asc, b, mu = cmt.Beta("ASC", 0.1), cmt.Beta("B", -1.0, ub=0.0), cmt.Beta("MU", 1.5, lb=1.0)
    V = {"train": b * ds["TRAIN_TT"] / 100 + 0.5, "sm": b * ds["SM_TT"] / 100, "car": asc + b * ds["CAR_TT"] / 100}
    model = cmt.NestedLogit(ds, V, nests=[cmt.Nest("existing", ["train", "car"], mu), "sm"])
    assert {p.name: (p.lb, p.ub) for p in written.free} == {p.name: (p.lb, p.ub) for p in model.free}
    engine, own = LocalEvaluator(model), LocalEvaluator(written)
    values = {"ASC": 0.1, "B": -1.0, "MU": 1.5}
    likelihoods = [e.value(np.array([values[label] for label in e.labels])) for e in (engine, own)]
    assert likelihoods[0] == pytest.approx(likelihoods[1], rel=1e-14)


def test_a_mixed_logit_of_long_data(tmp_path: Path, modechoice: cmt.LongDataset) -> None:
    path = tmp_path / "mixed.toml"
    path.write_text(
        """
[data]
choice = "choice"
situation = "individual"
alternative = "mode"
alternatives = {air = 1, train = 2, bus = 3, car = 4}
[parameters]
M = -0.01
S = 0.02
[random]
gc_taste = {distribution = "normal", mean = "M", sd = "S"}
[utilities]
air = "gc_taste * gc"
train = "gc_taste * gc"
bus = "gc_taste * gc"
car = "gc_taste * gc"
[model]
kind = "MixedLogit"
draws = 64
"""
    )
    specification = Specification(path)
    written = specification.model(specification.dataset(cmt.datasets.load("modechoice")))
    taste = cmt.coefficients.normal("gc_taste", cmt.Beta("M"), cmt.Beta("S"))
    V = {name: taste * modechoice["gc", name] for name in modechoice.alternatives}
    frame = cmt.datasets.load("modechoice")
    assert specification.to_predict(frame)[1] == ""
    unknown = frame.assign(choice=frame.choice.where(frame.individual != 5, 0))
    predicted, left_out = specification.to_predict(unknown)
    assert "choice" not in predicted
    assert left_out == "The choice is not known in 1 choice situation(s), the first 5: all are left out."
    engines = [LocalEvaluator(model) for model in (written, cmt.MixedLogit(modechoice, V, draws=64))]
    theta = np.array([-0.01, 0.02])
    assert engines[0].value(theta) == pytest.approx(engines[1].value(theta), rel=1e-13)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('choice = "CHOICE"', 'choise = "CHOICE"', r"line 3: 'choise' is unknown.*Did you mean 'choice'"),
        ("[utilities]", "[utilitys]", r"line 11: 'utilitys' is unknown; the sections are.*Did you mean 'utilities'"),
        ('sm = "B *', 'sm = "BETA *', r"line 13: .* uses 'BETA', which is unknown. Known are"),
        ('car = "ASC + B', 'bus = "ASC + B', r"line 14: 'bus' is unknown; the alternatives are car, sm, train"),
        ('sm = "B * SM_TT', 'sm = "B * SM_T', r"line 13: 'SM_T' is unknown. Did you mean 'SM_TT'"),
        ("upper = 0}", "upper = 0, lwoer = -1}", r"line 8: 'lwoer' is unknown; a parameter has .*'lower'"),
        ("FIXED = {fixed = 0.5}", "FIXED = {fixed = 0.5, start = 1}", r"line 10: 'FIXED' is fixed"),
        ('kind = "NestedLogit"', 'kind = "Nested"', r"line 16: kind is one of MNL.*found 'Nested'"),
        ('"PURPOSE in [1, 3] and CHOICE != 0"', '"PURPOSE in"', r"line 5: 'PURPOSE in' cannot be read"),
        ('choice = "CHOICE"', "choice = CHOICE", r"is no TOML.*Texts stand in quotes"),
        ('choice = "CHOICE"\n', "", r"lacks 'choice = \.\.\.' in \[data\]"),
        ('members = ["train", "car"]', 'members = ["train", "bus"]', r"line 15: The nests name bus"),
        ('members = ["train", "car"]', 'members = "train"', r"line 15: A nest is .*found .*'members': 'train'"),
        ('kind = "NestedLogit"', 'kind = "NestedLogit"\nnormalised = "no"', r"line 17: normalised is true or false"),
        ('kind = "NestedLogit"', 'kind = "MNL"', r"line 17: 'nests' is for NestedLogit; kind is 'MNL'"),
        ("ASC = 0.1", "ASC = 0.1\nSM_TT = 0", r"line 8: 'SM_TT' is a column of the data too"),
        ("ASC = 0.1", "ASC = 0.1\nB_COST = 0", r"line 8: 'B_COST' is used in no formula"),
        (
            "[model]",
            "[random]\nT = {distribution = 'normal', mean = 'B', sd = 1}\n[model]",
            r"line 16: 'T' is used in no",
        ),
        ("[model]", "[random]\nT = {distribution = ['normal']}\n[model]", r"line 16: distribution is one of"),
        (
            "[model]",
            "[random]\nT = {distribution = 'normal', mean = 'B', sd = 1, within = 'no'}\n[model]",
            r"within is",
        ),
        ('"PURPOSE in [1, 3] and CHOICE != 0"', "\"PURPOSE + 'x'\"", r"line 5: .* cannot be computed"),
    ],
)
def test_errors_name_the_line_and_what_to_write(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "model.toml"
    path.write_text(NESTED.replace(old, new))

    def model() -> cmt.models.Model:
        specification = Specification(path)
        return specification.model(specification.dataset(cmt.datasets.load("swissmetro")))

    with pytest.raises(SpecificationError, match=message):
        model()


def test_filters_and_variables_compute_as_numbers(tmp_path: Path) -> None:
    """A filter can be a column of 0 and 1; comparisons add up; small integers do not overflow; by hand."""
    path = tmp_path / "model.toml"
    path.write_text(
        "\ufeff[data]\nchoice = 'mode'\nalternatives = {a = 1, b = 2}\nfilter = 'keep'\n"
        "[variables]\nboth = '(x > 1) + (y > 1)'\nproduct = 'x * y'\n[parameters]\nk = 0\n"
        "[utilities]\na = 'k * both * product'\nb = 0\n",
        encoding="utf-8",
    )
    frame = pd.DataFrame({"mode": [1, 2, 1], "keep": [1, 0, 1], "x": [100, 1, 1], "y": [90, 1, 2]})
    kept = Specification(path).frame(frame.astype("int8"))
    assert kept[["both", "product"]].to_numpy().tolist() == [[2, 9000], [1, 2]]


def test_a_nested_logit_takes_random_coefficients(tmp_path: Path) -> None:
    path = tmp_path / "nested.toml"
    random = "[random]\nT = {distribution = 'normal', mean = 'B', sd = 'MU'}\n[model]\ndraws = 30"
    path.write_text(NESTED.replace('sm = "B *', 'sm = "T *').replace("[model]", random))
    specification = Specification(path)
    model = specification.model(specification.dataset(cmt.datasets.load("swissmetro").head(200)))
    assert model.sampling == cmt.Sampling(30)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(SpecificationError, match="UTF-8"):
        Specification(path)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('method = "newtn"', "line {}: method must be one of 'trust-region', .*found 'newtn'"),
        ('constraints = ["B_TIME = B_COSTS"]', "line {}: 'B_TIME = B_COSTS' names 'B_COSTS', .*Did you mean B_COST"),
    ],
)
def test_options_of_the_estimation_are_found(tmp_path: Path, survey: Path, option: str, message: str) -> None:
    text = EXAMPLE.read_text().replace('method = "trust-region"', option)
    path = tmp_path / "model.toml"
    path.write_text(text)
    line = 1 + text.splitlines().index(option)
    done = CliRunner().invoke(main, ["estimate", str(path), "--data", str(survey), "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert re.search(message.format(line), done.output)


def test_an_error_is_a_line_and_a_status(tmp_path: Path, survey: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text("[data]\n")
    done = CliRunner().invoke(main, ["estimate", str(path), "--data", str(survey), "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {path} lacks")
