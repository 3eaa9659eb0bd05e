"""Stochastic and batch gradient optimizers: (cost, params, lr) -> list of symbolic updates."""

from pycmtensor.optimizers.adagrad import Adadelta, AdaGrad, RMSProp
from pycmtensor.optimizers.adam import Adam, Adamax, AdamW, AMSGrad, NAdam, Nadam, RAdam
from pycmtensor.optimizers.base import Optimizer
from pycmtensor.optimizers.packed import Packed
from pycmtensor.optimizers.sgd import NAG, SGD, Momentum
from pycmtensor.optimizers.sign import Lion, RProp

__all__ = [
    "NAG",
    "SGD",
    "AMSGrad",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Momentum",
    "NAdam",
    "Nadam",
    "Optimizer",
    "Packed",
    "RAdam",
    "RMSProp",
    "RProp",
]
