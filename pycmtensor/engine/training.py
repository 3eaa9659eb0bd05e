"""Mini-batch training as one XLA program: shuffling, slicing, gradients and an optimizer's updates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt

from pycmtensor.draws import mixed_bits
from pycmtensor.engine.dropout import Dropout
from pycmtensor.engine.local import LocalEngine
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.penalty import Penalty
from pycmtensor.engine.protocol import Array
from pycmtensor.engine.xla import compile_with_xla
from pycmtensor.optimizers import Optimizer, Packed

__all__ = ["Training", "shuffled"]

#: Numbers of the data that are put in the order of an epoch at the same time, for several batches.
NUMBERS_AT_ONCE = 2**17

ROUNDS = 4  # of the cipher that shuffles, each of two halves
FEW = 1000  # on fewer numbers a cipher does not reach all orders alike, and a plain permutation costs little


def shuffled(key: Any, n: int) -> Any:
    """The numbers 0 to n - 1 in random order, (n,).

    From a thousand numbers on, each is computed by itself, without a sort: a number is written as l b + r with l < a,
    r < b and a b as little above n as can be, and is enciphered by rounds of ``l = (l + hash(r)) mod a`` and
    ``r = (r + hash(l)) mod b``. Each round can be undone, so different numbers stay different; one that ends at n or
    above is enciphered again until it is below. This takes a fiftieth of the time of ``jax.random.permutation``,
    which shuffles fewer numbers.

    References:
        Black & Rogaway (2002), Ciphers with arbitrary finite domains, doi:10.1007/3-540-45760-7_9, method 3 and
        cycle walking.
    """
    if n < FEW:
        return jax.random.permutation(key, jnp.arange(n, dtype=jnp.int32))
    root = math.isqrt(n)
    a = min(range(root // 2, 2 * root), key=lambda a: -n % a)
    b = -(-n // a)
    keys = jax.random.bits(key, (ROUNDS, 2), dtype=jnp.uint32)

    def enciphered(x: Any) -> Any:
        left, right = x // np.uint32(b), x % np.uint32(b)
        for to_left, to_right in keys:
            left = _added(left, mixed_bits(right ^ to_left), a)
            right = _added(right, mixed_bits(left ^ to_right), b)
        return left * np.uint32(b) + right

    numbers = enciphered(jnp.arange(n, dtype=jnp.uint32))
    inside = jax.lax.while_loop(lambda x: (x >= n).any(), lambda x: jnp.where(x >= n, enciphered(x), x), numbers)
    return inside.astype(jnp.int32)


def _added(x: Any, h: Any, m: int) -> Any:
    """(x + floor(m h / 2^32)) mod m for x < m: 32 random bits h become a number below m without a division."""
    shift = (h.astype(jnp.uint64) * np.uint64(m) >> 32).astype(jnp.uint32)
    total = x + shift
    return jnp.where(total >= m, total - np.uint32(m), total)


class Training:
    """Epochs of an optimizer on a model's mean negative log-likelihood per individual, and a penalty.

    The free parameters are one vector theta, so that a step costs the same however many names they have. Every
    epoch visits each individual once, in an order drawn from the seed and the number of the epoch; the last batch
    holds what is left over.

    Args:
        engine: The likelihood and the data.
        make_optimizer: A class of `pycmtensor.optimizers`, or a function, that makes an optimizer of a list of
            parameters.
        schedule: Learning rates as a function of the number of steps; None when each call of `run` gives the rate.
        batch_size: Individuals per step; None for all.
        seed: Seed of the order of the individuals and of the units of networks that are left out.
        penalty: What is added to the cost; None for nothing.

    Attributes:
        dropout: The units of networks that are left out at random.
        penalty: As it was given.
    """

    def __init__(
        self,
        engine: LocalEngine,
        make_optimizer: Callable[[list[Packed]], Optimizer],
        schedule: Callable[[Any], Any] | None,
        batch_size: int | None,
        seed: int,
        penalty: Penalty | None = None,
    ) -> None:
        self._engine, self._program = engine, engine.program
        self.n_individuals = engine.n_individuals
        self.batch_size = batch_size or self.n_individuals
        self.batches = -(-self.n_individuals // self.batch_size)
        self._key, self.penalty = jax.random.key(seed), penalty
        self.dropout = Dropout(self._program)
        self._at_once = self.batches == 1 and not self.dropout.rates
        packed = Packed(self._program.free)
        g = pt.vector("gradient", dtype=packed().dtype)
        self.optimizer = make_optimizer([packed])
        rate = pt.scalar("rate", dtype=packed().dtype)
        updates = self.optimizer.updates_from([g], [packed], schedule or rate)
        shared = [variable for variable, _ in updates]
        self.names = tuple(str(variable.name) for variable in shared)
        self._rule = lower([*shared, g, rate], [new for _, new in updates])
        self._initial = [variable.get_value() for variable in shared]
        self._theta = shared.index(packed())
        averages = [i for i, name in enumerate(self.names) if name == f"{packed.name}.average"]
        self._reported = averages[0] if averages else self._theta
        self._data = None if self._at_once else engine.by_individual()
        self._run = compile_with_xla(self._epochs)
        self._whole = compile_with_xla(self._sample)

    def start(self, theta: Array) -> tuple[Any, ...]:
        """The state before the first step: theta and the optimizer's own."""
        state = list(self._initial)
        state[self._theta] = np.asarray(theta, dtype=state[self._theta].dtype)
        return tuple(state)

    def theta(self, state: Sequence[Any]) -> Array:
        """The parameters in a state (K,), averaged when the optimizer averages them."""
        return np.array(state[self._reported], dtype=float)

    def run(self, state: tuple[Any, ...], first: int, count: int, rate: float) -> tuple[Any, ...]:
        """The state after ``count`` epochs, the first of which has the number ``first`` (from 0)."""
        parts = self._engine.prepared if self._data is None else None
        new = self._run(self._key, state, rate, first, count, self._engine.fixed, parts, self._data)
        return tuple(np.asarray(part) for part in jax.block_until_ready(new))

    def run_together(
        self, states: Sequence[tuple[Any, ...]], seeds: Sequence[int], first: int, count: int, rates: Sequence[float]
    ) -> list[tuple[Any, ...]]:
        """As `run` for several states, each with a seed and a rate of its own, in one program."""
        parts = self._engine.prepared if self._data is None else None
        stacked = tuple(np.stack(part) for part in zip(*states, strict=True))
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        by_seed = np.asarray(rates, dtype=stacked[self._theta].dtype)
        new = self._run_together(keys, stacked, by_seed, first, count, self._engine.fixed, parts, self._data)
        return list(zip(*(np.asarray(part) for part in jax.block_until_ready(new)), strict=True))

    def release(self) -> None:
        """Give back the memory of the data; nothing can be run afterwards."""
        self._data = None

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient of the whole sample, from the data that training holds already."""
        if self._data is None:
            return self._engine.value_and_grad(theta)
        value, g = self._whole(theta, self._engine.fixed, *self._data)
        return float(value), np.asarray(g)

    def value_and_grad_together(self, thetas: Sequence[Array]) -> list[tuple[float, Array]]:
        """As `value_and_grad` at several points, in one program unless all individuals are one batch."""
        if self._data is None:
            return [self._engine.value_and_grad(theta) for theta in thetas]
        values, gradients = self._whole_together(np.stack(thetas), self._engine.fixed, *self._data)
        return list(zip(np.asarray(values).tolist(), np.asarray(gradients), strict=True))

    @cached_property
    def _run_together(self) -> Callable[..., Any]:
        return compile_with_xla(jax.vmap(self._epochs, in_axes=(0, 0, 0, *[None] * 5)))

    @cached_property
    def _whole_together(self) -> Callable[..., Any]:
        return compile_with_xla(jax.vmap(self._sample, in_axes=(0, *[None] * 3)))

    def _epochs(
        self, key: Any, state: Any, rate: Any, first: Any, count: Any, fixed: Any, parts: Any, data: Any
    ) -> Any:
        if self._at_once:
            epoch = partial(self._full_step, rate, fixed, parts)
        else:
            epoch = partial(self._epoch, key, rate, fixed, *data)
        return jax.lax.fori_loop(first, first + count, epoch, state)

    def _full_step(self, rate: Any, fixed: Any, parts: Any, number: Any, state: Any) -> Any:
        g = sum(self._program.summed_gradient(state[self._theta], fixed, *part)[0][1] for part in parts)
        return self._moved(state, -g / self.n_individuals, rate)

    def _epoch(self, key: Any, rate: Any, fixed: Any, weights: Any, rows: Any, number: Any, state: Any) -> Any:
        n, size, batches = self.n_individuals, self.batch_size, self.batches
        key = jax.random.fold_in(key, number)
        some = max(1, min(batches, NUMBERS_AT_ONCE // (size * rows[0].size)))
        chunks = -(-batches // some)
        order = jnp.pad(shuffled(key, n), (0, chunks * some * size - n)).reshape(chunks, some, size)
        present = (np.arange(chunks * some * size) < n).reshape(chunks, some, size)

        def chunk(state: Any, batch: Any) -> Any:
            first, individuals, is_present = batch
            w, taken = weights[individuals] * is_present, jnp.moveaxis(rows[individuals], 1, -1)

            def step(i: Any, state: Any) -> Any:
                place = jax.random.fold_in(key, first + i)
                columns = self._columns(taken[i])
                _, g = self.dropout.value_and_grad(place, state[self._theta], fixed, w[i], columns)
                return self._moved(state, -g / is_present[i].sum(), rate)

            return jax.lax.fori_loop(0, jnp.minimum(some, batches - first), step, state), None

        return jax.lax.scan(chunk, state, (some * np.arange(chunks), order, present))[0]

    def _sample(self, theta: Any, fixed: Any, weights: Any, rows: Any) -> Any:
        size, n = self._engine.block, self.n_individuals

        def step(total: Any, first: Any) -> Any:
            i = first + np.arange(size)
            individuals = jnp.minimum(i, n - 1)
            columns = self._columns(jnp.moveaxis(rows[individuals], 0, -1))
            block = self._program.of_columns.value_and_grad(theta, fixed, weights[individuals] * (i < n), columns)
            return jax.tree.map(jnp.add, total, block), None

        zero = jnp.zeros((), theta.dtype), jnp.zeros_like(theta)
        return jax.lax.scan(step, zero, np.arange(0, n, size))[0]

    def _moved(self, state: Any, g: Any, rate: Any) -> Any:
        if self.penalty is not None:
            g = g + self.penalty.gradient(state[self._theta])
        new = self._rule(*state, g, rate)
        return tuple(jnp.asarray(part, old.dtype) for part, old in zip(new, state, strict=True))

    def _columns(self, taken: Any) -> list[Any]:
        """Columns ([J,] T, B, 1) of some individuals, from numbers in the order (T, columns, B)."""
        columns, c = [], 0
        for symbol in self._program.inputs:
            if symbol.ndim == 4:
                J = symbol.type.shape[0]
                columns.append(jnp.moveaxis(taken[:, c : c + J], 1, 0)[..., None])
                c += J
            else:
                columns.append(taken[:, c, :, None])
                c += 1
        if self._program.draws is not None:
            columns.append(taken[:1, c, :, None])
        return columns
