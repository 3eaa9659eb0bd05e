"""Tables as a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pycmtensor.exceptions import PyCMTensorError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_excel"]


def to_excel(path: Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Write tables of numbers, one sheet each, with columns as wide as what they hold.

    Raises:
        PyCMTensorError: The package openpyxl is missing.
    """
    import pandas as pd

    if find_spec("openpyxl") is None:
        raise PyCMTensorError("Workbooks need the package openpyxl: pip install 'pycmtensor[excel]'.")
    with pd.ExcelWriter(path, engine="openpyxl") as workbook:
        for name, table in sheets.items():
            table.to_excel(workbook, sheet_name=name)
            for cells in workbook.sheets[name].columns:
                width = max(len(str(cell.value or "")) for cell in cells)
                workbook.sheets[name].column_dimensions[cells[0].column_letter].width = min(width, 20) + 2
