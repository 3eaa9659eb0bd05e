"""PyCMTensor: classical and robust standard errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from benchmarks.data import Table, as_arrays, shape
from benchmarks.peers.worker import Estimate, serve
from pycmtensor.coefficients import normal
from pycmtensor.expressions import Beta


def swissmetro(table: Table, variant: str) -> Estimation:
    return Estimation(cmt.MNL(*specification(table)))


def bootstrap(table: Table, variant: str) -> Estimation:
    seeds = count()
    return Estimation(cmt.MNL(*specification(table)), lambda: cmt.Bootstrap(200, seed=next(seeds)))


def nested(table: Table, variant: str) -> Estimation:
    existing = cmt.Nest("existing", ["train", "car"], Beta("MU", 1.0, lb=1.0))
    ds, V, available = specification(table)
    return Estimation(cmt.NestedLogit(ds, V, availability=available, nests=[existing, "sm"]))


def specification(table: Table) -> tuple[cmt.Dataset, dict[str, Variable], dict[str, Variable]]:
    """Data, utilities and availability of Swissmetro."""
    ds = cmt.Dataset(pd.DataFrame(table, copy=False), "CHOICE", {"train": 1, "sm": 2, "car": 3})
    asc_train, asc_car = Beta("ASC_TRAIN"), Beta("ASC_CAR")
    b_time, b_cost = Beta("B_TIME"), Beta("B_COST")
    V = {
        "train": asc_train + b_time * ds["TRAIN_TT"] / 100 + b_cost * ds["TRAIN_COST"] / 100,
        "sm": b_time * ds["SM_TT"] / 100 + b_cost * ds["SM_COST"] / 100,
        "car": asc_car + b_time * ds["CAR_TT"] / 100 + b_cost * ds["CAR_CO"] / 100,
    }
    return ds, V, {"train": ds["TRAIN_OPEN"], "sm": ds["SM_AV"], "car": ds["CAR_OPEN"]}


def synthetic(table: Table, variant: str) -> Estimation:
    J, K = shape(table)
    ds = cmt.Dataset(pd.DataFrame(table, copy=False), "choice", {f"alternative {j}": j for j in range(J)})
    betas = [Beta(f"b{k}") for k in range(K)]
    V = {name: sum(b * ds[f"x{j}_{k}"] for k, b in enumerate(betas)) for j, name in enumerate(ds.alternatives)}
    return Estimation(cmt.MNL(ds, V))


def many_alternatives(table: Table, variant: str) -> Estimation:
    X, _, chosen = as_arrays(table)
    n, J, K = X.shape
    frame = pd.DataFrame({f"x{k}": X[:, :, k].ravel() for k in range(K)})
    frame["situation"], frame["alternative"] = np.divmod(np.arange(n * J), J)
    frame["chosen"] = frame["alternative"] == chosen[frame["situation"]]
    ds = cmt.Dataset.from_long(frame, choice="chosen", alternative="alternative", situation="situation")
    return Estimation(cmt.MNL(ds, sum(Beta(f"b{k}") * ds[f"x{k}"] for k in range(K))))


def swissmetro_mixed(table: Table, variant: str, individual: str | None = None) -> Estimation:
    """The variant is the number of draws."""
    frame = pd.DataFrame(table, copy=False)
    ds = cmt.Dataset(frame, "CHOICE", {"train": 1, "sm": 2, "car": 3}, individual=individual)
    asc_train, asc_car, b_cost = Beta("ASC_TRAIN"), Beta("ASC_CAR"), Beta("B_COST")
    b_time = normal("time", Beta("B_TIME"), Beta("B_TIME_S", 0.1))
    V = {
        "train": asc_train + b_time * ds["TRAIN_TT"] / 100 + b_cost * ds["TRAIN_COST"] / 100,
        "sm": b_time * ds["SM_TT"] / 100 + b_cost * ds["SM_COST"] / 100,
        "car": asc_car + b_time * ds["CAR_TT"] / 100 + b_cost * ds["CAR_CO"] / 100,
    }
    available = {"train": ds["TRAIN_OPEN"], "sm": ds["SM_AV"], "car": ds["CAR_OPEN"]}
    return Estimation(cmt.MixedLogit(ds, V, available, draws=int(variant or 500)))


def swissmetro_panel(table: Table, variant: str) -> Estimation:
    return swissmetro_mixed(table, variant, individual="ID")


def electricity(table: Table, variant: str) -> Estimation:
    J, K = shape(table)
    alternatives = {f"contract {j}": j for j in range(J)}
    ds = cmt.Dataset(pd.DataFrame(table, copy=False), "choice", alternatives, individual="person")
    tastes = [normal(f"b{k}", Beta(f"b{k}"), Beta(f"s{k}", 0.1)) for k in range(K)]
    V = {name: sum(b * ds[f"x{j}_{k}"] for k, b in enumerate(tastes)) for j, name in enumerate(ds.alternatives)}
    return Estimation(cmt.MixedLogit(ds, V, draws=int(variant or 600)))


@dataclass(frozen=True)
class Estimation:
    """An estimation with classical and robust errors, or those of another kind."""

    model: cmt.models.Model
    kind: Callable[[], Any] | None = None

    def __call__(self) -> Estimate:
        results = cmt.estimate(self.model)
        if self.kind is not None:
            return Estimate(results.llf, results.params, results.standard_errors(self.kind()))
        results.standard_errors("robust")
        return Estimate(results.llf, results.params, results.bse)


if __name__ == "__main__":
    serve(swissmetro, bootstrap, nested, synthetic, many_alternatives, swissmetro_mixed, swissmetro_panel, electricity)
