"""The file of results: a section for each table, with the machine and the day that it was made on."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.comparison import PEERS
from benchmarks.environments import pinned_version

RULES = """Each library estimates in a process of its own, from zeros, with standard errors, on the same data. "Again"
is an estimation after two others of the same model, all set up and compiled, in turn with ours: A B A B. A time counts
when the maximum is reached to 0.001 and the standard errors are those of the inverse Hessian to 0.01%. Each library
makes its own draws: mixed logits may differ by the noise of simulation, 1 to 10 in the log-likelihood and 20% in the
errors, and bootstraps by 40% in the errors."""


def keep(path: Path, title: str, lines: list[str]) -> None:
    """Put a section into the file, in place of the one with its title or at the end."""
    head, *others = path.read_text().split("\n## ") if path.exists() else [f"# Benchmarks\n\n{RULES}\n"]
    kept = {other.partition("\n")[0]: f"## {other.strip()}" for other in others}
    kept[title] = "\n".join(lines).strip()
    path.write_text("\n\n".join([head.strip(), *kept.values()]) + "\n")


def machine() -> list[str]:
    """Where and when, and with which versions."""
    own = ", ".join(f"{name} {version(name)}" for name in ("pycmtensor", "pytensor", "jax", "numpy"))
    others = ", ".join(pinned_version(module) for module in dict.fromkeys(p.module for p in PEERS))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return [
        f"{date.today()}: {processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, "
        f"Python {platform.python_version()}; load when this began: {os.getloadavg()[0]:.1f}.",
        f"{own}; {others}.",
    ]


def processor() -> str:
    """The model's name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
