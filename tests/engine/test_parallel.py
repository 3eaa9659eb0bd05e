"""NumPy's linear algebra keeps to one thread during an estimation, and to what the user chose otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import pycmtensor as cmt
from pycmtensor.engine.parallel import one_blas_thread
from pycmtensor.estimation.progress import IterationLines


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    with threadpool_limits(2, "blas"):
        yield


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_an_estimation_takes_one_thread_and_gives_the_others_back(
    swissmetro: cmt.MNL, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[int]] = []
    monkeypatch.setattr(IterationLines, "__call__", lambda self, iterate: seen.append(blas_threads()))
    cmt.estimate(swissmetro)
    assert len(seen) > 3
    assert all(threads == {1} for threads in seen)
    assert blas_threads() == {2}


def test_the_last_to_leave_gives_the_threads_back() -> None:
    one_blas_thread.__enter__()
    with pytest.raises(ZeroDivisionError), one_blas_thread:
        raise ZeroDivisionError
    assert blas_threads() == {1}
    one_blas_thread.__exit__()
    assert blas_threads() == {2}
