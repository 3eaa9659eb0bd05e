"""Pictures of numbers; each function returns matplotlib Axes. Imported only when a picture is asked for."""

from pycmtensor.report.plots.calibration import calibration
from pycmtensor.report.plots.convergence import convergence
from pycmtensor.report.plots.cross_effects import cross_effects
from pycmtensor.report.plots.cross_nests import cross_nests
from pycmtensor.report.plots.distribution import distribution
from pycmtensor.report.plots.intervals import intervals
from pycmtensor.report.plots.nests import nests
from pycmtensor.report.plots.partial_dependence import partial_dependence
from pycmtensor.report.plots.shares import shares

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
