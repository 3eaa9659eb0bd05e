"""Files of tables: Parquet, and CSV with the separator and the decimal sign that it has."""

from __future__ import annotations

import csv
import lzma
import re
import zipfile
import zlib
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from pycmtensor.exceptions import DatasetError

__all__ = ["read"]

#: Separators of columns and what they are called.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: How many rows are looked at.
ROWS = 1000
COMMA, POINT = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?"), re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
#: What reading a damaged file raises besides errors of the library that reads it, which are kinds of ValueError.
DAMAGED = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)


def read(path: Path) -> Any:
    """A file as a pandas table.

    Raises:
        DatasetError: There is no such file, its kind is unknown, it is damaged, two columns have one name, or its
            separator or decimal sign cannot be told.
    """
    import pandas as pd  # the package imports without it

    if not path.is_file():
        raise DatasetError(f"There is no file '{path}'. Check the path; the working directory is '{Path.cwd()}'.")
    if path.suffix != ".parquet" and ".csv" not in path.suffixes:
        raise DatasetError(f"A Dataset is read from a .parquet or .csv file, found '{path.name}'. Read it beforehand.")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        separator, decimal = _dialect(path)
        return pd.read_csv(path, sep=separator, decimal=decimal)
    except DatasetError:
        raise
    except ImportError:
        raise DatasetError(
            f"Reading '{path.name}' needs pyarrow, which is not installed. Install it with pip install pyarrow, or "
            "read the file with polars and give the table."
        ) from None
    except DAMAGED as error:
        raise DatasetError(
            f"The file '{path}' cannot be read: {error}. Check that it is what its name says."
        ) from error


def _dialect(path: Path) -> tuple[str, str]:
    """Separator and decimal sign of a CSV file."""
    from pandas.io.common import get_handle

    with get_handle(path, "r", encoding="utf-8-sig", compression="infer") as file:
        lines = [line for line in islice(file.handle, ROWS) if line.strip()]
    found = {separator: _records(lines, separator) for separator in SEPARATORS} if lines else {}
    fits = [separator for separator, records in found.items() if _fits(records)]
    if len(fits) > 1:
        raise DatasetError(
            f"The columns of '{path}' seem to be separated by {' or by '.join(SEPARATORS[s] for s in fits)}. Read the "
            "file beforehand, such as with pandas.read_csv(path, sep=...), and give the table."
        )
    separator = fits[0] if fits else ","
    records = found.get(separator, [])
    _check_header(path, records)
    return separator, "." if separator == "," else _decimal(path, records)


def _records(lines: list[str], separator: str) -> list[list[str]]:
    """The fields of the rows, the header first; a record that the last line cuts in two is left out."""
    records = list(csv.reader(lines, delimiter=separator))
    return records[:-1] if len(lines) >= ROWS - 1 and len(records) > 2 else records


def _fits(records: list[list[str]]) -> bool:
    """Whether all rows have as many fields as the header, and more than one."""
    return len(records[0]) > 1 and all(len(record) == len(records[0]) for record in records)


def _check_header(path: Path, records: list[list[str]]) -> None:
    """Raise a `DatasetError` when names of columns are not all different, or rows have more fields than there are."""
    header = records[0] if records else []
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if twice:
        raise DatasetError(f"'{path}' has two columns of one name, '{twice[0]}'. Rename or drop one of them.")
    longer = [row for row, record in enumerate(records) if len(record) > len(header)]
    if longer:
        raise DatasetError(
            f"'{path}' has {len(header)} column(s) in its header and {len(records[longer[0]])} fields in its row "
            f"{longer[0]}. Check the separators; numbers with decimal commas need semicolons between columns."
        )


def _decimal(path: Path, records: list[list[str]]) -> str:
    """The decimal sign of numbers between other separators than commas."""
    fields = [field.strip() for record in records[1:] for field in record]
    commas = [field for field in fields if COMMA.fullmatch(field)]
    points = [field for field in fields if POINT.fullmatch(field)]
    thousands = bool(commas) and all(THOUSANDS.fullmatch(field) for field in commas)
    if commas and (points or thousands):
        other = f"others points, such as {points[0]}" if points else "which could be decimal or part thousands"
        raise DatasetError(
            f"Numbers in '{path}' have commas, such as {commas[0]}, {other}. Read the file beforehand, such as with "
            "pandas.read_csv(path, sep=..., decimal=..., thousands=...), and give the table."
        )
    return "," if commas else "."
