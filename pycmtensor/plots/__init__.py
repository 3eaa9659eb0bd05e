"""Pictures of results; each function returns matplotlib Axes. Imported only when a picture is asked for."""

from pycmtensor.plots.convergence import convergence
from pycmtensor.plots.cross_effects import cross_effects

__all__ = ["convergence", "cross_effects"]
