"""The methods of maximum likelihood by name."""

from __future__ import annotations

from collections.abc import Callable

from pycmtensor.estimation.fit import Optimum
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.newton import newton
from pycmtensor.estimation.quasi_newton import bfgs, bhhh, lbfgs
from pycmtensor.estimation.trust_region import trust_region

__all__ = ["METHODS"]

#: Name -> method. All respect bounds, and all are judged by the exact Hessian at the point where they end.
METHODS: dict[str, Callable[[Search], Optimum]] = {
    "trust-region": trust_region,
    "newton": newton,
    "bfgs": bfgs,
    "lbfgs": lbfgs,
    "bhhh": bhhh,
}
