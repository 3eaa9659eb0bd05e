"""Data of choices: a table becomes symbolic columns and the arrays that belong to them."""

from pycmtensor.dataset.alike import check_alike
from pycmtensor.dataset.dataset import Dataset
from pycmtensor.dataset.frames import rows_text
from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.partitions import write_partitions
from pycmtensor.dataset.sampling import SampledDataset
from pycmtensor.dataset.scanned import ScannedDataset

__all__ = ["Dataset", "LongDataset", "SampledDataset", "ScannedDataset", "check_alike", "rows_text", "write_partitions"]
