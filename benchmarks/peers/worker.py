"""The process that a library estimates in: a line on standard input asks, a line of JSON answers.

``python -m benchmarks.peers.<library> <case> <data.npz> [<variant>]`` reads the data before it answers the first line.
The first estimation sets up and compiles; the later ones repeat it from the same start values, all zero.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.data import Table

#: Share of the machine's memory that a process may take, so that it fails instead of others.
MEMORY = 0.7


@dataclass(frozen=True)
class Estimate:
    """Log-likelihood, estimates and their standard errors, in the library's own order."""

    llf: float
    params: Iterable[Any]
    bse: Iterable[Any] = ()


@dataclass(frozen=True)
class Answer:
    """An estimate, what it took, and the most memory that the process held: before the data, and until now."""

    llf: float
    params: list[float]
    bse: list[float]
    seconds: float
    rss_before_data_bytes: int
    peak_rss_bytes: int


#: A table and the name of a variant -> the estimation, with all that can be made beforehand made.
Case = Callable[[Table, str], Callable[[], Estimate]]


def serve(*cases: Case, lacks: Mapping[str, str] | None = None, **named: Case) -> None:
    """Answer until standard input ends. What the library prints goes to standard error.

    Args:
        cases: What the script can estimate.
        lacks: Cases that the library cannot, and why.
        named: Functions of other names than their cases.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    name, path, variant = (*sys.argv[1:], "")[:3]
    by_name = {case.__name__: case for case in cases} | named
    if name not in by_name:
        sys.exit((lacks or {}).get(name, f"has no script for the case '{name}'"))
    limit = int(MEMORY * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    before, estimate = peak_rss(), None
    for _ in sys.stdin:
        began = perf_counter()
        estimate = estimate or by_name[name](read(path), variant)
        found = estimate()
        seconds = perf_counter() - began
        numbers = [float(x) for x in found.params], [float(x) for x in found.bse]
        answer = Answer(float(found.llf), *numbers, seconds, before, peak_rss())
        print(json.dumps(asdict(answer)), file=answers, flush=True)


def read(path: str) -> Table:
    """The columns of a file."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def peak_rss() -> int:
    """Most bytes that this process held in memory. `getrusage` would count those of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
