"""Kernels with draws of their own, against averages over draws by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import TrainingSettings
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta
from pycmtensor.kernels import logit
from pycmtensor.models import Model
from pycmtensor.optimizers import SGD
from pycmtensor.terms.draws import Draws, Sampling, values_of
from tests.engine.test_local import differences

THETA = {"b": -0.5, "sd": 0.9, "sigma": 1.3}


class ErrorComponents(cmt.MNL):
    """A logit whose kernel adds normal errors to the first alternative, sigma times draws of its own."""

    def __init__(self, dataset: cmt.Dataset, utilities: Any, sigma: Beta, within: bool, draws: int | None = 25) -> None:
        self.sigma, self.sampling = sigma, None if draws is None else Sampling(draws, seed=2)
        self.within = within
        super().__init__(dataset, utilities)

    def structure(self) -> list[Variable]:
        return [self.sigma()]

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        first, *others = V
        return logit([first + self.sigma * self.error, *others], self.choice_set, self.dataset.chosen)

    @property
    def error(self) -> Draws:
        """A name after that of all tastes, so that it has the last dimensions."""
        if "_error" not in vars(self):
            self._error = Draws("zz", within=self.within)
        return self._error


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    rng = np.random.default_rng(6)
    who = np.repeat(np.arange(14), rng.integers(1, 4, 14))
    frame = pd.DataFrame({"who": who, "y": rng.integers(1, 4, len(who)), "x": rng.normal(size=len(who))})
    return cmt.Dataset(frame, "y", {"a": 1, "b": 2, "c": 3}, individual="who")


def specified(ds: cmt.Dataset, within: bool, taste: bool, draws: int | None = 25) -> ErrorComponents:
    b = Beta("b", THETA["b"])
    coefficient = normal("taste", b, Beta("sd", THETA["sd"])) if taste else b
    V = {"a": coefficient * ds["x"], "b": 0, "c": -coefficient * ds["x"]}
    return ErrorComponents(ds, V, Beta("sigma", THETA["sigma"]), within, draws)


def by_hand(model: Model, theta: dict[str, float]) -> tuple[NDArray, NDArray]:
    """Log-likelihoods (N,), and probabilities (J, T, N) averaged over the draws."""
    ds = model.dataset
    assert model.sampling is not None
    z = dict(
        zip(
            [d.name for d in model.draws],
            values_of(model.draws, model.sampling, ds.n_individuals, ds.n_situations),
            strict=True,
        )
    )
    x, observed = ds.array("x"), ds.array(ds.observed)[..., 0]
    b = theta["b"] + (theta["sd"] * z["taste"] if "taste" in z else 0)
    V = np.stack(np.broadcast_arrays(b * x + theta["sigma"] * z["zz"], 0, -b * x))
    P = np.exp(V) / np.exp(V).sum(axis=0)
    chosen = np.take_along_axis(P, ds.chosen_alternatives[None, ..., None], axis=0)[0]
    return np.log(np.where(observed[..., None] != 0, chosen, 1).prod(axis=0).mean(axis=-1)), P.mean(axis=-1)


@pytest.mark.parametrize("taste", [False, True])
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.slow_cases("False-False", "True-False", "False-True", "True-True")
def test_the_average_over_draws_of_the_kernel_by_hand(ds: cmt.Dataset, within: bool, taste: bool) -> None:
    model = specified(ds, within, taste)
    assert [d.name for d in model.draws] == (["taste", "zz"] if taste else ["zz"])
    theta = np.array([THETA[name] for name in model.labels])
    engine = LocalEvaluator(model, block=4)
    logprob, P = by_hand(model, THETA)
    scores, found = engine.individuals(theta)
    np.testing.assert_allclose(found, logprob, rtol=1e-6)
    np.testing.assert_allclose(engine.probabilities(theta), P, rtol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=0), differences(engine.value, theta), rtol=1e-5, atol=1e-6)
    value, gradient = engine.training(TrainingSettings(SGD, lambda t: 0.1, 5, 0)).value_and_grad(theta)
    np.testing.assert_allclose(value, found.sum(), rtol=1e-12)
    np.testing.assert_allclose(gradient, scores.sum(axis=0), rtol=1e-9)
    wider = model.with_draws(Sampling(40))
    assert LocalEvaluator(wider).value(theta) == pytest.approx(by_hand(wider, THETA)[0].sum(), rel=1e-6)


def test_numbers_of_inputs_and_models_made_of_it(ds: cmt.Dataset) -> None:
    model = specified(ds, within=False, taste=True)
    cost = model.cost.eval(dict(zip(model.inputs, model.arrays(), strict=True)))
    assert cost == pytest.approx(-by_hand(model, THETA)[0].sum(), rel=1e-12)
    fixed = model.with_fixed({"sd": 0.2})
    value = LocalEvaluator(fixed).value(np.array([THETA[name] for name in fixed.labels]))
    assert value == pytest.approx(by_hand(fixed, THETA | {"sd": 0.2})[0].sum(), rel=1e-6)


def test_draws_of_the_kernel_need_a_number(ds: cmt.Dataset) -> None:
    with pytest.raises(ModelError, match="ErrorComponents has random coefficients, Draws.'zz'"):
        specified(ds, within=False, taste=False, draws=None)


class Hidden(ErrorComponents):
    def structure(self) -> list[Variable]:
        return []


def test_parameters_of_the_kernel_must_be_named(ds: cmt.Dataset) -> None:
    with pytest.raises(ModelError, match=r"kernel of the Hidden depends on sigma. Name .* in its method structure"):
        Hidden(ds, {"a": Beta("b"), "b": 0, "c": 0}, Beta("sigma"), within=False)
