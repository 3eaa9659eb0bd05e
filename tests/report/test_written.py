"""Tables for papers and other programs, read back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.report import Summary

MODES = {"a": 0, "b": 1, "c": 2}
ODD = Summary(
    "A_model & more", (("Rows", "10"),), (("LL", "-5.5"),), ("Name", "Value"), (("b_1|x", "-1.5"),), ("50% < 1",)
)


def test_latex_escapes_what_it_would_take_for_commands() -> None:
    assert ODD.to_latex().splitlines() == [
        r"\begin{table}",
        r"\caption{A\_model \& more}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"Name & Value \\",
        r"\midrule",
        r"b\_1|x & $-$1.5 \\",
        r"\midrule",
        r"Rows & 10 \\",
        r"LL & $-$5.5 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\footnotesize 50\% $<$ 1",
        r"\end{table}",
    ]


def test_markdown_keeps_bars_within_cells() -> None:
    lines = ODD.to_markdown().splitlines()
    assert lines[0] == r"## A\_model & more"
    assert lines[-3] == r"| b\_1\|x | -1.5 |"
    assert {line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")} == {3}


def test_tables_of_results_hold_the_estimates(swissmetro_results: cmt.Results) -> None:
    for text in (swissmetro_results.to_latex().replace("$-$", "-"), swissmetro_results.to_markdown()):
        for value in (*swissmetro_results.params, swissmetro_results.llf):
            assert f"{value:.6f}" in text


def test_a_workbook_holds_numbers(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    path = swissmetro_results.to_excel(tmp_path / "logit.xlsx")
    sheets = pd.read_excel(path, sheet_name=None, index_col=0)
    np.testing.assert_allclose(sheets["estimates"]["value"], swissmetro_results.params, rtol=1e-14)
    np.testing.assert_allclose(sheets["robust covariance"], swissmetro_results.cov_params("robust"), rtol=1e-14)
    assert sheets["fit"]["value"]["llf"] == pytest.approx(swissmetro_results.llf, rel=1e-14)
    assert len(sheets["history"]) == len(swissmetro_results.history)


def test_a_workbook_names_fixed_parameters(tmp_path: Path) -> None:
    """Three of four take the car: the constant is log 3 minus what the fixed coefficient adds."""
    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 1, 1, 2]}), "mode", {"car": 1, "bus": 2})
    model = cmt.MNL(ds, {"car": cmt.Beta("asc_car") + cmt.Beta("held", 0.5, status=1), "bus": 0})
    path = cmt.estimate(model).to_excel(tmp_path / "fixed.xlsx")
    sheets = pd.read_excel(path, sheet_name=None, index_col=0)
    table = sheets["estimates"]
    assert table["status"].to_dict() == {"asc_car": "estimated", "held": "fixed"}
    np.testing.assert_allclose(table["value"], [np.log(3) - 0.5, 0.5], rtol=1e-9)
    assert table.loc["held", ["classical std err", "robust std err"]].isna().all()
    assert sheets["classical covariance"].shape == (1, 1)


def test_a_file_for_alogit_has_its_columns(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    """Names in columns 6 to 15, values in 19 to 38, errors in 39 to 58; correlations in seventh columns, x 100,000."""
    results, lines = swissmetro_results, swissmetro_results.to_alogit(tmp_path / "logit.F12").read_text().splitlines()
    assert lines[0].strip() == "Multinomial logit"
    assert lines[2] == "END"
    for line, (name, value) in zip(lines[3:7], results.params.items(), strict=True):
        assert line[:5] == "   0 "
        assert line[5:15].strip() == str(name)[:10]
        assert line[15:18].strip() == "F"
        assert float(line[18:38]) == pytest.approx(value, rel=1e-12)
        assert float(line[38:58]) == pytest.approx(results.bse[str(name)], rel=1e-12)
    assert lines[7] == "  -1"
    assert int(lines[8][:8]) == results.nobs
    assert float(lines[8][27:47]) == pytest.approx(results.llnull, rel=1e-11)
    assert float(lines[8][47:67]) == pytest.approx(results.llf, rel=1e-11)
    correlation = results.correlation().to_numpy()
    expected = [int(1e5 * correlation[i, j]) for i in range(4) for j in range(i)]
    assert [int(lines[10][7 * k : 7 * k + 7]) for k in range(6)] == expected


def test_results_side_by_side(modechoice: cmt.LongDataset, modechoice_results: cmt.Results) -> None:
    ds, names = modechoice, ("air", "train", "bus")
    V = ds.per_alternative({name: cmt.Beta(name) for name in names}) + cmt.Beta("gc", 0.0, status=1) * ds["gc"]
    simple = cmt.estimate(cmt.MNL(ds, V))
    table = cmt.compare({"constants": simple, "Greene": modechoice_results})
    rows = {row[0]: row[1:] for row in table.rows if row[0]}
    assert rows["gc"] == ("0.0000", "-0.0155***")  # -0.015502 with the error 0.004408
    assert rows["Parameters"] == ("3", "6")  # the fixed one is none
    assert rows["LL"] == (f"{simple.llf:.3f}", "-199.128")
    assert table.rows[table.rows.index(("gc", *rows["gc"])) + 1] == ("", "(-)", "(0.0044)")
    assert rows["income_air"] == ("", "0.0133")
    assert "In brackets classical" in str(table)
    assert [row[0] for row in cmt.compare([simple]).rows][-1] == "BIC"


def test_parameters_that_constraints_determine_are_no_parameters(tmp_path: Path) -> None:
    ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 4 + [2] * 3 + [3] * 2}), "mode", {"car": 1, "bus": 2, "tram": 3})
    model = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": cmt.Beta("asc_bus"), "tram": 0})
    held = cmt.estimate(model, constraints="asc_bus = 0.25")
    rows = {row[0]: row[1:] for row in cmt.compare([held, cmt.estimate(model)]).rows}
    assert rows["Parameters"] == ("1", "2")
    lines = held.to_alogit(tmp_path / "held.F12").read_text().splitlines()
    assert [line[15:18].strip() for line in lines[3:5]] == ["F", "T"]


def test_what_cannot_be_compared(modechoice_results: cmt.Results, swissmetro_results: cmt.Results) -> None:
    with pytest.raises(cmt.PyCMTensorError, match=r"different choice situations.*\(1\): 210, \(2\): 6,768"):
        cmt.compare([modechoice_results, swissmetro_results])
    with pytest.raises(cmt.PyCMTensorError, match="at least one result"):
        cmt.compare([])


@pytest.mark.parametrize(("inverse", "name"), [(False, "mu"), (True, "lambda")])
@pytest.mark.slow_cases("False-mu")
def test_scales_are_tested_against_one(tmp_path: Path, inverse: bool, name: str) -> None:
    rng = np.random.default_rng(1)
    x, alike = rng.normal(size=(400, 3)), rng.gumbel(size=400)
    V = x + rng.gumbel(size=(400, 3)) + alike[:, None] * np.array([0, 1, 1])
    ds = cmt.Dataset(pd.DataFrame({"y": V.argmax(axis=1), **{f"x{j}": x[:, j] for j in range(3)}}), "y", MODES)
    b, own = cmt.Beta("b"), cmt.Beta(name, 1.0)
    nests: list[cmt.Nest | str] = ["a", cmt.Nest("n", ["b", "c"], 1 / own if inverse else own)]
    results = cmt.estimate(cmt.NestedLogit(ds, {m: b * ds[f"x{j}"] for m, j in MODES.items()}, nests=nests))
    value, se = results.params[name], results.bse[name]
    t, p = (value - 1) / se, math.erfc(abs(value - 1) / se / math.sqrt(2))
    assert abs(value / se) > 3 > abs(t)  # against 0 it would be sure
    loaded = cmt.Results.load(results.save(tmp_path / "nested.cmt"))
    for one in (results, loaded):
        [row] = [row for row in one.summary().rows if row[0] == name]
        assert row[3:5] == (f"{t:.2f} (vs 1)", f"{p:.4f}")
        [robust] = [row for row in one.summary("robust").rows if row[0] == name]
        assert robust[3] == f"{(value - 1) / one.standard_errors('robust')[name]:.2f} (vs 1)"
        for text in (one.to_latex(), one.to_markdown(), str(one.summary()), one.summary()._repr_html_()):
            assert f"{abs(t):.2f} (vs 1)" in text
            assert f"t and p of {name} test the value 1, as marked." in text.replace("\\_", "_")
        assert math.isclose(one.tvalues[name], value / se)  # as statsmodels has it
    stars = "*" * sum(p < level for level in (0.1, 0.05, 0.01))
    table = cmt.compare([results, results])
    assert [row[1] for row in table.rows if row[0] == name] == [f"{value:.4f}{stars}"]
    assert table.notes[1:] == (f"Stars of {name} test the value 1.",)
    book = pd.read_excel(results.to_excel(tmp_path / "nested.xlsx"), sheet_name="estimates", index_col=0)
    assert book["hypothesis"].to_dict() == {"b": 0, name: 1}
    assert math.isclose(book["classical t"][name], t)
    assert math.isclose(book["classical p"][name], p)
