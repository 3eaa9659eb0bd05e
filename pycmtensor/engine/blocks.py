"""Division of individuals into parts, one a core, and of a part into blocks whose arrays stay in the cache."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from pycmtensor.engine.evaluator import Array
from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.linear_logit import LinearLogit
from pycmtensor.engine.program import Program
from pycmtensor.engine.xla import in_64_bits

__all__ = ["Blocks", "Fill", "aligned", "fitting_block", "numbers_of_a_row"]

#: How a block that is not full is filled up: with its last individual, or with 0.
Fill = Literal["edge", "constant"]

#: Array elements of a block: a dozen temporary arrays of this size fill the 1 MB cache of a core.
BLOCK = 8192

#: Numbers in the derivatives of linear utilities of a block, (K, J, T, B), which are read several times.
LINEAR_BLOCK = 2**14

#: Numbers in one array of a block of simulated likelihoods, situations times individuals times draws.
SIMULATED_BLOCK = 8192

#: Bytes of a cache line.
CACHE_LINE = 64


@dataclass(frozen=True)
class Blocks:
    """The blocks of N individuals, in their order; the last are filled up.

    Attributes:
        individuals: N.
        parts: Parts, which run at the same time.
        per_part: Blocks of each part.
        size: Individuals of a block, B.
    """

    individuals: int
    parts: int
    per_part: int
    size: int

    @classmethod
    def of(cls, individuals: int, most: int, parts: int, exactly: bool = False) -> Blocks:
        """Blocks of at most some individuals.

        Args:
            individuals: N, at least 1.
            most: Individuals of a block.
            parts: Parts that are wanted; there are fewer where the last would be empty.
            exactly: Whether each block but the last has that many; else no block is much emptier than another.

        Examples:
            >>> Blocks.of(100, 40, 1)
            Blocks(individuals=100, parts=1, per_part=3, size=34)
            >>> Blocks.of(100, 40, 1, exactly=True)
            Blocks(individuals=100, parts=1, per_part=3, size=40)
        """
        most, parts = min(most, individuals), max(1, parts)
        per_part = -(-individuals // (parts * most))
        size = most if exactly else -(-individuals // (parts * per_part))
        return cls(individuals, -(-individuals // (per_part * size)), per_part, size)

    @in_64_bits
    def placed(self, array: Array, fill: Fill = "edge") -> list[Any]:
        """The blocks of each part, (per_part, [J,] T, B, 1), of an array ([J,] T, N, 1), on the device."""
        firsts = range(0, self.parts * self.per_part, self.per_part)
        return [jax.device_put(self.cut(array, first, self.per_part, fill)) for first in firsts]

    def cut(self, array: Array, first: int, number: int, fill: Fill = "edge") -> Array:
        """Some blocks, (number, [J,] T, B, 1), of an array ([J,] T, N, 1)."""
        *leading, N, _ = array.shape
        begin = first * self.size if fill == "constant" else min(first * self.size, N - 1)
        own = array[..., begin : (first + number) * self.size, :]
        missing = number * self.size - own.shape[-2]
        own = np.pad(own, [(0, 0)] * len(leading) + [(0, missing), (0, 0)], mode=fill) if missing else own
        return np.moveaxis(own.reshape(*leading, number, self.size, 1), -3, 0)

    def rows(self, block: int) -> slice:
        """The individuals of a block, without those it is filled up with."""
        first = min(block * self.size, self.individuals)
        return slice(first, min(first + self.size, self.individuals))


def fitting_block(program: Program, situations: int) -> int:
    """Number of individuals whose arrays in `Program.second_order` stay in the cache, but not too few."""
    rows, K = situations * program.alternatives, sum(parameter.size for parameter in program.free)
    if program.draws is not None:
        return max(1, SIMULATED_BLOCK // (rows * program.draws.number))
    if isinstance(program.likelihood, LinearLogit | LinearUtilities):  # products of (K, more than K) matrices
        return max(64, max(LINEAR_BLOCK, K**2) // (program.likelihood.numbers * situations))
    return max(64 // rows, BLOCK // max(rows, K**2 // 16), 1)


def numbers_of_a_row(program: Program) -> int:
    """Approximate number of array elements of a choice situation."""
    if isinstance(program.likelihood, LinearLogit):
        return program.likelihood.numbers
    return 32 * program.alternatives * (program.draws.number if program.draws else 1)


def aligned(shape: tuple[int, ...], dtype: Any) -> Array:
    """An empty array that begins where a cache line does, which JAX takes as it is in place of a copy."""
    size, item = math.prod(shape), np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE // item, dtype)
    first = -memory.ctypes.data % CACHE_LINE // item
    return memory[first : first + size].reshape(shape)
