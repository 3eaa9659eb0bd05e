"""Simulated likelihoods and their derivatives through the arguments of their factors, from sums over draws."""

from __future__ import annotations

from functools import reduce
from itertools import combinations_with_replacement
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from pycmtensor.engine.chained import Chained, averaged
from pycmtensor.engine.lowered_factor import Derived
from pycmtensor.engine.random_coefficients import Value, over_draws
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights

__all__ = ["SimulatedFactors"]


class Mixed(NamedTuple):
    """B individuals at one theta: their likelihood, a mixture over C classes and R draws."""

    logprob: Any  #: (B,)
    weights: list[Any]  #: of each class the part of each draw in the likelihood of its individual, (B, R)
    classes: list[list[Derived]]  #: the factors of each class
    value: Value  #: of derivatives of coefficients


class SimulatedFactors(Chained):
    r"""Mixtures over classes c and draws r of factors, :math:`L = \frac1R \sum_{cr} \exp \sum_t l_{ct}(u_{ctr})`.

    The arguments :math:`u_a = \sum_m \beta_m x_{am}` are utilities, scales, thresholds and the like. A factor is
    differentiated by JAX in its own few arguments, at each situation and draw; theta comes in by products of matrices.
    With w the parts of classes and draws in the likelihood of an individual and :math:`D = \partial \beta / \partial
    \theta'`,

    .. math::
        s_{cr} = D_r' \sum_t x_t' \frac{\partial l_t}{\partial u}, \quad
        s = \sum_{cr} w_{cr} s_{cr}, \quad
        H = \sum_{cr} w_{cr} \left(s_{cr} s_{cr}'
        + D_r' \sum_t x_t' \frac{\partial^2 l_t}{\partial u \, \partial u'} x_t D_r
        + \sum_m \frac{\partial l}{\partial \beta_m} \frac{\partial^2 \beta_m}{\partial \theta \, \partial \theta'}
        \right) - s s'.

    References:
        Louis (1982), Finding the observed information matrix when using the EM algorithm,
        doi:10.1111/j.2517-6161.1982.tb01203.x, equation 3.1.
    """

    FEWEST: ClassVar[int] = 1

    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""
        return self._mixed(theta, fixed, data, 0).logprob

    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""
        mixed = self._mixed(theta, fixed, data, 1)
        slopes = self._slopes(mixed, [(f,) for f in range(self._coefficients.varying)])
        return mixed.logprob, self._scores(mixed, slopes)

    def value_and_grad(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Log-likelihood and its gradient (K,)."""
        logprob, scores = self.scores(theta, fixed, data)
        return weights @ logprob, scores @ weights

    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Sums with the weights: log-likelihood, gradient (K,), Hessian (K, K)."""
        mixed, second = self._mixed(theta, fixed, data, 2), self._coefficients.second
        varying = range(self._coefficients.varying)
        pairs: list[tuple[int, ...]] = [*combinations_with_replacement(varying, 2)]
        products = [*pairs, *sorted({(d.factor,) for d in second if d.factor})]
        place = {own: a for a, own in enumerate(products)} | {(f,): f for f in varying}  # (0, f) is f
        slopes = self._slopes(mixed, products)
        scores = self._scores(mixed, slopes[..., : len(varying)])
        hessian = self._by_first_derivatives(mixed, weights, pairs) - (scores * weights) @ scores.T
        for d in second:
            bend = (1.0 if d.factor else mixed.value(d)) * (weights @ slopes[:, d.coefficient, place[d.factor,]])
            for cell in {d.parameters, d.parameters[::-1]}:
                hessian = hessian.at[cell].add(bend)
        return weights @ mixed.logprob, scores @ weights, hessian

    def _mixed(self, theta: Theta, fixed: Fixed, data: BlockData, order: int) -> Mixed:
        parts, columns, draws = list(theta), list(data), []
        if self._simulation is not None:
            situations = columns[0].shape[-3] if self._coefficients.within else 1
            draws = self._simulation.values(columns.pop(), situations)
        beta, value = self._coefficients.at(parts, fixed, draws)
        beta = [jnp.swapaxes(b, 0, 1) if b.ndim else b for b in beta]
        inputs = (*parts, *fixed, *columns)
        classes = [[factor.at(beta, inputs, columns, order) for factor in factors] for factors in self._factors]
        logprob, weights = averaged([sum(factor.logprob.sum(axis=0) for factor in factors) for factors in classes])
        return Mixed(logprob, weights, classes, value)

    def _slopes(self, mixed: Mixed, products: list[tuple[int, ...]]) -> Any:
        """Sums over classes, draws and situations of w d dl/dbeta, (B, M, products), for products d of factors."""
        factors = self._values_of(mixed, products)
        total: Any = 0.0
        for weight, of_class in zip(mixed.weights, mixed.classes, strict=True):
            d = _weighted(weight, factors, products)
            for factor in of_class:
                for x_a, g_a in zip(_by_argument(factor), factor.g, strict=True):
                    total += jnp.einsum("tbm,btp->bmp", x_a, _over_draws(g_a, d))
        return total

    def _values_of(self, mixed: Mixed, products: list[tuple[int, ...]]) -> dict[int, Any]:
        """The factors in products by their numbers, each (B, 1 or T, R)."""
        varying = {d.factor: d for d in reversed((*self._coefficients.first, *self._coefficients.second))}
        return {f: mixed.value(varying[f]) for own in products for f in own if f}

    def _scores(self, mixed: Mixed, slopes: Any) -> Any:
        """Scores (K, B) from the sums of derivatives by coefficients (B, M, factors)."""
        coefficient, factor, scale, own = self._coefficients.table(mixed.value, mixed.logprob.dtype)
        return own @ (slopes[:, coefficient, factor] * scale).T

    def _by_first_derivatives(self, mixed: Mixed, weights: Weights, pairs: list[tuple[int, ...]]) -> Any:
        """The part of the Hessian with products of first derivatives of coefficients, (K, K)."""
        coefficient, factor, scale, own = self._coefficients.table(mixed.value, mixed.logprob.dtype)
        factors = self._values_of(mixed, pairs)
        inner: Any = 0.0
        for weight, of_class in zip(mixed.weights, mixed.classes, strict=True):
            d = _weighted(weight * weights[:, None], factors, pairs)
            inner += sum(self._inner(factor, d) for factor in of_class if factor.g)
        place = {pair: a for a, pair in enumerate(pairs)}
        a = np.array([[place[min(f, g), max(f, g)] for g in factor] for f in factor])
        of_terms = inner[a, coefficient[:, None], coefficient]
        if not self._whole:
            of_terms += self._outer_products(mixed, weights)
        return own @ (scale[:, None] * scale * of_terms) @ own.T

    def _inner(self, factor: Derived, d: Any) -> Any:
        """Sum of w d x' (d2l/du du') x for products d of factors, (products, M, M)."""
        x, bent = _by_argument(factor), [0.0] * len(factor.g)
        for (i, j), h in factor.h.items():
            S = _over_draws(h + factor.g[i] * factor.g[j] if self._whole else h, d)
            S = jnp.moveaxis(S, 2, 0).swapaxes(1, 2)[..., None]  # (products, T, B, 1)
            bent[i] += S * x[j]
            if i != j:
                bent[j] += S * x[i]
        products, M = d.shape[2], len(factor.x)
        return jnp.einsum("pnm,nk->pmk", jnp.stack(bent, axis=1).reshape(products, -1, M), x.reshape(-1, M))

    def _outer_products(self, mixed: Mixed, weights: Weights) -> Any:
        """Sum over individuals, classes and draws of w s s', by first derivatives."""
        total: Any = 0.0
        for weight, of_class in zip(mixed.weights, mixed.classes, strict=True):
            x = [jnp.swapaxes(x_a, 0, 1) for factor in of_class for x_a in _by_argument(factor)]
            g = [jnp.swapaxes(g_a, 0, 1) for factor in of_class for g_a in factor.g]
            s = self._coefficients.along(mixed.value, x, g)
            total += jnp.einsum("kbr,lbr->kl", s * (weights[:, None] * weight), s)
        return total


def _weighted(weight: Any, factors: dict[int, Any], products: list[tuple[int, ...]]) -> Any:
    """Weights (B, R) times products of factors, (B, 1 or T, products, R)."""
    weighted = [reduce(jnp.multiply, [factors[f] for f in own if f], weight[:, None]) for own in products]
    return jnp.stack(jnp.broadcast_arrays(*weighted), axis=2)


def _by_argument(factor: Derived) -> Any:
    """Data of the coefficients, (A, T, B, M)."""
    return jnp.moveaxis(factor.x, 0, -1)


def _over_draws(q: Any, d: Any) -> Any:
    """Sums over draws of q (T, B, 1 or R) times weights d (B, 1 or T, A, R), (B, T, A)."""
    q = jnp.swapaxes(q, 0, 1)
    if q.shape[1] < d.shape[1]:  # of individuals, whose draws are those of the first situation
        d = d[:, :1]
    return q * d.sum(axis=-1) if q.shape[-1] == 1 else over_draws(q, d)
