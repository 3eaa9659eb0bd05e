"""The engine of one machine: one XLA program, evaluated in blocks of individuals that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.lowering import compile_with_xla, lower
from pycmtensor.engine.protocol import Array, SecondOrder
from pycmtensor.models.base import Model

__all__ = ["LocalEngine", "Program"]

#: Numbers in one array of a block: a dozen temporaries of this size fill the 1 MB cache of a core.
BLOCK = 8192

#: Numbers in the derivatives of linear utilities of a block, (K, J, T, B), which matrix products go through.
LINEAR_BLOCK = 2**18


class Program:
    """A model's log-likelihood as JAX functions of (theta, fixed values, weights, data); holds no data.

    Data come in blocks: an array (T, N, 1) is given as (blocks, T, B, 1), weights as (blocks, B).
    """

    def __init__(self, model: Model) -> None:
        self.free, self.fixed = model.free, [p for p in model.params if p.status == 1]
        inputs = set(graph_inputs([model.logprob]))
        self.inputs = [v for v in model.inputs if v in inputs]
        arguments = [*(parameter() for parameter in (*self.free, *self.fixed)), *self.inputs]
        self._logprob = lower(arguments, [model.logprob])
        self.linear = LinearUtilities.of(model, arguments)

    def logprob(self, theta: Any, fixed: Any, data: Any) -> Any:
        """Log-likelihood of each individual of a block, (B,)."""
        parts = self.unflatten(theta)
        if self.linear is not None:
            x, c = self.linear.derivatives(parts, fixed, data)
            return self.linear.kernel(jnp.tensordot(theta, x, 1) + c, parts, fixed, data)
        return self._logprob(*parts, *fixed, *data)[0]

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
        return compile_with_xla(_over_blocks(lambda *args: (self.loglike(*args), None)))

    @cached_property
    def value_and_grad(self) -> Callable[..., Any]:
        """Log-likelihood and gradient."""
        return compile_with_xla(self.summed_gradient)

    def summed_gradient(self, *args: Any) -> Any:
        """Log-likelihood and gradient of all blocks, to be compiled as a part of something larger."""
        return _over_blocks(lambda *block: (jax.value_and_grad(self.loglike)(*block), None))(*args)

    @cached_property
    def second_order(self) -> Callable[..., Any]:
        """Sums: log-likelihood, gradient, Hessian. By individual: scores (blocks, K, B), log-likelihood (blocks, B)."""
        block = self._directly if self.linear is None else partial(self._through_utilities, self.linear)
        return compile_with_xla(_over_blocks(block))

    def _directly(self, theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        """Forward over reverse.

        The gradient is s w with the scores s (K, B), and the Hessian is the product of their derivatives with w: two
        matrix products in place of a reduction for each pair of parameters.
        """

        def individual(parts: Any, data: Any) -> Any:
            return self._logprob(*parts, *fixed, *(jnp.expand_dims(x, 1) for x in data))[0][0]

        each = jax.vmap(jax.value_and_grad(individual), in_axes=(None, 1))

        def gradient(theta: Any) -> Any:
            logprob, parts = each(self.unflatten(theta), data)
            scores = jnp.concatenate([part.reshape(len(weights), -1).T for part in parts])
            return scores @ weights, (logprob, scores)

        hessian, (logprob, scores) = jax.jacfwd(gradient, has_aux=True)(theta)
        return (weights @ logprob, scores @ weights, hessian), (scores, logprob)

    def _through_utilities(self, linear: LinearUtilities, theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        """By the chain rule through utilities V = x theta + c, whose derivatives x (K, J, T, B) are data.

        With g = dlogP/dV, the scores are x g and the Hessian is x' (dg/dV) x, one matrix product over alternatives,
        situations and individuals. Automatic differentiation has to pass through the kernel only.
        """
        parts = self.unflatten(theta)
        x, c = linear.derivatives(parts, fixed, data)
        V = jnp.tensordot(theta, x, 1) + c

        def gradient(V: Any) -> Any:
            logprob, back = jax.vjp(lambda V: linear.kernel(V, parts, fixed, data), V)
            return back(jnp.ones_like(logprob))[0], logprob

        g, logprob = gradient(V)
        scores = (x * g).sum(axis=(1, 2))
        bend = jax.vmap(lambda x_k: jax.jvp(lambda V: gradient(V)[0], (V,), (x_k,))[1])(x)
        hessian = (bend * weights).reshape(len(x), -1) @ x.reshape(len(x), -1).T
        return (weights @ logprob, scores @ weights, hessian), (scores, logprob)


def _over_blocks(term: Callable[..., Any]) -> Callable[..., Any]:
    """``term(theta, fixed, weights, data) -> (sums, rows)`` of one block, for all: sums are added, rows kept."""

    def program(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
        if weights.shape[0] == 1:
            sums, rows = term(theta, fixed, weights[0], [x[0] for x in data])
            return sums, jax.tree.map(lambda x: x[None], rows)

        def step(total: Any, block: Any) -> Any:
            sums, rows = term(theta, fixed, *block)
            return jax.tree.map(jnp.add, total, sums), rows

        first = weights[0], [x[0] for x in data]
        sums, _ = jax.eval_shape(term, theta, fixed, *first)
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), sums)
        return jax.lax.scan(step, zero, (weights, data))

    return program


class LocalEngine:
    """The log-likelihood of a model on data, on this machine; see `Engine`.

    Args:
        model: The model. Its compiled programs are kept with it, so that a second engine starts at once.
        data: The data; None for the model's own.
        block: Individuals per block; None chooses as many as stay in the cache.
    """

    def __init__(self, model: Model, data: Dataset | None = None, block: int | None = None) -> None:
        data = data or model.dataset
        statuses = tuple(parameter.status for parameter in model.params)
        self.program: Program = model.compiled.get(statuses) or model.compiled.setdefault(statuses, Program(model))
        self.labels = tuple(label for p in self.program.free for label in p.labels())
        self.model, self.dataset, self.n_individuals = model, data, data.n_individuals
        self.block = min(block or self._fitting_block(), self.n_individuals)
        self.fixed = [p.get_value() for p in self.program.fixed]
        self._placed = model.compiled.setdefault("data", WeakKeyDictionary()).setdefault(data, {})

    def value(self, theta: Array) -> float:
        """Log-likelihood."""
        return float(self.program.value(theta, self.fixed, *self.arrays)[0])

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient (K,)."""
        (value, grad), _ = self.program.value_and_grad(theta, self.fixed, *self.arrays)
        return float(value), np.asarray(grad)

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""
        (value, grad, hessian), blocks = self.program.second_order(theta, self.fixed, *self.arrays)
        scores, logprob = map(np.asarray, blocks)
        n = self.n_individuals
        return SecondOrder(
            float(value),
            np.asarray(grad),
            np.asarray(hessian),
            np.moveaxis(scores, 1, 2).reshape(-1, len(theta))[:n],
            logprob.reshape(-1)[:n],
        )

    def by_individual(self) -> tuple[Any, Any]:
        """Weights (N,) and all columns in one array (N, T, columns), of which training takes rows."""
        columns = [self.dataset.array(symbol)[..., 0].T for symbol in self.program.inputs]
        rows = np.stack(columns, axis=-1)
        return jax.device_put(self.dataset.individual_weights), jax.device_put(rows)

    def _fitting_block(self) -> int:
        """As many individuals as the arrays of `Program.second_order` stay in the cache with, but not too few."""
        situations, K = self.dataset.n_situations, len(self.labels)
        if self.program.linear is not None:
            K, J = self.program.linear.shape
            return max(64, LINEAR_BLOCK // (K * J * situations))
        return max(64 // situations, BLOCK // max(situations, K**2 // 16), 1)

    @property
    def arrays(self) -> tuple[Any, list[Any]]:
        """Weights and columns in blocks on the device, kept with the model for as long as the data live."""
        key = (self.program, self.block)
        if key not in self._placed:
            columns = [jax.device_put(self._blocks(self.dataset.array(v))) for v in self.program.inputs]
            self._placed[key] = jax.device_put(self._weight_blocks(self.dataset.individual_weights)), columns
        return self._placed[key]

    def _blocks(self, array: Array) -> Array:
        """(T, N, 1) -> (blocks, T, B, 1); the last block is filled with the last individual."""
        situations, n, _ = array.shape
        blocks = -(-n // self.block)
        padded = np.pad(array, ((0, 0), (0, blocks * self.block - n), (0, 0)), mode="edge")
        return np.moveaxis(padded.reshape(situations, blocks, self.block, 1), 1, 0)

    def _weight_blocks(self, weights: Array) -> Array:
        """(N,) -> (blocks, B), 0 for the individuals that fill the last block."""
        blocks = -(-len(weights) // self.block)
        return np.pad(weights, (0, blocks * self.block - len(weights))).reshape(blocks, self.block)
