"""PyCMTensor: discrete choice models on a symbolic tensor graph."""

from pycmtensor import datasets
from pycmtensor.dataset import Dataset
from pycmtensor.expressions import Beta, Bias, Weight, Weights
from pycmtensor.models import MNL

__version__ = "0.1.0"
__all__ = ["MNL", "Beta", "Bias", "Dataset", "Weight", "Weights", "datasets"]
