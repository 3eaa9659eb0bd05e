"""How the time and memory of an estimation grow with its size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import swissmetro
from benchmarks.comparison import OURS, Case, Worker, goal, spread
from benchmarks.data import Table, synthetic_table


@dataclass(frozen=True)
class Axis:
    """What grows: the case, its sizes, and the table of each size. Draws are told to the script, not in the table."""

    name: str
    case: str
    sizes: tuple[int, ...]
    table: Callable[[int], Table]
    slope: tuple[float, float] | None  #: of log time on log size, where the work is proportional
    as_variant: bool = False


AXES = (
    Axis("rows", "synthetic", (10_000, 30_000, 100_000, 300_000, 1_000_000), synthetic_table, (0.9, 1.1)),
    Axis("alternatives", "many_alternatives", (10, 30, 100, 300), partial(synthetic_table, 5_000), (-np.inf, 1.1)),
    Axis("attributes", "synthetic", (3, 10, 30), lambda K: synthetic_table(50_000, 5, K), None),
    Axis("parameters", "synthetic", (10, 30, 100, 300), lambda K: synthetic_table(5_000, 2, K), None),
    Axis("draws", "swissmetro_mixed", (100, 300, 1_000, 3_000), lambda R: swissmetro.table(), (-np.inf, 1.1), True),
)


@dataclass(frozen=True)
class Size:
    """A size, bytes of the data, what the process held before it read them and at most, and seconds, run by run."""

    size: int
    data_bytes: int
    rss_before_data_bytes: int
    peak_rss_bytes: int
    seconds: list[float]

    def row(self, axis: Axis) -> str:
        data, before, peak = (x / 1e6 for x in (self.data_bytes, self.rss_before_data_bytes, self.peak_rss_bytes))
        memory = f"{data:.0f} | {before:.0f} | {peak:.0f} | {peak / data:.1f} | {(peak - before) / data:.1f}"
        return f"| {self.size:,} {axis.name} | {spread(self.seconds, 1e3)} | {memory} |"


HEAD = (
    "| | again, ms (range) | data, MB | memory before the data, MB | at most, MB | at most / data "
    "| (at most - before) / data |\n|---|---|---|---|---|---|---|"
)


def grow(axis: Axis, folder: Path, repeats: int = 5) -> list[Size]:
    """Ours at all sizes, a process each, in turn: a machine that drifts drifts under all sizes."""
    with ExitStack() as stack:
        workers, data_bytes = [], []
        for size in axis.sizes:
            data = Case(axis.case, axis.name, partial(axis.table, size), np.nan, repeats).write(folder)
            with np.load(data) as file:
                data_bytes.append(sum(file[name].nbytes for name in file.files))
            participant = replace(OURS, variant=str(size)) if axis.as_variant else OURS
            workers.append(stack.enter_context(Worker(participant, axis.case, data)))
            data.unlink()
        rounds = [[worker.seconds() for worker in workers] for _ in range(1 + repeats)][1:]
        return [
            Size(n, held, worker.last.rss_before_data_bytes, worker.last.peak_rss_bytes, seconds)
            for n, held, worker, *seconds in zip(axis.sizes, data_bytes, workers, *rounds, strict=True)
        ]


def slope(sizes: Sequence[Size]) -> float:
    """The exponent b of seconds = a size^b, by least squares of the logarithms."""
    return float(np.polyfit(np.log([s.size for s in sizes]), np.log([median(s.seconds) for s in sizes]), 1)[0])


def goals(axis: Axis, sizes: list[Size]) -> list[str]:
    what, found = f"slope of log time on log {axis.name}", slope(sizes)
    if axis.slope is None:
        return [f"| {what} | {found:.3g} | | |"]
    rows, last = [goal(what, found, *axis.slope)], sizes[-1]
    if axis.name == "rows":
        share = (last.peak_rss_bytes - last.rss_before_data_bytes) / last.data_bytes
        rows.append(goal(f"memory for {last.size:,} rows, beyond what the libraries take, to the data", share, 0, 3))
        rows.append(goal("the same with what the libraries take", last.peak_rss_bytes / last.data_bytes, 0, 3))
    return rows


def plot(grown: dict[Axis, list[Size]], path: Path) -> None:
    """Time and memory by axis, on logarithmic axes, told apart by markers and dashes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, len(grown), figsize=(3.2 * len(grown), 6), layout="constrained", squeeze=False)
    for (above, below), (axis, sizes) in zip(panels.T, grown.items(), strict=True):
        n = np.array([s.size for s in sizes])
        seconds = np.array([median(s.seconds) for s in sizes])
        above.loglog(n, seconds, "ko-", label=f"measured, slope {slope(sizes):.2f}")
        above.loglog(n, seconds[-1] * n / n[-1], "k--", label="proportional")
        above.set(xlabel=axis.name, ylabel="seconds of an estimation")
        data, peak = (np.array([getattr(s, name) for s in sizes]) / 1e6 for name in ("data_bytes", "peak_rss_bytes"))
        below.loglog(n, peak, "ko-", label="peak of the process")
        below.loglog(n, data, "ks:", markerfacecolor="white", label="the data")
        below.set(xlabel=axis.name, ylabel="MB")
        for axes in (above, below):
            axes.set_xticks(n, [f"{size:,}" for size in axis.sizes], rotation=30)
            axes.minorticks_off()
            axes.grid(True, which="both", alpha=0.3)
            axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    plt.close(figure)
