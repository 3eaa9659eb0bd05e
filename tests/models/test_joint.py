"""Joint models against products of likelihoods by hand, and against their models one by one."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy import stats

import pycmtensor as cmt
from pycmtensor import kernels
from pycmtensor.engine import evaluator_of
from pycmtensor.exceptions import InferenceError, ModelError
from pycmtensor.terms.draws import Draws


def frame() -> pd.DataFrame:
    """Forty persons who choose three times between two modes and say how much they like them."""
    rng = np.random.default_rng(5)
    liking = np.repeat(rng.normal(size=40), 3)
    data = pd.DataFrame({"x": rng.normal(size=120), "who": np.repeat(np.arange(40), 3)})
    data["mode"] = np.where(data.x + liking + rng.logistic(size=120) > 0, 2, 1)
    data["said"] = 0.5 + 0.8 * liking + 0.3 * rng.normal(size=120)
    return data


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    return cmt.Dataset(frame(), "mode", {"car": 1, "bus": 2}, individual="who")


def parts(ds: cmt.Dataset, draws: int | None = 32) -> tuple[cmt.MNL, cmt.LogLikelihood]:
    """A choice and a statement that share the liking of a person, or nothing."""
    liking: Any = Draws("liking")() if draws else 0.0
    V = {"car": 0, "bus": cmt.Beta("b") * ds["x"] + cmt.Beta("sd", 0.8) * liking if draws else cmt.Beta("b") * ds["x"]}
    choice = cmt.MixedLogit(ds, V, draws=draws) if draws else cmt.MNL(ds, V)
    mean = cmt.Beta("mean", 0.4) + (cmt.Beta("load", 0.7) * liking if draws else 0.0)
    said = kernels.normal(ds["said"], mean, cmt.Beta("noise", 0.5, lb=0.01))
    return choice, cmt.LogLikelihood(ds, said, draws=draws)


def test_the_product_is_inside_the_average_over_shared_draws(ds: cmt.Dataset) -> None:
    model = cmt.joint(*parts(ds))
    assert model.labels == ("b", "sd", "mean", "load", "noise")
    z, data = model.arrays()[-1][0][:, None], frame()  # (N, 1, R)
    x, said = (data[name].to_numpy().reshape(40, 3, 1) for name in ("x", "said"))
    chose_bus = (data["mode"].to_numpy() == 2).reshape(40, 3, 1)
    P = stats.logistic.cdf(np.where(chose_bus, 1, -1) * (0.9 * x + 1.1 * z))
    L = (P * stats.norm.pdf(said, 0.4 + 0.7 * z, 0.4)).prod(axis=1).mean(axis=1)
    theta = np.array([0.9, 1.1, 0.4, 0.7, 0.4])
    found = evaluator_of(model).individuals_at(theta).numbers[1]
    np.testing.assert_allclose(found, np.log(L), rtol=1e-6)  # draws have the precision of 32 bits


def test_models_that_share_nothing_are_estimated_as_one_by_one(ds: cmt.Dataset) -> None:
    choice, said = parts(ds, None)
    both, one, other = (cmt.estimate(model) for model in (cmt.joint(choice, said), choice, said))
    assert both.llf == pytest.approx(one.llf + other.llf, rel=1e-12)
    np.testing.assert_allclose(both.params, [*one.params, *other.params], rtol=1e-8)
    np.testing.assert_allclose(both.bse, [*one.bse, *other.bse], rtol=1e-8)
    np.testing.assert_allclose(both.cov_params("robust").iloc[:1, :1], one.cov_params("robust"), rtol=1e-8)
    predicted, truth = both.part("Multinomial logit").predict(), one.predict()
    np.testing.assert_allclose(predicted.table, truth.table, rtol=1e-8)
    assert predicted.llf == pytest.approx(one.llf, rel=1e-10)


@pytest.mark.slow
def test_a_part_answers_with_the_errors_of_the_whole(ds: cmt.Dataset) -> None:
    model, said = parts(ds)
    results = cmt.estimate(cmt.joint(choice=model, said=said))
    assert results.outcome.converged
    choice = results.part("choice")
    P = choice.predict()
    theta = results.fit.theta
    step = 1e-5 * np.eye(5)
    shares = [[choice.evaluator.probabilities(theta + side * s)[1].mean() for s in step] for side in (1, -1)]  # type: ignore[union-attr]
    slope = (np.array(shares[0]) - np.array(shares[1])) / 2e-5
    std_err = np.sqrt(slope @ results.cov_params().to_numpy() @ slope)
    assert P.table.loc["bus", "std_err"] == pytest.approx(std_err, rel=1e-5)
    assert choice.elasticities("x").table["std_err"].notna().all()
    assert results.wald("load = 0").pvalue < 0.01
    with pytest.raises(InferenceError, match="Joint model is no choice among alternatives.*results.part"):
        results.predict()
    with pytest.raises(InferenceError, match="Joint model has no part 'other'; it has choice, said"):
        results.part("other")
    with pytest.raises(InferenceError, match="not made by joint"):
        choice.part("said")


FAULTS: list[tuple[Any, str]] = [
    (lambda ds: cmt.joint(parts(ds)[0]), "two models or more, found 1"),
    (lambda ds: cmt.joint(parts(ds)[0], cast(Any, frame())), "'DataFrame' is no model but DataFrame"),
    (lambda ds: cmt.joint(*parts(ds), other=parts(ds, 16)[0]), "draws are shared, but the models have"),
    (lambda ds: cmt.joint(a=parts(ds)[0], b=parts(ds.take(np.arange(9)))[1]), "'b' is of another data set than 'a'"),
]


@pytest.mark.parametrize(("specify", "message"), FAULTS)
def test_faults_are_named(ds: cmt.Dataset, specify: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        specify(ds)


def test_two_models_of_a_kind_are_numbered(ds: cmt.Dataset) -> None:
    a, _ = parts(ds, None)
    b = cmt.MNL(ds, {"car": cmt.Beta("c") * pt.exp(ds["x"]), "bus": 0})
    assert list(cmt.joint(a, b).models) == ["Multinomial logit 1", "Multinomial logit 2"]
