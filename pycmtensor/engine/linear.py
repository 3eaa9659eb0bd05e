"""Utilities that are linear in their parameters, taken apart into coefficients of data."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt
from pytensor import config, scalar
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.traversal import graph_inputs, io_toposort
from pytensor.tensor.basic import MakeVector
from pytensor.tensor.elemwise import DimShuffle, Elemwise

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.likelihood import Likelihood
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.separation import each_term, sum_of_terms
from pycmtensor.engine.types import BlockData, Fixed, Theta, Weights
from pycmtensor.models.forms import KernelOfUtilities

__all__ = ["LinearForm", "LinearUtilities", "linear_form"]

#: Parameter -> its coefficient, an expression of data; None -> what stands without a parameter.
LinearForm = dict[Variable | None, Variable]


def linear_form(expression: Variable, parameters: Collection[Variable]) -> LinearForm | None:
    """The expression as ``sum of parameter * coefficient``, or None when it is not linear.

    Args:
        expression: A utility.
        parameters: Shared variables of scalar parameters.

    Examples:
        >>> import pytensor.tensor as pt
        >>> from pycmtensor.expressions import Beta
        >>> b, x = Beta("b"), pt.dscalar("x")
        >>> form = linear_form((b * x - 3) / 2, [b()])
        >>> float(form[b()].eval({x: 5.0})), float(form[None].eval())
        (2.5, -1.5)
        >>> linear_form(pt.exp(b), [b()]) is None
        True
    """
    forms: dict[Variable, LinearForm] = {p: {p: pt.constant(1.0, dtype=p.dtype)} for p in parameters}
    for node in io_toposort([], [expression]):
        parts = [forms.get(variable) or {None: pt.cast(variable, config.floatX)} for variable in node.inputs]
        if all(set(part) <= {None} for part in parts):
            continue  # data only, a part of coefficients
        form = _combined(node, parts)
        if form is None:
            return None
        forms[node.outputs[0]] = form
    return forms.get(expression) or {None: pt.cast(expression, config.floatX)}


def _combined(node: Apply, parts: list[LinearForm]) -> LinearForm | None:
    """The linear form of one operation on linear forms."""
    if isinstance(node.op, DimShuffle):
        return each_term(parts[0], node.op)
    if isinstance(node.op, MakeVector):
        return sum_of_terms(
            [each_term(part, partial(pt.mul, unit)) for part, unit in zip(parts, np.eye(len(parts)), strict=True)]
        )
    operation = type(node.op.scalar_op) if isinstance(node.op, Elemwise) else None
    data = [part.get(None) if set(part) <= {None} else None for part in parts]
    if operation is scalar.Add:
        return sum_of_terms(parts)
    if operation is scalar.Sub:
        return sum_of_terms([parts[0], each_term(parts[1], pt.neg)])
    if operation is scalar.Neg:
        return each_term(parts[0], pt.neg)
    if operation is scalar.Mul and sum(d is None for d in data) == 1:
        factor = reduce(pt.mul, [d for d in data if d is not None])
        return each_term(parts[data.index(None)], lambda coefficient: coefficient * factor)
    if operation is scalar.TrueDiv and data[1] is not None:
        return each_term(parts[0], lambda coefficient: coefficient / data[1])
    return None


class LinearUtilities(Likelihood):
    """Likelihoods of utilities V = x theta + c that are linear in scalar parameters, by the chain rule through V.

    The derivatives x (K, J, T, B) are data. With g = dlogP/dV, the scores are x g and the Hessian is x' (dg/dV) x, one
    matrix product over alternatives, situations and individuals: JAX differentiates the kernel only.

    Args:
        kernel: Utilities and the arguments of a program -> log-likelihood of each individual.
        coefficients: Arguments of a program -> coefficients and constants.
        places: Which (parameter, utility) each coefficient belongs to; the parameter is None for constants.
        shape: (K, J).
        at_once: Whether there is one utility of all J alternatives, in place of J utilities.
    """

    #: Minimum number of parameters; with fewer, differentiating the whole likelihood at once is faster than building x.
    FEWEST = 7

    def __init__(
        self,
        kernel: Callable[..., Any],
        coefficients: Callable[..., Any],
        places: list[tuple[int | None, int]],
        shape: tuple[int, int],
        at_once: bool,
    ) -> None:
        self._kernel, self._coefficients, self._places, self._shape = kernel, coefficients, places, shape
        self._at_once = at_once

    @property
    def numbers(self) -> int:
        """Array elements in the derivatives of the utilities of one situation."""
        return math.prod(self._shape)

    @classmethod
    def of(cls, form: KernelOfUtilities, arguments: Arguments) -> LinearUtilities | None:
        """The likelihood, or None when parameters are few, utilities not linear, or the kernel has parameters."""
        if arguments.draws is not None or len(arguments.free) < cls.FEWEST or any(p.shape for p in arguments.free):
            return None
        free = [parameter() for parameter in arguments.free]
        one = arguments.model.dataset.chosen.type
        if isinstance(form.utilities, Variable):
            utilities, J = [form.utilities], form.utilities.type.shape[0]
            V = [one.clone(shape=(J, *one.shape))("V")]
            logprob = form.logprob(V[0])
        else:
            utilities, J = list(form.utilities), len(form.utilities)
            if any(utility.ndim == 4 for utility in utilities):  # one of all alternatives for each class
                return None
            V = [one(f"V_{j}") for j in range(J)]
            logprob = form.logprob(V)
        forms = [linear_form(utility, free) for utility in utilities]
        if set(free) & set(graph_inputs([logprob])) or None in forms:
            return None
        places, coefficients = [], []
        for j, of_utility in enumerate(forms):
            for parameter, coefficient in (of_utility or {}).items():
                places.append((None if parameter is None else free.index(parameter), j))
                coefficients.append(coefficient)
        kernel = lower([*V, *arguments.symbols], [logprob])
        at_once = isinstance(form.utilities, Variable)
        return cls(kernel, lower(arguments.symbols, coefficients), places, (len(free), J), at_once)

    def logprob(self, theta: Theta, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual, (B,)."""
        _, V, kernel = self._utilities(theta, fixed, data)
        return kernel(V)

    def scores(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """Log-likelihood of each individual (B,) and its gradient (K, B)."""
        x, V, kernel = self._utilities(theta, fixed, data)
        logprob, back = jax.vjp(kernel, V)
        return logprob, (x * back(jnp.ones_like(logprob))[0]).sum(axis=(1, 2))

    def second_order(self, theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        """Sums with the weights: log-likelihood, gradient (K,), Hessian (K, K)."""
        x, V, kernel = self._utilities(theta, fixed, data)

        def gradient(V: Any) -> Any:
            logprob, back = jax.vjp(kernel, V)
            return back(jnp.ones_like(logprob))[0], logprob

        g, logprob = gradient(V)
        bend = jax.vmap(lambda x_k: jax.jvp(lambda V: gradient(V)[0], (V,), (x_k,))[1])(x)
        hessian = (bend * weights).reshape(len(x), -1) @ x.reshape(len(x), -1).T
        return weights @ logprob, jnp.tensordot(x, g * weights, 3), hessian

    def _utilities(self, theta: Theta, fixed: Fixed, data: BlockData) -> tuple[Any, Any, Any]:
        """Derivatives x (K, J, T, B), utilities V (J, T, B), and the kernel that makes log-likelihoods (B,) of V."""
        x, c = self._derivatives(list(theta), fixed, data)
        return x, jnp.tensordot(theta, x, 1) + c, lambda V: self._of_utilities(V, list(theta), fixed, data)

    def _derivatives(self, parts: Any, fixed: Fixed, data: BlockData) -> tuple[Any, Any]:
        """dV/dtheta (K, J, T, B) and the constants (J, T, B) of a block."""
        situations, individuals, _ = data[0].shape[-3:]
        K, J = self._shape
        size, utilities = (J, 1) if self._at_once else (1, J)
        shape = size, situations, individuals
        zero = jnp.zeros(shape, data[0].dtype)
        cells: dict[tuple[int | None, int], Any] = {}
        for place, value in zip(self._places, self._coefficients(*parts, *fixed, *data), strict=True):
            cells[place] = jnp.broadcast_to(value, (*shape, 1))[..., 0]
        rows = [jnp.concatenate([cells.get((k, j), zero) for j in range(utilities)]) for k in (*range(K), None)]
        return jnp.stack(rows[:K]), rows[K]

    def _of_utilities(self, V: Any, parts: Any, fixed: Fixed, data: BlockData) -> Any:
        """Log-likelihood of each individual (B,), given utilities (J, T, B)."""
        V = V[..., None]
        return self._kernel(*([V] if self._at_once else V), *parts, *fixed, *data)[0]
