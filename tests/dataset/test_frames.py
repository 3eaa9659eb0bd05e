"""Tables of every kind, and files, give the same data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError
from tests.conftest import MODES


def relation(frame: pd.DataFrame) -> Any:
    return duckdb.connect().from_arrow(pa.Table.from_pandas(frame))


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: pl.from_pandas(frame),
        lambda frame: pl.from_pandas(frame).lazy(),
        lambda frame: pa.Table.from_pandas(frame),
        relation,
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    ],
    ids=["polars", "polars lazy", "PyArrow", "DuckDB", "pandas nullable", "pandas with PyArrow"],
)
def test_every_kind_gives_the_same(trips: pd.DataFrame, convert: Any) -> None:
    expected = cmt.Dataset(trips, "mode", MODES, individual="person")
    ds = cmt.Dataset(convert(trips), "mode", MODES, individual="person")
    for column in ("t_car", "has_bus"):
        np.testing.assert_array_equal(ds.array(column), expected.array(column))
    np.testing.assert_array_equal(ds.array(ds.chosen), expected.array(expected.chosen))
    assert ds.take(np.array([0])).array("t_bus").ravel().tolist() == [15, 12, 20]
    long = ds.to_long({"time": {"car": "t_car", "bus": "t_bus"}})
    back = cmt.Dataset.from_long(long, choice="mode", alternative="alternative", situation="situation")
    assert back.array("time")[1].ravel().tolist() == trips.t_bus.tolist()
    assert type(back.to_wide()) is type(long)


@pytest.mark.parametrize("name", ["survey.csv", "survey.csv.gz", "survey.parquet"])
@pytest.mark.parametrize("kind", [str, Path])
def test_files_are_read(trips: pd.DataFrame, tmp_path: Path, name: str, kind: Any) -> None:
    path = tmp_path / name
    (trips.to_parquet if name.endswith("parquet") else trips.to_csv)(path, index=False)
    ds = cmt.Dataset(kind(path), "mode", MODES)
    assert ds.array("t_car").ravel().tolist() == trips.t_car.tolist()


def test_parquet_without_pyarrow_names_the_package(
    trips: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips.to_parquet(tmp_path / "survey.parquet")

    def missing(path: Path) -> None:
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(DatasetError, match=r"needs pyarrow.*pip install pyarrow"):
        cmt.Dataset(tmp_path / "survey.parquet", "mode", MODES)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "survey.parquet").write_text("no parquet")
    (tmp_path / "survey.xlsx").write_text("no table")
    (tmp_path / "survey.csv").write_text("")
    for name, message in {
        "survey.parquet": "cannot be read",
        "survey.csv": "cannot be read: No columns",
        "survey.xlsx": "from a .parquet or .csv file, found 'survey.xlsx'",
        "survey.txt": "There is no file .*survey.txt",
    }.items():
        with pytest.raises(DatasetError, match=message):
            cmt.Dataset(str(tmp_path / name), "mode", MODES)
