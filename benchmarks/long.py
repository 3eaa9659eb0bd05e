"""One utility for all alternatives: what a thousand of them cost to compile, beside three."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks.timing import Comparison, interleaved

COMPILE = """
import sys
from time import perf_counter
import numpy as np, pandas as pd
import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator

def seconds(J, N=100):
    rng = np.random.default_rng(0)
    trip, mode = np.divmod(np.arange(N * J), J)
    frame = pd.DataFrame(rng.normal(size=(N * J, 3)), columns=["x0", "x1", "x2"])
    frame = frame.assign(trip=trip, mode=mode, chosen=mode == rng.integers(0, J, N)[trip])
    ds = cmt.Dataset.from_long(frame, choice="chosen", alternative="mode", situation="trip")
    began = perf_counter()
    model = cmt.MNL(ds, sum(cmt.Beta(f"b{k}") * ds[f"x{k}"] for k in range(3)))
    engine = LocalEvaluator(model, block=8, cores=1)
    engine.program.second_order.lower(np.zeros(3), engine.fixed, *engine.prepared[0]).compile()
    return perf_counter() - began

seconds(4)  # what a process needs once
print(seconds(int(sys.argv[1])))
"""


def thousand_alternatives() -> Comparison:
    """From utilities to a compiled Hessian; programs that were kept from earlier processes are not used."""
    return interleaved("compiling a logit of 1,000 alternatives, against 3", _compiled(1000), _compiled(3), None, 5)


def _compiled(J: int) -> Callable[[], float]:
    environment = {**os.environ, "PYCMTENSOR_CACHE": "off"}

    def run() -> float:
        command = [sys.executable, "-c", COMPILE, str(J)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout)

    return run
