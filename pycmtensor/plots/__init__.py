"""Pictures of results; each function returns matplotlib Axes. Imported only when a picture is asked for."""

from pycmtensor.plots.convergence import convergence

__all__ = ["convergence"]
