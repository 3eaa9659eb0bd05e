"""Models that are made of models keep what a subclass holds, or say that they cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta, Parameter
from pycmtensor.kernels import logit
from pycmtensor.models import ChoiceModel
from pycmtensor.terms.draws import values_of

NAMES = ("a", "b", "c")
CODES = {name: j for j, name in enumerate(NAMES)}


def data(choice: str = "y") -> cmt.Dataset:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({f"x_{name}": rng.normal(size=40) for name in NAMES} | {"y": rng.integers(0, 3, 40)})
    ranks = rng.permuted(np.tile([1, 2, 3], (40, 1)), axis=1)
    frame = frame.assign(**{f"r_{name}": ranks[:, j] for j, name in enumerate(NAMES)}, first=ranks.argmin(axis=1))
    return cmt.Dataset(frame, choice, CODES)


def utilities(ds: cmt.Dataset, b: Any = None, asc: Beta | None = None) -> dict[str, Any]:
    b, asc = Beta("b", -0.5) if b is None else b, asc or Beta("asc", 0.3)
    return {name: b * ds[f"x_{name}"] + (asc if name == "a" else 0) for name in NAMES}


class Scaled(cmt.MNL):
    """A logit with a scale: a number, a parameter, or one for each alternative."""

    def __init__(self, dataset: cmt.Dataset, utilities: Any, availability: Any = None, *, scale: Any = 1.0) -> None:
        self.scale = scale
        super().__init__(dataset, utilities, availability)

    def structure(self) -> list[Variable]:
        return [self.scale()] if isinstance(self.scale, Parameter) else []

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        scales = self.scale if isinstance(self.scale, list) else [self.scale] * len(V)
        scaled = [mu * V_j for mu, V_j in zip(scales, V, strict=False)]  # which a list of a wrong length gets through
        return logit(scaled, self.choice_set, self.dataset.chosen)


class ScaledMixed(cmt.MixedLogit):
    def __init__(self, dataset: cmt.Dataset, utilities: Any, *, scale: float = 1.0, draws: Any = 20) -> None:
        self.scale = scale
        super().__init__(dataset, utilities, draws=draws)

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        return logit([self.scale * V_j for V_j in V], self.choice_set, self.dataset.chosen)


def by_hand(ds: cmt.Dataset, scale: NDArray, b: Any = -0.5, asc: float = 0.3) -> float:
    """Log-likelihood of logits with scales, averaged over the last axis of b."""
    x = np.stack([ds.array(f"x_{name}")[0] for name in ds.alternatives])
    V = b * x + asc * (np.array(list(ds.alternatives)) == "a")[:, None, None]
    e = np.exp(np.broadcast_to(scale, len(V))[:, None, None] * V)
    P = (e / e.sum(axis=0)).mean(axis=-1)
    return float(np.log(P[ds.chosen_alternatives[0], np.arange(ds.nobs)]).sum())


def value(model: ChoiceModel) -> float:
    return LocalEvaluator(model).value(np.concatenate([p.get_value().ravel() for p in model.free]))


@pytest.mark.parametrize("scale", [3.0, Beta("mu", 3.0), Beta("mu", 3.0, status=1)], ids=["number", "free", "fixed"])
def test_models_of_a_model_keep_its_options(scale: Any) -> None:
    ds = data()
    model = Scaled(ds, utilities(ds), scale=scale)
    assert value(model) == pytest.approx(by_hand(ds, np.array(3.0)), rel=1e-12)
    fewer = model.without("b")
    assert value(fewer) == pytest.approx(by_hand(fewer.dataset, np.array(3.0)), rel=1e-12)
    fixed = model.with_fixed({"b": 0.2})
    assert value(fixed) == pytest.approx(by_hand(ds, np.array(3.0), b=0.2), rel=1e-12)
    assert value(fixed.without("c")) == value(model.without("c").with_fixed({"b": 0.2}))
    assert value(model.holding([p for p in model.free if p.name == "b"])) == value(model)
    assert {type(m) for m in (fewer, fixed)} == {Scaled}
    assert set(model.labels) - set(fixed.labels) == {"b"}


def test_draws_and_options() -> None:
    ds = data()
    model = ScaledMixed(ds, utilities(ds, normal("t", Beta("b", -0.5), 0.7)), scale=3.0)
    for other in (model, model.with_draws(30), model.with_fixed({"b": 0.2}), model.without("a").with_draws(10)):
        assert other.sampling is not None
        numbers = other.dataset.individual_numbers
        (z,) = values_of(other.draws, other.sampling, numbers, 1)
        mean = {p.name: float(p.get_value()) for p in other.params}["b"]
        assert value(other) == pytest.approx(by_hand(other.dataset, np.array(3.0), b=mean + 0.7 * z[0]), rel=1e-6)


class ScaledByName(Scaled):
    """One that says what is left of its scales."""

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        scales = dict(zip(self.alternatives, self.scale, strict=True))
        return super().kept_among(alternatives) | {"scale": [scales[name] for name in alternatives]}


def test_what_belongs_to_alternatives_is_not_guessed() -> None:
    ds = data()
    V, scales = utilities(ds), [1.0, 2.0, 3.0]
    model = Scaled(ds, V, scale=scales)
    assert value(model.with_fixed({"b": 0.2})) == pytest.approx(by_hand(ds, np.array(scales), b=0.2), rel=1e-12)
    with pytest.raises(ModelError, match=r"Scaled holds 'scale', and does not say .* without 'b'. .* kept_among"):
        model.without("b")
    fewer = ScaledByName(ds, V, scale=scales).without("b")
    assert value(fewer) == pytest.approx(by_hand(fewer.dataset, np.array([1.0, 3.0])), rel=1e-12)


@pytest.mark.parametrize("wrap", [lambda b: b, lambda b: [b * 2], lambda b: {"of": (b() + 1,)}])
def test_a_parameter_in_an_option_too_is_not_fixed_in_one_place(wrap: Callable[[Beta], Any]) -> None:
    ds, b = data(), Beta("b", -0.5)
    model = Scaled(ds, utilities(ds, b))
    model.own = wrap(b)  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="b stands in 'own' of the Scaled too, .* with_fixed does not reach"):
        model.with_fixed({"b": 0.2})
    nested = cmt.NestedLogit(ds, utilities(ds, b), nests=[cmt.Nest("ab", ["a", "b"], 1 - b()), "c"])
    with pytest.raises(ModelError, match="b stands in 'root' of the NestedLogit too"):
        nested.with_fixed({"b": 0.2})


class Cached(cmt.MNL):
    @cached_property
    def first(self) -> Variable:
        """An expression of the specification."""
        return next(iter(self.utilities.values()))


def test_what_is_cached_follows_the_specification() -> None:
    ds = data()
    model = Cached(ds, utilities(ds))
    assert model.first is model.utilities["a"]
    assert model.without("a").first is not model.first
    fixed = model.with_fixed({"b": 0.2})
    assert fixed.first is fixed.utilities["a"]


class Classes(cmt.LatentClass):
    """Latent classes with an option."""

    def __init__(self, *given: Any, note: str, **named: Any) -> None:
        self.note = note
        super().__init__(*given, **named)


def test_classes_keep_what_they_are() -> None:
    ds, W, asc = data(), Beta("W", 0.4), Beta("asc", 0.3)
    of_class = {
        "flat": utilities(ds, Beta("b1", 0.1), asc),
        "steep": Scaled(ds, utilities(ds, Beta("b2", -0.5), asc), scale=3.0),
    }
    model = Classes(ds, of_class, membership={"steep": W}, note="kept")
    for other in (model, model.with_fixed({"b1": 0.6}), model.without("c")):
        assert isinstance(other, Classes)
        assert other.note == "kept"
        b1 = {p.name: float(p.get_value()) for p in other.params}["b1"]
        share, part = 1 / (1 + np.exp(-0.4)), other.dataset
        x = np.stack([part.array(f"x_{name}")[0, :, 0] for name in part.alternatives])
        first = 0.3 * (np.array(list(part.alternatives)) == "a")[:, None]
        P = 0.0
        for pi, mu, b in ((1 - share, 1.0, b1), (share, 3.0, -0.5)):
            e = np.exp(mu * (b * x + first))
            P = P + pi * (e / e.sum(axis=0))[part.chosen_alternatives[0], np.arange(part.nobs)]
        assert value(other) == pytest.approx(np.log(P).sum(), rel=1e-12)


def families(ds: cmt.Dataset) -> dict[str, ChoiceModel]:
    V, ranked = utilities(ds), data("first")
    ranks = {name: ranked[f"r_{name}"] for name in NAMES}
    network = cmt.Network("r", [ds["r_a"]], ["a"], data=ds, hidden=())
    return {
        "nested": cmt.NestedLogit(ds, V, nests=[cmt.Nest("ab", ["a", "b"], Beta("mu", 1.5)), "c"], normalised=False),
        "cross": cmt.CrossNestedLogit(
            ds, V, nests=[cmt.CrossNest("ab", {"a": 1, "b": 1}, Beta("mu", 1.5)), cmt.CrossNest("c", {"c": 1})]
        ),
        "heteroscedastic": cmt.HeteroscedasticLogit(ds, V, scales={"a": Beta("theta", 2.0)}, nodes=32),
        "ordered": cmt.OrderedLogit(ds, Beta("b", -0.5) * ds["x_a"], link="probit"),
        "ranked": cmt.RankedLogit(ranked, utilities(ranked), ranks=ranks),
        "residual": cmt.ResLogit(ds, V, layers=3),
        "learning": cmt.LMNL(ds, V, network=network),
        "mixed": cmt.MixedLogit(ds, utilities(ds, normal("t", Beta("b", -0.5), 0.7)), draws=cmt.Sampling(20, seed=3)),
    }


@pytest.mark.parametrize("family", [*families(data())])
def test_a_fixed_parameter_changes_nothing_else(family: str) -> None:
    """At the value that it has, the likelihood is the same, with the same other parameters."""
    model = families(data())[family]
    fixed = model.with_fixed({"b": -0.5})
    assert type(fixed) is type(model)
    assert fixed.sampling == model.sampling
    assert [p for p in fixed.params if p.name != "b"] == [p for p in model.params if p.name != "b"]
    assert value(fixed) == pytest.approx(value(model), rel=1e-12)
    if family != "ordered":
        assert type(model.without("c")) is type(model)
        assert model.without("c").sampling == model.sampling
