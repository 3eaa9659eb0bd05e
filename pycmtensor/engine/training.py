"""Mini-batch training as one XLA program: shuffling, slicing, gradients and an optimizer's updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytensor.tensor as pt

from pycmtensor.engine.epochs import Epochs, Rule, Sizes, epochs_of
from pycmtensor.engine.evaluator import Array, TrainingSettings
from pycmtensor.engine.penalty import Penalty
from pycmtensor.engine.program import Program
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import OptimizerError
from pycmtensor.optimizers import Optimizer, Packed

__all__ = ["Training", "TrainingSample"]


@dataclass(frozen=True)
class TrainingSample:
    """The data of a training, made when they are needed.

    Attributes:
        n_individuals: Individuals N.
        block: Individuals that are evaluated together where all are.
        fixed: Values of the fixed parameters.
        rows: -> weights (N,) and all columns in one array (N, T, columns).
        parts: -> for each core its weights and data in blocks, for steps on all individuals.
        value_and_grad: theta -> log-likelihood and gradient of all individuals.
    """

    n_individuals: int
    block: int
    fixed: list[Array]
    rows: Callable[[], tuple[Any, Any]]
    parts: Callable[[], list[tuple[Any, Any]]]
    value_and_grad: Callable[[Array], tuple[float, Array]]


class Training:
    """Epochs of an optimizer on a model's mean negative log-likelihood per individual, and a penalty.

    The free parameters are one vector theta, so that a step costs the same however many names they have. Every
    epoch visits each individual once, in an order drawn from the seed and the number of the epoch; the last batch
    holds the individuals that are left over.

    Args:
        program: The likelihood.
        kept: What earlier trainings of the program have compiled, which equal ones use again; changed here.
        sample: The data.
        settings: How the parameters move.

    Attributes:
        batch_size: Individuals of a step.
        optimizer: The optimizer of the parameters as one vector.
        rule: The updates of the optimizer.
        penalty: What is added to the cost; None for nothing.
        dropout: The units of networks that are left out at random.

    Raises:
        OptimizerError: A batch is larger than the data, or there is no weight to penalise.
    """

    @in_64_bits
    def __init__(
        self, program: Program, kept: list[Epochs], sample: TrainingSample, settings: TrainingSettings
    ) -> None:
        self._program, self._sample = program, sample
        self.batch_size = settings.batch_size or sample.n_individuals
        self.penalty = self._checked(settings)
        packed = Packed(program.free)
        g = pt.vector("gradient", dtype=packed().dtype)
        self.optimizer: Optimizer = settings.optimizer([packed])
        rate = pt.scalar("rate", dtype=packed().dtype)
        updates = self.optimizer.updates_from([g], [packed], settings.schedule or rate)
        shared = [variable for variable, _ in updates]
        self.names = tuple(str(variable.name) for variable in shared)
        self._initial = [variable.get_value() for variable in shared]
        self._theta = shared.index(packed())
        averages = [i for i, name in enumerate(self.names) if name == f"{packed.name}.average"]
        self._reported = averages[0] if averages else self._theta
        self.rule = Rule([*shared, g, rate], [new for _, new in updates], self._theta)
        sizes = Sizes(sample.n_individuals, self.batch_size, sample.block)
        self._epochs = epochs_of(kept, program, self.rule, sizes, self.penalty)
        self._key, self.dropout = jax.random.key(settings.seed), self._epochs.dropout
        self._data = None if self._epochs.at_once else sample.rows()

    def _checked(self, settings: TrainingSettings) -> Penalty | None:
        """The penalty, after a check that settings and data go together."""
        if self.batch_size > self._sample.n_individuals:
            raise OptimizerError(
                f"batch_size={self.batch_size:,} is more than the {self._sample.n_individuals:,} individuals of the "
                "data. Choose a smaller one, or None for all of them at once."
            )
        if not (settings.l1 or settings.l2):
            return None
        penalty = Penalty.of(self._program.free, settings.l1, settings.l2)
        if not penalty.counts.any():
            raise OptimizerError("Stochastic: l1 and l2 are of weights, of which the model has none. Leave them out.")
        return penalty

    @property
    def identity(self) -> dict[str, str]:
        """Names and values that identify the training, for checkpoints: likelihood, optimizer, rule, state, dropout."""
        settings = {name: value for name, value in vars(self.optimizer).items() if not name.startswith("_")}
        return {
            "model": self._program.fingerprint,
            "optimizer": f"{self.optimizer.name} {sorted(settings.items(), key=str)}",
            "rule": self.rule.fingerprint,
            "state": ", ".join(self.names),
            "batch_size": str(self.batch_size),
            "dropout": str(self.dropout.rates),
        }

    def start(self, theta: Array) -> tuple[Any, ...]:
        """The state before the first step: theta, which is its average too, and the optimizer's own."""
        state = list(self._initial)
        for place in {self._theta, self._reported}:
            state[place] = np.asarray(theta, dtype=state[place].dtype)
        return tuple(state)

    def theta(self, state: Sequence[Any]) -> Array:
        """The parameters in a state (K,), averaged when the optimizer averages them."""
        return np.array(state[self._reported], dtype=float)

    @in_64_bits
    def run(self, state: tuple[Any, ...], first: int, count: int, rate: float) -> tuple[Any, ...]:
        """The state after ``count`` epochs, the first of which has the number ``first`` (from 0)."""
        parts = self._sample.parts() if self._data is None else None
        new = self._epochs.run(self._key, state, rate, first, count, self._sample.fixed, parts, self._data)
        return tuple(np.asarray(part) for part in jax.block_until_ready(new))

    @in_64_bits
    def run_together(
        self, states: Sequence[tuple[Any, ...]], seeds: Sequence[int], first: int, count: int, rates: Sequence[float]
    ) -> list[tuple[Any, ...]]:
        """Several runs in one program, each with a state, a seed and a rate of its own."""
        parts = self._sample.parts() if self._data is None else None
        stacked = tuple(np.stack(part) for part in zip(*states, strict=True))
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        by_seed = np.asarray(rates, dtype=stacked[self._theta].dtype)
        new = self._epochs.run_together(keys, stacked, by_seed, first, count, self._sample.fixed, parts, self._data)
        return list(zip(*(np.asarray(part) for part in jax.block_until_ready(new)), strict=True))

    def release(self) -> None:
        """Give back the memory of the data; nothing can be run afterwards."""
        self._data = None

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient of the whole sample, from the data that training holds already."""
        if self._data is None:
            return self._sample.value_and_grad(theta)
        value, g = self._epochs.whole(theta, self._sample.fixed, *self._data)
        return float(value), np.asarray(g)

    def value_and_grad_together(self, thetas: Sequence[Array]) -> list[tuple[float, Array]]:
        """Log-likelihood and gradient at several points, in one program unless all individuals are one batch."""
        if self._data is None:
            return [self._sample.value_and_grad(theta) for theta in thetas]
        values, gradients = self._epochs.whole_together(np.stack(thetas), self._sample.fixed, *self._data)
        return list(zip(np.asarray(values).tolist(), np.asarray(gradients), strict=True))
