"""Kernels: utilities in, log-probabilities out. Symbolic on both sides; no data, no compiling."""

from pycmtensor.kernels.cross_nested import cross_nested_logit
from pycmtensor.kernels.logit import logit
from pycmtensor.kernels.nested import Node, nested_logit

__all__ = ["Node", "cross_nested_logit", "logit", "nested_logit"]
