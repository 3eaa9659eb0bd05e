"""The only place that compiles: a model and data become functions of a flat theta."""

from pycmtensor.engine.ascent import Ascents, ascents
from pycmtensor.engine.individuals import ByIndividual, Individuals, KnownIndividuals
from pycmtensor.engine.local import LocalEngine
from pycmtensor.engine.penalty import Penalty
from pycmtensor.engine.protocol import Engine, FirstOrder, SecondOrder
from pycmtensor.engine.training import Training

__all__ = [
    "Ascents",
    "ByIndividual",
    "Engine",
    "FirstOrder",
    "Individuals",
    "KnownIndividuals",
    "LocalEngine",
    "Penalty",
    "SecondOrder",
    "Training",
    "ascents",
]
