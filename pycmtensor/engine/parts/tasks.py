"""Independent tasks, computed here one after the other or by the workers of a cluster at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from pycmtensor.engine.parts.cluster import Cluster
from pycmtensor.exceptions import PyCMTensorError

__all__ = ["asked_of"]

T = TypeVar("T")


def asked_of(on: Cluster | None, function: Callable[..., T], tasks: Sequence[tuple[Any, ...]]) -> list[Callable[[], T]]:
    """What a function gives for the arguments of each task, as functions that compute it or wait for a worker.

    Args:
        on: The cluster; None computes a task when it is asked for.
        function: Of a module, so that workers find it.
        tasks: The arguments of each task, which go to the workers with their data.

    Examples:
        >>> [give() for give in asked_of(None, max, [(1, 2), (5, 3)])]
        [2, 5]
    """
    if on is None:
        return [partial(function, *task) for task in tasks]
    return [partial(_fetched, on.client.submit(function, *task, pure=False), on) for task in tasks]


def _fetched(future: Any, cluster: Cluster) -> Any:
    """What a worker computed.

    Raises:
        PyCMTensorError: That of the task, or the cluster was lost.
    """
    try:
        return future.result()
    except PyCMTensorError:
        raise
    except Exception as error:  # of the network, of which Dask raises many kinds
        raise cluster.lost(error) from None
