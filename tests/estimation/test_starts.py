"""Many starts: on a likelihood with several maxima, within bounds, and what is told of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import OptimizerError
from pycmtensor.expressions import Beta


@pytest.fixture(scope="module")
def waves() -> cmt.MNL:
    """A choice in which the utility is sin(b) + b / 10: the likelihood has a maximum on every wave of b."""
    y = np.repeat([1, 0], [70, 30])
    ds = cmt.Dataset(pd.DataFrame({"y": y, "x": 1.0}), "y", {"a": 1, "b": 0})
    b = Beta("b", 0.0, lb=-20, ub=20)
    return cmt.MNL(ds, {"a": (pt.sin(b) + b / 10) * ds["x"] / 3, "b": 0})


def test_the_highest_of_several_maxima_is_kept(waves: cmt.MNL) -> None:
    """At b = 20 the utility is 1.0 at most; sin(b) + b / 10 is largest at the wave near 14.24, 2.4 / 3 = 0.806."""
    one, many = cmt.estimate(waves), cmt.estimate(waves, starts=cmt.Starts(30, seed=2))
    grid = np.linspace(-20, 20, 100_001)
    V = (np.sin(grid) + grid / 10) / 3
    truth = (70 * V - 100 * np.log1p(np.exp(V))).max()
    assert one.llf < truth - 0.1
    assert many.llf == pytest.approx(truth, abs=1e-6)
    assert many.outcome.converged
    table = many.starts
    assert len(table) == 30
    assert table.llf.is_monotonic_decreasing
    assert table.loc[0, "start b"] == 0
    assert table["start b"].between(-20, 20).all()
    assert table.llf.nunique() > 3
    assert one.starts.empty


def test_every_ascent_ends_where_the_method_does(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> None:
    engine = LocalEvaluator(swissmetro)
    free = np.full(4, np.inf)
    ends = engine.ascents(np.random.default_rng(1).normal(size=(6, 4)) * 2, (-free, free))
    assert ends.converged.all()
    distance = (ends.theta - swissmetro_results.fit.theta) / swissmetro_results.bse.to_numpy()
    assert np.abs(distance).max() < 1e-3
    np.testing.assert_allclose(ends.llf, swissmetro_results.llf, atol=1e-5)


def test_ascents_in_single_precision(trips: pd.DataFrame) -> None:
    import pytensor

    with pytensor.config.change_flags(floatX="float32"):
        ds = cmt.Dataset(trips, "mode", {"car": 1, "bus": 2})
        results = cmt.estimate(cmt.MNL(ds, {"car": Beta("asc")(), "bus": 0}), starts=3)
    assert results.params["asc"] == pytest.approx(0, abs=1e-3)


def test_starts_reach_stochastic_methods(waves: cmt.MNL) -> None:
    from pycmtensor.optimizers import Adam

    method = cmt.Stochastic(Adam, lr=0.01, epochs=50)
    results = cmt.estimate(waves, method=method, starts=cmt.Starts(30, seed=2))
    assert results.llf == pytest.approx(cmt.estimate(waves, starts=cmt.Starts(30, seed=2)).llf, abs=1e-4)


@pytest.mark.parametrize(("number", "spread"), [(0, 1.0), (1.5, 1.0), (3, 0.0), (3, -1.0)])
def test_bad_starts(number: int, spread: float) -> None:
    with pytest.raises(OptimizerError, match="Starts: (number must be a whole|spread must be a finite)"):
        cmt.Starts(number, spread)


def test_nowhere_finite_is_an_error() -> None:
    ds = cmt.Dataset(pd.DataFrame({"y": [1, 0], "x": 1.0}), "y", {"a": 1, "b": 0})
    model = cmt.MNL(ds, {"a": pt.log(Beta("b", 1.0) - 5) * ds["x"], "b": 0})
    with pytest.raises(OptimizerError, match="finite at none of the 3 starts"):
        cmt.estimate(model, starts=cmt.Starts(3, spread=1e-3))
