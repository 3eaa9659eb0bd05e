"""The logit of utilities that are linear in their parameters, and its derivatives."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.tensor.basic import get_underlying_scalar_constant_value as _number

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.likelihood import Likelihood
from pycmtensor.engine.linear import LinearForm, linear_form
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.types import BlockData, Columns, Fixed, Theta, Weights
from pycmtensor.kernels.logit import LARGEST_EXPONENT
from pycmtensor.models.forms import Logit

__all__ = ["LinearLogit"]

#: Kept data may have so many times the numbers of the columns that they are made of, ...
MOST_NUMBERS = 2

#: ... or this many (128 MB in double precision).
FEW_NUMBERS = 2**24


class Data(NamedTuple):
    """Data of a block of B individuals, for the J - 1 alternatives of each situation that were not chosen."""

    d: Any  #: data of the terms, less those of the chosen alternative, (P, J - 1, T, B)
    available: Any  #: (J - 1, T, B), or None when all alternatives always are
    observed: Any  #: 0 where there was no situation, (T, B), or None when there were all


class LinearLogit(Likelihood):
    r"""Multinomial logits with utilities :math:`V_j = x_j' \theta`, in which some of theta may be fixed.

    With the differences to the chosen alternative, :math:`d_j = x_j - x_y`, which are computed once,

    .. math::
        \log P_y = -\log \Big(1 + \sum_{j \ne y} \exp(d_j' \theta)\Big), \quad u = \sum_{j \ne y} P_j d_j, \quad
        s = -\sum_t u, \quad H = \sum_t \Big(u u' - \sum_{j \ne y} P_j d_j d_j'\Big).

    Where the choice is nearly certain, all of these are small and keep their digits. Sums over individuals are products
    of matrices.

    Args:
        form: The logit.
        arguments: What the functions of the model take.
        terms: Of each utility the data of its terms by the number of the parameter; free ones come first, then fixed
            ones, then the number 1.

    References:
        McFadden (1974), Conditional logit analysis of qualitative choice behavior, equations 16 and 17.
    """

    prepares = True

    def __init__(self, form: Logit, arguments: Arguments, terms: list[dict[int, Variable]]) -> None:
        self._K, self._J = len(arguments.free), arguments.model.dataset.n_alternatives
        self._places = [(k, j) for j, of_utility in enumerate(terms) for k in of_utility]
        self._terms = max(self._K, *(k + 1 for k, _ in self._places))  # the likelihood may not depend on some
        self._at_once = isinstance(form.utilities, Variable)
        self._panel, self._dtype = form.observed is not None, arguments.free[0]().dtype
        self._limited = [a is not None for a in form.choice_set]
        observed = [] if form.observed is None else [form.observed]
        available = [a for a in form.choice_set if a is not None]
        data = [
            x if a is None else pt.switch(pt.neq(a, 0), x, pt.zeros_like(x))  # what is unavailable need not be finite
            for of_utility, a in zip(terms, form.choice_set, strict=True)
            for x in of_utility.values()
        ]
        self._arrays = lower(arguments.inputs, [form.chosen, *observed, *available, *data])

    @property
    def numbers(self) -> int:
        """Array elements in the data of one situation."""
        return self._terms * (self._J - 1)

    @classmethod
    def of(cls, form: Logit, arguments: Arguments) -> LinearLogit | None:
        """The likelihood of a logit, or None when it is not linear, or needs much more memory than its columns."""
        parameters = [*arguments.free, *arguments.fixed]
        if any(p.shape for p in parameters):
            return None
        unknowns = [parameter() for parameter in parameters]
        utilities = [form.utilities] if isinstance(form.utilities, Variable) else form.utilities
        forms = [linear_form(utility, unknowns) for utility in utilities]
        linear = [_numbered(of_utility, unknowns) for of_utility in forms if of_utility is not None]
        if len(linear) < len(forms):
            return None
        likelihood = cls(form, arguments, linear)
        in_columns = sum(column.type.shape[0] if column.ndim == 4 else 1 for column in arguments.inputs)
        many = likelihood.numbers > MOST_NUMBERS * in_columns
        return None if many and likelihood.numbers * arguments.model.dataset.nobs > FEW_NUMBERS else likelihood

    def prepared(self, columns: Columns) -> Data:
        """The data of a block."""
        *_, T, B, _ = columns[0].shape
        alternatives = self._J if self._at_once else 1
        arrays = iter(self._arrays(*columns))

        def following(A: int = 1) -> Any:
            return jnp.broadcast_to(jnp.asarray(next(arrays), self._dtype), (A, T, B, 1))[..., 0]

        chosen = following()[0]
        y = chosen == np.arange(self._J)[:, None, None]
        observed = following()[0] if self._panel else None
        limits = [following(alternatives) if limited else None for limited in self._limited]
        terms = {place: following(alternatives) for place in self._places}
        nothing = jnp.zeros((alternatives, T, B), self._dtype)
        utilities = range(1 if self._at_once else self._J)
        x = jnp.stack([jnp.concatenate([terms.get((k, j), nothing) for j in utilities]) for k in range(self._terms)])
        available = None
        if any(self._limited):
            available = jnp.concatenate([jnp.ones_like(nothing) if a is None else a for a in limits])
            available = _others(available, chosen)
        d = x - jnp.where(y, x, 0).sum(axis=1, keepdims=True)
        return Data(_others(d, chosen), available, observed)

    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""
        logP, _ = self._probabilities(theta, fixed, data)
        return logP.sum(axis=0)

    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""
        logP, P = self._probabilities(theta, fixed, data)
        return logP.sum(axis=0), -(P * data.d[: self._K]).sum(axis=(1, 2))

    def value_and_grad(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Log-likelihood and its gradient (K,)."""
        logP, P = self._probabilities(theta, fixed, data)
        return weights @ logP.sum(axis=0), -jnp.tensordot(data.d[: self._K], P * weights, 3)

    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Sums with the weights: log-likelihood, gradient (K,), Hessian and, without panels, sum of s s' (K, K)."""
        logP, P = self._probabilities(theta, fixed, data)
        d = data.d[: self._K]
        Pd = P * d
        u = Pd.sum(axis=1)
        uu = _product(u * weights, u)
        sums = weights @ logP.sum(axis=0), -u.sum(axis=1) @ weights, uu - _product(Pd * weights, d)
        return sums if self._panel else (*sums, uu)

    def _probabilities(self, theta: Theta, fixed: Fixed, data: Data) -> tuple[Any, Any]:
        """Log-probability of the choice (T, B) and probabilities of the others (J - 1, T, B); 0 without a situation."""
        parameters = jnp.concatenate([theta, jnp.stack([*fixed, jnp.ones((), theta.dtype)])])
        V = jnp.tensordot(parameters[: self._terms], data.d, 1)
        if data.available is not None:
            V = jnp.where(data.available != 0, V, -jnp.inf)
        s = jnp.maximum(V.max(axis=0) - LARGEST_EXPONENT, 0.0)
        e = jnp.exp(V - s)
        odds = e.sum(axis=0)  # of the others to the choice, in units of exp(s); with s > 0, 1 is nothing beside them
        logP, P = -s - jnp.log1p(odds), e / (1 + odds)
        return (logP, P) if data.observed is None else (logP * data.observed, P * data.observed)


def _others(array: Any, chosen: Any) -> Any:
    """The alternatives that were not chosen, in their order, (J - 1, T, B), out of all (J, T, B)."""
    before = np.arange(array.shape[-3] - 1)[:, None, None] < chosen
    return jnp.where(before, array[..., :-1, :, :], array[..., 1:, :, :])


def _product(a: Any, b: Any) -> Any:
    """sum a b' over all axes but the first."""
    return a.reshape(len(a), -1) @ b.reshape(len(b), -1).T


def _numbered(form: LinearForm, unknowns: list[Variable]) -> dict[int, Variable]:
    """A linear form by the numbers of parameters; what stands without one has the number after the last."""
    terms = {k: form[p] for k, p in enumerate([*unknowns, None]) if p in form}
    alone = terms.get(len(unknowns))
    if alone is not None and len(terms) > 1 and _number(alone, raise_not_constant=False) == 0:
        del terms[len(unknowns)]  # the 0 with which sum() begins
    return terms
