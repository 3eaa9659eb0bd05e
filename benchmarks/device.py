"""The same estimations on the processor and on a GPU, where JAX sees one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.comparison import OURS, Case, Worker, spread
from benchmarks.timing import interleaved

HEAD = "| | processor, ms (range) | GPU, ms (range) | GPU / processor | log-likelihoods |\n|---|---|---|---|---|"


def gpu() -> str | None:
    """The name of the GPU that JAX sees, or None."""
    code = "import jax; print(jax.devices('gpu')[0].device_kind)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def beside_processor(case: Case, variant: str, folder: Path) -> str:
    """A row: one case, each device in a process of its own, in turn."""
    data, participant = case.write(folder), replace(OURS, variant=variant)
    with (
        Worker(participant, case.name, data, JAX_PLATFORMS="cpu") as processor,
        Worker(participant, case.name, data, JAX_PLATFORMS="cuda,cpu") as device,
    ):
        pair = interleaved(case.title, processor.seconds, device.seconds, None, case.repeats)
        llf = f"{processor.last.llf:.6f}, {device.last.llf:.6f}"
    data.unlink()
    times = f"{spread(pair.a, 1e3)} | {spread(pair.b, 1e3)} | {1 / pair.ratio:.3g}"
    return f"| {case.title}{f', {variant} draws' if variant else ''} | {times} | {llf} |"
