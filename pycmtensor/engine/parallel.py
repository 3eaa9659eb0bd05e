"""Programs that run at the same time, one on each core."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import jax

__all__ = ["at_the_same_time", "usable_cores"]


def at_the_same_time(function: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """What a function of JAX makes of every part. Each has a thread of its own: JAX runs those of one thread in turn.

    That of the first may still be on its way, as JAX's results are; reading it waits.

    Examples:
        >>> at_the_same_time(lambda x: x + 1, [1, 2])
        [2, 3]
    """
    first, *others = parts
    running = [_threads().submit(_awaited, function, part) for part in others]
    return [function(first), *(task.result() for task in running)]


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _awaited(function: Callable[[Any], Any], part: Any) -> Any:
    return jax.block_until_ready(function(part))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), "pycmtensor")
