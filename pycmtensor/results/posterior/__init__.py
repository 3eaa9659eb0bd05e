"""Bayesian estimation: `sample`, and the `Posterior` that it gives."""

from pycmtensor.results.posterior.posterior import Posterior
from pycmtensor.results.posterior.sample import sample

__all__ = ["Posterior", "sample"]
