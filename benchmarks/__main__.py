"""Run the benchmarks and print a table of ratios."""

from __future__ import annotations

import platform
from importlib.metadata import version

from benchmarks import swissmetro, training
from benchmarks.timing import HEAD

CASES = (
    swissmetro.cold_start,
    swissmetro.cold_process,
    swissmetro.second_estimation,
    training.swissmetro,
    training.one_call_per_batch,
    training.torch_loop,
    training.many_betas,
    training.million_rows,
)


def main() -> None:
    versions = ", ".join(f"{name} {version(name)}" for name in ("pytensor", "jax", "numpy"))
    print(f"{platform.machine()}, Python {platform.python_version()}, {versions}\n\n{HEAD}")
    for case in CASES:
        if comparison := case():
            print(comparison.row(), flush=True)


if __name__ == "__main__":
    main()
