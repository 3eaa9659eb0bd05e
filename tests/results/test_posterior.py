"""Posteriors against maximum likelihood, quadrature and closed forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

import pycmtensor as cmt
from pycmtensor import priors
from pycmtensor.engine.effects import effects
from pycmtensor.exceptions import CheckpointError, InferenceError, ModelError, PyCMTensorError, SamplingWarning
from pycmtensor.inference.posterior.defaults import priors_of

pytest.importorskip("blackjax")
pytest.importorskip("arviz", exc_type=ImportError)

CARS, TRIPS = 30, 40


def binary(**beta: Any) -> cmt.MNL:
    """A binomial logit with one constant: 30 of 40 by car."""
    frame = pd.DataFrame({"mode": [1] * CARS + [2] * (TRIPS - CARS)})
    ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
    return cmt.MNL(ds, {"car": cmt.Beta("asc_car", **beta), "bus": 0})


def moments(log_prior: Any, lower: float, upper: float) -> tuple[float, float]:
    """Mean and standard deviation of the constant by quadrature."""

    def density(b: float) -> float:
        return float(np.exp(CARS * b - TRIPS * np.logaddexp(0, b) + log_prior(b) + 25))

    total, first, second = (quad(lambda b, k=k: b**k * density(b), lower, upper, epsabs=1e-12)[0] for k in range(3))
    return first / total, float(np.sqrt(second / total - (first / total) ** 2))


@pytest.mark.parametrize(
    ("prior", "beta", "log_prior", "interval"),
    [
        (priors.Normal(0, 0.5), {}, stats.norm(0, 0.5).logpdf, (-4, 6)),
        (priors.Normal(0, 10), {"value": 0.5, "lb": 0.0, "ub": 1.2}, stats.norm(0, 10).logpdf, (0, 1.2)),
        (priors.Exponential(2.0), {"value": 0.1, "ub": 2.0}, stats.expon(scale=0.5).logpdf, (0, 2)),
    ],
    ids=["normal", "two bounds", "support of the prior"],
)
@pytest.mark.slow_cases("normal", "support of the prior")
def test_a_constant_is_as_by_quadrature(prior: Any, beta: Any, log_prior: Any, interval: Any) -> None:
    posterior = cmt.sample(binary(**beta), {"asc_car": prior}, warmup=300, draws=1500, chains=2)
    mean, sd = moments(log_prior, *interval)
    error = sd / np.sqrt(posterior.diagnostics.ess[0])
    assert posterior.verdict.converged
    assert posterior.params["asc_car"] == pytest.approx(mean, abs=4 * error)
    assert posterior.sd["asc_car"] == pytest.approx(sd, rel=0.1)


@pytest.fixture(scope="module")
def swissmetro_posterior(swissmetro: cmt.MNL, swissmetro_results: cmt.Results) -> cmt.Posterior:
    wide = {label: priors.Normal(0, 10) for label in swissmetro.labels}
    return cmt.sample(swissmetro, wide, start=swissmetro_results, warmup=300, draws=1000, chains=4)


def test_wide_priors_give_maximum_likelihood(
    swissmetro_posterior: cmt.Posterior, swissmetro_results: cmt.Results
) -> None:
    away = (swissmetro_posterior.params - swissmetro_results.params) / swissmetro_results.bse
    assert away.abs().max() < 0.1
    np.testing.assert_allclose(swissmetro_posterior.sd, swissmetro_results.bse, rtol=0.05)
    assert swissmetro_posterior.diagnostics.rhat.max() <= 1.01
    assert swissmetro_posterior.verdict.converged


#: Answer -> that of a posterior and of results, about data with a slower Swissmetro where it is a scenario.
ANSWERS: dict[str, tuple[Any, Any]] = {
    "predict": (lambda p, _: p.predict(draws=60).table, lambda r, _: r.predict().table),
    "shares": (lambda p, _: p.shares(draws=60), lambda r, _: r.predict().table),
    "wtp": (lambda p, _: p.wtp("B_TIME", "B_COST").table, lambda r, _: r.wtp("B_TIME", "B_COST").table),
    "elasticities": (
        lambda p, _: p.elasticities("SM_TT", draws=60).table,
        lambda r, _: r.elasticities("SM_TT").table,
    ),
    "scenario": (
        lambda p, change: p.scenario(None, change, cost="B_COST", draws=60).table,
        lambda r, change: cmt.scenario(r, None, change, cost="B_COST").table,
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.slow_cases("shares", "elasticities", "scenario")
def test_answers_have_the_form_and_size_of_those_of_results(
    answer: str, swissmetro_posterior: cmt.Posterior, swissmetro_results: cmt.Results
) -> None:
    """In large samples the posterior is the normal distribution of the estimates."""
    posterior, results, slower = swissmetro_posterior, swissmetro_results, {"SM_TT": lambda x: 1.2 * x}
    mine, known = ANSWERS[answer]
    mine, known = mine(posterior, slower), known(results, slower)
    assert mine.index.equals(known.index)
    assert ((mine["estimate"] - known["estimate"]).abs() < 0.4 * known["std_err"]).all()
    np.testing.assert_allclose(mine["std_err"], known["std_err"], rtol=0.3)
    assert (mine["lower"] < mine["estimate"]).all()
    assert (mine["estimate"] < mine["upper"]).all()


def test_predicted_probabilities_are_means(swissmetro_posterior: cmt.Posterior) -> None:
    probabilities = swissmetro_posterior.predict(draws=5).probabilities
    assert swissmetro_posterior.evaluator is not None
    by_draw = [swissmetro_posterior.evaluator.probabilities(theta) for theta in swissmetro_posterior.thinned(5)]
    np.testing.assert_allclose(probabilities, np.mean(by_draw, axis=0)[:, 0].T, rtol=1e-12)


def test_the_summary_names_priors_and_verdict(swissmetro_posterior: cmt.Posterior) -> None:
    summary = swissmetro_posterior.summary()
    assert list(summary.table.columns[:5]) == ["mean", "sd", "median", "lower", "upper"]
    assert (summary.table["prior"] == "Normal(mean=0, sd=10)").all()
    assert "converged: 4 chains of 1,000 draws agree" in str(summary)


def test_arviz_has_the_draws(swissmetro_posterior: cmt.Posterior) -> None:
    data = swissmetro_posterior.to_arviz()
    np.testing.assert_array_equal(data["posterior"]["B_TIME"].values, swissmetro_posterior.draws.theta[..., 2])
    assert data["sample_stats"]["diverging"].shape == (4, 1000)


def test_a_file_has_everything(swissmetro_posterior: cmt.Posterior, swissmetro: cmt.MNL, tmp_path: Path) -> None:
    path = swissmetro_posterior.save(tmp_path / "posterior.cmt")
    alone, again = cmt.Posterior.load(path), cmt.Posterior.load(path, swissmetro)
    np.testing.assert_array_equal(alone.draws.theta, swissmetro_posterior.draws.theta)
    assert str(alone.summary()) == str(swissmetro_posterior.summary())
    assert alone.provenance == swissmetro_posterior.provenance
    with pytest.raises(InferenceError, match="not at hand"):
        alone.predict()
    pd.testing.assert_frame_equal(again.shares(draws=3), swissmetro_posterior.shares(draws=3))
    with pytest.raises(PyCMTensorError, match="Give the model that was sampled"):
        cmt.Posterior.load(path, binary())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PyCMTensorError, match="truncated or damaged"):
        cmt.Posterior.load(path)


@pytest.mark.slow
def test_leave_one_out_is_near_the_penalised_log_likelihood(
    swissmetro_posterior: cmt.Posterior, swissmetro_results: cmt.Results
) -> None:
    """In large samples it is the log-likelihood less the number of parameters (Stone 1977), less what weights vary."""
    few = cmt.Posterior(
        swissmetro_posterior.fit,
        swissmetro_posterior.draws.thinned(8),
        swissmetro_posterior.model,
        swissmetro_posterior.data,
        swissmetro_posterior.evaluator,
    )
    elpd = few.loo()
    found = float(elpd["elpd_loo"] if "elpd_loo" in getattr(elpd, "index", []) else elpd.elpd)
    assert found == pytest.approx(swissmetro_results.llf - 4, abs=4)


# ---- defaults and errors ------------------------------------------------------------------------------------------


def test_default_priors_are_on_the_scale_of_the_data() -> None:
    """A column in other units has a prior in other units, and the same one on utilities."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"mode": rng.integers(1, 3, 60), "t": rng.normal(size=60)})
    rms = float(np.sqrt((frame["t"] ** 2).mean()))
    for unit in (1.0, 1000.0):
        ds = cmt.Dataset(frame.assign(t=frame["t"] * unit), "mode", {"car": 1, "bus": 2})
        model = cmt.MNL(
            ds, {"car": cmt.Beta("asc") + cmt.Beta("b", ub=0.5) * ds["t"], "bus": cmt.Beta("two", lb=-1, ub=1)}
        )
        found, default = priors_of(model, {}, effects(model, [], np.zeros(3)), np.zeros(3))
        assert found[0] == priors.Normal(0.0, 5.0)
        assert isinstance(found[1], priors.Normal)
        assert found[1].sd == pytest.approx(5.0 / rms / unit)
        assert found[2] == priors.Uniform(-1.0, 1.0)
        assert all(default)


def test_separation_with_flat_priors_is_an_improper_posterior() -> None:
    frame = pd.DataFrame({"mode": [1, 1, 1, 2, 2, 2], "x": [1.0, 2, 3, -1, -2, -3]})
    ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
    model = cmt.MNL(ds, {"car": cmt.Beta("b") * ds["x"], "bus": 0})
    with pytest.raises(InferenceError, match=r"improper: the prior of b is flat"):
        cmt.sample(model, {"b": priors.Flat()})


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"b_time": priors.Normal()}, ModelError, "b_time; the parameters of the model that are not fixed are asc_car"),
        ({"asc_car": 3}, ModelError, "maps names to priors"),
        ({"asc_car": priors.Uniform(-5, -3)}, ModelError, "no density within its bounds"),
    ],
)
def test_priors_that_do_not_fit_are_named(given: Any, error: Any, told: str) -> None:
    with pytest.raises(error, match=told):
        cmt.sample(binary(lb=-1.0), given)


def test_tastes_of_individuals_need_random_coefficients() -> None:
    with pytest.raises(InferenceError, match="no random coefficients"):
        cmt.sample(binary(), hierarchical=True)


def test_a_likelihood_that_is_not_finite_is_said() -> None:
    ds = binary().dataset
    model = cmt.LogLikelihood(ds, -(cmt.Beta("b") ** 2) * ds["mode"])
    with pytest.raises(InferenceError, match="not finite at the start, b=1e"):
        cmt.sample(model, {"b": priors.Normal()}, start={"b": 1e200})


class Settings(TypedDict):
    warmup: int
    draws: int
    chains: int


# ---- interruptions ------------------------------------------------------------------------------------------------


def interrupted_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after some steps."""
    from pycmtensor.inference.posterior import chains

    own = chains._advanced

    def advanced(*args: Any) -> Any:
        for found in own(*args):
            yield found
            if found.done >= steps:
                raise KeyboardInterrupt

    monkeypatch.setattr(chains, "_advanced", advanced)


def test_ctrl_c_keeps_the_draws_and_a_checkpoint_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, settings = binary(), Settings(warmup=50, draws=150, chains=2)
    with pytest.warns(SamplingWarning, match=r"NOT CONVERGED: .*few effective draws of asc_car"):
        whole = cmt.sample(model, **settings)
    with monkeypatch.context() as patch:
        interrupted_after(100, patch)
        with pytest.warns(SamplingWarning, match="interrupted after 50 of 150 draws"):
            part = cmt.sample(model, checkpoint=tmp_path / "run", **settings)
    np.testing.assert_array_equal(part.draws.theta, whole.draws.theta[:, :50])
    with pytest.warns(SamplingWarning, match="few effective draws"):
        later = cmt.sample(model, checkpoint=tmp_path / "run", **settings)
    np.testing.assert_array_equal(later.draws.theta, whole.draws.theta)
    with pytest.raises(CheckpointError, match="its seed is"):
        cmt.sample(model, checkpoint=tmp_path / "run", seed=2, **settings)


def test_ctrl_c_in_the_warm_up_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_after(25, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        cmt.sample(binary(), warmup=50, draws=100, chains=1)
