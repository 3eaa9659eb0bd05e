"""The numbers of data that the programs of a model take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.engine.arguments import Arguments
from pycmtensor.terms.draws import words_of

__all__ = ["columns_of", "words_in"]


def columns_of(arguments: Arguments, data: Dataset) -> list[NDArray[Any]]:
    """The columns of data that programs take, with draws also words of individuals' numbers, (2, L, N, 1)."""
    return [data.array(symbol) for symbol in arguments.inputs] + [w[..., None] for w in words_in(arguments, data)]


def words_in(arguments: Arguments, data: Dataset) -> list[NDArray[Any]]:
    """Numbers that draws are made from, (2, L, N), if programs make any; see `Simulation.values`."""
    if arguments.draws is None:
        return []
    within = any(draws.within for draws in arguments.draws.draws)
    shape = 2, data.draw_situations if within else 1, data.n_individuals
    return [np.broadcast_to(words_of(data.individual_numbers)[:, None], shape)]
