"""Programs that run at the same time, one on each core, undisturbed by the threads of others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator
from functools import cache
from threading import Lock
from typing import Any

import jax
from threadpoolctl import ThreadpoolController

from pycmtensor.engine.process import check_process

__all__ = ["at_the_same_time", "one_blas_thread", "usable_cores"]


def at_the_same_time(function: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """Results of a JAX function for every part, each in a thread of its own: JAX runs calls of one thread in turn.

    The first result may still be computing; reading it blocks.

    Examples:
        >>> at_the_same_time(lambda x: x + 1, [1, 2])
        [2, 3]
    """
    check_process()
    first, *others = parts
    running = [_threads().submit(_awaited, function, part) for part in others]
    return [function(first), *(task.result() for task in running)]


class OneBlasThread(ContextDecorator):
    """NumPy's linear algebra in one thread, between evaluations by JAX.

    Threads of OpenBLAS that have finished their part look out for more for some 30 ms, on a core that JAX could use.
    What is left to NumPy is small: with 30 to 300 parameters an estimation takes 0.63 to 0.83 of the time.

    Several threads may be inside; the last one that leaves gives back what was set before.

    Examples:
        >>> import numpy as np
        >>> with one_blas_thread:
        ...     w = np.linalg.eigvalsh(np.eye(100))
    """

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._limit = _blas().limit(limits=1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()


one_blas_thread = OneBlasThread()


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _awaited(function: Callable[[Any], Any], part: Any) -> Any:
    return jax.block_until_ready(function(part))


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), "pycmtensor")
