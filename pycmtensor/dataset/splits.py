"""Splits of individuals or choice situations into parts of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import DatasetError, in_range, seed_of

__all__ = ["before", "in_folds", "in_training"]


def in_training(units: NDArray[np.integer], share: float, seed: int) -> NDArray[np.bool_]:
    """Individuals that are drawn for the first part, (N,).

    Args:
        units: What is drawn, numbered from 0, for each individual, (N,); those of one unit stay together.
        share: Share of the units that are drawn.
        seed: Seed of the draw.

    Raises:
        DatasetError: A part would be empty.

    Examples:
        >>> in_training(np.array([0, 0, 1, 1, 2, 2]), 2 / 3, seed=1)
        array([ True,  True,  True,  True, False, False])
    """
    n = int(units.max()) + 1
    seed = seed_of("split", seed, DatasetError)
    drawn = round(in_range("split", "train", share, "(-inf, inf)", error=DatasetError) * n)
    if not 0 < drawn < n:
        raise DatasetError(
            f"train={share!r} puts {drawn} of {n} into the first part. Choose a share between 0 and 1 that leaves some "
            "on both sides."
        )
    return (np.random.default_rng(seed).permutation(n) < drawn)[units]


def in_folds(units: NDArray[np.integer], k: int, seed: int) -> NDArray[np.integer]:
    """The fold of each individual, from 0 to k - 1, (N,); the sizes of folds differ by one unit at most.

    Args:
        units: As in `in_training`.
        k: Number of folds.
        seed: Seed of the draw.

    Raises:
        DatasetError: There are fewer than two folds, or fewer units than folds.
    """
    n, seed = int(units.max()) + 1, seed_of("folds", seed, DatasetError)
    if not isinstance(k, (int, np.integer)) or not 2 <= k <= n:
        raise DatasetError(f"folds: k must be a whole number from 2 to {n}, found {k!r}.")
    return (np.random.default_rng(seed).permutation(n) % k)[units]


def before(values: NDArray[Any], at: Any, column: str) -> NDArray[np.bool_]:
    """Choice situations that come before a time, (S,).

    Args:
        values: The column, (S,).
        at: The first time that is not before.
        column: The name of the column.

    Raises:
        DatasetError: The two cannot be compared, or all situations are on one side.
    """
    import pandas as pd  # which compares dates with text

    times = pd.Series(values)
    try:
        is_before = (times < at).to_numpy(dtype=bool)
    except (TypeError, ValueError):
        raise DatasetError(
            f"Column '{column}' holds values such as {values[0]!r}, which cannot be compared with at={at!r}. "
            "Give a value of the same kind."
        ) from None
    if is_before.all() or not is_before.any():
        raise DatasetError(
            f"All choice situations are on one side of at={at!r}: column '{column}' goes from {times.min()} to "
            f"{times.max()}. Choose a value in between."
        )
    return is_before
