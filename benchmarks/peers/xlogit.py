"""xlogit: BFGS, its only algorithm here, and standard errors from the Hessian, its default.

The Hessian is one of finite differences; the variant 'scores' takes the outer product of the scores in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xlogit import MixedLogit, MultinomialLogit

from benchmarks.data import Data, Table, as_arrays, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table), ["ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"], variant)


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    data = as_arrays(table)
    return estimation(data, [f"b{k}" for k in range(data[0].shape[2])], variant)


def swissmetro_mixed(table: Table, variant: str, individual: str | None = None) -> Callable[[], Estimate]:
    panels = table[individual] if individual else None
    names = ["ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"]
    return mixed(swissmetro_arrays(table), names, {"B_TIME": "n"}, panels, 500)


def swissmetro_panel(table: Table, variant: str) -> Callable[[], Estimate]:
    return swissmetro_mixed(table, variant, individual="ID")


def electricity(table: Table, variant: str) -> Callable[[], Estimate]:
    data = as_arrays(table)
    names = [f"b{k}" for k in range(data[0].shape[2])]
    return mixed(data, names, dict.fromkeys(names, "n"), table["person"], 600)


def mixed(
    data: Data, names: list[str], random: dict[str, str], panels: np.ndarray | None, draws: int
) -> Callable[[], Estimate]:
    """L-BFGS-B: its default, BFGS, stops before the maximum."""
    long = in_rows(data, names) | {"randvars": random, "n_draws": draws, "optim_method": "L-BFGS-B"}
    if panels is not None:
        long["panels"] = np.repeat(panels, data[0].shape[1])

    def estimate() -> Estimate:
        model = MixedLogit()
        model.fit(**long, verbose=0)
        return Estimate(model.loglikelihood, model.coeff_, model.stderr)

    return estimate


def estimation(data: Data, names: list[str], variant: str) -> Callable[[], Estimate]:
    long = in_rows(data, names)

    def estimate() -> Estimate:
        model = MultinomialLogit()
        model.fit(**long, num_hess=variant != "scores", verbose=0)
        return Estimate(model.loglikelihood, model.coeff_, model.stderr)

    return estimate


def in_rows(data: Data, names: list[str]) -> dict[str, Any]:
    """One row for each alternative of each choice."""
    X, available, chosen = data
    n, J, K = X.shape
    long = {"X": X.reshape(n * J, K), "y": np.repeat(chosen, J), "varnames": names}
    long |= {"alts": np.tile(np.arange(J), n), "ids": np.repeat(np.arange(n), J)}
    if not available.all():
        long["avail"] = available.ravel()
    return long


LACKS = {
    "bootstrap": "it has no bootstrap",
    "nested": "it has no nested logit",
    "training": "it does not train on batches",
    "res_logit": "it has no networks",
    "taste_net": "it has no networks",
}

if __name__ == "__main__":
    serve(
        swissmetro, synthetic, swissmetro_mixed, swissmetro_panel, electricity, lacks=LACKS, many_alternatives=synthetic
    )
