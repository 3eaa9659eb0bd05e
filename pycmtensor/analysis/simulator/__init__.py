"""Choice simulators: a model as one file in which attributes move and shares follow."""

from pycmtensor.analysis.simulator.simulator import Simulator, simulator

__all__ = ["Simulator", "simulator"]
