"""xlogit: BFGS, its only algorithm here, and standard errors from the Hessian, its default.

The Hessian is one of finite differences; the variant 'scores' takes the outer product of the scores in its place.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xlogit import MultinomialLogit

from benchmarks.data import Data, Table, as_arrays, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table), ["ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"], variant)


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    data = as_arrays(table)
    return estimation(data, [f"b{k}" for k in range(data[0].shape[2])], variant)


def estimation(data: Data, names: list[str], variant: str) -> Callable[[], Estimate]:
    X, available, chosen = data
    n, J, K = X.shape
    long = {"X": X.reshape(n * J, K), "y": np.repeat(chosen, J), "varnames": names}
    long |= {"alts": np.tile(np.arange(J), n), "ids": np.repeat(np.arange(n), J)}
    if not available.all():
        long["avail"] = available.ravel()

    def estimate() -> Estimate:
        model = MultinomialLogit()
        model.fit(**long, num_hess=variant != "scores", verbose=0)
        return Estimate(model.loglikelihood, model.coeff_, model.stderr)

    return estimate


if __name__ == "__main__":
    serve(swissmetro, synthetic)
