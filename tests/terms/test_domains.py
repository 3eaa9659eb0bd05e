"""Numbers with a domain say so: as constants, fixed and free parameters, expressions, and start values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest

import pycmtensor as cmt
from pycmtensor import coefficients
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError, NotConvergedWarning

NAMES = ("a", "b", "c")
rng = np.random.default_rng(0)
FRAME = pd.DataFrame({"y": rng.integers(1, 4, 90), "x": rng.normal(size=90), "group": rng.integers(1, 3, 90)})
DS = cmt.Dataset(FRAME, "y", {"a": 1, "b": 2, "c": 3})


def utilities() -> dict[str, Any]:
    return {"a": cmt.Beta("b_x") * DS["x"], "b": cmt.Beta("asc_b"), "c": 0}


def nested(scale: Any) -> cmt.Model:
    return cmt.NestedLogit(DS, utilities(), nests=["a", cmt.Nest("n", ["b", "c"], scale)])


def deep(scale: Any) -> cmt.Model:
    return cmt.NestedLogit(DS, utilities(), nests=[cmt.Nest("out", ["a", cmt.Nest("n", ["b", "c"], scale)])])


def cross(scale: Any) -> cmt.Model:
    nests = [cmt.CrossNest("n", {"b": 0.5, "c": 1}, scale), cmt.CrossNest("m", {"a": 1, "b": 0.5}, 1)]
    return cmt.CrossNestedLogit(DS, utilities(), nests=nests)


def heteroscedastic(scale: Any) -> cmt.Model:
    return cmt.HeteroscedasticLogit(DS, utilities(), scales={"a": scale})


def pooled(scale: Any) -> cmt.Model:
    return cmt.MNL(DS, cmt.scaled(utilities(), cmt.by_segment(DS["group"], {1: 1, 2: scale})))


def classes(scale: Any) -> cmt.Model:
    return cmt.LatentClass(DS, {"one": nested(scale), "two": {"a": cmt.Beta("asc_a"), "b": 0, "c": 0}})


FAMILIES = [nested, deep, cross, heteroscedastic, pooled, classes]


@pytest.mark.parametrize("make", FAMILIES)
@pytest.mark.parametrize(
    "scale",
    [
        lambda: -1.0,
        lambda: 0,
        lambda: cmt.Beta("mu", -1.0, status=1),
        lambda: cmt.Beta("mu", 0.0, status=1),
        lambda: cmt.Beta("mu"),
        lambda: cmt.Beta("mu", -0.2),
        lambda: 1 / cmt.Beta("lambda", -0.5),
        lambda: 1 - cmt.Beta("rho", 1.0),
    ],
)
def test_scales_are_positive(make: Callable[[Any], cmt.Model], scale: Callable[[], Any]) -> None:
    with pytest.raises(ModelError, match=r"scale.* must be positive, found -?[\d.]+"):
        make(scale())


@pytest.mark.parametrize("make", FAMILIES[:-1])
def test_start_values_lie_in_the_domain(make: Callable[[Any], cmt.Model]) -> None:
    with pytest.raises(ModelError, match=r"scale.* must be positive, found -2 \(mu = -2\)"):
        cmt.estimate(make(cmt.Beta("mu", 1.0)), start={"mu": -2})


def test_a_parameter_that_changed_after_the_model_was_made_is_checked_at_the_start() -> None:
    mu = cmt.Beta("mu", 1.5, status=1)
    model = nested(mu)
    mu.set_value(-1.0)
    with pytest.raises(ModelError, match="the scale must be positive, found -1"):
        cmt.estimate(model)


def test_allocations_lie_in_their_domain() -> None:
    alpha = cmt.Beta("alpha", 0.5, lb=0, ub=1)
    twice = cmt.CrossNest("n", {"b": 2 * alpha, "c": 1}, 1.5)
    model = cmt.CrossNestedLogit(DS, utilities(), nests=[twice, cmt.CrossNest("m", {"a": 1, "b": None}, 1.5)])
    with pytest.raises(ModelError, match=r"allocation of 'b' must be in \[0, 1\], found 1.2 \(alpha = 0.6\)"):
        cmt.estimate(model, start={"alpha": 0.6})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda sd: coefficients.normal("r", 0.0, sd), "normal 'r': sd must be at least 0"),
        (lambda sd: coefficients.lognormal("r", 0.0, sd), "normal 'r': sd must be at least 0"),
        (lambda sd: coefficients.uniform("r", 0.0, sd), "uniform 'r': spread must be at least 0"),
        (lambda sd: coefficients.triangular("r", 0.0, sd), "triangular 'r': spread must be at least 0"),
        (lambda sd: coefficients.student_t("r", 0.0, sd, 5.0), "student_t 'r': scale must be at least 0"),
        (lambda sd: coefficients.johnson_sb("r", 0.0, sd), "normal 'r': sd must be at least 0"),
        (lambda sd: coefficients.truncated_normal("r", 0.0, sd, 0.0), "truncated_normal 'r': sd must be at least 0"),
    ],
)
@pytest.mark.parametrize("sd", [lambda: -1.0, lambda: cmt.Beta("sd", -1.0, status=1)])
def test_deviations_without_a_sign(make: Callable[[Any], Any], message: str, sd: Callable[[], Any]) -> None:
    with pytest.raises(ModelError, match=message):
        make(sd())


def test_domains_of_coefficients_reach_models_and_their_start_values() -> None:
    V = utilities() | {"c": coefficients.truncated_normal("r", cmt.Beta("m"), cmt.Beta("sd", 1.0), lower=0.0)}
    with pytest.raises(ModelError, match=r"truncated_normal 'r': the size of sd must be positive, found 0 \(sd = 0\)"):
        cmt.estimate(cmt.MixedLogit(DS, V, draws=4), start={"sd": 0})
    with pytest.raises(ModelError, match=r"johnson_sb 'r': upper - lower must be positive, found -1"):
        coefficients.johnson_sb("r", cmt.Beta("m"), cmt.Beta("s", 1.0), lower=cmt.Beta("low", 2.0), upper=1.0)


@pytest.mark.parametrize("make", [nested, deep, cross, heteroscedastic])
def test_likelihoods_are_not_defined_outside_so_that_a_search_turns_back(make: Callable[[Any], cmt.Model]) -> None:
    model = make(cmt.Beta("mu", 1.0))
    theta = np.array([0.3, -0.2])
    k = model.labels.index("mu")
    evaluator = LocalEvaluator(model)
    assert np.isfinite(evaluator.second_order(np.insert(theta, k, 0.2)).value)
    for outside in (0.0, -0.2, -2.0):
        assert not np.isfinite(evaluator.second_order(np.insert(theta, k, outside)).value)


class Bent(cmt.Model):
    """The square of a number that must be positive comes near to 4: at 2, or at -2, which means nothing."""

    name = "Bent"

    def log_likelihood(self) -> Any:
        self.root = cmt.Beta("root", -1.0) + 0.0
        return self.over_time(-((self.root**2 - 4.0 + 0.0 * self.dataset["x"]) ** 2))

    def domains(self) -> list[Any]:
        from pycmtensor.terms.domains import Domain

        return [*super().domains(), Domain("the root minus 3", self.root + 3.0 - 2.0, "(0, inf)")]


def test_an_end_outside_a_domain_is_no_maximum() -> None:
    with pytest.raises(ModelError, match="the root minus 3 must be positive, found 0"):
        Bent(DS)
    ds = DS

    class Beyond(Bent):
        def log_likelihood(self) -> Any:
            self.root = cmt.Beta("root", -0.5) + 0.0
            return self.over_time(-((self.root**2 - 4.0 + 0.0 * self.dataset["x"]) ** 2))

    with pytest.warns(NotConvergedWarning, match=r"left the domain of a number.*found -1 \(root = -2\)"):
        results = cmt.estimate(Beyond(ds))
    assert not results.outcome.converged
    assert np.isnan(results.bse["root"])


def test_the_value_that_changes_nothing() -> None:
    for make in (nested, deep, cross, heteroscedastic, pooled, classes):
        assert make(cmt.Beta("mu", 1.5)).neutral_values() == {"mu": 1.0}
        assert make(1 / cmt.Beta("lambda", 0.5)).neutral_values() == {"lambda": 1.0}
    assert nested(pt.exp(cmt.Beta("log_mu"))).neutral_values() == {}
    assert nested(cmt.Beta("mu", 1.5, status=1)).neutral_values() == {}
