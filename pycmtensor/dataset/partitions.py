"""Files of row groups that hold whole individuals, written out of core."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

from pycmtensor.dataset.parquet import KEY, arrow, check_names
from pycmtensor.exceptions import DatasetError, FileError, checked, whole

__all__ = ["write_partitions"]

#: Row groups of a file.
GROUPS = 32

#: Columns that order rows, and are not written.
FIRST, ROW = "__first_row_of_individual", "__row"


@checked(DatasetError)
def write_partitions(
    source: Any, path: str | PathLike[str], individual: str | None = None, rows: int = 250_000
) -> Path:
    """Write Parquet files for `Dataset.scan`, whose row groups hold whole individuals.

    Individuals stay in the order in which they first appear in the source, and so do the rows of each, so that
    individuals have the numbers, and the draws, that they have in a `Dataset` of the source. DuckDB sorts, on the disk
    where the memory does not suffice. How many individuals there are in each row group stands in the files.

    Args:
        source: A pandas, polars or PyArrow table, a DuckDB relation, or the path of a CSV or Parquet file or of a
            folder of Parquet files.
        path: A folder that is new or empty.
        individual: Column that identifies the decision maker; of a long table without panels, the column of choice
            situations. None when every row is an individual.
        rows: Rows of a row group, unless an individual has more: what is read and prepared at a time, and divided among
            machines.

    Returns:
        The folder.

    Raises:
        DatasetError: The source is of an unknown kind or empty, or the column is not in it, or misses values.
        FileError: The folder is not empty, the one around it is missing, or the disk is full.

    Examples:
        >>> import tempfile, pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2, 1], "who": [7, 3, 7, 5]})
        >>> folder = cmt.write_partitions(frame, tempfile.mkdtemp(), individual="who", rows=2)
        >>> cmt.Dataset.scan(folder, choice="mode", alternatives={"car": 1, "bus": 2}, individual="who")
        ScannedDataset(4 choice situations of 3 individuals in 2 parts; alternatives car, bus)
    """
    whole("write_partitions", "rows", rows, least=1, error=DatasetError)
    check_names("write_partitions", individual=individual)
    folder = _empty(Path(path))
    aside = folder / ".sorting"
    try:
        folder.mkdir(exist_ok=True)
        aside.mkdir()
        _write(_ordered(source, individual, aside, rows), folder, individual, rows)
    except OSError as error:
        raise FileError(f"The folder '{path}' cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _empty(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"path must be a folder that is new or empty, found '{folder}'. Name another.")
    if not folder.absolute().parent.is_dir():
        raise FileError(f"path: there is no folder '{folder.parent}'. Name a folder in one that exists.")
    return folder


def _ordered(source: Any, individual: str | None, aside: Path, rows: int) -> Any:
    """The rows by individual, as a stream of Arrow tables of some rows."""
    try:
        import duckdb
    except ImportError:
        raise DatasetError(
            "Files are sorted by DuckDB, which is not installed. Install it with pip install duckdb."
        ) from None
    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = {_quoted(str(aside), single=True)}")
    try:
        table, names = _table(connection, source)
        if individual is None:
            return connection.sql(f"FROM {table}").to_arrow_reader(rows)
        if individual not in names:
            raise DatasetError(f"The source has no column '{individual}'; it has {', '.join(names)}.")
        who = _quoted(individual)
        numbered = f"SELECT *, row_number() OVER () AS {ROW} FROM {table}"
        first = f"SELECT *, min({ROW}) OVER (PARTITION BY {who}) AS {FIRST} FROM ({numbered})"
        return connection.sql(f"SELECT * EXCLUDE ({ROW}) FROM ({first}) ORDER BY {FIRST}, {ROW}").to_arrow_reader(rows)
    except duckdb.Error as error:
        raise DatasetError(f"The source cannot be read: {error}") from None


def _table(connection: Any, source: Any) -> tuple[str, list[str]]:
    """The source as DuckDB calls it, and its columns."""
    if isinstance(source, str | PathLike):
        path = Path(source)
        if not path.exists():
            raise DatasetError(f"source: there is no file '{path}'. Check it; the working directory is '{Path.cwd()}'.")
        if path.is_dir():
            path = path / "**" / "*.parquet"
        reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
        table = f"{reader}({_quoted(str(path), single=True)})"
        return table, list(connection.sql(f"FROM {table} LIMIT 0").columns)
    stream = source.to_arrow_reader() if hasattr(source, "to_arrow_reader") else _snapshot(source)
    connection.register("source", stream)
    return "source", list(stream.schema.names)


def _snapshot(source: Any) -> Any:
    """A frame as an Arrow table."""
    import narwhals as nw

    try:
        frame = nw.from_native(source)
    except (TypeError, nw.exceptions.DuplicateError):
        raise DatasetError(
            f"source must be a path or a pandas, polars, PyArrow or DuckDB table, found {type(source).__name__}."
        ) from None
    table = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return nw.maybe_reset_index(table).to_arrow()


def _quoted(name: str, single: bool = False) -> str:
    mark = "'" if single else '"'
    return mark + name.replace(mark, 2 * mark) + mark


def _write(stream: Any, folder: Path, individual: str | None, rows: int) -> None:
    """Write a stream of rows as files of row groups."""
    library, written, number = arrow(), uuid4().hex, 0
    writer: Any = None
    note: dict[str, Any] = {}
    for group, people in _groups(stream, individual, rows):
        if writer is None:
            file = folder / f"part-{number:05d}.parquet"
            writer = library.ParquetWriter(file, group.schema)
            note = {"written": written, "individual": individual, "individuals": [], "longest": []}
        writer.write_table(group, row_group_size=len(group))
        for name, value in people.items():
            note[name].append(value)
        if len(note["longest"]) == GROUPS:
            _close(writer, note)
            writer, number = None, number + 1
    if writer is not None:
        _close(writer, note)
    elif number == 0:
        raise DatasetError("The source has no rows. Check the file and the filter that made it.")


def _close(writer: Any, note: dict[str, Any]) -> None:
    writer.add_key_value_metadata({KEY.decode(): json.dumps(note)})
    writer.close()


def _groups(stream: Any, individual: str | None, rows: int) -> Iterator[tuple[Any, dict[str, int]]]:
    """Tables of at most so many rows that hold whole individuals, and how many these are."""
    import pyarrow as pa

    kept = stream.schema.empty_table()
    for batch in stream:
        kept = pa.concat_tables([kept, pa.Table.from_batches([batch])])
        while (end := _cut(kept, individual, rows)) is not None:
            yield _group(kept.slice(0, end), individual)
            kept = kept.slice(end)
    while len(kept):
        end = _cut(kept, individual, rows) or len(kept)
        yield _group(kept.slice(0, end), individual)
        kept = kept.slice(end)


def _cut(table: Any, individual: str | None, rows: int) -> int | None:
    """Where the first row group ends; None when that takes more rows."""
    if len(table) <= rows:
        return None
    if individual is None:
        return rows
    first = table.column(FIRST).to_numpy()
    begin = int(first.searchsorted(first[rows]))  # the individual that the cut would divide
    if begin:
        return begin
    end = int(first.searchsorted(first[0], side="right"))
    return end if end < len(table) else None


def _group(table: Any, individual: str | None) -> tuple[Any, dict[str, int]]:
    """A row group as it is written, with its individuals and the most rows of one of them."""
    if individual is None:
        return table, {"individuals": len(table), "longest": 1}
    import numpy as np

    if table.column(individual).null_count:
        raise DatasetError(f"Column '{individual}' is missing in some rows. Fill it or drop these rows.")
    _, counts = np.unique(table.column(FIRST).to_numpy(), return_counts=True)
    return table.drop_columns([FIRST]), {"individuals": len(counts), "longest": int(counts.max())}
