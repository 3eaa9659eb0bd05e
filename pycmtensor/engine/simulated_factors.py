"""Simulated likelihoods and their derivatives through the arguments of their factors, from sums over draws."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.chained import averaged
from pycmtensor.engine.lowered_factor import Derived, LoweredMixture
from pycmtensor.engine.over_draws import OverDraws, Products, over_draws
from pycmtensor.engine.random_coefficients import Value
from pycmtensor.engine.simulation import Simulation
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights

__all__ = ["SimulatedFactors"]


class Mixed(NamedTuple):
    """B individuals at one theta: their likelihood, a mixture over C classes and R draws."""

    logprob: Any  #: (B,)
    weights: list[Any]  #: of each class the part of each draw in the likelihood of its individual, (B, R)
    classes: list[list[Derived]]  #: the factors of each class
    value: Value  #: of derivatives of coefficients


class SimulatedFactors(OverDraws):
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

    def __init__(self, mixture: LoweredMixture, simulation: Simulation, panel: bool) -> None:
        self._factors, self._coefficients = mixture
        self._simulation = simulation
        self._whole = len(self._factors) == len(self._factors[0]) == 1 and not panel

    @classmethod
    def of(cls, arguments: Arguments) -> SimulatedFactors | None:
        """The likelihood, or None when it is no mixture of factors with few arguments."""
        mixture = LoweredMixture.of(arguments)
        if mixture is None or arguments.draws is None:
            return None
        return cls(mixture, arguments.draws, arguments.model.dataset.is_panel)

    def _block(self, theta: Theta, fixed: Fixed, data: BlockData, order: int) -> Mixed:
        parts, columns = list(theta), list(data)
        draws = self._draws(columns.pop(), columns[0].shape[-3])
        beta, value = self._coefficients.at(parts, fixed, draws)
        beta = [jnp.swapaxes(b, 0, 1) if b.ndim else b for b in beta]
        inputs = (*parts, *fixed, *columns)
        classes = [[factor.at(beta, inputs, columns, order) for factor in factors] for factors in self._factors]
        logprob, weights = averaged([sum(factor.logprob.sum(axis=0) for factor in factors) for factors in classes])
        return Mixed(logprob, weights, classes, value)

    def _sums(self, block: Mixed, products: Products) -> tuple[Any, None]:
        """Sums over classes, draws and situations of w d dl/dbeta for products d of factors."""
        total: Any = 0.0
        for weight, of_class in zip(block.weights, block.classes, strict=True):
            d = self._weighted(block, weight, products)
            for factor in of_class:
                for x_a, g_a in zip(_by_argument(factor), factor.g, strict=True):
                    total += jnp.einsum("tbm,btp->bmp", x_a, _over_draws(g_a, d))
        return total, None

    def _curvature(self, block: Mixed, weights: Weights, sums: None, pairs: Products) -> tuple[Any, Any]:
        """Sums over classes; those of s s' are in them where all is one factor of one situation."""
        inner: Any = 0.0
        outer: Any = 0.0
        for weight, of_class in zip(block.weights, block.classes, strict=True):
            w = weight * weights[:, None]
            d = self._weighted(block, w, pairs)
            inner += sum(self._inner(factor, d) for factor in of_class if factor.g)
            if not self._whole:
                x = [jnp.swapaxes(x_a, 0, 1) for factor in of_class for x_a in _by_argument(factor)]
                g = [jnp.swapaxes(g_a, 0, 1) for factor in of_class for g_a in factor.g]
                s = self._coefficients.along(block.value, x, g)
                outer += jnp.einsum("kbr,lbr->kl", s * w, s)
        return inner, outer

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


def _by_argument(factor: Derived) -> Any:
    """Data of the coefficients, (A, T, B, M)."""
    return jnp.moveaxis(factor.x, 0, -1)


def _over_draws(q: Any, d: Any) -> Any:
    """Sums over draws of q (T, B, 1 or R) times weights d (B, 1 or T, A, R), (B, T, A)."""
    q = jnp.swapaxes(q, 0, 1)
    if q.shape[1] < d.shape[1]:  # of individuals, whose draws are those of the first situation
        d = d[:, :1]
    return q * d.sum(axis=-1) if q.shape[-1] == 1 else over_draws(q, d)
