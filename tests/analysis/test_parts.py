"""Answers about data in parts are those about all rows in memory, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.dataset import ScannedDataset
from pycmtensor.exceptions import DatasetError, FileError, InferenceError
from tests.engine.families import FAMILIES, close, in_memory, in_parts, persons

Answered = tuple[cmt.Results, cmt.Results]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return persons(160, seed=1)


@pytest.fixture(scope="module")
def scanned(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> ScannedDataset:
    return in_parts(frame, tmp_path_factory.mktemp("parts") / "p", 4)


@pytest.fixture(
    scope="module", params=["mixed", *(pytest.param(name, marks=pytest.mark.slow) for name in ("logit", "classes"))]
)
def both(request: pytest.FixtureRequest, frame: pd.DataFrame, scanned: ScannedDataset) -> Answered:
    """Results of one model with all rows in memory, and in parts."""
    make = FAMILIES[request.param]
    options: dict[str, Any] = {"starts": 3} if request.param == "classes" else {}
    one = cmt.estimate(make(in_memory(frame)), **options)
    start = dict(one.params)
    return one, cmt.estimate(make(scanned), start=start)


#: Name -> the tables of an answer.
ASKED: dict[str, Callable[[cmt.Results], list[Any]]] = {
    "shares": lambda r: [(p := r.predict()).table, [p.llf, p.nobs]],
    "elasticities": lambda r: [r.elasticities("t_car", kind="robust").table],
    "arc elasticities": lambda r: [r.elasticities("t_car", change=0.1).table],
    "marginal effects": lambda r: [r.marginal_effects("c_bus").table],
    "scenarios": lambda r: [
        cmt.scenario(r, None, {"dear": {"c_car": lambda c: 1.3 * c}, "free": {"c_bus": 0}}, segment="town").table
    ],
}


@pytest.mark.parametrize("asked", ASKED)
def test_sums_over_parts_are_those_over_all_rows(both: Answered, asked: str) -> None:
    for found, truth in zip(ASKED[asked](both[1]), ASKED[asked](both[0]), strict=True):
        close(found, truth)


def test_what_a_mixed_logit_answers(frame: pd.DataFrame, both: Answered, tmp_path: Path) -> None:
    """Surplus, the mean of a ratio, tastes and probabilities given choices, of which rows are written to files."""
    one, parts = both
    if not parts.model or not parts.model.draws:
        pytest.skip("no random coefficients")
    dear = {"c_car": lambda c: c + 1}
    surplus = [cmt.scenario(r, None, dear, cost="b_cost").surplus for r in both]
    close(surplus[1], surplus[0])
    ratios = [r.wtp("taste", "b_cost") for r in both]
    close(ratios[1].table, ratios[0].table)
    assert ratios[1].distribution is None
    assert "of a sample in memory" in ratios[1].note
    tastes, told = one.conditional_estimates(), parts.conditional_estimates(to=tmp_path / "tastes.parquet")
    close(told.summary, tastes.summary)
    written = pd.read_parquet(tmp_path / "tastes.parquet")
    close(written.pop("who"), tastes.table.index)
    close(written, tastes.table)
    given, file = one.predict(conditional=True), tmp_path / "given.parquet"
    close(parts.predict(conditional=True, to=file).table, given.table)
    close(pd.read_parquet(file)[list(given.probabilities)], given.probabilities)


def test_probabilities_are_written_part_by_part(both: Answered, frame: pd.DataFrame, tmp_path: Path) -> None:
    one, parts = both
    file = tmp_path / "p.parquet"
    found = parts.predict(to=file)
    written = pd.read_parquet(file)
    assert list(written.columns) == ["who", "car", "bus", "tram"]
    close(written.pop("who"), frame.who)
    close(written, one.predict().probabilities)
    again = one.predict(to=file)  # of data in memory likewise
    close(pd.read_parquet(file)[list(written)], written)
    for answer in (found, again):
        with pytest.raises(InferenceError, match=r"not kept in memory.* to='rows\.parquet'"):
            _ = answer.probabilities


def test_results_answer_about_scanned_data_of_others(both: Answered, scanned: ScannedDataset, tmp_path: Path) -> None:
    """Estimated with rows in memory, asked about files, and the reverse."""
    one, parts = both
    close(one.predict(scanned).table, one.predict().table)
    assert one.data is not None
    close(parts.predict(one.data).table, one.predict().table)


def test_a_part_that_cannot_be_predicted_leaves_the_earlier_file(
    both: Answered, frame: pd.DataFrame, tmp_path: Path
) -> None:
    broken = frame.assign(t_car=frame.t_car.where(frame.index != len(frame) - 2))
    ds, file = in_parts(broken, tmp_path / "broken", 4), tmp_path / "p.parquet"
    file.write_text("earlier")
    with pytest.raises(DatasetError, match="t_car") as error:
        both[0].predict(ds, to=file)
    assert "counted from the first of row group" in "".join(error.value.__notes__)
    assert file.read_text() == "earlier"
    assert [f.name for f in tmp_path.iterdir() if f.is_file()] == ["p.parquet"]
    with pytest.raises(FileError, match="there is no folder"):
        both[1].predict(to=tmp_path / "missing" / "p.parquet")


@pytest.mark.parametrize(
    "ask",
    [
        lambda r: r.predict().probabilities,
        lambda r: r.elasticities("t_car").by_situation(),
        lambda r: r.elasticities("t_car", at="means"),
        lambda r: r.simulate(),
        lambda r: r.by("town").predict(),
        lambda r: cmt.scenario(r, None, {"c_car": np.ones(10)}),
        lambda r: r.partial_dependence("t_car"),
    ],
)
def test_what_needs_all_rows_says_so(both: Answered, ask: Callable[[cmt.Results], Any]) -> None:
    with pytest.raises((InferenceError, DatasetError), match=r"sample\(individuals=|a function of the old values"):
        ask(both[1])
