"""Tables as CSV files that spreadsheets open without computing."""

from __future__ import annotations

import pandas as pd

from pycmtensor.host.escaping import csv_cell

__all__ = ["csv_table"]


def csv_table(table: pd.DataFrame) -> str:
    """The text of a CSV file; texts that a spreadsheet would take for formulas begin with an apostrophe."""
    table = table.map(csv_cell).rename(index=csv_cell, columns=csv_cell)
    return table.rename_axis(index=[csv_cell(name) for name in table.index.names]).to_csv()
