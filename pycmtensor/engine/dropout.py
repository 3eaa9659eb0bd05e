"""The log-likelihood of a training that leaves out units of networks at random."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from pycmtensor.engine.likelihood import unflattened
from pycmtensor.engine.program import Program
from pycmtensor.engine.types import Columns, Fixed, Theta, Weights
from pycmtensor.kernels.layers import dropped_in

__all__ = ["Dropout"]


class Dropout:
    r"""Inverted dropout: hidden units times masks, drawn for each unit and choice situation.

    .. math:: x_l \odot \frac{m_l}{1 - p}, \quad m_l \sim \text{Bernoulli}(1 - p)

    Args:
        program: The likelihood.

    Attributes:
        rates: p of each layer that units are left out of; empty when there is none.

    References:
        Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting, JMLR 15:1929-1958.
    """

    def __init__(self, program: Program) -> None:
        self._program, logprob = program, program.model.logprob
        units = dropped_in(logprob)
        self.rates = [variable.tag.dropout for variable in units]
        self._sizes = [variable.type.shape[-1] for variable in units]
        masks = [variable.type() for variable in units]
        for x, mask in zip(reversed(units), reversed(masks), strict=True):  # outer layers first: they hold inner ones
            (logprob,) = graph_replace([logprob], {x: pt.mul(x, mask)})
        self._logprob = program.lowered([logprob], masks) if units else None

    def value_and_grad(self, key: Any, theta: Theta, fixed: Fixed, weights: Weights, columns: Columns) -> Any:
        """Log-likelihood of a block, summed with the weights, and its gradient (K,), with the masks of a key."""
        logprob = self._logprob
        if logprob is None:
            return self._program.of_columns.value_and_grad(theta, fixed, weights, columns)
        situations, individuals, _ = columns[self._program.chosen].shape
        masks = self.masks(key, situations, individuals, theta.dtype)

        def loglike(theta: Theta) -> Any:
            return weights @ logprob(*masks, *unflattened(theta, self._program.free), *fixed, *columns)[0]

        return jax.value_and_grad(loglike)(theta)

    def masks(self, key: Any, situations: int, individuals: int, dtype: Any) -> list[Any]:
        """m / (1 - p) of each layer, (T, B, units)."""
        keys = jax.random.split(key, len(self.rates))
        shapes = [(situations, individuals, size) for size in self._sizes]
        return [
            jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / jnp.asarray(1 - rate, dtype)
            for key, rate, shape in zip(keys, self.rates, shapes, strict=True)
        ]
