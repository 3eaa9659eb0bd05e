"""Likelihoods averaged over draws, whose derivatives are made of those of their random coefficients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce
from itertools import combinations_with_replacement
from typing import Any, Protocol, TypeAlias

import jax.numpy as jnp
import numpy as np

from pycmtensor.engine.likelihood import OfScores
from pycmtensor.engine.random_coefficients import Coefficients, Value
from pycmtensor.engine.simulation import Simulation
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights

__all__ = ["OverDraws", "Products", "Simulated", "over_draws"]

#: Products of factors of derivatives of coefficients, each the numbers of its factors; () and (0,) are the number 1.
Products: TypeAlias = Sequence[tuple[int, ...]]


class Simulated(Protocol):
    """B individuals with R draws at one theta, and whatever else a likelihood knows of them."""

    @property
    def logprob(self) -> Any:
        """Log-likelihood of each individual, (B,)."""

    @property
    def value(self) -> Value:
        """Of derivatives of coefficients, (B, 1 or T, R), or () for those that are the same at all draws."""


class OverDraws(OfScores):
    r"""The average over draws of likelihoods that depend on theta through M coefficients :math:`\beta_r(\theta)`.

    With w the parts of the draws in the likelihood of an individual, l the log-likelihood at a draw, and
    :math:`D = \partial \beta / \partial \theta'`,

    .. math::
        s = \sum_r w_r D_r' \frac{\partial l_r}{\partial \beta}, \quad
        H = \sum_r w_r \left(D_r' \Big(\frac{\partial l_r}{\partial \beta} \frac{\partial l_r}{\partial \beta'}
        + \frac{\partial^2 l_r}{\partial \beta \, \partial \beta'}\Big) D_r + \sum_m
        \frac{\partial l_r}{\partial \beta_m} \frac{\partial^2 \beta_m}{\partial \theta \, \partial \theta'}\right)
        - s s'.

    Derivatives of coefficients vary over draws by a few factors, such as 1 and a standard normal, so that sums over
    draws of w times products of these factors are all that is needed of the draws. A subclass knows l.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, section 8.7.
    """

    _coefficients: Coefficients
    _simulation: Simulation

    @abstractmethod
    def _block(self, theta: Theta, fixed: Fixed, data: BlockData, order: int) -> Any:
        """What is `Simulated` of a block, with what derivatives up to an order need."""

    @abstractmethod
    def _sums(self, block: Any, products: Products) -> tuple[Any, Any]:
        """Sums over draws and situations of w d dl/dbeta (B, M, products), and what `_curvature` takes of them."""

    @abstractmethod
    def _curvature(self, block: Any, weights: Weights, sums: Any, pairs: Products) -> tuple[Any, Any]:
        """The part of the Hessian with products of first derivatives of coefficients.

        Returns:
            Sums of w d (d2l / dbeta dbeta') by pairs of factors d (pairs, M, M), and those of w s s' by pairs of first
            derivatives where the former lack them, or 0.
        """

    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""
        return self._block(theta, fixed, data, 0).logprob

    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""
        block = self._block(theta, fixed, data, 1)
        slopes, _ = self._sums(block, [(f,) for f in range(self._coefficients.varying)])
        return block.logprob, self._scores(block, slopes)

    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Sums with the weights: log-likelihood, gradient (K,), Hessian (K, K)."""
        block, second = self._block(theta, fixed, data, 2), self._coefficients.second
        varying = range(self._coefficients.varying)
        pairs: list[tuple[int, ...]] = [*combinations_with_replacement(varying, 2)]
        products = [*pairs, *sorted({(d.factor,) for d in second if d.factor})]
        place = {own: a for a, own in enumerate(products)} | {(f,): f for f in varying}  # (0, f) is f
        slopes, sums = self._sums(block, products)
        scores = self._scores(block, slopes[..., : len(varying)])
        hessian = self._by_first_derivatives(block, weights, sums, pairs) - (scores * weights) @ scores.T
        for d in second:
            bend = (1.0 if d.factor else block.value(d)) * (weights @ slopes[:, d.coefficient, place[d.factor,]])
            for cell in {d.parameters, d.parameters[::-1]}:
                hessian = hessian.at[cell].add(bend)
        return weights @ block.logprob, scores @ weights, hessian

    def _draws(self, words: Any, situations: int) -> list[Any]:
        """The draws of a block of T situations, (1 or T, B, R): one for all situations unless a coefficient varies."""
        return self._simulation.values(words, situations if self._coefficients.within else 1)

    def _scores(self, block: Simulated, slopes: Any) -> Any:
        """Scores (K, B) from the sums of derivatives by coefficients (B, M, factors)."""
        coefficient, factor, scale, own = self._coefficients.table(block.value, block.logprob.dtype)
        return own @ (slopes[:, coefficient, factor] * scale).T

    def _by_first_derivatives(self, block: Simulated, weights: Weights, sums: Any, pairs: Products) -> Any:
        """The part of the Hessian with products of first derivatives of coefficients, (K, K)."""
        coefficient, factor, scale, own = self._coefficients.table(block.value, block.logprob.dtype)
        inner, outer = self._curvature(block, weights, sums, pairs)
        place = {pair: a for a, pair in enumerate(pairs)}
        a = np.array([[place[min(f, g), max(f, g)] for g in factor] for f in factor])
        of_terms = inner[a, coefficient[:, None], coefficient] + outer
        return own @ (scale[:, None] * scale * of_terms) @ own.T

    def _weighted(self, block: Simulated, weight: Any, products: Products) -> Any:
        """Weights (B, R) times products of factors, (B, 1 or T, products, R)."""
        varying = {d.factor: d for d in reversed((*self._coefficients.first, *self._coefficients.second))}
        factors = {f: block.value(varying[f]) for own in products for f in own if f}
        weighted = [reduce(jnp.multiply, [factors[f] for f in own if f], weight[:, None]) for own in products]
        return jnp.stack(jnp.broadcast_arrays(*weighted), axis=2)


def over_draws(q: Any, d: Any) -> Any:
    """Sums over draws of q (B, T, R) or (B, T, J, R) times A weights d (B, 1 or T, A, R), (B, T, A) or (B, T, J, A)."""
    return jnp.einsum("bt...r,bar->bt...a", q, d[:, 0]) if d.shape[1] == 1 else jnp.einsum("bt...r,btar->bt...a", q, d)
