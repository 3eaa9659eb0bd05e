"""The epochs of a training as XLA programs, which hold no data and are kept for the next training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pytensor.graph.basic import Variable, equal_computations

from pycmtensor.engine.dropout import Dropout
from pycmtensor.engine.fingerprint import fingerprint
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.penalty import Penalty
from pycmtensor.engine.program import Program, over_blocks
from pycmtensor.engine.shuffling import shuffled
from pycmtensor.engine.types import BlockData, Fixed, Parts, Theta, Weights
from pycmtensor.engine.xla import WIDE, compile_with_xla

__all__ = ["Epochs", "Rule", "Sizes", "epochs_of"]

#: Numbers of the data that are put in the order of an epoch at the same time, for several batches.
NUMBERS_AT_ONCE = 2**17

#: Programs of so many trainings with other settings are kept.
KEPT = 8


@dataclass(frozen=True, eq=False)
class Rule:
    """The updates of an optimizer as a function: state, gradient (K,) and learning rate -> new state.

    Attributes:
        inputs: The parts of the state, then gradient and rate.
        outputs: The new parts.
        theta: Which part holds the parameters.
    """

    inputs: Sequence[Variable]
    outputs: Sequence[Variable]
    theta: int

    @cached_property
    def step(self) -> Callable[..., Any]:
        """The function."""
        return lower(self.inputs, self.outputs)

    @property
    def fingerprint(self) -> str:
        """Text that tells the rule from other rules, also in another process."""
        return fingerprint(self.inputs, self.outputs)

    def is_as(self, other: Rule) -> bool:
        """Whether both compute the same."""
        sizes = [(len(rule.inputs), len(rule.outputs), rule.theta) for rule in (self, other)]
        return sizes[0] == sizes[1] and equal_computations(self.outputs, other.outputs, self.inputs, other.inputs)


class Sizes(NamedTuple):
    """Sizes that the programs of a training are compiled for."""

    individuals: int
    batch: int  #: individuals of a step
    block: int  #: individuals that are evaluated together where all are


def epochs_of(kept: list[Epochs], program: Program, rule: Rule, sizes: Sizes, penalty: Penalty | None) -> Epochs:
    """The programs among those kept that were compiled for an equal training, or new ones, which are kept then."""
    for epochs in kept:
        if epochs.sizes == sizes and epochs.penalises_as(penalty) and rule.is_as(epochs.rule):
            kept.remove(epochs)
            break
    else:
        epochs = Epochs(program, rule, sizes, penalty)
    kept.append(epochs)  # the last of those used; the first makes room
    del kept[:-KEPT]
    return epochs


class Epochs:
    """Epochs of steps on batches, and the whole sample, for a model and an optimizer; see `Training`.

    Args:
        program: The likelihood.
        rule: The updates of the optimizer.
        sizes: Of the data, of a step and of a block.
        penalty: What is added to the cost; None for nothing.

    Attributes:
        dropout: The units of networks that are left out at random.
    """

    def __init__(self, program: Program, rule: Rule, sizes: Sizes, penalty: Penalty | None) -> None:
        self._program, self.rule, self.sizes, self._penalty = program, rule, sizes, penalty
        self.batches = -(-sizes.individuals // sizes.batch)
        self.dropout = Dropout(program)
        self.at_once = self.batches == 1 and not self.dropout.rates
        self.run = compile_with_xla(self._epochs, WIDE)
        self.whole = compile_with_xla(self._sample, WIDE)

    @cached_property
    def run_together(self) -> Callable[..., Any]:
        """`run` for several keys, states and rates."""
        return compile_with_xla(jax.vmap(self._epochs, in_axes=(0, 0, 0, *[None] * 5)), WIDE)

    @cached_property
    def whole_together(self) -> Callable[..., Any]:
        """`whole` for several thetas."""
        return compile_with_xla(jax.vmap(self._sample, in_axes=(0, *[None] * 3)), WIDE)

    def penalises_as(self, penalty: Penalty | None) -> bool:
        """Whether the cost has this penalty."""
        own, other = ((0, 0) if p is None else (p.l1, p.l2) for p in (self._penalty, penalty))
        return own == other

    def _epochs(
        self, key: Any, state: Any, rate: Any, first: Any, count: Any, fixed: Fixed, parts: Parts, data: BlockData
    ) -> Any:
        if self.at_once:
            epoch = partial(self._full_step, rate, fixed, parts)
        else:
            epoch = partial(self._epoch, key, rate, fixed, *data)
        return jax.lax.fori_loop(first, first + count, epoch, state)

    def _full_step(self, rate: Any, fixed: Fixed, parts: Parts, number: Any, state: Any) -> Any:
        g = sum(self._program.summed_gradient(state[self.rule.theta], fixed, *part)[0][1] for part in parts)
        return self._moved(state, -g / self.sizes.individuals, rate)

    def _epoch(self, key: Any, rate: Any, fixed: Fixed, weights: Weights, rows: Any, number: Any, state: Any) -> Any:
        n, size, batches = *self.sizes[:2], self.batches
        key = jax.random.fold_in(key, number)
        some = max(1, min(batches, NUMBERS_AT_ONCE // (size * rows[0][0].size)))
        chunks = -(-batches // some)
        order = jnp.pad(shuffled(key, n), (0, chunks * some * size - n)).reshape(chunks, some, size)
        present = (np.arange(chunks * some * size) < n).reshape(chunks, some, size)

        def chunk(state: Any, batch: Any) -> Any:
            first, individuals, is_present = batch
            w = weights[individuals] * is_present
            taken = jax.tree.map(lambda of_all: jnp.moveaxis(of_all[individuals], 1, -1), rows)

            def step(i: Any, state: Any) -> Any:
                place = jax.random.fold_in(key, first + i)
                columns = self._columns(*(own[i] for own in taken))
                _, g = self.dropout.value_and_grad(place, state[self.rule.theta], fixed, w[i], columns)
                return self._moved(state, -g / is_present[i].sum(), rate)

            return jax.lax.fori_loop(0, jnp.minimum(some, batches - first), step, state), None

        return jax.lax.scan(chunk, state, (some * np.arange(chunks), order, present))[0]

    def _sample(self, theta: Theta, fixed: Fixed, weights: Weights, rows: Any) -> Any:
        n, size = self.sizes.individuals, self.sizes.block
        everyone = jnp.arange(-(-n // size) * size).reshape(-1, size)
        in_blocks = jnp.minimum(everyone, n - 1)

        def block(theta: Theta, fixed: Fixed, weights: Weights, individuals: Any) -> Any:
            columns = self._columns(*(jnp.moveaxis(of_all[individuals], 0, -1) for of_all in rows))
            return self._program.of_columns.value_and_grad(theta, fixed, weights, columns), None

        return over_blocks(block)(theta, fixed, weights[in_blocks] * (everyone < n), in_blocks)[0]

    def _moved(self, state: Any, g: Any, rate: Any) -> Any:
        if self._penalty is not None:
            g = g + self._penalty.gradient(state[self.rule.theta])
        new = self.rule.step(*state, g, rate)
        return tuple(jnp.asarray(part, old.dtype) for part, old in zip(new, state, strict=True))

    def _columns(self, taken: Any, *words: Any) -> list[Any]:
        """Arguments of a program for a batch, from its columns (T, columns, B) and perhaps words (2, L, B)."""
        columns, c = [], 0
        for symbol in self._program.inputs:
            if symbol.ndim == 4:
                J = symbol.type.shape[0]
                columns.append(jnp.moveaxis(taken[:, c : c + J], 1, 0)[..., None])
                c += J
            else:
                columns.append(taken[:, c, :, None])
                c += 1
        return [*columns, *(own[..., None] for own in words)]
