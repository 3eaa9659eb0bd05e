"""Timing two things in turn, A B A B, so that a machine that drifts drifts under both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Comparison:
    """Seconds of A and B, run by run, and a bound on A / B that the project set itself."""

    name: str
    a: list[float]
    b: list[float]
    bound: float

    @property
    def ratio(self) -> float:
        return median(x / y for x, y in zip(self.a, self.b, strict=True))

    def row(self) -> str:
        ratios = sorted(x / y for x, y in zip(self.a, self.b, strict=True))
        verdict = "met" if self.ratio <= self.bound else "MISSED"
        return (
            f"| {self.name} | {1e3 * median(self.a):.1f} | {1e3 * median(self.b):.1f} "
            f"| {self.ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {self.bound:g} | {verdict} |"
        )


HEAD = "| case (A against B) | A, ms | B, ms | A / B (range) | at most | |\n|---|---|---|---|---|---|"


def interleaved(
    name: str, a: Callable[[], object], b: Callable[[], object], bound: float, repeats: int = 11
) -> Comparison:
    """Run A and B in turn; the first run of each warms up and does not count."""
    a(), b()
    times_a, times_b = [], []
    for _ in range(repeats):
        times_a.append(_seconds(a))
        times_b.append(_seconds(b))
    return Comparison(name, times_a, times_b, bound)


def process(*arguments: str) -> Callable[[], object]:
    """A whole Python process, from its start to its end."""

    def run() -> object:
        return subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    return run


def _seconds(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began
