"""Larch: its JAX engine, the faster one, in float64 (float32 misses the maximum); the variant 'numba' is the other.

Each engine uses its default algorithm: SLSQP and BHHH.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import larch
import numpy as np
import pandas as pd
from larch import P, X

from benchmarks.data import Table, as_arrays
from benchmarks.peers.worker import Estimate, serve

jax.config.update("jax_enable_x64", True)


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(specified(table, variant))


def nested(table: Table, variant: str) -> Callable[[], Estimate]:
    """The parameter of the nest is lambda = 1 / mu: its error is turned into that of mu."""
    model = specified(table, variant)
    model.graph.new_node(parameter="LAMBDA", children=[1, 3], name="existing")
    place, estimate = list(model.pnames).index("LAMBDA"), estimation(model, LAMBDA=1.0)

    def with_mu() -> Estimate:
        found = estimate()
        params, bse = np.array(found.params), np.array(found.bse)
        params[place] = 1 / params[place]
        bse[place] *= params[place] ** 2
        return Estimate(found.llf, params, bse)

    return with_mu


def specified(table: Table, variant: str) -> larch.Model:
    """The logit of Swissmetro."""
    frame = pd.DataFrame(table).rename_axis(index="caseid")
    data = larch.Dataset.construct.from_idco(frame, alts={1: "train", 2: "sm", 3: "car"})
    model = larch.Model(data, compute_engine=variant or "jax")
    model.utility_co[1] = P.ASC_TRAIN + P.B_TIME * X("TRAIN_TT / 100") + P.B_COST * X("TRAIN_COST / 100")
    model.utility_co[2] = P.B_TIME * X("SM_TT / 100") + P.B_COST * X("SM_COST / 100")
    model.utility_co[3] = P.ASC_CAR + P.B_TIME * X("CAR_TT / 100") + P.B_COST * X("CAR_CO / 100")
    model.availability_co_vars = {1: "TRAIN_OPEN", 2: "SM_AV", 3: "CAR_OPEN"}
    model.choice_co_code = "CHOICE"
    return model


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    attributes, _, chosen = as_arrays(table)
    n, J, K = attributes.shape
    arrays = {f"x{k}": attributes[:, :, k] for k in range(K)} | {"chosen": (chosen[:, None] == range(J)).astype(float)}
    coordinates = {"caseid": np.arange(n), "altid": np.arange(J)}
    data = larch.Dataset({name: (("caseid", "altid"), array) for name, array in arrays.items()}, coordinates)
    data.dc.CASEID, data.dc.ALTID = "caseid", "altid"
    model = larch.Model(data, compute_engine=variant or "jax")
    model.utility_ca = sum((P(f"b{k}") * X(f"x{k}") for k in range(1, K)), P("b0") * X("x0"))
    model.choice_ca_var = "chosen"
    return estimation(model)


def estimation(model: larch.Model, **start: float) -> Callable[[], Estimate]:
    def estimate() -> Estimate:
        model.pvals = np.array([start.get(name, 0.0) for name in model.pnames])
        result = model.maximize_loglike(stderr=True, quiet=True)
        return Estimate(result.loglike, model.pvals, model.pstderr)

    return estimate


LACKS = {
    "bootstrap": "it has no bootstrap",
    "swissmetro_mixed": "it has no mixed logit",
    "swissmetro_panel": "it has no mixed logit",
    "electricity": "it has no mixed logit",
    "training": "it does not train on batches",
    "res_logit": "it has no networks",
    "taste_net": "it has no networks",
}

if __name__ == "__main__":
    serve(swissmetro, nested, synthetic, lacks=LACKS, many_alternatives=synthetic)
