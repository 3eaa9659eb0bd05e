"""Run the benchmarks and print their tables; ``--full`` adds the long ones and writes RESULTS.md and growth.png."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import comparison, growth, long, swissmetro, training
from benchmarks.comparison import PEERS, Case
from benchmarks.data import electricity_table, synthetic_table
from benchmarks.environments import HERE, pinned_version
from benchmarks.timing import HEAD

RATIOS = (
    swissmetro.cold_start,
    swissmetro.kept_programs,
    swissmetro.cold_process,
    swissmetro.second_estimation,
    swissmetro.bootstrap,
    training.swissmetro,
    training.res_logit,
    training.one_call_per_batch,
    training.torch_loop,
    training.many_betas,
    training.million_rows,
    long.thousand_alternatives,
)

SWISSMETRO = Case("swissmetro", "Swissmetro logit", swissmetro.table, peers_goal=3, repeats=15)
LARGE = Case("synthetic", "logit, 200,000 x 5 x 10", partial(synthetic_table, 200_000), peers_goal=5, repeats=5)
LARGEST = Case("synthetic", "logit, 1,000,000 x 5 x 10", partial(synthetic_table, 1_000_000), peers_goal=5, repeats=3)


#: Estimates at different draws differ: by less than these, where the maximum is reached.
SIMULATED = partial(
    Case, peers_goal=4, by_hand_goal=3, repeats=1, errors_noise=0.2, peers=tuple(p for p in PEERS if not p.variant)
)
MIXED = (
    SIMULATED("swissmetro_mixed", "Swissmetro mixed logit, 500 draws", swissmetro.table, noise=1.0),
    SIMULATED("swissmetro_panel", "Swissmetro mixed logit, panel, 500 draws", swissmetro.table, noise=5.0),
    SIMULATED("electricity", "electricity mixed logit, panel, 600 draws", electricity_table, noise=10.0),
)


class Report:
    """Lines that are printed as they come, and kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, *lines: str) -> None:
        self.lines += lines
        print(*lines, sep="\n", flush=True)


def main() -> None:
    full = "--full" in sys.argv[1:]
    os.environ["PYCMTENSOR_CACHE"] = "off"  # a cold start has nothing compiled
    report, goals = Report(), []
    report.say("# Benchmarks", "", *machine(), "", "## Beside the peers", "", RULES)
    with TemporaryDirectory() as folder:
        for case in (replace(SWISSMETRO, starts=3), *MIXED, LARGE, LARGEST) if full else (SWISSMETRO, MIXED[0]):
            measured = comparison.compare(case, Path(folder))
            report.say("", f"### {case.title}", "", comparison.HEAD, *(m.row() for m in measured))
            goals += comparison.goals(case, measured)
        if full:
            sizes = growth.grow(LARGEST, Path(folder))
            growth.plot(sizes, HERE / "growth.png")
            report.say("", "## Growth", "", growth.HEAD, *(size.row() for size in sizes))
            report.say("", "![Time and memory against rows](growth.png)")
            goals += growth.goals(sizes)
    report.say("", "## Goals", "", comparison.GOALS_HEAD, *goals)
    report.say("", "## Beside hand-written code", "", HEAD)
    for ratio in RATIOS:
        if pair := ratio():
            report.say(pair.row())
    if full:
        (HERE / "RESULTS.md").write_text("\n".join(report.lines) + "\n")


RULES = """Each library estimates in a process of its own, from zeros, with standard errors, on the same data. "Again"
is an estimation after two others of the same model, all set up and compiled, in turn with ours: A B A B. A time counts
when the maximum is reached to 0.001 and the standard errors are those of the inverse Hessian to 0.01%. Each library
makes its own draws: mixed logits may differ by the noise of simulation, 1 to 10 in the log-likelihood and 20% in the
errors."""


def machine() -> list[str]:
    """Where and when, and with which versions."""
    own = ", ".join(f"{name} {version(name)}" for name in ("pycmtensor", "pytensor", "jax", "numpy"))
    others = ", ".join(pinned_version(module) for module in dict.fromkeys(p.module for p in PEERS))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return [
        f"{date.today()}: {processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, "
        f"Python {platform.python_version()}; load when the benchmarks began: {os.getloadavg()[0]:.1f}.",
        f"{own}; {others}.",
    ]


def processor() -> str:
    """The model's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
