"""Parquet files as parts of the individuals: row groups that hold whole individuals, and what stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from pycmtensor.exceptions import DatasetError

__all__ = ["KEY", "Paths", "RowGroups", "arrow", "check_names", "files_of", "opened", "parts_of", "read"]

#: A file, a folder of files, or a list of files.
Paths: TypeAlias = str | PathLike[str] | Sequence[str | PathLike[str]]

#: Key of the metadata of a file that `write_partitions` wrote.
KEY = b"pycmtensor"

#: Rows up to which row groups are read together, ...
ROWS = 2**18

#: ... where there are more than so many of them.
FEW = 1024


@dataclass(frozen=True)
class RowGroups:
    """Row groups of one file that follow each other and hold whole individuals.

    Attributes:
        path: The file.
        groups: Numbers of the row groups.
        rows: Rows in them.
        nobs: Choice situations in them.
        individuals: Individuals in them.
        longest: Choice situations of the individual with the most.
        first: Number of the first individual.
    """

    path: str
    groups: tuple[int, ...]
    rows: int
    nobs: int
    individuals: int
    longest: int
    first: int = 0


def arrow() -> Any:
    """The library that reads Parquet files."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise DatasetError(
            "Parquet files are read by pyarrow, which is not installed. Install it with pip install pyarrow."
        ) from None
    return pyarrow.parquet


def files_of(paths: Paths) -> list[str]:
    """The Parquet files of a path, a folder or a list, in the order of their names or of the list.

    Raises:
        DatasetError: There is none, or one of them does not exist.
    """
    if isinstance(paths, str | PathLike) and str(paths):
        path = Path(paths)
        found = sorted(path.glob("**/*.parquet")) if path.is_dir() else [path]
    elif isinstance(paths, Sequence) and paths and all(isinstance(one, str | PathLike) for one in paths):
        found = [Path(one) for one in paths]
    else:
        raise DatasetError(f"path must be a Parquet file, a folder of such files or a list of them, found {paths!r}.")
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        where = f"file '{missing[0]}'" if missing else f"Parquet file in '{paths}'"
        raise DatasetError(f"path: there is no {where}. Check it; the working directory is '{Path.cwd()}'.")
    return [str(path.absolute()) for path in found]


def check_names(owner: str, **columns: object) -> None:
    """Raise a `DatasetError` when what names a column is no text."""
    for option, name in columns.items():
        if name is not None and not isinstance(name, str):
            raise DatasetError(f"{owner}: {option} must be the name of a column or None, found {name!r}.")


def read(path: str, groups: Sequence[int], columns: Sequence[str] | None = None) -> Any:
    """Some row groups as an Arrow table.

    Raises:
        DatasetError: The file cannot be read.
    """
    with opened(path) as file:
        try:
            return file.read_row_groups(list(groups), columns=None if columns is None else list(columns))
        except (OSError, ValueError, KeyError) as error:
            raise DatasetError(f"The file '{path}' cannot be read: {error}. Check that it is whole.") from None


def opened(path: str) -> Any:
    """A Parquet file.

    Raises:
        DatasetError: The file cannot be read.
    """
    library = arrow()
    try:
        return library.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"The file '{path}' cannot be read: {error}. Check that it is a Parquet file and that this machine sees it."
        ) from None


def parts_of(files: Sequence[str], individual: str | None, situation: str | None) -> list[RowGroups]:
    """The parts of files, whose individuals have the numbers that they have in one table of all rows.

    Args:
        files: Parquet files.
        individual: Column of individuals; None when every row, or every situation, is one.
        situation: Column of choice situations of a long table; None when every row is one.

    Raises:
        DatasetError: Files differ in their columns, a column is missing, or an individual stands in two row groups.
    """
    _check_alike(files, [column for column in (individual, situation) if column is not None])
    trusted = situation is None and _are_of_one_writer(files, individual)
    found = [own for path in files for own in _row_groups(path, individual, situation, trusted)]
    if not any(part.rows for part, _ in found):
        raise DatasetError(f"path: the files have no rows. Check them; the first is '{files[0]}'.")
    _check_whole(found, individual or situation)
    first, parts = 0, []
    for part in _together([part for part, _ in found if part.rows]):
        parts.append(replace(part, first=first))
        first += part.individuals
    return parts


def _check_alike(files: Sequence[str], needed: Sequence[str]) -> None:
    """Raise a `DatasetError` when a file lacks columns, or has others than the first one."""
    columns: list[str] = []
    for path in files:
        with opened(path) as file:
            own = list(file.schema_arrow.names)
        columns = columns or own
        missing = [name for name in [*needed, *columns] if name not in own]
        if missing:
            raise DatasetError(
                f"The file '{path}' has no column '{missing[0]}'; it has {', '.join(own)}. Files of one data set have "
                "the same columns."
            )


def _noted(path: str) -> dict[str, Any]:
    """What `write_partitions` noted in a file; empty for other files."""
    with opened(path) as file:
        text = (file.metadata.metadata or {}).get(KEY)
    return dict(json.loads(text)) if text else {}


def _are_of_one_writer(files: Sequence[str], individual: str | None) -> bool:
    """Whether one call of `write_partitions` wrote all files, with whole individuals of this column in row groups."""
    notes = [_noted(path) for path in files]
    return len({note.get("written") for note in notes}) == 1 and notes[0].get("individual", "") == individual


def _row_groups(
    path: str, individual: str | None, situation: str | None, trusted: bool
) -> Iterator[tuple[RowGroups, Any]]:
    """Every row group of a file, and the identifiers in it where they have to be compared with others."""
    note = _noted(path) if trusted else {}
    with opened(path) as file:
        for g in range(file.num_row_groups):
            rows = file.metadata.row_group(g).num_rows
            if individual is None and situation is None:
                yield RowGroups(path, (g,), rows, rows, rows, 1), None
            elif note:
                yield RowGroups(path, (g,), rows, rows, note["individuals"][g], note["longest"][g]), None
            else:
                columns = [column for column in (individual, situation) if column is not None]
                table = file.read_row_groups([g], columns=columns)
                yield _counted(path, g, table, individual, situation)


def _counted(path: str, group: int, table: Any, individual: str | None, situation: str | None) -> tuple[RowGroups, Any]:
    """A row group by its identifiers: a situation is one row of a wide table, and several of a long one."""
    import pyarrow.compute as pc

    if situation is not None:
        table = table.group_by(situation).aggregate([(individual, "min")] if individual else [])
        individual_of = table.column(f"{individual}_min" if individual else situation)
    else:
        individual_of = table.column(individual)
    if individual_of.null_count:
        raise DatasetError(
            f"Column '{individual or situation}' is missing in row group {group} of '{path}'. Fill it or drop these "
            "rows."
        )
    counts = pc.value_counts(individual_of.combine_chunks())
    longest = pc.max(counts.field("counts")).as_py() or 0
    part = RowGroups(path, (group,), 0, len(table), len(counts), longest)
    with opened(path) as file:
        part = replace(part, rows=file.metadata.row_group(group).num_rows)
    return part, counts.field("values")


def _check_whole(found: Sequence[tuple[RowGroups, Any]], column: str | None) -> None:
    """Raise a `DatasetError` when an individual stands in two row groups."""
    import pyarrow as pa
    import pyarrow.compute as pc

    read = [(part, values) for part, values in found if values is not None]
    if len(read) < 2:
        return
    counts = pc.value_counts(pa.chunked_array([values for _, values in read]).combine_chunks())
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(twice):
        here = [part for part, values in read if pc.any(pc.equal(values, twice[0])).as_py()]
        raise DatasetError(
            f"'{column}' {twice[0].as_py()!r} stands in {len(here)} row groups, {here[0].groups[0]} of "
            f"'{here[0].path}' and {here[1].groups[0]} of '{here[1].path}'; {len(twice):,} are so. A part must hold "
            f"whole individuals: write the files with cmt.write_partitions(path, folder, individual='{column}')."
        )


def _together(parts: Sequence[RowGroups]) -> Iterator[RowGroups]:
    """Row groups of one file, a few of them as one part where there are very many small ones."""
    most = min(ROWS, sum(part.rows for part in parts) // FEW)
    before: RowGroups | None = None
    for part in parts:
        if before is not None and part.path == before.path and before.rows + part.rows <= most:
            before = RowGroups(
                before.path,
                before.groups + part.groups,
                before.rows + part.rows,
                before.nobs + part.nobs,
                before.individuals + part.individuals,
                max(before.longest, part.longest),
            )
            continue
        if before is not None:
            yield before
        before = part
    if before is not None:
        yield before
