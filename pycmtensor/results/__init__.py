"""Results of estimations: what they are, how they are shown and written, and runs of several seeds."""

from pycmtensor.results.citation import citation
from pycmtensor.results.many import estimate_many
from pycmtensor.results.posterior import Posterior, sample
from pycmtensor.results.presentation import compare
from pycmtensor.results.results import Results, estimate, start_of
from pycmtensor.results.seeds import estimate_seeds
from pycmtensor.results.specifications import Specifications, specifications

__all__ = [
    "Posterior",
    "Results",
    "Specifications",
    "citation",
    "compare",
    "estimate",
    "estimate_many",
    "estimate_seeds",
    "sample",
    "specifications",
    "start_of",
]
