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
from benchmarks.data import PEOPLE, Table, as_arrays, shape
from benchmarks.peers.worker import Estimate, serve
from pycmtensor.coefficients import normal
from pycmtensor.expressions import Beta
from pycmtensor.optimizers import Adam


def swissmetro(table: Table, variant: str) -> Estimation:
    return Estimation(cmt.MNL(*specification(table)))


def bootstrap(table: Table, variant: str) -> Estimation:
    seeds = count()
    return Estimation(cmt.MNL(*specification(table)), lambda: cmt.Bootstrap(200, seed=next(seeds)))


def training(table: Table, variant: str) -> Estimation:
    return Estimation(cmt.MNL(*specification(table)), method=trained(epochs=20, batch_size=256))


def res_logit(table: Table, variant: str) -> Estimation:
    return Estimation(cmt.ResLogit(*specification(table), layers=16), method=trained(epochs=20, batch_size=128))


def taste_net(table: Table, variant: str) -> Estimation:
    """A unit of utility is a hundred francs."""
    ds, _, available = specification(table)
    names = ["train_time", "sm_time", "car_time", "train", "car"]
    tastes = cmt.Network("tastes", [ds[name] for name in PEOPLE], names, data=ds, hidden=16)
    V = {
        "train": tastes["train"] + tastes["train_time"] * ds["TRAIN_TT"] / 100 - ds["TRAIN_COST"] / 100,
        "sm": tastes["sm_time"] * ds["SM_TT"] / 100 - ds["SM_COST"] / 100,
        "car": tastes["car"] + tastes["car_time"] * ds["CAR_TT"] / 100 - ds["CAR_CO"] / 100,
    }
    return Estimation(cmt.TasteNet(ds, V, available, tastes=tastes), method=trained(epochs=20, batch_size=128))


def trained(epochs: int, batch_size: int) -> cmt.Stochastic:
    return cmt.Stochastic(Adam, lr=0.005, epochs=epochs, batch_size=batch_size)


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
    """An estimation with classical and robust errors, those of another kind, or, with a method of training, none."""

    model: cmt.models.Model
    kind: Callable[[], Any] | None = None
    method: cmt.Stochastic | None = None

    def __call__(self) -> Estimate:
        if self.method is not None:
            results = cmt.estimate(self.model, method=self.method)
            return Estimate(results.llf, results.params)
        results = cmt.estimate(self.model)
        if self.kind is not None:
            return Estimate(results.llf, results.params, results.standard_errors(self.kind()))
        results.standard_errors("robust")
        return Estimate(results.llf, results.params, results.bse)


if __name__ == "__main__":
    serve(
        *(swissmetro, bootstrap, nested, synthetic, many_alternatives, swissmetro_mixed, swissmetro_panel, electricity),
        *(training, res_logit, taste_net),
    )
