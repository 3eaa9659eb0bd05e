"""Timing two things in turn, A B A B, so that a machine that drifts drifts under both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Comparison:
    """Seconds of A and B, run by run, and the bound on A / B that the project set itself, if it did."""

    name: str
    a: list[float]
    b: list[float]
    bound: float | None

    @property
    def ratio(self) -> float:
        return median(x / y for x, y in zip(self.a, self.b, strict=True))

    def row(self) -> str:
        ratios = sorted(x / y for x, y in zip(self.a, self.b, strict=True))
        goal = "" if self.bound is None else f"{self.bound:g}"
        verdict = "" if self.bound is None else "met" if self.ratio <= self.bound else "MISSED"
        return (
            f"| {self.name} | {1e3 * median(self.a):.1f} | {1e3 * median(self.b):.1f} "
            f"| {self.ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {goal} | {verdict} |"
        )


HEAD = "| case (A against B) | A, ms | B, ms | A / B (range) | at most | |\n|---|---|---|---|---|---|"


def interleaved(
    name: str, a: Callable[[], object], b: Callable[[], object], bound: float | None, repeats: int = 11
) -> Comparison:
    """Run A and B in turn; the first run of each warms up and does not count."""
    a(), b()
    times_a, times_b = [], []
    for _ in range(repeats):
        times_a.append(_seconds(a))
        times_b.append(_seconds(b))
    return Comparison(name, times_a, times_b, bound)


def process(code: str, until: bytes | None = None, **environment: str) -> Callable[[], float]:
    """Seconds of a Python process: from its start to a printed line that begins with ``until``, or to its end."""

    def run() -> float:
        began = perf_counter()
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | environment
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if until is not None and line.startswith(until):
                    seconds = perf_counter() - began
        if child.returncode != 0:
            raise RuntimeError(f"the process of {code!r} failed")
        return perf_counter() - began if until is None else seconds

    return run


def _seconds(call: Callable[[], object]) -> float:
    """What the call says it took, if it returns that, otherwise what it took from outside."""
    began = perf_counter()
    said = call()
    return said if isinstance(said, float) else perf_counter() - began
