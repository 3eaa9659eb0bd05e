"""A training that tests interrupt, and a small model."""

from __future__ import annotations

import numpy as np
import pandas as pd

import pycmtensor as cmt
from pycmtensor.optimizers import Adam


def model() -> cmt.MNL:
    """A thousand choices between three alternatives with two attributes."""
    rng = np.random.default_rng(7)
    columns = {f"{name}_{j}": rng.gamma(2, 1, 1000) for name in ("time", "cost") for j in range(3)}
    V = np.array([-columns[f"time_{j}"] - 0.5 * columns[f"cost_{j}"] for j in range(3)])
    choice = (V + rng.gumbel(size=V.shape)).argmax(axis=0)
    ds = cmt.Dataset(pd.DataFrame({"choice": choice, **columns}), "choice", {"a": 0, "b": 1, "c": 2})
    b_time, b_cost, asc = cmt.Beta("b_time"), cmt.Beta("b_cost"), cmt.Beta("asc")
    return cmt.MNL(
        ds, {k: b_time * ds[f"time_{j}"] + b_cost * ds[f"cost_{j}"] + (asc if j else 0) for j, k in enumerate("abc")}
    )


def method(checkpoint: str | None, epochs: int) -> cmt.Stochastic:
    """Adam on batches that do not divide the data."""
    return cmt.Stochastic(Adam, lr=1e-4, batch_size=64, epochs=epochs, seed=3, checkpoint=checkpoint, tolerance=0)
