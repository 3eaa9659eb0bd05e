"""CSV files as they come: separators, decimal signs, double names, damage."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from click.testing import CliRunner

import pycmtensor as cmt
from pycmtensor.command import main
from pycmtensor.exceptions import DatasetError

FRAME = pd.DataFrame({"y": [1, 2, 2, 1], "cost": [0.25, 1.5, 2.125, 3.0], "name": ["a b", "c", "d", "e"]})
CODES = {"car": 1, "bus": 2}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("name", ["d.csv", "d.csv.gz", "d.csv.zip", "d.csv.xz"])
def test_separators_and_decimal_signs_are_found(tmp_path: Path, separator: str, decimal: str, name: str) -> None:
    if separator == decimal:
        return
    path = tmp_path / name
    FRAME.to_csv(path, sep=separator, decimal=decimal, index=False)
    ds = cmt.Dataset(path, "y", CODES)
    assert ds.columns == ["y", "cost", "name"]
    np.testing.assert_array_equal(ds.array("cost").ravel(), FRAME.cost)


def test_a_text_with_the_other_separator_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('y;cost;note\n1;0,5;"x, y; z"\n2;1,25;"a\n;b"\n', encoding="utf-8-sig")
    ds = cmt.Dataset(path, "y", CODES)
    assert ds.columns == ["y", "cost", "note"]
    assert ds.array("cost").ravel().tolist() == [0.5, 1.25]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y,y\n1,2\n2,1\n", "two columns of one name, 'y'"),
        ("y;x;y\n1;2;1\n2;1;2\n", "two columns of one name, 'y'"),
        ("y;a,x\n1;2,1\n2;1,2\n", "seem to be separated by commas or by semicolons"),
        ("y;x\n1;1,250\n2;3,125\n", "commas, such as 1,250, which could be decimal or part thousands"),
        ("y;x\n1;1,25\n2;3.1\n", "commas, such as 1,25, others points, such as 3.1"),
        ("y,x\n1,2,3\n2,1,3\n", r"2 column\(s\) in its header and 3 fields in its row 1"),
        ("y\n1\n2,5\n", r"1 column\(s\) in its header and 2 fields in its row 2"),
        ("", "cannot be read: No columns to parse"),
    ],
)
def test_what_could_be_read_in_two_ways_is_asked(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "d.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        cmt.Dataset(path, "y", CODES)


def test_numbers_below_one_with_commas_are_decimal(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("y;x\n1;0,125\n2;3,125\n")
    assert cmt.Dataset(path, "y", CODES).array("x").ravel().tolist() == [0.125, 3.125]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", b"no"),
        ("b.csv.zip", b"PK"),
        ("c.csv.bz2", b"BZh9no"),
        ("d.csv.xz", b"no"),
        ("e.csv.gz", gzip.compress(b"y,x\n1,2\n" * 50, mtime=0)[:-12]),
        ("f.parquet", b"PAR1"),
        ("g.csv", b"y,\xff\xfe\n1,2\n"),
    ],
)
def test_damaged_files_are_told_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=f"{name}' cannot be read"):
        cmt.Dataset(tmp_path / name, "y", CODES)


def test_the_command_line_reads_them_too(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "d.csv", sep=";", decimal=",", index=False)
    told = CliRunner().invoke(main, ["describe", str(tmp_path / "d.csv")])
    assert told.exit_code == 0
    assert "2.125" not in told.output.split("\n")[0]
    assert "1.71875" in told.output  # the mean of cost
    (tmp_path / "twice.csv").write_text("y;y\n1;2\n")
    told = CliRunner().invoke(main, ["describe", str(tmp_path / "twice.csv")])
    assert told.exit_code
    assert "two columns of one name, 'y'" in told.output


@pytest.mark.parametrize(
    "make",
    [
        lambda ids: pd.DataFrame({"s": [np.array(i) for i in ids]}),
        lambda ids: pd.DataFrame({"s": [list(i) for i in ids]}),
        lambda ids: pd.DataFrame({"s": [{"house": i[0], "person": i[1]} for i in ids]}),
        lambda ids: pl.DataFrame({"s": [list(i) for i in ids]}),
        lambda ids: pl.DataFrame({"s": [list(i) for i in ids]}, schema={"s": pl.Array(pl.Int64, 2)}),
        lambda ids: pl.DataFrame({"s": [{"house": i[0], "person": i[1]} for i in ids]}),
        lambda ids: pl.DataFrame({"s": [list(i) for i in ids]}).to_arrow(),
    ],
)
def test_compound_identifiers_are_tuples(make: Any) -> None:
    ids = [(7, 1), (7, 0), (7, 1), (3, 1)]
    frame = make(ids)
    choices = [1, 2, 1, 2]
    frame = (
        frame.assign(y=choices)
        if isinstance(frame, pd.DataFrame)
        else frame.with_columns(y=pl.Series(choices))
        if isinstance(frame, pl.DataFrame)
        else frame.append_column("y", [choices])
    )
    ds = cmt.Dataset(frame, "y", CODES, individual="s")
    assert (ds.n_individuals, ds.n_situations) == (3, 2)
    assert ds.chosen_alternatives[:, 0].tolist() == [0, 0]
    assert ds.groups("s").tolist() == [2, 1, 0]
    assert len(ds.individual_labels) == 3
    assert ds.take(np.array([0, 2])).n_individuals == 2
