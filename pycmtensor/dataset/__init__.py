"""Data of choices: a table becomes symbolic columns and the arrays that belong to them."""

from pycmtensor.dataset.alike import check_alike
from pycmtensor.dataset.dataset import Dataset
from pycmtensor.dataset.frames import rows_text
from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.sampling import SampledDataset

__all__ = ["Dataset", "LongDataset", "SampledDataset", "check_alike", "rows_text"]
