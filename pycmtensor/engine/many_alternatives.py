"""The simulated logit of many alternatives, whose derivatives cost the same for each alternative."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.over_draws import OverDraws, Products, over_draws
from pycmtensor.engine.random_coefficients import Coefficients, Value
from pycmtensor.engine.separation import Separated, merged, separate
from pycmtensor.engine.simulated import largest_exponent, over_panel
from pycmtensor.engine.staged import kept
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights
from pycmtensor.models.forms import MixtureOfLogits

__all__ = ["ManyAlternatives"]


class Block(NamedTuple):
    """B individuals with R draws at one theta."""

    logprob: Any  #: (B,)
    weight: Any  #: w, of each draw in the likelihood of its individual, (B, R)
    P: Any  #: probabilities, (B, T, J, R)
    d: Any  #: data of the coefficients, less those of the chosen alternative, (B, T, J, M)
    value: Value  #: of a derivative, (B, 1 or T, R), or () when it does not vary


class ManyAlternatives(OverDraws):
    r"""Mixed logits with utilities that are sums of coefficients times data, :math:`V_j = \sum_m \beta_m x_{jm}`.

    With the differences to the chosen alternative, :math:`d_j = x_j - x_y`, w the parts of the draws in the likelihood
    of an individual, :math:`D = \partial \beta / \partial \theta'`, and :math:`u_t = \sum_j P_{jt} d_{jt}`,

    .. math::
        P_y = \frac{1}{\sum_j e^{d_j' \beta}}, \quad
        s_r = -D_r' \sum_t u_{tr}, \quad
        H = \sum_r w_r \left(s_r s_r' + D_r' \sum_t (u_{tr} u_{tr}' - \sum_j P_{jtr} d_{jt} d_{jt}') D_r
        - \sum_{tm} u_{tmr} \frac{\partial^2 \beta_m}{\partial \theta \, \partial \theta'} \right) - s s'.

    `SimulatedLogit` has the same derivatives by pairs of alternatives, which are faster for a few.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, section 8.7.
    """

    def __init__(self, form: MixtureOfLogits, arguments: Arguments, terms: list[Separated]) -> None:
        assert arguments.draws is not None
        one = pt.constant(1.0, dtype=config.floatX)
        coefficients, self._places = merged([one if c is None else c for own in terms for c in own])
        self._simulation, self._coefficients = arguments.draws, Coefficients(coefficients, arguments)
        self._lengths = [len(own) for own in terms]
        self._J = form.utilities.type.shape[0] if isinstance(form.utilities, Variable) else len(form.utilities)
        self._limited = [a is not None for a in form.choice_set]
        self._panel = form.observed is not None
        observed = [] if form.observed is None else [form.observed]
        available = [a for a in form.choice_set if a is not None]
        cells = [
            x if a is None else pt.switch(pt.neq(a, 0), x, 0.0)  # data of what is unavailable need not be finite
            for own, a in zip(terms, form.choice_set, strict=True)
            for x in own.values()
        ]
        self._columns = lower(arguments.symbols, [form.chosen, *observed, *available, *cells])

    @classmethod
    def of(cls, form: MixtureOfLogits, arguments: Arguments) -> ManyAlternatives | None:
        """The likelihood of a mixture, or None when its utilities are no such sums."""
        if arguments.draws is None or any(p.shape for p in arguments.free):
            return None
        utilities = [form.utilities] if isinstance(form.utilities, Variable) else form.utilities
        terms = [own for own in map(separate, utilities) if own is not None]
        if len(terms) < len(utilities) or any(c is not None and c.ndim == 4 for own in terms for c in own):
            return None
        return cls(form, arguments, terms)

    def _block(self, theta: Theta, fixed: Fixed, data: BlockData, order: int) -> Block:
        parts, draws = list(theta), self._draws(data[-1], data[0].shape[-3])
        beta, value = self._coefficients.at(parts, fixed, draws)
        d, available, observed = self._differences(parts, fixed, data, len(beta))
        random = [m for m, r in enumerate(self._coefficients.random) if r]
        constant = jnp.stack([jnp.zeros_like(theta[0]) if m in random else b for m, b in enumerate(beta)])

        def exponentials() -> list[Any]:
            V = sum((beta[m][:, :, None] * d[..., m, None] for m in random), (d @ constant)[..., None])
            e = jnp.exp(jnp.minimum(V, largest_exponent(d.dtype)))
            return [e if available is None else jnp.where(available[..., None], e, 0.0)]

        (e,) = kept(exponentials, theta)
        P_y = 1 / e.sum(axis=2)
        logprob, weight = over_panel(P_y, observed)
        return Block(logprob, weight, e * P_y[:, :, None], d, value)

    def _differences(self, parts: Any, fixed: Fixed, data: BlockData, M: int) -> tuple[Any, Any, Any]:
        """Data less those of the chosen alternative (B, T, J, M), what is available, and what was observed."""
        T, B = data[0].shape[-3:-1]
        arrays = iter(self._columns(*parts, *fixed, *data[:-1]))

        def following(A: int) -> Any:
            return jnp.moveaxis(jnp.broadcast_to(next(arrays), (A, T, B, 1))[..., 0], (0, 2), (2, 0))

        chosen = following(1)
        observed = following(1) if self._panel else jnp.ones_like(chosen)
        A = self._J // len(self._lengths)
        limits = [following(A) if limited else jnp.ones((B, T, A), bool) for limited in self._limited]
        nothing, places, x = jnp.zeros((B, T, A), chosen.dtype), iter(self._places), []
        for length in self._lengths:
            own: dict[int, Any] = {}
            for _ in range(length):
                m = next(places)
                own[m] = own.get(m, 0.0) + following(A)
            x.append(jnp.stack([own.get(m, nothing) for m in range(M)]))
        every = jnp.concatenate(x, axis=-1)  # (M, B, T, J)
        y = chosen == np.arange(self._J)
        d = (every - jnp.where(y, every, 0.0).sum(axis=-1, keepdims=True)) * observed
        (d,) = kept(lambda: [jnp.moveaxis(d, 0, -1)], chosen)
        return d, jnp.concatenate(limits, axis=-1) if any(self._limited) else None, observed[..., 0]

    def _sums(self, block: Block, products: Products) -> tuple[Any, Any]:
        """Sums of -w d u for products d of factors, and of w d P, (B, T, J, products)."""
        Pd = over_draws(block.P, self._weighted(block, block.weight, products))
        return -jnp.einsum("btja,btjm->bma", Pd, block.d), Pd

    def _curvature(self, block: Block, weights: Weights, sums: Any, pairs: Products) -> tuple[Any, Any]:
        """Sums over alternatives, and those of w (s s' + sum over situations of u u')."""
        A, M, d = len(pairs), len(self._coefficients), block.d
        weighted = (sums[..., :A] * weights[:, None, None, None])[..., :, None] * d[..., None, :]
        inner = (weighted.reshape(-1, A * M).T @ d.reshape(-1, M)).reshape(A, M, M)
        u = jnp.einsum("btjm,btjr->mbtr", d, block.P)
        by = [block.value(d) * u[d.coefficient] if d.factor else u[d.coefficient] for d in self._coefficients.first]
        g, w = jnp.stack(by), weights[:, None] * block.weight
        outer = jnp.einsum("kbtr,lbtr->kl", g * w[:, None], g)
        s = g.sum(axis=2)
        return -inner, 2 * outer if g.shape[2] == 1 else outer + jnp.einsum("kbr,lbr->kl", s * w, s)
