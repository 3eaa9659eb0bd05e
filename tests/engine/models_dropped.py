"""A process that makes models, estimates each and drops it; it prints its memory in MB as it goes.

Every model has another number of rows, so that no program serves two of them.
"""

from __future__ import annotations

import gc
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import pycmtensor as cmt


def memory() -> float:
    """Memory that the process holds, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def estimate(rows: int) -> None:
    rng = np.random.default_rng(rows)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "z": rng.normal(size=rows)})
    frame["y"] = (rng.logistic(size=rows) > frame.x - frame.z) + 1
    ds, b = cmt.Dataset(frame, "y", {"a": 1, "b": 2}), cmt.Beta("b")
    cmt.estimate(cmt.MNL(ds, {"a": b * ds["x"], "b": b * ds["z"]})).summary()


def main(number: int, every: int) -> None:
    warnings.simplefilter("ignore")
    for k in range(number + 1):
        estimate(200 + k)
        if k and k % every == 0:
            gc.collect()
            print(f"{memory():.1f}")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
