"""Pictures of numbers; each function returns matplotlib Axes. Imported only when a picture is asked for."""

from pycmtensor.plots.calibration import calibration
from pycmtensor.plots.convergence import convergence
from pycmtensor.plots.cross_effects import cross_effects
from pycmtensor.plots.cross_nests import cross_nests
from pycmtensor.plots.distribution import distribution
from pycmtensor.plots.intervals import intervals
from pycmtensor.plots.nests import nests
from pycmtensor.plots.partial_dependence import partial_dependence
from pycmtensor.plots.shares import shares

__all__ = [
    "calibration",
    "convergence",
    "cross_effects",
    "cross_nests",
    "distribution",
    "intervals",
    "nests",
    "partial_dependence",
    "shares",
]
