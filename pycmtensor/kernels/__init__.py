"""Kernels: utilities in, log-probabilities out. Symbolic on both sides; no data, no compiling."""

from pycmtensor.kernels.logit import logit

__all__ = ["logit"]
