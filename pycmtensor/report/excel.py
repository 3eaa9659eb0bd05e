"""Tables as a workbook."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from pycmtensor.exceptions import FileError, PyCMTensorError
from pycmtensor.host.escaping import xlsx_cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_excel"]


def to_excel(sheets: Mapping[str, pd.DataFrame]) -> bytes:
    """The bytes of a workbook: tables of numbers, one sheet each, with columns as wide as what they hold.

    Raises:
        PyCMTensorError: The package openpyxl is missing.
        FileError: There is no room for temporary files, or a text has control characters.
    """
    import pandas as pd

    if find_spec("openpyxl") is None:
        raise PyCMTensorError("Workbooks need the package openpyxl: pip install openpyxl.")
    tables = {name: _as_text(table) for name, table in sheets.items()}
    content = io.BytesIO()
    try:
        with pd.ExcelWriter(content, engine="openpyxl") as workbook:
            for name, table in tables.items():
                table.to_excel(workbook, sheet_name=name)
                _settle(workbook.sheets[name])
    except OSError as error:  # openpyxl keeps each sheet in a temporary file
        raise FileError(f"The workbook cannot be made: {error.strerror}, in {gettempdir()}. Make room there.") from None
    return content.getvalue()


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table with texts that stand for themselves."""
    try:
        return table.map(xlsx_cell).rename(index=xlsx_cell, columns=xlsx_cell)
    except ValueError as error:
        raise FileError(f"A workbook cannot hold {error}. Give it another name.") from None


def _settle(sheet: Any) -> None:
    """Texts stay texts where openpyxl takes them for formulas, also when they are edited; columns get their widths."""
    for cells in sheet.columns:
        for cell in cells:
            if isinstance(cell.value, str):
                cell.data_type, cell.quotePrefix = "s", True
        width = max(len(str(cell.value or "")) for cell in cells)
        sheet.column_dimensions[cells[0].column_letter].width = min(width, 20) + 2
