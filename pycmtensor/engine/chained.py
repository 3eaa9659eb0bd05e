"""Any likelihood and its derivatives through the arguments of its factors, such as utilities and scales."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.likelihood import OfScores
from pycmtensor.engine.lowered_factor import Derived, LoweredMixture
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights

__all__ = ["Chained", "averaged"]


class Classes(NamedTuple):
    """B individuals at one theta: their likelihood, a mixture over C classes."""

    logprob: Any  #: (B,)
    weights: Any  #: part of each class in the likelihood of an individual, (C, B)
    factors: list[list[Derived]]  #: the factors of each class
    D: Any  #: derivatives of coefficients by theta, (K, M)
    bends: Any  #: second derivatives of coefficients by pairs of parameters


class Chained(OfScores):
    r"""Mixtures over classes c of products of factors, :math:`L = \sum_c \exp \sum_t l_{ct}(u_{ct})`.

    The arguments :math:`u_a = \sum_m \beta_m x_{am}` are utilities, scales, thresholds and the like. A factor is
    differentiated by JAX in its own few arguments, in each situation; theta comes in by products of matrices. With w
    the parts of classes in the likelihood of an individual and :math:`X_t = x_t \, \partial \beta / \partial \theta'`,

    .. math::
        s_c = \sum_t X_t' \frac{\partial l_t}{\partial u}, \quad
        s = \sum_c w_c s_c, \quad
        H = \sum_c w_c \left(s_c s_c' + \sum_t X_t' \frac{\partial^2 l_t}{\partial u \, \partial u'} X_t
        + \sum_m \frac{\partial l}{\partial \beta_m} \frac{\partial^2 \beta_m}{\partial \theta \, \partial \theta'}
        \right) - s s'.

    References:
        Louis (1982), Finding the observed information matrix when using the EM algorithm,
        doi:10.1111/j.2517-6161.1982.tb01203.x, equation 3.1.
    """

    #: Minimum number of parameters; with fewer, differentiating the whole likelihood at once is faster.
    FEWEST: ClassVar[int] = 7

    def __init__(self, mixture: LoweredMixture) -> None:
        self._factors, self._coefficients = mixture

    @classmethod
    def of(cls, arguments: Arguments) -> Chained | None:
        """The likelihood, or None when parameters are few, or it is no mixture of factors with few arguments."""
        mixture = None if len(arguments.free) < cls.FEWEST else LoweredMixture.of(arguments)
        return None if mixture is None else cls(mixture)

    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""
        return self._classes(theta, fixed, data, 0).logprob

    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""
        at = self._classes(theta, fixed, data, 1)
        return at.logprob, sum(w * (at.D @ _slopes(factors)) for w, factors in zip(at.weights, at.factors, strict=True))

    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Sums with the weights: log-likelihood, gradient (K,), Hessian (K, K)."""
        at = self._classes(theta, fixed, data, 2)
        scores, hessian = jnp.zeros((len(theta), len(weights)), theta.dtype), jnp.zeros((len(theta),) * 2, theta.dtype)
        for w, factors in zip(at.weights, at.factors, strict=True):
            slopes = _slopes(factors)
            s = at.D @ slopes
            scores += w * s
            hessian += sum(_bent(factor, at.D, weights * w) for factor in factors)
            if len(at.factors) > 1:
                hessian += (s * (weights * w)) @ s.T
            by_coefficient = slopes @ (weights * w)
            for d, bend in zip(self._coefficients.second, at.bends, strict=True):
                for cell in {d.parameters, d.parameters[::-1]}:
                    hessian = hessian.at[cell].add(bend * by_coefficient[d.coefficient])
        if len(at.factors) > 1:
            hessian -= (scores * weights) @ scores.T
        return weights @ at.logprob, scores @ weights, hessian

    def _classes(self, theta: Theta, fixed: Fixed, data: BlockData, order: int) -> Classes:
        parts, columns = list(theta), list(data)
        beta, value = self._coefficients.at(parts, fixed, [])
        inputs = (*parts, *fixed, *columns)
        factors = [[factor.at(beta, inputs, columns, order) for factor in of_class] for of_class in self._factors]
        logprob, weights = averaged([sum(factor.logprob.sum(axis=0) for factor in of_class) for of_class in factors])
        D = jnp.zeros((len(parts), len(beta)), theta.dtype)
        for d in self._coefficients.first if order else ():
            D = D.at[d.parameters[0], d.coefficient].set(value(d))
        bends = [value(d) for d in self._coefficients.second] if order == 2 else []
        return Classes(logprob, jnp.stack(weights)[..., 0], factors, D, bends)


def averaged(logL: list[Any]) -> tuple[Any, list[Any]]:
    """The average over R draws of the sum over classes of likelihoods, given by class as logarithms (B, R).

    Returns:
        Its logarithm (B,), and by class the part of each draw in it, (B, R).
    """
    every = jnp.stack(jnp.broadcast_arrays(*logL))
    if every.shape[::2] == (1, 1):
        return every[0, :, 0], [jnp.ones_like(every[0])]
    largest = jax.lax.stop_gradient(every.max(axis=(0, 2)))
    s = jnp.where(jnp.isinf(largest), 0.0, largest)
    L = jnp.exp(every - s[:, None])
    total = L.sum(axis=(0, 2))
    return s + jnp.log(total / L.shape[-1]), list(L / total[:, None])


def _slopes(factors: list[Derived]) -> Any:
    """Sum over factors and situations of dl/dbeta, (M, B)."""
    return sum(sum((f.x[:, a] * g[..., 0]).sum(axis=1) for a, g in enumerate(f.g)) for f in factors)


def _bent(factor: Derived, D: Any, weights: Weights) -> Any:
    """Sum with weights of X' (d2l/du du') X, (K, K)."""
    if not factor.g:
        return jnp.zeros((len(D), len(D)), D.dtype)
    A = range(len(factor.g))
    h = {pair: bend[..., 0] * weights for pair, bend in factor.h.items()}
    bent = jnp.stack([sum(h[min(i, j), max(i, j)] * factor.x[:, j] for j in A) for i in A], axis=1)
    M = D.shape[1]
    return D @ (bent.reshape(M, -1) @ factor.x.reshape(M, -1).T) @ D.T
