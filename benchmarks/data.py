"""Data of the benchmarks: tables of columns, and the arrays that hand-written code works on. NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np

Table = dict[str, np.ndarray]

#: Attributes (N, J, K), availability (N, J) and the position of the choice (N,).
Data = tuple[np.ndarray, np.ndarray, np.ndarray]


def synthetic(n: int, J: int, K: int) -> Data:
    """A logit with coefficients drawn at random, the same in all utilities."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, J, K))
    V = X @ rng.normal(0, 0.3, K) + rng.gumbel(size=(n, J))
    return X, np.ones((n, J), dtype=bool), V.argmax(axis=1)


def as_table(data: Data) -> Table:
    """One column ``x{alternative}_{attribute}`` each, and the choice."""
    X, _, chosen = data
    _, J, K = X.shape
    return {f"x{j}_{k}": X[:, j, k] for j in range(J) for k in range(K)} | {"choice": chosen}


def synthetic_table(n: int, J: int = 5, K: int = 10) -> Table:
    """The large logit: rows, alternatives and attributes."""
    return as_table(synthetic(n, J, K))


def electricity_table() -> Table:
    """Train's panel of 361 households and four contracts with six attributes, one row per choice."""
    import pycmtensor as cmt

    long = cmt.datasets.load("electricity")
    attributes = ["pf", "cl", "loc", "wk", "tod", "seas"]
    X = long[attributes].to_numpy(float).reshape(-1, 4, len(attributes))
    chosen = long["choice"].to_numpy().reshape(-1, 4).argmax(axis=1)
    return as_table((X, np.ones(X.shape[:2], dtype=bool), chosen)) | {"person": long["id"].to_numpy()[::4]}


def as_arrays(table: Table) -> Data:
    """What `as_table` was made of."""
    J, K = shape(table)
    X = np.stack([np.stack([table[f"x{j}_{k}"] for k in range(K)], axis=-1) for j in range(J)], axis=1)
    return X, np.ones(X.shape[:2], dtype=bool), table["choice"]


def shape(table: Table) -> tuple[int, int]:
    """How many alternatives J and attributes K the columns ``x{j}_{k}`` are of."""
    places = [name[1:].split("_") for name in table if name not in ("choice", "person")]
    return 1 + max(int(j) for j, _ in places), 1 + max(int(k) for _, k in places)


def swissmetro_arrays(table: Any) -> Data:
    """Those of the logit of `examples/swissmetro_mnl.py`, from its frame or table: two constants, time and cost."""
    time = np.stack([table["TRAIN_TT"], table["SM_TT"], table["CAR_TT"]], axis=1) / 100
    cost = np.stack([table["TRAIN_COST"], table["SM_COST"], table["CAR_CO"]], axis=1) / 100
    X = np.zeros((len(time), 3, 4))
    X[:, 0, 0], X[:, 2, 1], X[:, :, 2], X[:, :, 3] = 1, 1, time, cost
    available = np.stack([table["TRAIN_OPEN"], table["SM_AV"], table["CAR_OPEN"]], axis=1) != 0
    return X, available, np.asarray(table["CHOICE"]).astype(int) - 1


#: Columns of Swissmetro that say who travels.
PEOPLE = ("MALE", "AGE", "INCOME", "FIRST", "LUGGAGE", "WHO", "PURPOSE")


def standardised_people(table: Table) -> np.ndarray:
    """Who travels, each with mean 0 and standard deviation 1, (N, 7)."""
    z = np.stack([table[name] for name in PEOPLE], axis=1).astype(float)
    return (z - z.mean(axis=0)) / z.std(axis=0)
