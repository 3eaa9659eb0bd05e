"""Mini-batch training as one XLA program: shuffling, slicing, gradients and an optimizer's updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt

from pycmtensor.engine.epochs import Rule, Sizes, epochs_of
from pycmtensor.engine.local import LocalEngine
from pycmtensor.engine.penalty import Penalty
from pycmtensor.engine.protocol import Array
from pycmtensor.optimizers import Optimizer, Packed

__all__ = ["Training"]


class Training:
    """Epochs of an optimizer on a model's mean negative log-likelihood per individual, and a penalty.

    The free parameters are one vector theta, so that a step costs the same however many names they have. Every
    epoch visits each individual once, in an order drawn from the seed and the number of the epoch; the last batch
    holds what is left over. What is compiled is kept with the model, for the next training with the same settings.

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
        rule: The updates of the optimizer.
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
        self._engine, self.penalty = engine, penalty
        self.batch_size = batch_size or engine.n_individuals
        packed = Packed(engine.program.free)
        g = pt.vector("gradient", dtype=packed().dtype)
        self.optimizer = make_optimizer([packed])
        rate = pt.scalar("rate", dtype=packed().dtype)
        updates = self.optimizer.updates_from([g], [packed], schedule or rate)
        shared = [variable for variable, _ in updates]
        self.names = tuple(str(variable.name) for variable in shared)
        self._initial = [variable.get_value() for variable in shared]
        self._theta = shared.index(packed())
        averages = [i for i, name in enumerate(self.names) if name == f"{packed.name}.average"]
        self._reported = averages[0] if averages else self._theta
        self.rule = Rule([*shared, g, rate], [new for _, new in updates], self._theta)
        self._epochs = epochs_of(
            engine.program, self.rule, Sizes(engine.n_individuals, self.batch_size, engine.block), penalty
        )
        self._key, self.dropout = jax.random.key(seed), self._epochs.dropout
        self._data = None if self._epochs.at_once else engine.by_individual()

    def start(self, theta: Array) -> tuple[Any, ...]:
        """The state before the first step: theta, which is its average too, and the optimizer's own."""
        state = list(self._initial)
        for place in {self._theta, self._reported}:
            state[place] = np.asarray(theta, dtype=state[place].dtype)
        return tuple(state)

    def theta(self, state: Sequence[Any]) -> Array:
        """The parameters in a state (K,), averaged when the optimizer averages them."""
        return np.array(state[self._reported], dtype=float)

    def run(self, state: tuple[Any, ...], first: int, count: int, rate: float) -> tuple[Any, ...]:
        """The state after ``count`` epochs, the first of which has the number ``first`` (from 0)."""
        parts = self._engine.prepared if self._data is None else None
        new = self._epochs.run(self._key, state, rate, first, count, self._engine.fixed, parts, self._data)
        return tuple(np.asarray(part) for part in jax.block_until_ready(new))

    def run_together(
        self, states: Sequence[tuple[Any, ...]], seeds: Sequence[int], first: int, count: int, rates: Sequence[float]
    ) -> list[tuple[Any, ...]]:
        """As `run` for several states, each with a seed and a rate of its own, in one program."""
        parts = self._engine.prepared if self._data is None else None
        stacked = tuple(np.stack(part) for part in zip(*states, strict=True))
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        by_seed = np.asarray(rates, dtype=stacked[self._theta].dtype)
        new = self._epochs.run_together(keys, stacked, by_seed, first, count, self._engine.fixed, parts, self._data)
        return list(zip(*(np.asarray(part) for part in jax.block_until_ready(new)), strict=True))

    def release(self) -> None:
        """Give back the memory of the data; nothing can be run afterwards."""
        self._data = None

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient of the whole sample, from the data that training holds already."""
        if self._data is None:
            return self._engine.value_and_grad(theta)
        value, g = self._epochs.whole(theta, self._engine.fixed, *self._data)
        return float(value), np.asarray(g)

    def value_and_grad_together(self, thetas: Sequence[Array]) -> list[tuple[float, Array]]:
        """As `value_and_grad` at several points, in one program unless all individuals are one batch."""
        if self._data is None:
            return [self._engine.value_and_grad(theta) for theta in thetas]
        values, gradients = self._epochs.whole_together(np.stack(thetas), self._engine.fixed, *self._data)
        return list(zip(np.asarray(values).tolist(), np.asarray(gradients), strict=True))
