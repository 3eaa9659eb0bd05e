"""Names of what the functions of the engine pass to each other, with their shapes.

A block is B individuals that are evaluated together; K parameters are free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
from numpy.typing import NDArray

__all__ = ["BlockData", "Columns", "Fixed", "Numbers", "Parts", "Theta", "Weights"]

#: An array of the program, or of NumPy before it gets there.
Numbers: TypeAlias = jax.Array | NDArray[Any]

#: Values of the free parameters, (K,).
Theta: TypeAlias = Numbers

#: Values of the fixed parameters, each of its shape.
Fixed: TypeAlias = Sequence[Numbers]

#: Sample weights of the individuals of a block, (B,).
Weights: TypeAlias = Numbers

#: Columns of a block, each (T, B, 1) or (J, T, B, 1); with draws the words of individuals' numbers come last.
Columns: TypeAlias = Sequence[Numbers]

#: Data of a block as a likelihood takes them: columns, or a record of arrays that it prepared from them.
BlockData: TypeAlias = Any

#: Weights and blocks of data of each core.
Parts: TypeAlias = Sequence[tuple[Numbers, BlockData]]
