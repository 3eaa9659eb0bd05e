"""How the time and memory of an estimation grow with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.comparison import OURS, Case, Worker, goal, spread
from benchmarks.data import synthetic_table

ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000)


@dataclass(frozen=True)
class Size:
    """Rows, bytes of the data, what the process held before it read them and at most, and seconds, run by run."""

    rows: int
    data_bytes: int
    rss_before_data_bytes: int
    peak_rss_bytes: int
    seconds: list[float]

    def row(self) -> str:
        data, before, peak = (x / 1e6 for x in (self.data_bytes, self.rss_before_data_bytes, self.peak_rss_bytes))
        time = f"{spread(self.seconds, 1e3)} | {1e6 * median(self.seconds) / self.rows:.2f}"
        memory = f"{data:.0f} | {before:.0f} | {peak:.0f} | {peak / data:.1f} | {(peak - before) / data:.1f}"
        return f"| {self.rows:,} | {time} | {memory} |"


HEAD = (
    "| rows | again, ms (range) | µs a row | data, MB | memory before the data, MB | at most, MB | at most / data "
    "| (at most - before) / data |\n|---|---|---|---|---|---|---|---|"
)


def grow(case: Case, folder: Path, repeats: int = 7) -> list[Size]:
    """Ours at all sizes, a process each, in turn: a machine that drifts drifts under all sizes."""
    with ExitStack() as stack:
        workers, data_bytes = [], []
        for n in ROWS:
            data = replace(case, table=partial(synthetic_table, n)).write(folder)
            with np.load(data) as file:
                data_bytes.append(sum(file[name].nbytes for name in file.files))
            workers.append(stack.enter_context(Worker(OURS, case.name, data)))
            data.unlink()
        rounds = [[worker.seconds() for worker in workers] for _ in range(1 + repeats)][1:]
        return [
            Size(n, held, worker.last.rss_before_data_bytes, worker.last.peak_rss_bytes, seconds)
            for n, held, worker, *seconds in zip(ROWS, data_bytes, workers, *rounds, strict=True)
        ]


def slope(rows: Sequence[float], seconds: Sequence[float]) -> float:
    """The exponent b of seconds = a rows^b, by least squares of the logarithms."""
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def goals(sizes: list[Size]) -> list[str]:
    b = slope([s.rows for s in sizes], [median(s.seconds) for s in sizes])
    share = sizes[-1].peak_rss_bytes / sizes[-1].data_bytes
    return [
        goal("growth: slope of log time on log rows", b, 0.9, 1.1),
        goal(f"peak memory of the process to the data, {sizes[-1].rows:,} rows", share, -np.inf, 3),
    ]


def plot(sizes: list[Size], path: Path) -> None:
    """Two panels on logarithmic axes, told apart by markers and dashes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = np.array([s.rows for s in sizes])
    seconds = np.array([median(s.seconds) for s in sizes])
    data, peak = (np.array([getattr(s, name) for s in sizes]) / 1e6 for name in ("data_bytes", "peak_rss_bytes"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    left.loglog(rows, seconds, "ko-", label=f"measured, slope {slope(list(rows), list(seconds)):.2f}")
    left.loglog(rows, seconds[-1] * rows / rows[-1], "k--", label="proportional to rows")
    left.set(xlabel="rows", ylabel="seconds", title="Time of an estimation")
    right.loglog(rows, peak, "ko-", label="peak of the process")
    right.loglog(rows, 3 * data, "k--", label="three times the data")
    right.loglog(rows, data, "ks:", markerfacecolor="white", label="the data")
    right.set(xlabel="rows", ylabel="MB", title="Memory")
    for axes in (left, right):
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)
