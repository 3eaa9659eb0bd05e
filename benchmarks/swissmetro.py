"""The Swissmetro logit: cold start of a whole process, and a second estimation beside a hand-written one."""

from __future__ import annotations

from itertools import count
from tempfile import TemporaryDirectory

import numpy as np

import pycmtensor as cmt
from benchmarks.data import Data, Table, swissmetro_arrays
from benchmarks.peers.by_hand import newton
from benchmarks.timing import Comparison, interleaved, process
from examples.swissmetro_mnl import frame, model

TABLE = """
import pycmtensor as cmt
from examples.swissmetro_mnl import model
print(cmt.estimate(model).summary(), flush=True)
"""
IMPORTS = "import pytensor, jax"


def cold_start() -> Comparison:
    """From the start of the process to the last line of the table, nothing compiled before."""
    return interleaved(
        "Swissmetro logit, process start to table, against `import pytensor, jax`",
        process(TABLE, until=b"Estimated by"),
        process(IMPORTS),
        bound=2.5,
        repeats=9,
    )


def cold_process() -> Comparison:
    """The same to the end of the process, which has to clear away what it imported and compiled."""
    return interleaved("the same to the end of the process", process(TABLE), process(IMPORTS), bound=None, repeats=9)


def second_estimation() -> Comparison:
    """Estimates, classical and robust covariance, all compiled before, on both sides."""
    by_hand = newton(arrays())
    theta, llf, _, robust = by_hand()
    results = cmt.estimate(model)
    np.testing.assert_allclose(results.llf, llf, rtol=1e-12)
    np.testing.assert_allclose(results.params, theta, atol=1e-8)
    np.testing.assert_allclose(results.cov_params("robust"), robust, rtol=1e-6)
    return interleaved(
        "Swissmetro logit, second estimation, against hand-written JAX Newton",
        lambda: cmt.estimate(model).standard_errors("robust"),
        by_hand,
        bound=1.0,
        repeats=51,
    )


def kept_programs() -> Comparison:
    """The same beside a process that finds its programs compiled by an earlier one."""
    with TemporaryDirectory() as folder:
        return interleaved(
            "the same to the table, with programs that an earlier process compiled",
            process(TABLE, until=b"Estimated by", PYCMTENSOR_CACHE=folder),
            process(IMPORTS),
            bound=None,
            repeats=9,
        )


def bootstrap() -> Comparison:
    """Samples drawn with replacement, each estimated, beside one estimation with its errors."""
    results, seeds = cmt.estimate(model), count()
    return interleaved(
        "Swissmetro logit, bootstrap with 200 replicates, against one estimation",
        lambda: results.bootstrap(200, seed=next(seeds)),
        lambda: cmt.estimate(model).standard_errors("robust"),
        bound=10,
        repeats=15,
    )


def table() -> Table:
    """The columns of the example's data."""
    return {str(name): frame[name].to_numpy() for name in frame}


def arrays() -> Data:
    return swissmetro_arrays(frame)
