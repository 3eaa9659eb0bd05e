"""The simulated logit and its derivatives, from sums over draws of products of probabilities and coefficients."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.over_draws import OverDraws, Products, over_draws
from pycmtensor.engine.random_coefficients import Coefficients, Value
from pycmtensor.engine.separation import merged, row_of, separate
from pycmtensor.engine.simulation import Simulation
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights
from pycmtensor.models.forms import MixtureOfLogits

__all__ = ["SimulatedLogit", "largest_exponent", "over_panel"]

#: Differences of utilities count as this part of the largest exponent at most, so that sums of exponentials are finite:
#: probabilities are exact from 1e-292 up in double precision, and from 1e-36 up in single precision.
LARGEST_EXPONENT = 0.95

#: Maximum number of alternatives; with more, sums for each pair of them cost more than those of `ManyAlternatives`.
MOST_ALTERNATIVES = 8


class Block(NamedTuple):
    """B individuals with R draws at one theta. Of the J alternatives the last is the base, with utility 0."""

    logprob: Any  #: (B,)
    weight: Any  #: w, of each draw in the likelihood of its individual, (B, R)
    P: list[Any]  #: probabilities of the J - 1 alternatives, each (B, T, R)
    chosen: list[Any]  #: 1 where the alternative is chosen, each (B, T)
    x: list[Any]  #: data of the coefficients, each (B, T, M)
    value: Value  #: of a derivative, (B, 1 or T, R), or () when it does not vary


class Sums(NamedTuple):
    """Sums over draws of the weight times A products d of derivatives."""

    d: Any  #: (B, 1 or T, A)
    Pd: list[Any]  #: with the probabilities of the J - 1 alternatives, each (B, T, A)
    PPd: dict[tuple[int, int], Any]  #: with two of them, each (B, T, A)


class SimulatedLogit(OverDraws):
    r"""Mixed logits with utilities that are sums of coefficients times data, :math:`V_j = \sum_m \beta_m x_{jm}`.

    With w the parts of the draws in the likelihood of an individual, :math:`D = \partial \beta / \partial \theta'`,
    :math:`\bar x = \sum_j P_j x_j`, and :math:`u = \sum_t (x_y - \bar x)`,

    .. math::
        s = \sum_r w_r D_r' u_r, \quad
        H = \sum_r w_r \left(D_r' \left(u_r u_r' + \sum_t (\bar x_r \bar x_r' - \sum_j P_{jr} x_j x_j')\right) D_r
        + \sum_m u_{mr} \frac{\partial^2 \beta_m}{\partial \theta \, \partial \theta'} \right) - s s'.

    The data are the same at all draws. What is needed of the draws are sums of products of w, P and derivatives of
    coefficients, which are products of matrices. Coefficients of whatever distribution are differentiated by JAX.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, section 8.7.
    """

    def __init__(
        self,
        form: MixtureOfLogits,
        arguments: Arguments,
        simulation: Simulation,
        coefficients: list[Variable],
        data: list[list[Variable | None]],
    ) -> None:
        self._simulation, self._coefficients = simulation, Coefficients(coefficients, arguments)
        self._limited = [a is not None for a in form.choice_set]
        available = [a for a in form.choice_set if a is not None]
        self._filled = np.array([[x is not None for x in own] for own in data])
        cells = [x for own in data for x in own if x is not None]
        self._panel = form.observed is not None
        observed = [] if form.observed is None else [form.observed]
        self._columns = lower(arguments.symbols, [form.chosen, *observed, *available, *cells])

    @classmethod
    def of(cls, form: MixtureOfLogits, arguments: Arguments) -> SimulatedLogit | None:
        """The likelihood of a mixture, or None when it has many alternatives, or its utilities are no such sums."""
        simulation = arguments.draws
        J = form.utilities.type.shape[0] if isinstance(form.utilities, Variable) else len(form.utilities)
        if simulation is None or J > MOST_ALTERNATIVES or any(p.shape for p in arguments.free):
            return None
        one = pt.constant(1.0, dtype=config.floatX)
        if isinstance(form.utilities, Variable):
            (a,) = form.choice_set
            none = pt.zeros(())
            rows = [None if a is None else row_of({None: a}, j).get(None, none) for j in range(J)]
            form = replace(form, choice_set=rows)
            whole = separate(form.utilities)
            forms = [None if whole is None else row_of(whole, j) for j in range(J)]
        else:
            forms = [separate(utility) for utility in form.utilities]
        terms = [(j, c, x) for j, sum_ in enumerate(forms) if sum_ is not None for c, x in sum_.items()]
        if None in forms or any(c is not None and c.ndim == 4 for _, c, _ in terms):
            return None
        coefficients, places = merged([one if c is None else c for _, c, _ in terms])
        cells: dict[tuple[int, int], Variable] = {}
        for (j, _, x), m in zip(terms, places, strict=True):
            a = form.choice_set[j]
            x = x if a is None else pt.switch(pt.neq(a, 0), x, 0.0)  # data of what is unavailable need not be finite
            cells[j, m] = cells[j, m] + x if (j, m) in cells else x
        base = len(forms) - 1
        data = [
            [_difference(cells.get((j, m)), cells.get((base, m))) for m in range(len(coefficients))]
            for j in range(base)
        ]
        return cls(form, arguments, simulation, coefficients, data)

    def _block(self, theta: Theta, fixed: Fixed, data: BlockData, order: int) -> Block:
        parts, draws = list(theta), self._draws(data[-1], data[0].shape[-3])
        beta, value = self._coefficients.at(parts, fixed, draws)
        chosen, observed, available, x = self._attributes(parts, fixed, data)
        random = [m for m, r in enumerate(self._coefficients.random) if r]
        constant = jnp.stack([jnp.zeros_like(theta[0]) if m in random else b for m, b in enumerate(beta)])
        x_y = sum(y_j[..., None] * x_j for y_j, x_j in zip(chosen, x, strict=True))
        beside_y = [*(x_j - x_y for x_j in x), -x_y]
        largest = largest_exponent(x_y.dtype)
        e = []
        for x_j, a_j in zip(beside_y, available, strict=True):
            d = sum((beta[m] * x_j[..., m, None] for m in random), (x_j @ constant)[..., None])
            e_j = jnp.exp(jnp.minimum(d, largest))
            e.append(e_j if a_j is None else jnp.where(a_j[..., None], e_j, 0.0))
        P_y = 1 / sum(e)
        logprob, weight = over_panel(P_y, observed)
        return Block(logprob, weight, [e_j * P_y for e_j in e[:-1]], chosen, x, value)

    def _attributes(self, parts: Any, fixed: Fixed, data: BlockData) -> tuple[list[Any], Any, list[Any], list[Any]]:
        """Chosen, available and data, each by alternative. Situations that were not observed have no data."""
        columns = self._columns(*parts, *fixed, *data[:-1])
        arrays = (jnp.broadcast_to(a, columns[0].shape)[..., 0].T for a in columns)
        number = next(arrays)
        observed = next(arrays) if self._panel else jnp.ones_like(number)
        available = [next(arrays) if limited else None for limited in self._limited]
        zero = jnp.zeros_like(number)
        cells = [[next(arrays) if filled else zero for filled in own] for own in self._filled]
        x = [jnp.stack(own, axis=-1) * (observed[..., None] if self._panel else 1.0) for own in cells]
        chosen = [(number == j).astype(number.dtype) for j in range(len(x))]
        return chosen, observed, available, x

    def _sums(self, block: Block, products: Products) -> tuple[Any, Sums]:
        """Sums of w d (x_y - x_bar) for products d of factors, and what they are made of."""
        d = self._weighted(block, block.weight, products)
        P, J = block.P, range(len(block.P))
        PPd = {(i, j): over_draws(P[i] * P[j], d) for i, j in combinations_with_replacement(J, 2)}
        sums = Sums(d.sum(axis=-1), [over_draws(P_j, d) for P_j in P], PPd)
        return _deviations(block, sums), sums

    def _curvature(self, block: Block, weights: Weights, sums: Sums, pairs: Products) -> tuple[Any, Any]:
        """Sums by pairs of alternatives; outside of panels u u' is made of the same products."""
        A, M, x, y = len(pairs), len(self._coefficients), block.x, [y_j[..., None] for y_j in block.chosen]
        inner = jnp.zeros((A, M, M), block.logprob.dtype)
        for (i, j), PPd in sums.PPd.items():
            of_pair = PPd - sums.Pd[i] if i == j else PPd
            if not self._panel:
                of_pair += PPd - y[i] * sums.Pd[j] - y[j] * sums.Pd[i] + y[i] * y[j] * sums.d
            xx = (weights[:, None, None, None] * x[i][..., :, None] * x[j][..., None, :]).reshape(-1, M * M)
            added = (of_pair[..., :A].reshape(len(xx), A).T @ xx).reshape(A, M, M)
            inner += added if i == j else added + added.transpose(0, 2, 1)
        if not self._panel:
            return inner, 0.0
        deviations = [y_j[..., None] - P_j for y_j, P_j in zip(block.chosen, block.P, strict=True)]
        g = self._coefficients.along(block.value, x, deviations)
        return inner, jnp.einsum("kbr,lbr->kl", g * (weights[:, None] * block.weight), g)


def over_panel(P_y: Any, observed: Any) -> tuple[Any, Any]:
    """Log-likelihood (B,) and the part of each draw in the likelihood (B, R), of probabilities of choices (B, T, R)."""
    R = P_y.shape[-1]
    if P_y.shape[1] == 1:
        total = P_y[:, 0].sum(axis=-1)
        return jnp.log(total / R), P_y[:, 0] / total[:, None]
    logL = jnp.einsum("bt,btr->br", observed, jnp.log(P_y))  # a product of matrices, which XLA computes once
    s = jax.lax.stop_gradient(logL.max(axis=-1, keepdims=True))
    L = jnp.exp(logL - s)
    total = L.sum(axis=-1)
    return s[:, 0] + jnp.log(total / R), L / total[:, None]


def largest_exponent(dtype: Any) -> float:
    """The largest difference of utilities that counts."""
    return float(LARGEST_EXPONENT * np.log(np.finfo(dtype).max))


def _deviations(block: Block, sums: Sums) -> Any:
    """Sums over draws and situations of w d (x_y - x_bar), (B, M, A)."""
    return sum(
        jnp.einsum("btm,bta->bma", x_j, y_j[..., None] * sums.d - Pd_j)
        for x_j, y_j, Pd_j in zip(block.x, block.chosen, sums.Pd, strict=True)
    )


def _difference(x: Variable | None, base: Variable | None) -> Variable | None:
    if base is None:
        return x
    return -base if x is None else x - base
