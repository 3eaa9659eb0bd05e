"""The evaluator of data in the memory of one machine: blocks of individuals that stay in the cache, on all cores."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import jax
import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.engine.ascent import ascents
from pycmtensor.engine.blocks import Blocks, aligned, fitting_block, numbers_of_a_row
from pycmtensor.engine.columns import columns_of, words_in
from pycmtensor.engine.compiled import compiled_for
from pycmtensor.engine.density import GivenDraws, Traceable, given_draws, traceable
from pycmtensor.engine.evaluator import Array, Ascents, Evaluator, FirstOrder, Sample, SecondOrder, TrainingSettings
from pycmtensor.engine.individuals import Individuals
from pycmtensor.engine.likelihood import unflattened
from pycmtensor.engine.parallel import at_the_same_time, usable_cores
from pycmtensor.engine.process import check_process
from pycmtensor.engine.program import Program
from pycmtensor.engine.quantity import Quantity
from pycmtensor.engine.training import Training, TrainingSample
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import DatasetError
from pycmtensor.models.base import Model

__all__ = ["LocalEvaluator"]

#: Array elements of data up to which many evaluations in one program are faster in one block.
UNDIVIDED = 2**19

#: Numbers of columns that are prepared at the same time.
NUMBERS_AT_ONCE = 2**18

#: Individuals whose columns are put side by side at the same time.
ROWS_AT_ONCE = 2**12

#: Numbers in scores that are computed before they are put in order.
SCORES_AT_ONCE = 2**19

#: Minimum array elements per core; below this another thread costs more than it saves.
NUMBERS_PER_CORE = 2**17


class LocalEvaluator(Evaluator):
    """The log-likelihood of a model on data in memory, on this machine.

    The individuals are divided among the cores, and those of a core into blocks.

    Args:
        model: The model. What is compiled for it is kept as long as it lives, so that a second evaluator starts at
            once.
        data: The data; None for the model's own.
        block: Individuals per block; None chooses as many as stay in the cache.
        cores: Parts that run at the same time; None for all cores of the machine that the data can occupy.
    """

    def __init__(
        self, model: Model, data: Dataset | None = None, block: int | None = None, cores: int | None = None
    ) -> None:
        check_process()
        self._compiled, self.model = compiled_for(model), model
        self.program: Program = self._compiled.program(model)
        self.labels = tuple(label for p in self.program.free for label in p.labels())
        self.fixed = [p.get_value() for p in self.program.fixed]
        self.dtype = np.result_type(*(p.get_value() for p in self.program.free))
        self.cores = cores or (usable_cores() if _on_cpu() else 1)
        self._place(data or model.dataset, block, cores)

    def _place(self, data: Dataset, block: int | None, cores: int | None, weights: Array | None = None) -> None:
        self.dataset, self.n_individuals = data, data.n_individuals
        largest = max(data.most_individuals, data.n_individuals)
        nobs = data.nobs * largest // data.n_individuals
        worth = nobs * numbers_of_a_row(self.program) // NUMBERS_PER_CORE
        most = block or fitting_block(self.program, data.n_situations)
        blocks = Blocks.of(largest, most, cores or min(self.cores, worth), exactly=block is not None)
        self._blocks = replace(blocks, individuals=self.n_individuals)
        self._placed = self._compiled.placed.setdefault(data, {})
        self.weights = data.individual_weights if weights is None else weights
        self._are_own_weights = weights is None

    def describe(self) -> Sample:
        """The sample that the sums are over."""
        return Sample(self.dataset.nobs, self.weights, self.model.llnull(self.dataset))

    def on(self, data: Dataset) -> LocalEvaluator:
        """The same model, with the same values of fixed parameters, on other data."""
        model = self.model.on(data)
        if model is not self.model:  # that of all alternatives, where this one is of samples
            other = LocalEvaluator(model, data)
            other.fixed = self.fixed
            return other
        other = copy(self)
        other._place(data, None, None)
        return other

    def of(self, model: Model) -> LocalEvaluator:
        """Another model on the same data."""
        return LocalEvaluator(model, self.dataset)

    def reweighted(self, factors: Array) -> LocalEvaluator:
        """The same with the weights of the individuals multiplied by factors (N,)."""
        other, blocks = copy(self), self._blocks
        other._place(self.dataset, blocks.size, blocks.parts, np.asarray(factors, dtype=float) * self.weights)
        return other

    def undivided(self) -> LocalEvaluator:
        """The same with its data in one block, if they are few: for many evaluations in one program."""
        if self.dataset.nobs * numbers_of_a_row(self.program) > UNDIVIDED:
            return self
        other = copy(self)
        other._place(self.dataset, self.n_individuals, 1, None if self._are_own_weights else self.weights)
        return other

    def given(self, theta: Array, held: Collection[str]) -> LocalEvaluator:
        """The likelihood of the other parameters, with those of some labels held at their values in theta (K,)."""
        values = dict(
            zip(self.program.free, unflattened(np.asarray(theta, self.dtype), self.program.free), strict=True)
        )
        values |= dict(zip(self.program.fixed, self.fixed, strict=True))
        other = LocalEvaluator(self._compiled.holding(self.model, frozenset(held)), self.dataset)
        other.fixed = [values[parameter] for parameter in other.program.fixed]
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy compiles anew and places its data anew; fixed parameters keep the values of this evaluator."""
        blocks, weights = self._blocks, None if self._are_own_weights else self.weights
        return _restored, (self.model, self.dataset, blocks.size, blocks.parts, self.fixed, weights)

    def value(self, theta: Array) -> float:
        """Log-likelihood."""
        value, _ = self._summed(self.program.value, theta)
        return float(value)

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood and gradient (K,)."""
        (value, grad), _ = self._summed(self.program.value_and_grad, theta)
        return float(value), grad

    def by_situation(self, quantity: Quantity, theta: Array) -> Array:
        """A quantity in every choice situation, (Q, T, N), or at every draw (Q, T, N, R)."""
        _, found = self._summed(self.program.by_situation(quantity), theta, self._with(self._beside(quantity)))
        blocks = np.concatenate([np.moveaxis(np.asarray(q), 0, 2) for q in found], axis=2)
        return blocks.reshape(*blocks.shape[:2], -1, *blocks.shape[4:])[:, :, : self.n_individuals]

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> tuple[Array, Array]:
        r"""Weighted sums of a quantity and their derivatives.

        Args:
            quantity: Of Q numbers in every choice situation, q_{qtn}.
            weights: M weights of each situation, (M, T, N).
            theta: Parameters (K,).

        Returns:
            :math:`\sum_{tn} w_{mtn} q_{qtn}`, (M, Q), and its derivatives with theta, (M, Q, K).
        """
        weights = np.asarray(weights, dtype=self.dtype)[..., None]
        parts = self._with(self._beside(quantity), weights)
        return self._summed(self.program.totals(quantity), theta, parts)[0]

    def _beside(self, quantity: Quantity) -> list[Array]:
        """The columns of other data that a quantity takes, in the order of the individuals here."""
        if quantity.beside is None:
            return []
        data, individuals = quantity.beside.data, quantity.beside.individuals
        if individuals is None and data.n_individuals != self.n_individuals:
            raise DatasetError(
                f"The data beside those of the model have {data.n_individuals} individuals, but the model's data have "
                f"{self.n_individuals}. Give the same individuals, in the same order."
            )
        columns = columns_of(self.program, data)
        return columns if individuals is None else [column[..., individuals, :] for column in columns]

    def _with(self, columns: Sequence[Array], weights: Array | None = None) -> list[tuple[Any, list[Any]]]:
        """The parts with further columns, and with weights that are 0 where a part is filled up."""
        further = [self._blocks.placed(column) for column in columns]
        if weights is not None:
            further.append(self._blocks.placed(weights, fill="constant"))
        return [(w, [*own, *(x[i] for x in further)]) for i, (w, own) in enumerate(self.parts)]

    def membership(self, theta: Array) -> tuple[Array, Array]:
        """Log-probabilities of the latent classes (N, C): before choices are seen, and together with all choices."""
        _, parts = self._summed(self.program.membership, theta)
        prior, joint = (
            np.concatenate(
                [np.moveaxis(np.asarray(rows), 1, 0).reshape(rows.shape[1], -1) for rows in of_parts], axis=1
            )
            for of_parts in zip(*parts, strict=True)
        )
        return prior.T[: self.n_individuals], joint.T[: self.n_individuals]

    def first_order(self, theta: Array) -> FirstOrder:
        """Log-likelihood, gradient, outer product of scores, scores and the log-likelihood of each individual."""
        (value, grad, outer_product), _ = self._summed(self.program.first_order, theta)
        return FirstOrder(self.individuals_at(theta, outer_product), float(value), grad, outer_product)

    def second_order(self, theta: Array) -> SecondOrder:
        """Log-likelihood, gradient, Hessian, scores and the log-likelihood of each individual."""
        packed, _ = self._summed(self.program.second_order, theta)
        K = len(self.labels)
        hessian, *outer_product = packed[1 + K :].reshape(-1, K, K)
        return SecondOrder(self.individuals_at(theta, *outer_product), float(packed[0]), packed[1 : 1 + K], hessian)

    def individuals_at(self, theta: Array, outer_product: Array | None = None) -> Individuals:
        """Scores and log-likelihoods of the individuals, with the outer product of their scores where it is known."""
        return _AtTheta(self, theta, outer_product)

    def ascents(
        self,
        theta: Array,
        bounds: tuple[Array, Array],
        factors: Array | None = None,
        known: tuple[Array, Array, Array] | None = None,
    ) -> Ascents:
        """Ascents from all starts in one program; see `Evaluator`."""
        if self.program not in self._compiled.ascents:
            self._compiled.ascents[self.program] = ascents(self.program)
        run = self._compiled.ascents[self.program]
        theta, known, bounds = jax.tree.map(lambda x: np.asarray(x, self.dtype), (theta, known, bounds))
        asked = theta, factors, known
        shares = np.array_split(np.arange(len(theta)), min(self.cores, len(theta)))
        shared = self.fixed, bounds, self.undivided().prepared
        running = at_the_same_time(lambda share: run(jax.tree.map(itemgetter(share), asked), *shared), shares)
        return Ascents(*(np.concatenate(parts) for parts in zip(*running, strict=True)))

    def traceable(self) -> Traceable:
        """The log-likelihood as a part of larger programs, for samplers."""
        own = self.undivided()
        return traceable(own.program, own.fixed, own.prepared)

    def given_draws(self) -> GivenDraws:
        """The log-likelihood given the draws of each individual, for hierarchical posteriors."""
        return given_draws(self.program, self.dataset, self.fixed, self.weights)

    def training(self, settings: TrainingSettings) -> Training:
        """Epochs of an optimizer on batches of individuals."""
        sample = TrainingSample(
            self.n_individuals, self.block, self.fixed, self.by_individual, lambda: self.prepared, self.value_and_grad
        )
        return Training(self.program, self._compiled.trainings.setdefault(self.program, []), sample, settings)

    def outer_product(self, theta: Array, power: int) -> Array:
        """sum_n w_n^power s_n s_n' (K, K), of scores s and sample weights w."""
        parts = None if power == 1 else [(np.asarray(w) ** power, data) for w, data in self.prepared]
        (_, _, found), _ = self._summed(self.program.first_order, theta, parts)
        return found

    @in_64_bits
    def by_individual(self) -> tuple[Any, Any]:
        """Weights (N,), and what training takes rows of: all columns in one array (N, T, columns), words (N, 2, L).

        A column (J, T, N, 1) becomes J columns. The words of the individuals' numbers are there if draws are.
        """
        inputs = [self.dataset.array(symbol) for symbol in self.program.inputs]
        columns = [column.reshape(-1, *column.shape[-3:-1]) for column in inputs]
        shape = self.n_individuals, self.dataset.n_situations, sum(map(len, columns))
        rows = aligned(shape, np.result_type(*columns))
        for first in range(0, self.n_individuals, ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            rows[some] = np.concatenate([column[..., some] for column in columns]).T
        words = [np.moveaxis(words, -1, 0) for words in words_in(self.program, self.dataset)]
        return jax.device_put((self.weights, (rows, *words)))

    def data_hash(self) -> str:
        """SHA-256 of the numbers that the likelihood is computed from: columns, weights, fixed parameters."""
        digest = hashlib.sha256()
        for symbol in self.program.inputs:
            digest.update(np.ascontiguousarray(self.dataset.array(symbol)).data)
        digest.update(np.ascontiguousarray(self.weights).data)
        digest.update(repr([value.tolist() for value in self.fixed]).encode())
        if self.program.draws is not None:
            numbers = self.dataset.individual_numbers.tobytes(), self.dataset.draw_situations
            if numbers != (np.arange(self.n_individuals).tobytes(), self.dataset.n_situations):  # of a new data set
                digest.update(numbers[0] + str(numbers[1]).encode())
        return digest.hexdigest()

    @property
    def are_weights_one(self) -> bool:
        """Whether all individuals have the weight 1."""
        return self.dataset.weights is None and self._are_own_weights

    @property
    def block(self) -> int:
        """Individuals of a block."""
        return self._blocks.size

    @property
    def parts(self) -> list[tuple[Any, list[Any]]]:
        """Weights (blocks, B) and columns (blocks, [J,] T, B, 1) of each core, kept while model and data live."""
        key = (self.program, self._blocks)
        if key not in self._placed:
            columns = zip(
                *(self._blocks.placed(column) for column in columns_of(self.program, self.dataset)), strict=True
            )
            self._placed[key] = [(self._weights(part), list(own)) for part, own in enumerate(columns)]
        return self._with_weights(self._placed[key])

    @property
    def prepared(self) -> list[tuple[Any, Any]]:
        """Weights (blocks, B) and data of the likelihood of each core, kept while model and data live."""
        if not self.program.likelihood.prepares:
            return self.parts
        key = (self.program, self._blocks, "prepared")
        if key not in self._placed:
            parts = range(self._blocks.parts)
            self._placed[key] = [(self._weights(part), self._prepared_part(part)) for part in parts]
        return self._with_weights(self._placed[key])

    def _with_weights(self, placed: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Placed data with the weights of this evaluator, which are those of the data set unless it is reweighted."""
        if self._are_own_weights:
            return placed
        return [(self._weights(part, self.weights), data) for part, (_, data) in enumerate(placed)]

    @in_64_bits
    def _weights(self, part: int, weights: Array | None = None) -> Any:
        """Weights (blocks, B) of one core, the data set's where none are given; 0 where it is filled up."""
        blocks, weights = self._blocks.per_part, self.dataset.individual_weights if weights is None else weights
        divided = self._blocks.cut(weights[None, :, None], part * blocks, blocks, "constant")
        return jax.device_put(divided[:, 0, :, 0])

    @in_64_bits
    def _prepared_part(self, part: int) -> Any:
        """The data of the likelihood of one core, made of a few blocks at a time to save memory."""
        columns, blocks, B = columns_of(self.program, self.dataset), self._blocks.per_part, self._blocks.size
        first_block = [jax.ShapeDtypeStruct((*c.shape[:-2], B, 1), c.dtype) for c in columns]
        shapes = jax.eval_shape(self.program.likelihood.prepared, first_block)
        data = jax.tree.map(lambda x: jax.device_put(np.zeros((blocks, *x.shape), x.dtype)), shapes)
        at_once = min(blocks, max(1, NUMBERS_AT_ONCE // sum(math.prod(x.shape) for x in first_block)))
        for first in range(0, blocks, at_once):
            first = min(first, blocks - at_once)
            some = [self._blocks.cut(column, part * blocks + first, at_once) for column in columns]
            data = jax.block_until_ready(self.program.prepare(data, first, some))
        return data

    def _summed(
        self, function: Callable[..., Any], theta: Array, parts: list[tuple[Any, list[Any]]] | None = None
    ) -> tuple[Any, list[Any]]:
        """Sums over all parts, and what each part says of its individuals."""
        theta = np.asarray(theta, dtype=self.dtype)
        running = at_the_same_time(lambda part: function(theta, self.fixed, *part), parts or self.prepared)
        first, *others = (jax.tree.map(np.asarray, sums) for sums, _ in running)
        for sums in others:
            first = jax.tree.map(np.add, first, sums)
        return first, [rows for _, rows in running]

    def individuals(self, theta: Array) -> tuple[Array, Array]:
        """Scores (N, K) and log-likelihoods (N,), of a few blocks at a time to save memory."""
        theta, N, blocks = np.asarray(theta, self.dtype), self.n_individuals, self._blocks.per_part
        scores, logprob = np.empty((len(self.labels), N), self.dtype).T, np.empty(N, self.dtype)
        at_once = min(blocks, max(1, SCORES_AT_ONCE // (self._blocks.size * len(self.labels))))

        def put(part: int) -> None:
            for first in [*range(0, blocks - at_once, at_once), blocks - at_once]:
                put_some(part, np.arange(first, first + at_once))  # and let go of them before the next are made

        def put_some(part: int, numbers: Array) -> None:
            found = self.program.individuals(theta, self.fixed, numbers, self.prepared[part][1])
            for b, logprob_b, scores_b in zip(numbers.tolist(), *map(np.asarray, found), strict=True):
                own = self._blocks.rows(part * blocks + b)
                size = own.stop - own.start
                scores[own], logprob[own] = scores_b.T[:size], logprob_b[:size]

        at_the_same_time(put, range(self._blocks.parts))
        return scores, logprob


@dataclass(frozen=True)
class _AtTheta(Individuals):
    """The individuals of an evaluator; the outer product of scores may be known for the first power of weights."""

    evaluator: LocalEvaluator
    theta: Array
    known: Array | None = None

    def _numbers(self) -> tuple[Array, Array]:
        return self.evaluator.individuals(self.theta)

    def _outer_product(self, power: int) -> Array:
        if self.evaluator.are_weights_one:
            power = 1
        return self.known if self.known is not None and power == 1 else self.evaluator.outer_product(self.theta, power)


def _restored(
    model: Model, data: Dataset, block: int, cores: int, fixed: list[Array], weights: Array | None
) -> LocalEvaluator:
    evaluator = LocalEvaluator(model, data, block, cores)
    evaluator.fixed = fixed
    if weights is not None:
        evaluator._place(data, block, cores, weights)
    return evaluator


def _on_cpu() -> bool:
    """Whether JAX computes on the processor, and not on an accelerator."""
    return jax.default_backend() == "cpu"
