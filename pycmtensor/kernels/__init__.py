"""Kernels: utilities or quantities in, log-probabilities out. Symbolic on both sides; no data, no compiling.

They are what `pycmtensor.LogLikelihood` is written with, and what models are made of.
"""

from pycmtensor.kernels.cross_nested import cross_nested_logit, generating_log_sum
from pycmtensor.kernels.densities import lognormal, negative_binomial, normal, tobit
from pycmtensor.kernels.heteroscedastic import heteroscedastic_logit
from pycmtensor.kernels.logit import log_sum, logit
from pycmtensor.kernels.mdcev import Good, mdcev
from pycmtensor.kernels.nested import Node, inclusive_value, nested_logit
from pycmtensor.kernels.ordered import ordered
from pycmtensor.kernels.probit import probit
from pycmtensor.kernels.ranked import later_ranks, worst

__all__ = [
    "Good",
    "Node",
    "cross_nested_logit",
    "generating_log_sum",
    "heteroscedastic_logit",
    "inclusive_value",
    "later_ranks",
    "log_sum",
    "logit",
    "lognormal",
    "mdcev",
    "negative_binomial",
    "nested_logit",
    "normal",
    "ordered",
    "probit",
    "tobit",
    "worst",
]
