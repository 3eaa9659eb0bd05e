"""Mixed logits of many alternatives and of one utility for all: the derivatives of the whole, by the fast programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import lognormal, normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.many_alternatives import ManyAlternatives
from pycmtensor.engine.simulated import SimulatedLogit
from pycmtensor.expressions import Beta
from pycmtensor.terms.draws import Draws
from tests.engine.whole import same_as_whole


def table(J: int, situations: int = 12) -> pd.DataFrame:
    """One row for each situation and alternative, of which some are unavailable."""
    rng = np.random.default_rng(J)
    trip, mode = np.divmod(np.arange(situations * J), J)
    chosen = rng.integers(0, J, situations)[trip] == mode
    frame = pd.DataFrame({"trip": trip, "mode": mode, "chosen": chosen, "person": trip // 3})
    return frame.assign(x=rng.normal(size=len(frame)), z=rng.normal(size=len(frame)))[
        chosen | (rng.random(len(frame)) < 0.8)
    ]


def long(J: int, within: bool = False) -> cmt.MixedLogit:
    ds = cmt.Dataset.from_long(table(J), choice="chosen", alternative="mode", situation="trip", individual="person")
    taste = normal("taste", Beta("m", -0.4), Beta("s", 0.6))
    if within:
        taste = taste + Beta("w", 0.3) * Draws("more", within=True)
    constants = ds.per_alternative({"1": Beta("asc_1", 0.2), "2": Beta("asc_2", -0.1)})
    cost = lognormal("cost", Beta("l", -1.0), Beta("t", 0.4), sign=-1)
    return cmt.MixedLogit(ds, constants + taste * ds["x"] + 2 * cost * ds["z"], draws=16)


def wide(J: int) -> cmt.MixedLogit:
    frame = table(J).assign(here=1)
    spread: Any = frame.pivot(index=["trip", "person"], columns="mode", values=["x", "z", "here"]).fillna(0.0)
    chosen = frame[frame["chosen"]].set_index("trip")["mode"]
    names = {f"a{j}": j for j in range(J)}
    columns = {f"{what}_a{j}": spread[what][j].to_numpy() for what in ("x", "z", "here") for j in range(J)}
    person = spread.index.get_level_values("person")
    data = pd.DataFrame(columns).assign(mode=chosen.to_numpy(), person=person)
    ds = cmt.Dataset(data, "mode", names, individual="person")
    taste, cost = (
        normal("taste", Beta("m", -0.4), Beta("s", 0.6)),
        lognormal("cost", Beta("l", -1.0), Beta("t", 0.4), sign=-1),
    )
    V: dict[str, Any] = {a: taste * ds[f"x_{a}"] + 2 * cost * ds[f"z_{a}"] for a in names}
    V["a1"], V["a2"] = V["a1"] + Beta("asc_1", 0.2), V["a2"] + Beta("asc_2", -0.1)
    size = pt.log(ds["here_a0"])  # not finite where the alternative is unavailable
    return cmt.MixedLogit(ds, V | {"a0": V["a0"] + size}, {a: ds[f"here_{a}"] for a in names}, draws=16)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: long(4), SimulatedLogit),
        (lambda: long(11), ManyAlternatives),
        (lambda: wide(11), ManyAlternatives),
        pytest.param(lambda: long(11, within=True), ManyAlternatives, marks=pytest.mark.slow),
    ],
    ids=["few, one utility", "many, one utility", "many, a utility each", "draws within"],
)
@pytest.mark.slow_cases("many, a utility each")
def test_derivatives_are_those_of_the_whole(make: Any, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    same_as_whole(make, kind, 2, monkeypatch)


def test_one_utility_for_all_is_one_each() -> None:
    """The same data and coefficients in both forms: the same log-likelihood and derivatives."""
    both = [LocalEvaluator(model) for model in (long(11), wide(11))]
    theta = dict(zip(both[0].labels, np.linspace(-0.3, 0.4, len(both[0].labels)), strict=True))
    one, other = (evaluator.second_order(np.array([theta[label] for label in evaluator.labels])) for evaluator in both)
    order = [both[1].labels.index(label) for label in both[0].labels]
    assert one.value == pytest.approx(other.value, rel=1e-12)
    np.testing.assert_allclose(one.gradient, other.gradient[order], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(one.hessian, other.hessian[np.ix_(order, order)], rtol=1e-9, atol=1e-10)
