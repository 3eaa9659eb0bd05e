"""A model's log-likelihood and its derivatives as XLA programs, evaluated in blocks of individuals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.graph.traversal import graph_inputs

from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.simulation import Simulation
from pycmtensor.engine.xla import compile_with_xla
from pycmtensor.models import LatentClass
from pycmtensor.models.base import Model

__all__ = ["Program", "over_blocks"]


class Program:
    """A model's log-likelihood as JAX functions of (theta, fixed values, weights, data); holds no data.

    Data come in blocks: an array (T, N, 1) is given as (blocks, T, B, 1), one with alternatives (J, T, N, 1) as
    (blocks, J, T, B, 1), weights as (blocks, B).
    """

    def __init__(self, model: Model) -> None:
        self._chosen = model.dataset.chosen
        self.free, self.fixed = model.free, [p for p in model.params if p.status == 1]
        inputs = set(graph_inputs([model.logprob]))
        self.inputs = [v for v in model.inputs if v in inputs and hasattr(v.tag, "column")]
        self.draws = Simulation(model) if model.sampling else None
        self.alternatives = max(v.type.shape[0] if v.ndim == 4 else 1 for v in self.inputs)  #: J of the largest array
        arguments = [*(parameter() for parameter in (*self.free, *self.fixed)), *self.inputs]
        self._logprob = self._lowered(arguments, [model.logprob])
        self._model, self._arguments = model, arguments
        self.linear = LinearUtilities.of(model, arguments) if self.draws is None else None

    def _lowered(self, arguments: list[Any], outputs: list[Any]) -> Callable[..., Any]:
        """A function of the arguments; with draws, the last argument numbers the individuals."""
        if self.draws is None:
            return lower(arguments, outputs)
        simulation = self.draws
        simulated = lower([*arguments, *(draws() for draws in simulation.draws)], outputs)
        observed = len(self.free) + len(self.fixed) + self.inputs.index(self._chosen)
        return lambda *given: simulated(*given[:-1], *simulation.values(given[-1], len(given[observed])))

    def logprob(self, theta: Any, fixed: Any, data: Any) -> Any:
        """Log-likelihood of each individual of a block, (B,)."""
        if self.linear is not None:
            _, V, kernel = self._utilities(self.linear, theta, fixed, data)
            return kernel(V)
        return self._logprob(*self.unflatten(theta), *fixed, *data)[0]

    def unflatten(self, theta: Any) -> list[Any]:
        """The parts of theta (K,) in the shapes of the free parameters."""
        ends = np.cumsum([p.size for p in self.free])
        return [theta[end - p.size : end].reshape(p.shape) for p, end in zip(self.free, ends, strict=True)]

    def loglike(self, theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        """Log-likelihood of a block."""
        return weights @ self.logprob(theta, fixed, data)

    @cached_property
    def value(self) -> Callable[..., Any]:
        """Log-likelihood."""
        return compile_with_xla(over_blocks(lambda *args: (self.loglike(*args), None)))

    @cached_property
    def value_and_grad(self) -> Callable[..., Any]:
        """Log-likelihood and gradient."""
        return compile_with_xla(self.summed_gradient)

    def summed_gradient(self, *args: Any) -> Any:
        """Log-likelihood and gradient of all blocks, to be compiled as a part of something larger."""
        return over_blocks(lambda *block: (jax.value_and_grad(self.loglike)(*block), None))(*args)

    @cached_property
    def first_order(self) -> Callable[..., Any]:
        """Sums: log-likelihood, gradient, outer product of scores. By individual: scores, log-likelihood."""

        def block(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
            logprob, scores = self._scores(theta, fixed, data)
            return (weights @ logprob, scores @ weights, (scores * weights) @ scores.T), (scores, logprob)

        return compile_with_xla(over_blocks(block))

    @cached_property
    def second_order(self) -> Callable[..., Any]:
        """Sums: log-likelihood, gradient, Hessian. By individual: scores (K, B), log-likelihood (B,)."""
        return compile_with_xla(over_blocks(self.derivatives))

    @cached_property
    def probabilities(self) -> Callable[..., Any]:
        """By individual: choice probability of each alternative in each situation, if it is available, (J, T, B)."""
        model, alternatives = self._model, np.arange(self._model.dataset.n_alternatives)
        logP = self._lowered(self._arguments, [model.log_probability(model.V)])
        chosen = self.inputs.index(self._chosen)

        def block(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
            def alternative(j: Any) -> Any:
                as_if = [jnp.full_like(x, j) if i == chosen else x for i, x in enumerate(data)]
                (found,) = logP(*self.unflatten(theta), *fixed, *as_if)
                return jnp.broadcast_to(jnp.exp(found), (*as_if[chosen].shape[:2], found.shape[-1])).mean(axis=-1)

            return (), jax.vmap(alternative)(jnp.asarray(alternatives))

        return compile_with_xla(over_blocks(block))

    @cached_property
    def membership(self) -> Callable[..., Any]:
        """By individual, of a latent class model: log-probability of each class, and with all choices, (C, B) each."""
        model = self._model
        assert isinstance(model, LatentClass)
        lowered = self._lowered(self._arguments, [model.log_membership, model.log_joint])

        def block(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
            prior, joint = lowered(*self.unflatten(theta), *fixed, *data)
            return (), (jnp.broadcast_to(prior, joint.shape).T, joint.T)

        return compile_with_xla(over_blocks(block))

    def derivatives(self, theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        """What `second_order` gives, of one block."""
        if self.linear is not None:
            return self._through_utilities(self.linear, theta, fixed, weights, data)
        return self._directly(theta, fixed, weights, data)

    def _scores(self, theta: Any, fixed: Any, data: Any) -> tuple[Any, Any]:
        """Log-likelihood (B,) and scores (K, B) of the individuals of a block."""
        if self.linear is not None:
            x, V, kernel = self._utilities(self.linear, theta, fixed, data)
            logprob, back = jax.vjp(kernel, V)
            return logprob, (x * back(jnp.ones_like(logprob))[0]).sum(axis=(1, 2))

        def individual(parts: Any, data: Any) -> Any:
            return self._logprob(*parts, *fixed, *(jnp.expand_dims(x, -2) for x in data))[0][0]

        logprob, parts = jax.vmap(jax.value_and_grad(individual), in_axes=(None, -2))(self.unflatten(theta), data)
        return logprob, jnp.concatenate([part.reshape(len(logprob), -1).T for part in parts])

    def _directly(self, theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        """Forward over reverse.

        The gradient is s w with the scores s (K, B), and the Hessian is the product of their derivatives with w: two
        matrix products in place of a reduction for each pair of parameters.
        """

        def gradient(theta: Any) -> Any:
            logprob, scores = self._scores(theta, fixed, data)
            return scores @ weights, (logprob, scores)

        hessian, (logprob, scores) = jax.jacfwd(gradient, has_aux=True)(theta)
        return (weights @ logprob, scores @ weights, hessian), (scores, logprob)

    def _through_utilities(self, linear: LinearUtilities, theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        """By the chain rule through utilities V = x theta + c, whose derivatives x (K, J, T, B) are data.

        With g = dlogP/dV, the scores are x g and the Hessian is x' (dg/dV) x, one matrix product over alternatives,
        situations and individuals. Automatic differentiation has to pass through the kernel only.
        """
        x, V, kernel = self._utilities(linear, theta, fixed, data)

        def gradient(V: Any) -> Any:
            logprob, back = jax.vjp(kernel, V)
            return back(jnp.ones_like(logprob))[0], logprob

        g, logprob = gradient(V)
        scores = (x * g).sum(axis=(1, 2))
        bend = jax.vmap(lambda x_k: jax.jvp(lambda V: gradient(V)[0], (V,), (x_k,))[1])(x)
        hessian = (bend * weights).reshape(len(x), -1) @ x.reshape(len(x), -1).T
        return (weights @ logprob, scores @ weights, hessian), (scores, logprob)

    def _utilities(self, linear: LinearUtilities, theta: Any, fixed: Any, data: Any) -> tuple[Any, Any, Any]:
        """Derivatives x (K, J, T, B), utilities V (J, T, B), and the kernel that makes log-likelihoods (B,) of V."""
        parts = self.unflatten(theta)
        x, c = linear.derivatives(parts, fixed, data)
        return x, jnp.tensordot(theta, x, 1) + c, lambda V: linear.kernel(V, parts, fixed, data)


def over_blocks(term: Callable[..., Any]) -> Callable[..., Any]:
    """``term(theta, fixed, weights, data) -> (sums, rows)`` of one block, for all: sums are added, rows kept.

    What rounding takes from a sum is carried along and given back (Kahan 1965, doi:10.1145/363707.363723), so that
    many small blocks give the same as one.
    """

    def program(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        if weights.shape[0] == 1:
            sums, rows = term(theta, fixed, weights[0], [x[0] for x in data])
            return sums, jax.tree.map(lambda x: x[None], rows)

        def step(carry: Any, block: Any) -> Any:
            total, lost = carry
            sums, rows = term(theta, fixed, *block)
            sums = jax.tree.map(jnp.subtract, sums, lost)
            new = jax.tree.map(jnp.add, total, sums)
            lost = jax.tree.map(lambda new, total, sums: (new - total) - sums, new, total, sums)
            return (new, lost), rows

        first = weights[0], [x[0] for x in data]
        sums, _ = jax.eval_shape(term, theta, fixed, *first)
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), sums)
        (sums, _), rows = jax.lax.scan(step, (zero, zero), (weights, data))
        return sums, rows

    return program
