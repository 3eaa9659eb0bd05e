"""The engine of one machine: one XLA program, evaluated in blocks of individuals that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.protocol import Array
from pycmtensor.models.base import Model

__all__ = ["LocalEngine", "Program"]

#: Choice situations times draws in one block: a dozen temporaries of this many numbers fill a 1 MB cache.
BLOCK = 8192


class Program:
    """A model's log-likelihood as JAX functions of (theta, fixed values, weights, data); holds no data.

    Data come in blocks: an array (T, N, 1) is given as (blocks, T, B, 1), weights as (blocks, B).
    """

    def __init__(self, model: Model) -> None:
        self.free, self.fixed = model.free, [p for p in model.params if p.status == 1]
        inputs = set(graph_inputs([model.logprob]))
        self.inputs = [v for v in model.inputs if v in inputs]
        parameters = [parameter() for parameter in (*self.free, *self.fixed)]
        self.ahead: Future[Any] | None = None
        self._logprob = lower([*parameters, *self.inputs], [model.logprob])

    def logprob(self, theta: Any, fixed: Any, data: Any) -> Any:
        """Log-likelihood of each individual of a block, (B,)."""
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
        return jax.jit(self._summed(self.loglike))

    @cached_property
    def value_and_grad(self) -> Callable[..., Any]:
        """Log-likelihood and gradient."""
        return jax.jit(self._summed(jax.value_and_grad(self.loglike)))

    @cached_property
    def second_order(self) -> Callable[..., Any]:
        """Log-likelihood, gradient and Hessian (forward over reverse)."""

        def block(theta: Any, *args: Any) -> Any:
            def gradient(theta: Any) -> Any:
                value, grad = jax.value_and_grad(self.loglike)(theta, *args)
                return grad, (value, grad)

            hessian, (value, grad) = jax.jacfwd(gradient, has_aux=True)(theta)
            return value, grad, hessian

        return jax.jit(self._summed(block))

    @cached_property
    def scores(self) -> Callable[..., Any]:
        """Gradient of each individual's log-likelihood, (blocks, B, K)."""

        def individual(theta: Any, fixed: Any, data: Any) -> Any:
            return self.logprob(theta, fixed, [jnp.expand_dims(x, 1) for x in data])[0]

        each = jax.vmap(jax.grad(individual), in_axes=(None, None, 1))

        def program(theta: Any, fixed: Any, data: Any) -> Any:
            if data[0].shape[0] == 1:
                return each(theta, fixed, [x[0] for x in data])[None]
            return jax.lax.map(lambda block: each(theta, fixed, block), data)

        return jax.jit(program)

    @staticmethod
    def _summed(term: Callable[..., Any]) -> Callable[..., Any]:
        """``term(theta, fixed, weights, data)`` of one block, summed over blocks."""

        def total(theta: Any, fixed: Any, weights: Any, data: Any) -> Any:
            if weights.shape[0] == 1:
                return term(theta, fixed, weights[0], [x[0] for x in data])

            def step(carry: Any, block: Any) -> Any:
                return jax.tree.map(jnp.add, carry, term(theta, fixed, *block)), None

            first = weights[0], [x[0] for x in data]
            zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(term, theta, fixed, *first))
            return jax.lax.scan(step, zero, (weights, data))[0]

        return total


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
        self.n_individuals = data.n_individuals
        self.block = min(block or max(1, BLOCK // data.n_situations), self.n_individuals)
        self._fixed = [p.get_value() for p in self.program.fixed]
        self._weights, self._data = self._placed(model.compiled, data)

    def compile_ahead(self, theta: Array) -> None:
        """Compile `scores` in a second thread, for a caller that needs it after other work."""
        if "scores" not in self.program.__dict__:
            pool = ThreadPoolExecutor(1)
            self.program.ahead = pool.submit(self.program.scores, theta, self._fixed, self._data)
            pool.shutdown(wait=False)

    def value(self, theta: Array) -> float:
        """Log-likelihood."""
        return float(self.program.value(theta, self._fixed, self._weights, self._data))

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient (K,)."""
        value, grad = self.program.value_and_grad(theta, self._fixed, self._weights, self._data)
        return float(value), np.asarray(grad)

    def second_order(self, theta: Array) -> tuple[float, Array, Array]:
        """Log-likelihood, gradient (K,) and Hessian (K, K)."""
        value, grad, hessian = self.program.second_order(theta, self._fixed, self._weights, self._data)
        return float(value), np.asarray(grad), np.asarray(hessian)

    def scores(self, theta: Array) -> Array:
        """Gradient of every individual's log-likelihood, unweighted, (N, K)."""
        if self.program.ahead is not None:
            self.program.ahead.result()
            self.program.ahead = None
        blocks = np.asarray(self.program.scores(theta, self._fixed, self._data))
        return blocks.reshape(-1, blocks.shape[-1])[: self.n_individuals]

    def _placed(self, compiled: dict[Any, Any], data: Dataset) -> tuple[Any, list[Any]]:
        """Weights and columns in blocks on the device, kept with the model for as long as the data live."""
        of_data = compiled.setdefault("data", WeakKeyDictionary()).setdefault(data, {})
        key = (self.program, self.block)
        if key not in of_data:
            columns = [jax.device_put(self._blocks(data.array(symbol))) for symbol in self.program.inputs]
            of_data[key] = jax.device_put(self._weight_blocks(data.individual_weights)), columns
        return of_data[key]

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
