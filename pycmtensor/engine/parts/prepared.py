"""Parts of a sample as programs take them: prepared once, in chunks of blocks that have one shape in all parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import Special, column_of
from pycmtensor.engine.blocks import Blocks, fitting_block
from pycmtensor.engine.columns import columns_of
from pycmtensor.engine.compiled import compiled_for
from pycmtensor.engine.evaluator import Array
from pycmtensor.engine.parallel import at_the_same_time
from pycmtensor.engine.parts.kept import ArrayType, Kept
from pycmtensor.engine.parts.question import PoissonWeights, Question, added
from pycmtensor.engine.parts.sources import Source
from pycmtensor.engine.program import Program
from pycmtensor.engine.xla import WIDE, compile_with_xla, in_64_bits
from pycmtensor.exceptions import noted
from pycmtensor.models.base import Model

__all__ = ["Members", "PreparedPart", "Preparer", "Shape"]

#: Rows of a chunk, about: enough that calling a program costs nothing beside what it computes.
CHUNK = 2**14

#: Individuals of a block are a multiple of this, so that arrays of chunks begin where JAX takes them as they are.
MULTIPLE = 16


#: Programs of likelihoods that prepare their data.
_PREPARING: WeakKeyDictionary[Program, Callable[..., Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Shape:
    """Sizes that are the same for all parts, so that a program is compiled once.

    Attributes:
        situations: T of the individual with the most.
        block: Individuals of a block, B.
        blocks: Blocks of a chunk.
    """

    situations: int
    block: int
    blocks: int

    @classmethod
    def of(cls, model: Model, largest: int, situations: int) -> Shape:
        """The sizes for a model.

        Args:
            model: The model.
            largest: Individuals of the largest part.
            situations: T of the individual with the most.
        """
        most = fitting_block(compiled_for(model).program(model), situations)
        B = min(most, largest) if most < MULTIPLE else -(-min(most, largest) // MULTIPLE) * MULTIPLE
        blocks = -(-largest // B)
        chunks = -(-blocks * B * situations // CHUNK)
        return cls(situations, B, -(-blocks // chunks))


@dataclass(frozen=True)
class Members:
    """Members of a part of the sample.

    Attributes:
        nobs: Choice situations.
        numbers: Number of each individual, (N,), a range where they follow each other.
        weights: Sample weight of each, (N,); None where all are 1.
        llnull: Log-likelihood without information.
    """

    nobs: int
    numbers: NDArray[np.integer] | range
    weights: Array | None
    llnull: float

    @classmethod
    def of(cls, model: Model, data: Dataset) -> Members:
        """The members of a data set."""
        weights = None if data.weights is None else np.array(data.individual_weights, dtype=float)
        numbers: NDArray[np.integer] | range = data.individual_numbers
        run = range(int(numbers[0]), int(numbers[0]) + len(numbers))
        is_run = numbers[-1] == run[-1] and bool(np.all(np.diff(numbers) == 1))
        return cls(data.nobs, run if is_run else numbers, weights, model.llnull(data))

    def __len__(self) -> int:
        return len(self.numbers)

    def weighted(self, question: Question) -> Array:
        """The weights that a question is about, (N,)."""
        w = np.ones(len(self)) if self.weights is None else self.weights
        for factor in question.factors:
            w = w * (factor.of(self._numbers()) if isinstance(factor, PoissonWeights) else factor)
        return w

    def _numbers(self) -> NDArray[np.integer]:
        run = self.numbers
        return np.arange(run.start, run.stop) if isinstance(run, range) else run


class Preparer:
    """Maker of prepared parts of data sets for a model, all in one shape.

    Args:
        model: The model, which is checked with each data set.
        shape: Sizes of blocks and chunks.
        single: Whether numbers are kept in single precision.
    """

    def __init__(self, model: Model, shape: Shape, single: bool = False) -> None:
        self.model, self.shape, self._single = model, shape, single
        self.program = compiled_for(model).program(model)

    def __call__(self, source: Source, data: Dataset, keep: Callable[[Sequence[ArrayType]], Kept]) -> PreparedPart:
        """A prepared part.

        Args:
            source: Where it comes from.
            data: Its data.
            keep: Makes the place of its arrays.

        Raises:
            DatasetError: The model cannot be estimated with the data.
        """
        with noted(source.place):
            self.model.check(data)
        chunks = self.prepared(columns_of(self.program, data), data)
        number = self.blocks(data.n_individuals).per_part
        kept: Kept | None = None
        for first, chunk in enumerate(chunks):
            leaves = [self._narrow(np.asarray(leaf)) for leaf in jax.tree.leaves(chunk)]
            if kept is None:
                kept = keep([ArrayType((number, *leaf.shape[1:]), leaf.dtype) for leaf in leaves])
            kept.put(first * self.shape.blocks, leaves)
        assert kept is not None
        return PreparedPart(self, Members.of(self.model, data), kept)

    def blocks(self, individuals: int) -> Blocks:
        """The blocks of a part, as many as chunks hold."""
        B, C = self.shape.block, self.shape.blocks
        return Blocks(individuals, 1, -(-individuals // (B * C)) * C, B)

    def chunks(self, columns: Sequence[Array], individuals: int) -> Iterator[list[Array]]:
        """Columns ([J,] T, N, 1) as chunks, each of (C, [J,] T, B, 1)."""
        blocks, C = self.blocks(individuals), self.shape.blocks
        for first in range(0, blocks.per_part, C):
            yield [blocks.cut(column, first, C) for column in columns]

    def prepared(self, columns: Sequence[Array], data: Dataset) -> Iterator[Any]:
        """What the likelihood takes of columns, chunk by chunk."""
        chunks = self.chunks(self.lengthened(columns), data.n_individuals)
        if not self.program.likelihood.prepares:
            return chunks
        return (self._of_likelihood(chunk) for chunk in chunks)

    def lengthened(self, columns: Sequence[Array]) -> list[Array]:
        """The columns of the program with T situations, where a part has fewer: padding counts nothing."""
        T, observed = self.shape.situations, [column_of(s) is Special.OBSERVED for s in self.program.inputs]
        longer = []
        for place, column in enumerate(columns):
            missing = T - column.shape[-3]
            if place < len(observed) and missing > 0:
                first = np.zeros_like(column[..., :1, :, :]) if observed[place] else column[..., :1, :, :]
                column = np.concatenate([column, np.repeat(first, missing, axis=-3)], axis=-3)
            longer.append(column)
        return longer

    def widened(self, leaf: NDArray[Any]) -> NDArray[Any]:
        """Numbers as the program takes them: prepared ones meet the parameters first, and are wide from there on."""
        if self.program.likelihood.prepares:
            return leaf
        return leaf.astype(self.dtype) if leaf.dtype == np.float32 and self.dtype != np.float32 else leaf

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The type of the model's numbers."""
        return np.result_type(*(p.get_value() for p in self.program.free))

    @cached_property
    def tree(self) -> Any:
        """How arrays make the data of a chunk."""
        return jax.tree.structure(self._kinds)

    @cached_property
    @in_64_bits
    def _kinds(self) -> Any:
        """Shapes and types of the data of a block, of the shapes of its columns."""
        T, B = self.shape.situations, self.shape.block
        inputs = [
            jax.ShapeDtypeStruct((*(s.type.shape[:1] if s.ndim == 4 else ()), T, B, 1), s.dtype)
            for s in self.program.inputs
        ]
        words = [] if self.program.draws is None else [jax.ShapeDtypeStruct((2, 1, B, 1), np.uint32)]
        return jax.eval_shape(self.program.likelihood.prepared, [*inputs, *words])

    def _of_likelihood(self, chunk: list[Array]) -> Any:
        if self.program not in _PREPARING:  # all blocks of a chunk at once, which takes a quarter of one by one
            _PREPARING[self.program] = compile_with_xla(jax.vmap(self.program.likelihood.prepared), WIDE)
        return jax.block_until_ready(_PREPARING[self.program](chunk))

    def _narrow(self, leaf: NDArray[Any]) -> NDArray[Any]:
        return leaf.astype(np.float32) if self._single and leaf.dtype == np.float64 else leaf


class PreparedPart:
    """A part of the sample that answers questions.

    Args:
        preparer: What made it.
        members: The members of the part.
        kept: Its arrays.
        cores: Threads that compute at the same time.
    """

    def __init__(self, preparer: Preparer, members: Members, kept: Kept) -> None:
        self._preparer, self.members, self.kept = preparer, members, kept
        self.program, self.cores = preparer.program, 1

    def answer(self, question: Question) -> Any:
        """The answer to a question."""
        return getattr(self, question.what)(question, *question.further)

    # ---- sums -------------------------------------------------------------------------------------------------

    def sums(self, question: Question, order: str) -> Array:
        """Sums of a program, "value", "value_and_grad", "first_order" or "second_order", in one array."""
        return self._added(getattr(self.program, order), question, self.members.weighted(question))

    def outer_product(self, question: Question, power: int) -> Array:
        """sum_n w_n^power s_n s_n' after log-likelihood and gradient, in one array."""
        return self._added(self.program.first_order, question, self.members.weighted(question) ** power)

    def _added(self, function: Callable[..., Any], question: Question, weights: Array) -> Array:
        def flat(chunk: Any) -> Array:
            sums, _ = function(question.theta, question.fixed, *chunk)
            return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(sums)])

        return added(self._each(flat, question, weights))

    # ---- individuals ------------------------------------------------------------------------------------------

    def individuals(self, question: Question) -> tuple[Array, Array]:
        """Scores (N, K) and log-likelihoods (N,)."""
        numbers = np.arange(self._preparer.shape.blocks)

        def some(chunk: Any) -> tuple[Array, Array]:
            logprob, scores = self.program.individuals(question.theta, question.fixed, numbers, chunk[1])
            K = scores.shape[1]
            return np.moveaxis(np.asarray(scores), 1, 2).reshape(-1, K), np.ravel(logprob)

        found = list(zip(*self._each(some, question, None), strict=True))
        N = len(self.members)
        return np.concatenate(found[0])[:N], np.concatenate(found[1])[:N]

    def by_group(self, question: Question, groups: NDArray[np.integer]) -> tuple[NDArray[np.integer], Array]:
        """The groups that are there, and the sum of weighted scores of each, (G, K)."""
        scores, _ = self.individuals(question)
        own, group = np.unique(groups, return_inverse=True)
        sums = np.zeros((len(own), scores.shape[1]))
        np.add.at(sums, group, self.members.weighted(question)[:, None] * scores)
        return own, sums

    def membership(self, question: Question) -> tuple[Array, Array]:
        """Log-probabilities of the latent classes (N, C): before choices are seen, and together with all choices."""

        def some(chunk: Any) -> list[Array]:
            _, rows = self.program.membership(question.theta, question.fixed, *chunk)
            return [np.moveaxis(np.asarray(part), 1, 2).reshape(-1, part.shape[1]) for part in rows]

        prior, joint = zip(*self._each(some, question, np.ones(len(self.members))), strict=True)
        N = len(self.members)
        return np.concatenate(prior)[:N], np.concatenate(joint)[:N]

    # ---- chunks -----------------------------------------------------------------------------------------------

    def _each(self, function: Callable[[Any], Any], question: Question, weights: Array | None) -> list[Any]:
        """What a function says of weights (C, B) and data of each chunk, in their order."""
        arrays, C = self.kept.arrays(), self._preparer.shape.blocks
        blocks = self._preparer.blocks(len(self.members))
        firsts = list(range(0, blocks.per_part, C))[:: question.every]

        def chunk(first: int) -> Any:
            w = None if weights is None else blocks.cut(weights[None, :, None], first, C, "constant")[:, 0, :, 0]
            leaves = [self._preparer.widened(array[first : first + C]) for array in arrays]
            w = None if w is None else w.astype(self._preparer.dtype)
            return function((w, jax.tree.unflatten(self._preparer.tree, leaves)))

        shares = [share for share in np.array_split(firsts, min(self.cores, len(firsts))) if len(share)]
        found = at_the_same_time(lambda share: [chunk(int(first)) for first in share], shares)
        return [answer for share in found for answer in share]
