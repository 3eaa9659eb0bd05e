"""Tastes of individuals against averages over draws written out in NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.analysis.marginal import coefficients_of
from pycmtensor.coefficients import correlated, lognormal, normal, student_t
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.expressions import Beta
from tests.analysis.problems import ALTERNATIVES, attributes, engine_of, probabilities_at_draws


def test_averages_over_draws_by_hand(mixed: cmt.Results) -> None:
    ds, b = engine_of(mixed).dataset, mixed.params
    P = probabilities_at_draws(mixed, *attributes(ds))
    chosen = np.take_along_axis(P, ds.chosen_alternatives[None, ..., None], axis=0)[0]
    L = np.where(ds.array(ds.observed) != 0, chosen, 1.0).prod(axis=0)
    w = L / L.sum(axis=-1, keepdims=True)
    beta = b["b_time"] + b["sd_time"] * engine_of(mixed).model.arrays()[-1][0]
    mean = (w * beta).sum(axis=-1)
    sd = np.sqrt((w * (beta - mean[:, None]) ** 2).sum(axis=-1))
    found = mixed.conditional_estimates(alpha=0.2)
    assert found.table.index.name == "who"
    assert found.table.index.tolist() == list(range(100, 130))
    np.testing.assert_allclose(found.table["time", "mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(found.table["time", "sd"], sd, rtol=1e-4)
    for name, share in (("lower", 0.1), ("median", 0.5), ("upper", 0.9)):
        quantile = [np.quantile(beta[n], share, weights=w[n], method="inverted_cdf") for n in range(30)]
        np.testing.assert_allclose(found.table["time", name], quantile, rtol=1e-5)
    row = found.summary.loc["time"].to_numpy()
    np.testing.assert_allclose(row, [beta.mean(), beta.std(), mean.mean(), mean.std()], rtol=1e-5)
    assert abs(row[2] - row[0]) < 0.15 * row[1]  # both estimate the mean of the population
    assert row[3] < row[1]


def test_functions_of_coefficients(mixed: cmt.Results) -> None:
    """The conditional mean of a linear function is that function of the conditional mean."""
    time = coefficients_of(engine_of(mixed).model)["time"]
    cost = next(p for p in engine_of(mixed).model.params if p.name == "b_cost")
    found = mixed.conditional_estimates({"value of time": time / cost, "time": time, "cost": "b_cost"})
    means = found.means
    np.testing.assert_allclose(means["value of time"], means["time"] / mixed.params["b_cost"], rtol=1e-10)
    np.testing.assert_allclose(means["cost"], mixed.params["b_cost"], rtol=1e-12)
    assert (found.table["cost", "sd"] < 1e-12).all()


def test_coefficients_are_found_by_their_names(panel: pd.DataFrame) -> None:
    ds = cmt.Dataset(panel, "mode", {"car": 1, "bus": 2, "tram": 3}, individual="who")
    both, _ = correlated({"time": Beta("m_time"), "constant": Beta("m_constant")})
    cost, taste = lognormal("cost", -1.0, Beta("s"), sign=-1), student_t("heavy", 0.0, Beta("scale", 0.1), 5.0)
    V = {n: both["time"] * ds[f"t_{n}"] + cost * ds[f"c_{n}"] / 10 for n in ALTERNATIVES}
    V["bus"] = V["bus"] + both["constant"] - taste
    found = coefficients_of(cmt.MixedLogit(ds, V, draws=8))
    assert found == {"constant": both["constant"], "cost": cost, "heavy": taste, "time": both["time"]}


def test_what_individuals_do_not_have(swissmetro_results: cmt.Results, mixed: cmt.Results, panel: pd.DataFrame) -> None:
    with pytest.raises(InferenceError, match="Multinomial logit has no random coefficients"):
        swissmetro_results.conditional_estimates()
    with pytest.raises(ModelError, match="Did you mean b_time"):
        mixed.conditional_estimates({"time": "b_tme"})
    time = coefficients_of(engine_of(mixed).model)["time"]
    with pytest.raises(InferenceError, match="varies between the choice situations of an individual"):
        mixed.conditional_estimates({"time": time * engine_of(mixed).dataset["t_bus"]})
    with pytest.raises(ModelError, match="draws 'other', which the model does not use"):
        mixed.conditional_estimates({"other": normal("other", 0.0, 1.0)})
