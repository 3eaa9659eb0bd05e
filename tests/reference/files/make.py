"""Writes a file of each kind as this version of the library does, named by kind, version of the format and library.

Run it once when a version of a format is new, and never replace what earlier versions wrote:
``python -m tests.reference.files.make``. "result 1 of early 0.1.0" lacks the fact "neutral", which came later.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import pycmtensor as cmt
from pycmtensor.estimation.archive import packed, unpacked

HERE = Path(__file__).parent


def model() -> cmt.MNL:
    """Thirty choices of the car and ten of the bus."""
    ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
    return cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0})


def main() -> None:
    """Write all files."""
    results = cmt.estimate(model())
    path = results.save(HERE / "result 1 of 0.1.0.cmt")
    facts, arrays = unpacked(path, "result", 1)
    del facts["neutral"]
    (HERE / "result 1 of early 0.1.0.cmt").write_bytes(packed("result", 1, facts, arrays))
    posterior = cmt.sample(model(), {"asc_car": cmt.priors.Normal(0, 10)}, warmup=300, draws=500)
    posterior.save(HERE / "posterior 1 of 0.1.0.cmt")


if __name__ == "__main__":
    main()
