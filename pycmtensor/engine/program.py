"""A model's log-likelihood and its derivatives as XLA programs, evaluated in blocks of individuals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cached_property, partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
from pytensor.graph.basic import Variable

from pycmtensor.dataset.symbols import columns_in, name_of
from pycmtensor.engine.fingerprint import fingerprint
from pycmtensor.engine.likelihood import Differentiated, Likelihood, unflattened
from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.linear_logit import LinearLogit
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.quantities import Quantities, Quantity
from pycmtensor.engine.simulated import SimulatedLogit
from pycmtensor.engine.simulation import Simulation
from pycmtensor.engine.xla import ONCE, PRODUCTS, WIDE, compile_with_xla
from pycmtensor.exceptions import ModelError
from pycmtensor.models import LatentClass
from pycmtensor.models.base import Model

__all__ = ["Program", "over_blocks"]


#: So many parameters for each number make derivatives backward cheaper than forward.
MANY = 8


class Program:
    """A model's log-likelihood as JAX functions of (theta, fixed values, weights, data); holds no data.

    Data come in blocks: an array (T, N, 1) is given as (blocks, T, B, 1), one with alternatives (J, T, N, 1) as
    (blocks, J, T, B, 1), weights as (blocks, B).
    """

    def __init__(self, model: Model) -> None:
        self.model, self._chosen = model, model.dataset.chosen
        self.free = model.free
        self.fixed = [p for p in model.params if p not in self.free]
        inputs = set(columns_in([model.logprob]))
        self.inputs = [v for v in model.inputs if v in inputs]
        self.draws = Simulation(model) if model.sampling else None
        self.alternatives = max(v.type.shape[0] if v.ndim == 4 else 1 for v in self.inputs)  #: J of the largest array
        self._arguments = [*(parameter() for parameter in (*self.free, *self.fixed)), *self.inputs]
        self._compiled: dict[Any, Callable[..., Any]] = {}

    @cached_property
    def likelihood(self) -> Likelihood:
        """The likelihood of many individuals, for whom preparing data pays."""
        return LinearLogit.of(self.model, self.inputs) or self.of_columns

    @cached_property
    def of_columns(self) -> Likelihood:
        """The likelihood of a few individuals at a time, from their columns."""
        return (
            SimulatedLogit.of(self.model, self._arguments, self.draws)
            or LinearUtilities.of(self.model, self._arguments)
            or Differentiated(self.lowered([self.model.logprob]), self.free)
        )

    @property
    def chosen(self) -> int:
        """Which of the inputs is the chosen alternative."""
        return self.inputs.index(self._chosen)

    def places_of(self, column: str) -> list[int]:
        """Which of the inputs hold the numbers of a column, of all alternatives or of one.

        Raises:
            ModelError: None does.
        """
        names = [name_of(symbol) for symbol in self.inputs]
        places = [p for p, name in enumerate(names) if name == column]
        if not places:
            known = sorted({name for name in names if isinstance(name, str)})
            near = get_close_matches(str(column), known, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It uses {', '.join(known)}."
            raise ModelError(f"The model does not use a column {column!r}. {hint}")
        return places

    def lowered(self, outputs: list[Any], further: Sequence[Variable] = ()) -> Callable[..., Any]:
        """Expressions as a function of further variables, parameters and inputs.

        With draws, the last argument numbers the individuals.
        """
        if self.draws is None:
            return lower([*further, *self._arguments], outputs)
        simulation = self.draws
        simulated = lower([*further, *self._arguments, *(draws() for draws in simulation.draws)], outputs)
        observed = len(further) + len(self.free) + len(self.fixed) + self.chosen
        return lambda *given: simulated(*given[:-1], *simulation.values(given[-1], len(given[observed])))

    @cached_property
    def fingerprint(self) -> str:
        """What tells its likelihood from others of the same parameters and data."""
        draws = [] if self.draws is None else [draws() for draws in self.draws.draws]
        return f"{fingerprint([*self._arguments, *draws], [self.model.logprob])} {self.model.sampling}"

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the likelihood, of which that of linear logits is mostly products of matrices."""
        return compile_with_xla(function, PRODUCTS if isinstance(self.likelihood, LinearLogit) else WIDE)

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

        def block(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
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

        def some(theta: Any, fixed: Any, numbers: Any, data: Any) -> Any:
            return jax.lax.map(
                lambda b: self.likelihood.scores(theta, fixed, jax.tree.map(itemgetter(b), data)), numbers
            )

        return self.compile(some)

    @cached_property
    def prepare(self) -> Callable[..., Any]:
        """(data of all blocks, number of the first of some, their columns) -> data of all blocks with theirs."""

        def put(all_blocks: Any, first: Any, columns: Any) -> Any:
            some = jax.lax.map(self.likelihood.prepared, columns)
            return jax.tree.map(
                partial(jax.lax.dynamic_update_slice_in_dim, start_index=first, axis=0), all_blocks, some
            )

        return compile_with_xla(put, ONCE, donate_argnums=0)

    @cached_property
    def quantities(self) -> Quantities:
        """What the model says of choice situations besides the likelihood."""
        return Quantities(self)

    @cached_property
    def membership(self) -> Callable[..., Any]:
        """By individual, of a latent class model: log-probability of each class, and with all choices, (C, B) each."""
        assert isinstance(self.model, LatentClass)
        lowered = self.lowered([self.model.log_membership, self.model.log_joint])

        def block(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
            prior, joint = lowered(*unflattened(theta, self.free), *fixed, *data)
            return (), (jnp.broadcast_to(prior, joint.shape).T, joint.T)

        return compile_with_xla(over_blocks(block))

    def by_situation(self, quantity: Quantity) -> Callable[..., Any]:
        """By individual: a quantity, (Q, T, B) or (Q, T, B, R)."""
        key = "by situation", quantity.key
        if key not in self._compiled:
            of = quantity.of
            self._compiled[key] = compile_with_xla(
                over_blocks(lambda theta, fixed, _, data: ((), of(theta, fixed, data)))
            )
        return self._compiled[key]

    def totals(self, quantity: Quantity) -> Callable[..., Any]:
        """Sums of a quantity with weights w (M, T, B, 1), the last of the data, and their derivatives.

        sum_tn w_mtn q_qtn (M, Q), and with theta (M, Q, K): forward over the block, backward where theta is much longer
        than there are sums.
        """
        key = "totals", quantity.key
        if key not in self._compiled:

            def block(theta: Any, fixed: Any, _: Any, data: Any) -> Any:
                *columns, w = data

                def total(theta: Any) -> Any:
                    q = quantity.of(theta, fixed, columns)
                    return jnp.einsum("mtb,qtb->mq", w[..., 0], jnp.broadcast_to(q, (len(q), *w.shape[1:3])))

                sums = jax.eval_shape(total, theta).size
                derivatives = jax.jacrev if MANY * sums < len(theta) else jax.jacfwd
                return (total(theta), derivatives(total)(theta)), ()

            self._compiled[key] = compile_with_xla(over_blocks(block))
        return self._compiled[key]


def over_blocks(term: Callable[..., Any]) -> Callable[..., Any]:
    """``term(theta, fixed, weights, data) -> (sums, rows)`` of one block, for all: sums are added, rows kept.

    What rounding takes from a sum is carried along and given back (Kahan 1965, doi:10.1145/363707.363723), so that
    many small blocks give the same as one.
    """

    def program(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
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
