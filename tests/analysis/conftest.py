"""Models whose answers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.expressions import Beta
from tests.analysis.problems import panel_frame


@pytest.fixture(scope="session")
def panel() -> pd.DataFrame:
    return panel_frame()


@pytest.fixture(scope="session")
def mixed(panel: pd.DataFrame) -> cmt.Results:
    """Thirty persons with four choices each among three alternatives, tastes for time that differ between persons."""
    ds = cmt.Dataset(panel, "mode", {"car": 1, "bus": 2, "tram": 3}, individual="who")
    time, cost = normal("time", Beta("b_time", -1.0), Beta("sd_time", 0.5)), Beta("b_cost", -0.5)
    V = {name: time * ds[f"t_{name}"] + cost * ds[f"c_{name}"] for name in ds.alternatives}
    model = cmt.MixedLogit(ds, V, {"tram": ds["has_tram"]}, draws=cmt.Sampling(64, seed=2))
    results = cmt.estimate(model)
    assert results.outcome.converged
    assert np.isfinite(results.bse).all()
    return results
