"""What examples in docstrings share: results of small models, each estimated once, when an example names it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pycmtensor as cmt


@cache
def results() -> cmt.Results:
    """The logit in the docstring of `pycmtensor.Results`."""
    import pycmtensor as cmt

    modes, names = cmt.datasets.load("modechoice"), {"air": 1, "train": 2, "bus": 3, "car": 4}
    ds = cmt.Dataset.from_long(modes, choice="choice", alternative="mode", situation="individual", alternatives=names)
    asc = ds.per_alternative({name: cmt.Beta(f"asc_{name}") for name in ("air", "train", "bus")})
    return cmt.estimate(cmt.MNL(ds, asc + cmt.Beta("b_cost") * ds["gc"] + cmt.Beta("b_wait") * ds["ttme"]))


def electricity(households: int) -> cmt.LongDataset:
    """Choices between four contracts."""
    import pycmtensor as cmt

    frame = cmt.datasets.load("electricity").query(f"id <= {households}")
    options = {"choice": "choice", "alternative": "alt", "situation": "chid", "individual": "id"}
    return cmt.Dataset.from_long(frame, **options)


@cache
def mixed() -> cmt.Results:
    """A mixed logit of households who choose electricity, with the random coefficients cl and loc."""
    import pycmtensor as cmt

    ds, normal = electricity(20), cmt.coefficients.normal
    b = {name: normal(name, cmt.Beta(f"{name}_mean"), cmt.Beta(f"{name}_sd", 0.5)) for name in ("cl", "loc")}
    b |= {name: cmt.Beta(f"b_{name}") for name in ("pf", "tod", "seas")}
    V = {contract: sum(b[name] * ds[name, contract] for name in b) for contract in ds.alternatives}
    return cmt.estimate(cmt.MixedLogit(ds, V, draws=50))


@cache
def classes() -> cmt.Results:
    """Latent classes a and b of the same households."""
    import pycmtensor as cmt

    ds = electricity(20)
    columns, starts = ("pf", "loc", "tod", "seas"), {"a": -0.5, "b": 0.5}
    V = {of: sum(cmt.Beta(f"{x}_{of}", start) * ds[x] for x in columns) for of, start in starts.items()}
    return cmt.estimate(cmt.LatentClass(ds, V))


@cache
def posterior() -> cmt.Posterior:
    """The posterior in the docstring of `pycmtensor.Posterior`."""
    import pandas as pd

    import pycmtensor as cmt

    frame = pd.DataFrame({"mode": [1, 2, 1, 1] * 20, "time": [2.0, 1.0, 1.0, 2.0] * 20, "cost": [1.0, 2.0] * 40})
    ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
    V = {"car": cmt.Beta("b_time") * ds["time"] + cmt.Beta("b_cost") * ds["cost"], "bus": 0}
    return cmt.sample(cmt.MNL(ds, V), warmup=300, draws=500, seed=1)


#: Examples that take more than about five seconds.
SLOW = {"SimulationNoise", "simulation_noise", "Posterior.individual", "cross_effects", "plot_cross_effects"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow examples, which `make test-all` runs."""
    for item in items:
        if isinstance(item, pytest.DoctestItem) and any(item.name.endswith(f".{name}") for name in SLOW):
            item.add_marker(pytest.mark.slow)
        if item.name.endswith(".to_marginaleffects") and find_spec("marginaleffects") is None:
            item.add_marker(pytest.mark.skip("marginaleffects is not installed"))


SHARED: dict[str, Callable[[], Any]] = {f.__name__: f for f in (results, mixed, classes, posterior)}


@pytest.fixture(autouse=True)
def _shared_by_examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Make what an example uses and does not make itself."""
    if not isinstance(request.node, pytest.DoctestItem) or request.node.path.suffix != ".py":
        return
    text = "".join(example.source for example in request.node.dtest.examples)
    for name, make in SHARED.items():
        if re.search(rf"\b{name}\b", text) and not re.search(rf"\b{name} = ", text):
            doctest_namespace[name] = make()
