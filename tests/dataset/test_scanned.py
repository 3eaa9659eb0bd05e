"""Scanned files: the rows of a data set in parts, with its individuals and their numbers, checked and described."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.dataset import LongDataset, ScannedDataset
from pycmtensor.exceptions import DatasetError, FileError

MODES = {"car": 1, "bus": 2, "tram": 3}


def table(rows: int = 300, people: int = 90, seed: int = 3) -> pd.DataFrame:
    """Choices of people whose rows are mixed."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"who": rng.integers(0, people, rows), "mode": rng.integers(1, 4, rows)})
    return frame.assign(time=rng.normal(10, 3, rows).round(3), town=np.char.add("town ", (frame.who % 5).astype(str)))


def scanned(folder: Any, **options: Any) -> ScannedDataset:
    found: ScannedDataset = cmt.Dataset.scan(folder, **{"choice": "mode", "alternatives": MODES, **options})
    return found


def wide(frame: Any, **options: Any) -> cmt.Dataset:
    return cmt.Dataset(frame, **{"choice": "mode", "alternatives": MODES, **options})


def same_people(parts: Any, whole: cmt.Dataset) -> None:
    """Each part has the rows that its individuals have in the whole, in their order, and all are there."""
    numbers = []
    for part in parts.in_memory():
        i, observed = part.individual_numbers, part.array(part.observed)
        for name in ("time", "mode"):
            expected = whole.array(name)[..., : part.n_situations, i, :]
            np.testing.assert_array_equal(part.array(name) * observed, expected * observed)
        np.testing.assert_array_equal(observed, whole.array(whole.observed)[: part.n_situations, i])
        assert part.draw_situations == whole.n_situations
        numbers.append(i)
    np.testing.assert_array_equal(np.concatenate(numbers), np.arange(whole.n_individuals))


#: Kind of a source -> the frame as one.
SOURCES: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "pandas": lambda frame, _: frame.set_index(np.arange(len(frame)) * 3),
    "polars": lambda frame, _: pl.from_pandas(frame),
    "lazy polars": lambda frame, _: pl.from_pandas(frame).lazy(),
    "arrow": lambda frame, _: pa.Table.from_pandas(frame),
    "duckdb": lambda frame, _: duckdb.sql("SELECT * FROM frame"),
    "csv": lambda frame, path: frame.to_csv(path / "rows.csv", index=False) or path / "rows.csv",
    "parquet": lambda frame, path: frame.to_parquet(path / "rows.parquet") or path / "rows.parquet",
    "folder": lambda frame, path: frame.to_parquet(path / "rows.parquet") or path,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_written_as_whole_individuals_in_their_order(kind: str, tmp_path: Path) -> None:
    frame = table()
    (tmp_path / "source").mkdir()
    folder = cmt.write_partitions(SOURCES[kind](frame, tmp_path / "source"), tmp_path / "parts", "who", rows=40)
    ds = scanned(folder, individual="who")
    whole = wide(frame, individual="who")
    assert ds.columns == list(frame.columns)
    assert (ds.nobs, ds.n_individuals, ds.n_situations) == (300, whole.n_individuals, whole.n_situations)
    same_people(ds, whole)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 30))
def test_row_groups_hold_whole_individuals_of_any_panels(tmp_path_factory: Any, who: list[int], rows: int) -> None:
    """A row group has at most the rows that were asked for, unless one individual has more."""
    frame = pd.DataFrame({"who": who, "mode": 1, "time": np.arange(len(who)) * 1.0})
    folder = cmt.write_partitions(frame, tmp_path_factory.mktemp("any") / "parts", "who", rows)
    ds = scanned(folder, individual="who")
    assert all(part.rows <= rows or part.individuals == 1 for part in ds.parts)
    same_people(ds, wide(frame, individual="who"))


def test_rows_are_individuals_without_a_column_of_them(tmp_path: Path) -> None:
    frame = table()
    ds = scanned(cmt.write_partitions(frame, tmp_path / "parts", rows=70))
    assert [part.rows for part in ds.parts] == [70, 70, 70, 70, 20]
    same_people(ds, wide(frame))


def test_long_tables_are_scanned_too(tmp_path: Path) -> None:
    frame = wide(table(), individual="who").to_long({"time": dict.fromkeys(MODES, "time")})
    frame["time"] *= 1 + frame.alternative.map(MODES)
    options = {"choice": "mode", "alternative": "alternative", "situation": "situation", "individual": "who"}
    whole = cmt.Dataset.from_long(frame, **options, alternatives=list(MODES))
    ds = cmt.Dataset.scan(
        cmt.write_partitions(frame, tmp_path / "parts", "who", rows=90), **options, alternatives=list(MODES)
    )
    assert isinstance(ds.specimen, LongDataset)
    assert (ds.nobs, ds.n_individuals, len(ds.parts) > 5) == (300, whole.n_individuals, True)
    assert ds["time"].ndim == 4
    for part in ds.in_memory():
        own = whole.take(part.individual_numbers)
        observed = part.array(part.observed)
        times, there = part.array("time") * observed, own.array("time") * own.array(own.observed)
        np.testing.assert_array_equal(times[:, : own.n_situations], there)
        assert not times[:, own.n_situations :].any()  # as long as the longest of all parts


def test_files_of_others_are_counted_and_checked(tmp_path: Path) -> None:
    """Row groups that cut an individual in two are told, whoever wrote them; those that do not are read."""
    frame = table().sort_values("who", kind="stable")
    sizes = frame.groupby("who").size().to_numpy()
    half = int(sizes[:40].sum())
    pq.write_table(pa.Table.from_pandas(frame.head(half)), tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_pandas(frame.iloc[half:]), tmp_path / "b.parquet")
    ds = scanned(tmp_path, individual="who")
    assert [part.individuals for part in ds.parts] == [40, len(sizes) - 40]
    same_people(ds, wide(frame, individual="who"))
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "cut.parquet", row_group_size=half - 1)
    with pytest.raises(DatasetError, match=r"'who' \d+ stands in 2 row groups.*write_partitions"):
        scanned(tmp_path / "cut.parquet", individual="who")
    twice = [cmt.write_partitions(frame, tmp_path / name, "who") for name in ("one", "two")]
    with pytest.raises(DatasetError, match="stands in 2 row groups"):
        scanned([next(folder.glob("*.parquet")) for folder in twice], individual="who")


def test_the_description_is_that_of_all_rows(tmp_path: Path) -> None:
    frame = table().assign(w=lambda f: 1.0 + f.who % 3)
    frame.loc[7, "time"] = np.nan
    frame["income"], frame["one"] = frame.time * 1e6, 1
    options = {"individual": "who", "weights": "w"}
    ds = scanned(cmt.write_partitions(frame, tmp_path / "parts", "who", rows=50), **options)
    found, whole = ds.describe(), wide(frame, **options).describe()
    assert found.facts == whole.facts
    pd.testing.assert_frame_equal(found.alternatives, whole.alternatives)
    pd.testing.assert_frame_equal(found.columns, whole.columns, rtol=1e-12)


def test_a_sample_in_memory_keeps_numbers(tmp_path: Path) -> None:
    frame = table()
    whole = wide(frame, individual="who")
    ds = scanned(cmt.write_partitions(frame, tmp_path / "parts", "who", rows=50), individual="who")
    some = ds.sample(20, seed=4)
    assert some.n_individuals == 20
    np.testing.assert_array_equal(some.individuals, whole.individuals[some.individual_numbers])
    labels = ds.groups("town"), whole.groups("town")
    np.testing.assert_array_equal(*labels)
    with pytest.raises(DatasetError, match="individuals must be at most"):
        ds.sample(1000)


def test_individuals_without_weight_are_left_out_of_parts(tmp_path: Path) -> None:
    frame = table().assign(w=lambda f: np.where(f.who < 40, 0.0, 2.0)).sort_values("who", kind="stable")
    options = {"individual": "who", "weights": "w"}
    ds = scanned(cmt.write_partitions(frame, tmp_path / "parts", "who", rows=50), **options)
    counted = wide(frame, **options).counted()
    numbers = np.concatenate([part.individual_numbers for part in ds.in_memory()])
    np.testing.assert_array_equal(numbers, counted.individual_numbers)


def test_what_needs_all_rows_names_the_way(tmp_path: Path) -> None:
    ds = scanned(cmt.write_partitions(table(), tmp_path / "parts", rows=70))
    for ask in (
        lambda: ds.take(np.arange(3)),
        lambda: ds.array("time"),
        lambda: ds.folds(3),
        lambda: ds.split(0.5),
        lambda: ds.with_columns({"time": 1.0}),
        lambda: ds.individual_weights,
    ):
        with pytest.raises(DatasetError, match=r"needs all rows in memory.*ds.sample\(individuals="):
            ask()
    with pytest.raises(DatasetError, match="There is no alternative|no column 'tim'. Did you mean 'time'"):
        ds["tim"]


def test_faults_are_told(tmp_path: Path) -> None:
    frame = table()
    folder = cmt.write_partitions(frame, tmp_path / "parts", "who", rows=70)
    with pytest.raises(FileError, match="path must be a folder that is new or empty"):
        cmt.write_partitions(frame, folder)
    with pytest.raises(DatasetError, match="The source has no column 'person'; it has who, mode"):
        cmt.write_partitions(frame, tmp_path / "other", "person")
    with pytest.raises(DatasetError, match="Column 'who' is missing in some rows"):
        cmt.write_partitions(frame.assign(who=frame.who.where(frame.who > 3)), tmp_path / "missing", "who")
    with pytest.raises(DatasetError, match="The source has no rows"):
        cmt.write_partitions(frame.head(0), tmp_path / "nothing")
    with pytest.raises(DatasetError, match="there is no Parquet file in"):
        scanned(tmp_path / "nothing")
    with pytest.raises(DatasetError, match="has no column 'person'"):
        scanned(folder, individual="person")
    with pytest.raises(DatasetError, match="alternatives of a long table that is scanned must be named"):
        cmt.Dataset.scan(folder, choice="mode", alternative="mode", situation="who")
    frame[["mode"]].to_parquet(tmp_path / "other.parquet")
    with pytest.raises(DatasetError, match="has no column 'who'; it has mode. Files of one data set have the same"):
        scanned([*folder.glob("*.parquet"), tmp_path / "other.parquet"])
    (tmp_path / "text.parquet").write_text("nothing of the kind")
    with pytest.raises(DatasetError, match="cannot be read.*Check that it is a Parquet file"):
        scanned(tmp_path / "text.parquet")
    nine = frame.assign(mode=frame["mode"].mask(frame.index == 250, 9))
    wrong = scanned(cmt.write_partitions(nine, tmp_path / "nine", rows=100))
    with pytest.raises(DatasetError, match="holds 9, which no alternative has") as told:
        list(wrong.in_memory())
    assert "Rows are counted from the first of row group 2" in str(told.value.__notes__)
