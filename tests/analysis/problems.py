"""Data and formulas in NumPy that tests of answers share."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.inference.protocol import problem_of

ALTERNATIVES = ("car", "bus", "tram")


def engine_of(results: cmt.Results) -> LocalEvaluator:
    evaluator = problem_of(results, "tests").evaluator
    assert isinstance(evaluator, LocalEvaluator)
    return evaluator


def panel_frame() -> pd.DataFrame:
    """Persons of a mixed logit who choose four times each; rows of persons are scattered."""
    rng = np.random.default_rng(5)
    N, T = 30, 4
    frame = pd.DataFrame({"who": np.tile(100 + np.arange(N), T)})
    for name in ALTERNATIVES:
        frame[f"t_{name}"] = rng.uniform(0, 3, N * T)
        frame[f"c_{name}"] = rng.uniform(0, 3, N * T)
    frame["has_tram"] = (rng.random(N * T) < 0.8).astype(int)
    taste = np.tile(rng.normal(-1.5, 1.0, N), T)
    V = np.column_stack([taste * frame[f"t_{name}"] - frame[f"c_{name}"] for name in ALTERNATIVES])
    V += rng.gumbel(size=V.shape)
    V[frame.has_tram == 0, 2] = -np.inf
    return frame.assign(mode=V.argmax(axis=1) + 1)[: N * T - 3]  # three persons have chosen only three times


def probabilities_at_draws(results: cmt.Results, time: NDArray, cost: NDArray, has_tram: NDArray) -> NDArray:
    """P (J, T, N, R) of the mixed logit of the panel by its definition; times and costs are (J, T, N)."""
    b = results.params
    (z,) = engine_of(results).model.arrays()[-1:]  # (1, N, R)
    V = (b["b_time"] + b["sd_time"] * z) * time[..., None] + b["b_cost"] * cost[..., None]
    e = np.exp(V)
    e[2] *= has_tram[..., None]
    return e / e.sum(axis=0)


def attributes(ds: cmt.Dataset) -> tuple[NDArray, NDArray, NDArray]:
    """Times and costs (J, T, N) and whether there is a tram (T, N)."""
    time, cost = (np.stack([ds.array(f"{x}_{name}")[..., 0] for name in ALTERNATIVES]) for x in "tc")
    return time, cost, ds.array("has_tram")[..., 0]
