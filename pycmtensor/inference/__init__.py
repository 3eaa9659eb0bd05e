"""How certain estimates are; NumPy only."""

from pycmtensor.inference.covariance import COVARIANCES, covariance

__all__ = ["COVARIANCES", "covariance"]
