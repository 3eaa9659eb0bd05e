"""Models of several families on one ragged panel with weights, and the parts that their data are cut into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.dataset import ScannedDataset
from pycmtensor.expressions import Beta
from pycmtensor.models import Model

MODES = {"car": 1, "bus": 2, "tram": 3}


def persons(people: int = 120, seed: int = 5) -> pd.DataFrame:
    """One to four choices of each person, in the order of persons, with weights, towns and missing trams."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rng.integers(1, 5, people))
    rows = len(who)
    frame = pd.DataFrame({"who": who, "town": who % 11, "w": rng.uniform(0.5, 2, people)[who]})
    for m in MODES:
        frame[f"t_{m}"], frame[f"c_{m}"] = rng.uniform(0, 2, rows), rng.uniform(0, 2, rows)
    frame["has_tram"] = (rng.random(rows) < 0.8).astype(int)
    taste = rng.normal(-1, 0.7, people)[who]
    V = np.column_stack([taste * frame[f"t_{m}"] - 0.6 * frame[f"c_{m}"] for m in MODES])
    V = V + np.array([0.4, 0, 0]) + rng.gumbel(size=V.shape)
    V[frame.has_tram == 0, 2] = -np.inf
    return frame.assign(mode=V.argmax(axis=1) + 1)


def in_memory(frame: pd.DataFrame, **options: Any) -> cmt.Dataset:
    return cmt.Dataset(frame, "mode", MODES, **{"individual": "who", "weights": "w", **options})


def in_parts(frame: pd.DataFrame, folder: Path, parts: int, **options: Any) -> ScannedDataset:
    """The frame in about so many row groups."""
    written = cmt.write_partitions(frame, folder, "who", rows=-(-len(frame) // parts))
    options = {"individual": "who", "weights": "w", **options}
    found: ScannedDataset = cmt.Dataset.scan(written, choice="mode", alternatives=MODES, **options)
    return found


def utilities(ds: cmt.Dataset, time: Any) -> dict[str, Any]:
    b_cost = Beta("b_cost")
    return {m: time * ds[f"t_{m}"] + b_cost * ds[f"c_{m}"] + (Beta("asc") if m == "car" else 0) for m in MODES}


def logit(ds: cmt.Dataset) -> Model:
    return cmt.MNL(ds, utilities(ds, Beta("b_time")), {"tram": ds["has_tram"]})


def mixed(ds: cmt.Dataset) -> Model:
    taste = normal("taste", Beta("mean", -0.5), Beta("sd", 0.5))
    return cmt.MixedLogit(ds, utilities(ds, taste), {"tram": ds["has_tram"]}, draws=24)


def nested(ds: cmt.Dataset) -> Model:
    nests: list[Any] = ["car", cmt.Nest("public", ["bus", "tram"], Beta("mu", 1.2, lb=0.1))]
    return cmt.NestedLogit(ds, utilities(ds, Beta("b_time")), {"tram": ds["has_tram"]}, nests=nests)


def classes(ds: cmt.Dataset) -> Model:
    quick, cheap = Beta("quick"), Beta("cheap")
    V = {
        "quick": {m: quick * ds[f"t_{m}"] for m in MODES},
        "cheap": {m: cheap * ds[f"c_{m}"] for m in MODES},
    }
    return cmt.LatentClass(ds, V, availability={"tram": ds["has_tram"]})


#: Name -> the model of a data set.
FAMILIES: dict[str, Callable[[cmt.Dataset], Model]] = {
    "logit": logit,
    "mixed": mixed,
    "nested": nested,
    "classes": classes,
}


def close(found: Any, truth: Any) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(truth, float), rtol=1e-9, atol=1e-9)
