"""Stochastic and batch gradient optimizers: (cost, params, lr) -> list of symbolic updates."""

from pycmtensor.optimizers.adagrad import Adadelta, AdaGrad, RMSProp
from pycmtensor.optimizers.adam import Adam, Adamax
from pycmtensor.optimizers.base import Optimizer
from pycmtensor.optimizers.sgd import SGD, Momentum

__all__ = ["SGD", "AdaGrad", "Adadelta", "Adam", "Adamax", "Momentum", "Optimizer", "RMSProp"]
