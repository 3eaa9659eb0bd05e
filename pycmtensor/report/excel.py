"""Tables as a workbook."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from pycmtensor.exceptions import FileError, PyCMTensorError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_excel"]


def to_excel(sheets: Mapping[str, pd.DataFrame]) -> bytes:
    """The bytes of a workbook: tables of numbers, one sheet each, with columns as wide as what they hold.

    Raises:
        PyCMTensorError: The package openpyxl is missing.
        FileError: There is no room for temporary files.
    """
    import pandas as pd

    if find_spec("openpyxl") is None:
        raise PyCMTensorError("Workbooks need the package openpyxl: pip install 'pycmtensor[excel]'.")
    content = io.BytesIO()
    try:
        with pd.ExcelWriter(content, engine="openpyxl") as workbook:
            for name, table in sheets.items():
                table.to_excel(workbook, sheet_name=name)
                _widen(workbook.sheets[name])
    except OSError as error:  # openpyxl keeps each sheet in a temporary file
        raise FileError(f"The workbook cannot be made: {error.strerror}, in {gettempdir()}. Make room there.") from None
    return content.getvalue()


def _widen(sheet: Any) -> None:
    for cells in sheet.columns:
        width = max(len(str(cell.value or "")) for cell in cells)
        sheet.column_dimensions[cells[0].column_letter].width = min(width, 20) + 2
