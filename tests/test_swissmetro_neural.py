"""The example of networks: what people whom no model has seen make of it."""

from __future__ import annotations

import pytest

from examples.swissmetro_neural import compared


@pytest.mark.slow
def test_networks_predict_other_people_better_than_the_logit() -> None:
    llf = compared(seed=0)["log-likelihood per choice"]
    gain = llf - llf["MNL"]
    assert gain["TasteNet"] > 0.05
    assert gain["LMNL"] > 0.05
    residual = gain[[name for name in gain.index if name.startswith("ResLogit")]]
    assert residual.min() > -0.005
    assert residual.max() > 0.01
