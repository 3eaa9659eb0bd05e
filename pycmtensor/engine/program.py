"""A model's log-likelihood and its derivatives as XLA programs, evaluated in blocks of individuals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.chained import Chained
from pycmtensor.engine.fingerprint import fingerprint
from pycmtensor.engine.likelihood import Differentiated, Likelihood, unflattened
from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.linear_logit import LinearLogit
from pycmtensor.engine.many_alternatives import ManyAlternatives
from pycmtensor.engine.quantities import Quantities
from pycmtensor.engine.quantity import Quantity
from pycmtensor.engine.simulated import SimulatedLogit
from pycmtensor.engine.simulated_factors import SimulatedFactors
from pycmtensor.engine.types import BlockData, Columns, Fixed, Theta, Weights
from pycmtensor.engine.xla import ONCE, PRODUCTS, WIDE, compile_with_xla
from pycmtensor.models.base import Model
from pycmtensor.models.forms import KernelOfUtilities, Logit, MixtureOfLogits

__all__ = ["Program", "over_blocks"]


#: Parameters for each sum above which reverse mode is cheaper than forward mode.
MANY = 8


class Program(Arguments):
    """A model's log-likelihood as JAX functions of (theta, fixed values, weights, data); holds no data.

    Data come in blocks: an array (T, N, 1) is given as (blocks, T, B, 1), one with alternatives (J, T, N, 1) as
    (blocks, J, T, B, 1), weights as (blocks, B).
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._of_quantities: dict[tuple[str, Quantity], Callable[..., Any]] = {}

    @cached_property
    def likelihood(self) -> Likelihood:
        """The likelihood of many individuals, for whom preparing data pays."""
        form = self.model.form()
        if isinstance(form, Logit) and not isinstance(form, MixtureOfLogits):
            return LinearLogit.of(form, self) or self.of_columns
        return self.of_columns

    @cached_property
    def of_columns(self) -> Likelihood:
        """The likelihood of a few individuals at a time, from their columns."""
        form = self.model.form()
        found: Likelihood | None = None
        if isinstance(form, MixtureOfLogits):
            found = SimulatedLogit.of(form, self) or ManyAlternatives.of(form, self)
        elif isinstance(form, KernelOfUtilities):
            found = LinearUtilities.of(form, self)
        found = found or (Chained.of(self) if self.draws is None else SimulatedFactors.of(self))
        return found or Differentiated(self.lowered([self.model.logprob]), self.free)

    @cached_property
    def fingerprint(self) -> str:
        """Text that tells the likelihood from others of the same parameters and data."""
        draws = [] if self.draws is None else [draws() for draws in self.draws.draws]
        return f"{fingerprint([*self.symbols, *draws], [self.model.logprob])} {self.model.sampling}"

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the likelihood, of which that of linear logits is mostly products of matrices."""
        products = type(self.likelihood) in (LinearLogit, Chained)
        return compile_with_xla(function, PRODUCTS if products else WIDE)

    @cached_property
    def value(self) -> Callable[..., Any]:
        """Log-likelihood."""
        return self.compile(over_blocks(lambda *block: (self.likelihood.loglike(*block), None)))

    @cached_property
    def value_and_grad(self) -> Callable[..., Any]:
        """Log-likelihood and gradient."""
        return self.compile(self.summed_gradient)

    def summed_gradient(self, *args: Any) -> Any:
        """Log-likelihood and gradient of all blocks, to be compiled as a part of something larger."""
        return over_blocks(lambda *block: (self.likelihood.value_and_grad(*block), None))(*args)

    @cached_property
    def first_order(self) -> Callable[..., Any]:
        """Log-likelihood, gradient, outer product of scores."""

        def block(theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
            logprob, scores = self.likelihood.scores(theta, fixed, data)
            return (weights @ logprob, scores @ weights, (scores * weights) @ scores.T), None

        return self.compile(over_blocks(block))

    @cached_property
    def second_order(self) -> Callable[..., Any]:
        """Log-likelihood, gradient, Hessian and perhaps the outer product of scores in one array.

        (1 + K + K^2,) or (1 + K + 2 K^2,), which is fetched faster than three or four.
        """

        def packed(*args: Any) -> Any:
            sums, rows = self.summed_hessian(*args)
            return jnp.concatenate([jnp.ravel(part) for part in sums]), rows

        return self.compile(packed)

    def summed_hessian(self, *args: Any) -> Any:
        """`Likelihood.second_order` of all blocks, to be compiled as a part of something larger."""
        return over_blocks(lambda *block: (self.likelihood.second_order(*block), None))(*args)

    @cached_property
    def individuals(self) -> Callable[..., Any]:
        """(theta, fixed, numbers of some blocks, data) -> of each its log-likelihoods (B,) and scores (K, B)."""

        def some(theta: Theta, fixed: Fixed, numbers: Any, data: BlockData) -> Any:
            return jax.lax.map(
                lambda b: self.likelihood.scores(theta, fixed, jax.tree.map(itemgetter(b), data)), numbers
            )

        return self.compile(some)

    @cached_property
    def prepare(self) -> Callable[..., Any]:
        """(data of all blocks, number of the first of some, their columns) -> data of all blocks with theirs."""

        def put(all_blocks: Any, first: Any, columns: Columns) -> Any:
            some = jax.lax.map(self.likelihood.prepared, columns)
            return jax.tree.map(
                partial(jax.lax.dynamic_update_slice_in_dim, start_index=first, axis=0), all_blocks, some
            )

        return compile_with_xla(put, ONCE, donate_argnums=0)

    @cached_property
    def quantities(self) -> Quantities:
        """Functions of choice situations besides the likelihood."""
        return Quantities(self)

    @cached_property
    def membership(self) -> Callable[..., Any]:
        """Log-probability of each latent class by individual, before choices and together with them, (C, B) each."""
        model = self.model
        joint = [model.averaged(logL) for logL in model.class_likelihoods()]
        lowered = self.lowered([*model.log_shares(), *joint])

        def block(theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
            found = lowered(*unflattened(theta, self.free), *fixed, *data)
            prior, joint = found[: len(found) // 2], jnp.stack(found[len(found) // 2 :])
            return (), (jnp.stack([jnp.broadcast_to(share[:, 0], joint.shape[1:]) for share in prior]), joint)

        return compile_with_xla(over_blocks(block))

    def by_situation(self, quantity: Quantity) -> Callable[..., Any]:
        """A quantity by individual, (Q, T, B) or (Q, T, B, R)."""
        key = "by situation", quantity.key
        if key not in self._of_quantities:
            of = self.quantities.of(quantity)
            self._of_quantities[key] = compile_with_xla(
                over_blocks(lambda theta, fixed, _, data: ((), of(theta, fixed, data)))
            )
        return self._of_quantities[key]

    def totals(self, quantity: Quantity) -> Callable[..., Any]:
        """Sums of a quantity with weights w (M, T, B, 1), the last of the data, and their derivatives.

        sum_tn w_mtn q_qtn (M, Q), and with theta (M, Q, K): forward over the block, backward where theta is much longer
        than there are sums.
        """
        key = "totals", quantity.key
        if key not in self._of_quantities:
            of = self.quantities.of(quantity)

            def block(theta: Theta, fixed: Fixed, _: Any, data: BlockData) -> Any:
                *columns, w = data

                def total(theta: Theta) -> Any:
                    q = of(theta, fixed, columns)
                    return jnp.einsum("mtb,qtb->mq", w[..., 0], jnp.broadcast_to(q, (len(q), *w.shape[1:3])))

                sums = jax.eval_shape(total, theta).size
                derivatives = jax.jacrev if MANY * sums < len(theta) else jax.jacfwd
                return (total(theta), derivatives(total)(theta)), ()

            self._of_quantities[key] = compile_with_xla(over_blocks(block))
        return self._of_quantities[key]


def over_blocks(term: Callable[..., Any]) -> Callable[..., Any]:
    """``term(theta, fixed, weights, data) -> (sums, rows)`` of one block, for all: sums are added, rows kept.

    Compensated summation (Kahan 1965, doi:10.1145/363707.363723): many small blocks give the same sum as one.
    """

    def program(theta: Theta, fixed: Fixed, weights: Weights, data: BlockData) -> Any:
        if weights.shape[0] == 1:
            sums, rows = term(theta, fixed, weights[0], jax.tree.map(itemgetter(0), data))
            return sums, jax.tree.map(lambda x: x[None], rows)

        def step(carry: Any, block: Any) -> Any:
            total, lost = carry
            sums, rows = term(theta, fixed, *block)
            sums = jax.tree.map(jnp.subtract, sums, lost)
            new = jax.tree.map(jnp.add, total, sums)
            lost = jax.tree.map(lambda new, total, sums: (new - total) - sums, new, total, sums)
            return (new, lost), rows

        first = weights[0], jax.tree.map(itemgetter(0), data)
        sums, _ = jax.eval_shape(term, theta, fixed, *first)
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), sums)
        (sums, _), rows = jax.lax.scan(step, (zero, zero), (weights, data))
        return sums, rows

    return program
