"""Choice models: utilities and a kernel. A model is symbols; it cannot fit itself."""

from pycmtensor.models.base import Model
from pycmtensor.models.mnl import MNL

__all__ = ["MNL", "Model"]
