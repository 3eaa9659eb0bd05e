"""Data of choices: a table becomes symbolic columns and the arrays that belong to them."""

from pycmtensor.dataset.dataset import Dataset
from pycmtensor.dataset.frames import rows_text
from pycmtensor.dataset.long import LongDataset

__all__ = ["Dataset", "LongDataset", "rows_text"]
