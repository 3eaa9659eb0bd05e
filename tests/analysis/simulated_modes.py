"""A choice between three modes of 240 people, and models of it of which a simulator can be made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import pycmtensor as cmt
from pycmtensor import coefficients

MODES = {"train": 1, "bus </script><b>": 2, "car": 3}
TRAIN, BUS, CAR = MODES


def modes() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = {f"{what}{j}": rng.uniform(1, 4, 240) for what in ("time", "cost") for j in range(3)}
    frame = pd.DataFrame(
        x | {"who": np.arange(240) // 3, "old": rng.integers(0, 2, 240), "w": rng.uniform(0.5, 2, 80).repeat(3)}
    )
    frame["has_car"] = (rng.uniform(size=240) < 0.8).astype(int)
    V = np.stack([-0.6 * frame[f"time{j}"] - 0.8 * frame[f"cost{j}"] for j in range(3)]) + rng.gumbel(size=(3, 240))
    V[2] = np.where(frame["has_car"], V[2], -np.inf)
    frame.attrs["units"] = {"cost0": "CHF"}
    return frame.assign(y=V.argmax(axis=0) + 1)


def utilities(ds: cmt.Dataset, time: Any = None, suffix: str = "") -> dict[str, Any]:
    b_time = cmt.Beta(f"b_time{suffix}", -0.5) if time is None else time
    b_cost, b_old = cmt.Beta(f"b_cost{suffix}", -0.5), cmt.Beta(f"b_old{suffix}")
    V = {mode: b_time * ds[f"time{j}"] / 60 * 60 + b_cost * ds[f"cost{j}"] for j, mode in enumerate(MODES)}
    return V | {TRAIN: V[TRAIN] + b_old * ds["old"] + cmt.Beta(f"asc{suffix}")}


def of_kind(kind: str, frame: pd.DataFrame) -> cmt.Results:
    ds = cmt.Dataset(frame, "y", MODES, individual="who", weights="w" if kind != "latent class" else None)
    available = {CAR: ds["has_car"]}
    if kind == "logit":
        return cmt.estimate(cmt.MNL(ds, utilities(ds), available))
    if kind == "nested":
        nests: list[Any] = [TRAIN, cmt.Nest("road", [BUS, CAR], cmt.Beta("mu", 1.2, lb=0.2))]
        return cmt.estimate(cmt.NestedLogit(ds, utilities(ds), available, nests=nests))
    if kind == "mixed":
        time = coefficients.normal("time", cmt.Beta("b_time", -0.5), cmt.Beta("s_time", 0.3))
        return cmt.estimate(cmt.MixedLogit(ds, utilities(ds, time), available, draws=32))
    classes = {"one": utilities(ds, suffix="_1"), "two": utilities(ds, -1.5, suffix="_2")}
    return cmt.estimate(cmt.LatentClass(ds, classes, available), starts=1, max_iterations=15)
