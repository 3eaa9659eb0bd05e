"""Layers of networks on expressions: features stand on the last axis (T, N, features), alternatives on the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import io_toposort

__all__ = ["ACTIVATIONS", "SIGNS", "dense", "dropped_in", "dropped_in_training", "layer_norm", "residual_logit"]


def _gelu(x: Variable) -> Variable:
    return x * (1 + pt.erf(x / np.sqrt(2))) / 2


#: Functions between layers. "gelu": Hendrycks & Gimpel (2016), arXiv:1606.08415.
ACTIVATIONS: dict[str, Callable[[Variable], Variable]] = {
    "relu": lambda x: pt.maximum(x, 0.0),
    "softplus": pt.softplus,
    "gelu": _gelu,
    "tanh": pt.tanh,
    "sigmoid": pt.sigmoid,
    "identity": lambda x: x,
}

#: Functions of outputs that give them a sign by construction.
SIGNS: dict[str, Callable[[Variable], Variable]] = {
    "identity": lambda x: x,
    "positive": pt.softplus,
    "negative": lambda x: -pt.softplus(x),
}


def dense(x: Variable, weights: Variable, bias: Variable) -> Variable:
    """A layer in which every output depends on every input, x W + b.

    Args:
        x: Features (..., inputs).
        weights: W, (inputs, outputs).
        bias: b, (outputs,).

    Returns:
        (..., outputs).

    Examples:
        >>> x, W, b = np.array([[[1.0, 2.0]]]), np.array([[3.0], [4.0]]), np.array([0.5])
        >>> dense(pt.as_tensor(x), pt.as_tensor(W), pt.as_tensor(b)).eval().tolist()
        [[[11.5]]]
    """
    return pt.dot(x, weights) + bias


def layer_norm(x: Variable, scale: Variable, shift: Variable) -> Variable:
    r"""Features of each choice situation brought to mean 0 and variance 1, then scaled and shifted.

    .. math:: s \frac{x - \bar x}{\sqrt{\operatorname{Var} x + 10^{-5}}} + b

    Args:
        x: Features (..., features).
        scale: s, (features,).
        shift: b, (features,).

    References:
        Ba, Kiros & Hinton (2016), Layer normalization, arXiv:1607.06450.
    """
    deviation = x - pt.mean(x, axis=-1, keepdims=True)
    return scale * deviation / pt.sqrt(pt.mean(deviation**2, axis=-1, keepdims=True) + 1e-5) + shift


def dropped_in_training(x: Variable, rate: float) -> Variable:
    """Units that a training leaves out at random, each with a probability; in all else they are what they are.

    Args:
        x: Units (T, N, units), an expression of its own.
        rate: The probability that a unit is left out of a step of training, in [0, 1).
    """
    x.tag.dropout = rate
    return x


def dropped_in(expression: Variable) -> list[Variable]:
    """The units that a training leaves out at random, those nearer to the inputs first."""
    made = (variable for node in io_toposort([], [expression]) for variable in node.outputs)
    return [variable for variable in made if hasattr(variable.tag, "dropout")]


def residual_logit(h: Variable, available: Variable | None, residuals: Sequence[Variable]) -> Variable:
    r"""The utilities of the residual logit, from those of the systematic part.

    .. math:: h_m = h_{m-1} - \log(1 + \exp(W_m (a \odot h_{m-1}))), \quad m = 1, \dots, M

    Unavailable alternatives enter the products with 0, so that what they are like tells nothing.

    Args:
        h: Utilities h_0, (J, T, N, R).
        available: a, 1 or 0, broadcasting to (J, T, N, R), or None when all alternatives are always available.
        residuals: The matrices W_m, each (J, J).

    Returns:
        h_M, (J, T, N, R).

    References:
        Wong & Farooq (2021), ResLogit: A residual neural network logit model for data-driven choice modelling,
        doi:10.1016/j.trc.2021.103050, equations 9 to 12.
    """
    for W in residuals:
        seen = h if available is None else pt.switch(available, h, 0.0)
        h = h - pt.softplus(pt.tensordot(W, seen, axes=1))
    return h
