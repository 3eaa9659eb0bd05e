"""The latent class model against products written out in NumPy, and the models that it contains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Beta
from tests import by_hand
from tests.engine.test_local import differences

NAMES = ("a", "b", "c")
BETAS = ("b1", "b2", "asc1", "asc2", "W", "W_old")
THETA = dict(zip(BETAS, (-1.2, 0.7, 0.4, -0.5, 0.6, -0.9), strict=True))


def long_table() -> pd.DataFrame:
    """Ten people who choose one to four times between three alternatives, of which some are missing."""
    rng = np.random.default_rng(8)
    person = np.repeat(np.arange(10), rng.integers(1, 5, 10))
    n = len(person)
    offered = rng.random((n, 3)) < 0.8
    chosen = rng.integers(0, 3, n)
    offered[np.arange(n), chosen] = True
    trip, place = np.nonzero(offered)
    rows = {"trip": trip, "mode": np.array(NAMES)[place], "y": place == chosen[trip], "who": person[trip] + 100}
    return pd.DataFrame(rows | {"x": rng.normal(size=len(trip)), "old": (person[trip] % 2).astype(float)})


def panel(table: pd.DataFrame) -> cmt.LongDataset:
    columns = {"choice": "y", "alternative": "mode", "situation": "trip", "individual": "who"}
    return cmt.Dataset.from_long(table, **columns, alternatives=NAMES)


@pytest.fixture(scope="module")
def ds() -> cmt.LongDataset:
    return panel(long_table())


def utilities(ds: cmt.LongDataset, number: int, sd: Any = None) -> dict[str, Any]:
    """A taste for x and a constant of a; with ``sd``, the taste is random."""
    b, asc = Beta(f"b{number}", THETA[f"b{number}"]), Beta(f"asc{number}", THETA[f"asc{number}"])
    taste = b if sd is None else normal(f"taste{number}", b, sd)
    return {name: taste * ds["x", name] + (asc if name == "a" else 0) for name in NAMES}


def at_once(ds: cmt.LongDataset, number: int) -> Any:
    b, asc = Beta(f"b{number}", THETA[f"b{number}"]), Beta(f"asc{number}", THETA[f"asc{number}"])
    return b * ds["x"] + ds.per_alternative({"a": asc})


def written(ds: cmt.LongDataset, make: Callable = utilities) -> cmt.LatentClass:
    """Two classes, of which old people are more or less likely to be in the second."""
    W = Beta("W", THETA["W"]) + Beta("W_old", THETA["W_old"]) * ds["old", "a"]
    return cmt.LatentClass(ds, {"first": make(ds, 1), "second": make(ds, 2)}, membership={"second": W})


@pytest.fixture(scope="module")
def model(ds: cmt.LongDataset) -> cmt.LatentClass:
    return written(ds)


@pytest.fixture(scope="module")
def engine(model: cmt.LatentClass) -> LocalEvaluator:
    return LocalEvaluator(model)


def theta(labels: tuple[str, ...]) -> NDArray:
    return np.array([THETA[label] for label in labels])


def truth(ds: cmt.LongDataset) -> tuple[NDArray, NDArray, NDArray]:
    """Prior (N, 2), likelihoods of the classes (N, 2), and probabilities of alternatives (J, T, N), by loops."""
    x, offered = ds.array("x")[..., 0], ds.evaluate(ds.available())[..., 0]
    old, there, y = ds.array("old")[0, 0, :, 0], ds.array(ds.observed)[..., 0], ds.chosen_alternatives
    prior, L, P = np.zeros((10, 2)), np.ones((10, 2)), np.zeros(x.shape)
    for n in range(10):
        odds = np.exp(THETA["W"] + THETA["W_old"] * old[n])
        prior[n] = 1 / (1 + odds), odds / (1 + odds)
        for t in range(x.shape[1]):
            for c in range(2):
                V = THETA[f"b{c + 1}"] * x[:, t, n] + np.array([THETA[f"asc{c + 1}"], 0, 0])
                P_c = offered[:, t, n] * np.exp(V) / (offered[:, t, n] * np.exp(V)).sum()
                P[:, t, n] += prior[n, c] * P_c
                if there[t, n]:
                    L[n, c] *= P_c[y[t, n]]
    return prior, L, P


def test_the_likelihood_by_hand(ds: cmt.LongDataset, engine: LocalEvaluator) -> None:
    prior, L, P = truth(ds)
    values = theta(engine.labels)
    at = engine.second_order(values)
    np.testing.assert_allclose(at.logprob, np.log((prior * L).sum(axis=1)), rtol=1e-12)
    np.testing.assert_allclose(at.gradient, differences(engine.value, values), rtol=1e-6)
    slopes = differences(lambda t: engine.value_and_grad(t)[1], values)
    np.testing.assert_allclose(at.hessian, slopes, rtol=1e-6, atol=1e-8)
    log_prior, log_joint = engine.membership(values)
    np.testing.assert_allclose(log_prior, np.log(prior), rtol=1e-12)
    np.testing.assert_allclose(log_joint, np.log(prior * L), rtol=1e-12)
    np.testing.assert_allclose(engine.probabilities(values), P, rtol=1e-12)


def test_blocks_and_cores_change_nothing(model: cmt.LatentClass, engine: LocalEvaluator) -> None:
    values, divided = theta(engine.labels), LocalEvaluator(model, block=3, cores=2)
    assert divided.value(values) == pytest.approx(engine.value(values), rel=1e-14)
    for found, expected in zip(divided.membership(values), engine.membership(values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_one_utility_for_all_alternatives_of_a_class(ds: cmt.LongDataset, engine: LocalEvaluator) -> None:
    written_at_once = written(ds, at_once)
    other = LocalEvaluator(written_at_once)
    at, expected = (e.second_order(theta(e.labels)) for e in (other, engine))
    order = [other.labels.index(label) for label in engine.labels]
    np.testing.assert_allclose(at.hessian[np.ix_(order, order)], expected.hessian, rtol=1e-10)
    fixed = LocalEvaluator(written_at_once.with_fixed({"b1": THETA["b1"]}))
    assert fixed.value(theta(fixed.labels)) == pytest.approx(expected.value, rel=1e-14)
    with pytest.raises(ModelError, match="'a' cannot be taken out of one utility for all alternatives"):
        written_at_once.without("a")


def test_one_class_is_its_model(ds: cmt.LongDataset) -> None:
    V = utilities(ds, 1)
    model, logit = cmt.LatentClass(ds, {"only": V}), cmt.MNL(ds, V)
    at, expected = (LocalEvaluator(m).second_order(theta(m.labels)) for m in (model, logit))
    assert at.value == pytest.approx(expected.value, rel=1e-14)
    np.testing.assert_allclose(at.gradient, expected.gradient, rtol=1e-12)
    np.testing.assert_allclose(at.hessian, expected.hessian, rtol=1e-11)
    assert model.llnull() == logit.llnull()
    results, published = cmt.estimate(model), cmt.estimate(logit)
    assert results.fit.method == "trust-region"
    np.testing.assert_allclose(results.params, published.params, rtol=1e-9)


def test_the_order_of_the_classes_means_nothing(ds: cmt.LongDataset) -> None:
    first, second = utilities(ds, 1), utilities(ds, 2)
    values = theta(("b1", "asc1", "b2", "asc2"))
    one = LocalEvaluator(cmt.LatentClass(ds, {"x": first, "y": second}))
    other = LocalEvaluator(cmt.LatentClass(ds, {"y": second, "x": first}))
    assert (one.labels[-1], other.labels[-1]) == ("class_y", "class_x")
    swapped = np.array([*values[2:], *values[:2], -0.8])
    for engine, constant in ((one, 0.8), (other, -0.8)):
        assert engine.value(np.array([*values, constant])) == pytest.approx(one.value(swapped), rel=1e-13)


@pytest.mark.slow
def test_random_tastes_in_classes_by_hand(ds: cmt.LongDataset) -> None:
    """The average over draws of the likelihood is that of the averages within the classes."""
    classes = {"first": utilities(ds, 1, sd=0.6), "second": utilities(ds, 2)}
    sampling = cmt.Sampling(20, seed=5)
    model = cmt.LatentClass(ds, classes, draws=sampling)
    engine = LocalEvaluator(model)
    values = np.array([THETA.get(label, 0.3) for label in engine.labels])
    alone = [
        LocalEvaluator(cmt.MixedLogit(ds, classes["first"], draws=sampling)),
        LocalEvaluator(cmt.MNL(ds, classes["second"])),
    ]
    logL = np.column_stack([e.second_order(theta(e.labels)).logprob for e in alone])
    pi = np.array([1, np.exp(0.3)]) / (1 + np.exp(0.3))
    at = engine.second_order(values)
    np.testing.assert_allclose(at.logprob, np.log(np.exp(logL) @ pi), rtol=1e-10)
    np.testing.assert_allclose(engine.membership(values)[1], logL + np.log(pi), rtol=1e-10)
    more = model.with_draws(64)
    assert more.sampling == more.classes["first"].sampling == cmt.Sampling(64)


def test_classes_of_other_kinds(ds: cmt.LongDataset) -> None:
    """Nests within a class; with scales of 1 it is the model of logits, also without an alternative."""
    V, W = utilities(ds, 1), utilities(ds, 2)
    nested = cmt.NestedLogit(ds, V, nests=[cmt.Nest("ab", ["a", "b"], Beta("mu", 2.0)), "c"])
    model = cmt.LatentClass(ds, {"nested": nested, "logit": W}, membership={"logit": Beta("W", 0.6)})
    engine, values = LocalEvaluator(model), THETA | {"mu": 2.0}
    alone = [LocalEvaluator(nested), LocalEvaluator(cmt.MNL(ds, W))]
    logL = [e.second_order(np.array([values[label] for label in e.labels])).logprob for e in alone]
    pi = np.array([1, np.exp(0.6)]) / (1 + np.exp(0.6))
    at = engine.second_order(np.array([values[label] for label in engine.labels]))
    np.testing.assert_allclose(at.logprob, np.log(np.exp(logL).T @ pi), rtol=1e-12)
    logits = cmt.LatentClass(ds, {"one": V, "two": W}, membership={"two": Beta("W", 0.6)}).without("c")
    fewer = model.without("c")
    assert isinstance(fewer, cmt.LatentClass)
    assert list(fewer.classes["nested"].utilities) == ["a", "b"]
    where = {label: 1.0 if label == "mu" else values[label] for label in fewer.labels}
    assert LocalEvaluator(fewer).value(np.array(list(where.values()))) == pytest.approx(
        LocalEvaluator(logits).value(theta(logits.labels)), rel=1e-13
    )


def test_a_class_that_chooses_at_random(ds: cmt.LongDataset) -> None:
    """A class without a parameter, and fixed shares."""
    model = cmt.LatentClass(ds, {"random": dict.fromkeys(NAMES, 0), "first": utilities(ds, 1)}, membership={})
    offered, there = ds.evaluate(ds.available())[..., 0].sum(axis=0), ds.array(ds.observed)[..., 0]
    _, L, _ = truth(ds)
    at_random = np.where(there != 0, 1 / offered, 1).prod(axis=0)
    value = LocalEvaluator(model).value(theta(model.labels))
    assert value == pytest.approx(np.log((at_random + L[:, 0]) / 2).sum(), rel=1e-13)


def test_parameters_are_fixed_in_all_classes(ds: cmt.LongDataset) -> None:
    shared = Beta("b", 0.5)
    V = {name: shared * ds["x", name] for name in NAMES}
    classes = {"x": V, "y": {**V, "a": V["a"] + Beta("asc")}}
    model = cmt.LatentClass(ds, classes, {"c": pt.gt(ds["old", "c"] + 1, 0)})
    fixed = model.with_fixed({"b": 0.7})
    assert fixed.labels == ("asc", "class_y")
    assert LocalEvaluator(fixed).value(np.array([0.2, 0.4])) == pytest.approx(
        LocalEvaluator(model).value(np.array([0.7, 0.2, 0.4])), rel=1e-14
    )


def test_what_the_data_tell_before_an_estimation(model: cmt.LatentClass, ds: cmt.LongDataset) -> None:
    assert cmt.identification(model).identified
    twice = cmt.LatentClass(ds, {"x": model.classes["first"].utilities, "y": model.classes["first"]})
    assert twice.labels == ("b1", "asc1", "class_y")
    assert cmt.identification(twice).flat == ("class_y",)


def faults() -> list[tuple[type[Exception], str, Callable[[cmt.LongDataset, Any, Any], Any]]]:
    def latent(ds: Any, V: Any, **given: Any) -> cmt.LatentClass:
        return cmt.LatentClass(ds, {"x": V, "y": {**V, "a": V["a"] + Beta("asc_y")}}, **given)

    wide = cmt.Dataset(pd.DataFrame({"y": [1, 2]}), "y", {"car": 1, "bus": 2})
    return [
        (ModelError, "map names of classes to utilities, .*, found .a.", lambda ds, V, W: cmt.LatentClass(ds, "a")),  # type: ignore[arg-type]
        (ModelError, "Class 'y': No utility is given for b", lambda ds, V, W: cmt.LatentClass(ds, {"y": {"a": 1}})),
        (ModelError, "No utility holds a parameter", lambda ds, V, W: cmt.LatentClass(ds, {"y": ds["x"]})),
        (ModelError, "membership names 'z', which is no class", lambda ds, V, W: latent(ds, V, membership={"z": W})),
        (ModelError, "gives all classes a utility .x, y.", lambda ds, V, W: latent(ds, V, membership={"x": W, "y": 1})),
        (
            ModelError,
            r"membership of 'y' must be a scalar or have the axes \(T, N, R",
            lambda ds, V, W: latent(ds, V, membership={"y": W * ds["old"]}),
        ),
        (
            ModelError,
            "membership of class 'y' depends on Draws.'w'.*belong into utilities",
            lambda ds, V, W: latent(ds, V, membership={"y": normal("w", W, 1)}),
        ),
        (
            DatasetError,
            r"class 'y' depends on 'x\[a\]', which changes within an individual of 'who' at 17 rows",
            lambda ds, V, W: latent(ds, V, membership={"y": W * ds["x", "a"]}),
        ),
        (
            ModelError,
            "LatentClass has random coefficients.*draws=500",
            lambda ds, V, W: latent(ds, V | {"c": normal("e", W, 1)}),
        ),
        (ModelError, "No utility of the LatentClass holds draws", lambda ds, V, W: latent(ds, V, draws=10)),
        (
            ModelError,
            "Class 'm' is a model with Sampling.number=20.*the LatentClass has draws=Sampling.number=30",
            lambda ds, V, W: cmt.LatentClass(
                ds, {"m": cmt.MixedLogit(ds, V | {"c": normal("e", W, 1)}, draws=20)}, draws=30
            ),
        ),
        (
            ModelError,
            "Class 'm' is a model of another data set",
            lambda ds, V, W: cmt.LatentClass(ds, {"m": cmt.MNL(wide, {"car": Beta("car"), "bus": 0})}),
        ),
        (
            ModelError,
            "All classes are models, which have their own availability",
            lambda ds, V, W: cmt.LatentClass(ds, {"m": cmt.MNL(ds, V)}, {"a": 1}),
        ),
        (
            DatasetError,
            "Class 'm' has another availability than others, which only logits may have, found a HeteroscedasticLogit",
            lambda ds, V, W: cmt.LatentClass(
                ds,
                {"x": V, "m": cmt.HeteroscedasticLogit(ds, V, {"a": pt_equal(ds, "a")}, scales={"b": Beta("s", 1.0)})},
                membership={"m": W},
            ),
        ),
        (
            ModelError,
            "availability names y; the classes are x, z",
            lambda ds, V, W: cmt.LatentClass(ds, {"x": V, "z": V}, {"y": {"a": 0}}),
        ),
        (
            DatasetError,
            "Class 'z': No alternative is available in",
            lambda ds, V, W: cmt.LatentClass(ds, {"x": V, "z": V}, {"z": dict.fromkeys(NAMES, 0)}),
        ),
        (
            DatasetError,
            "is chosen where it is unavailable",
            lambda ds, V, W: cmt.LatentClass(ds, {"x": V, "z": V}, {"x": {"a": 0}, "z": {"a": 0}}),
        ),
    ]


def pt_equal(ds: cmt.LongDataset, name: str) -> Any:
    """1 where an alternative is chosen."""
    import pytensor.tensor as pt

    return pt.eq(ds.chosen, NAMES.index(name))


@pytest.mark.parametrize(("error", "message", "specify"), faults())
def test_faults_of_a_specification_are_named(
    ds: cmt.LongDataset, error: type[Exception], message: str, specify: Callable
) -> None:
    V = {name: Beta("b") * ds["x", name] for name in "a"} | {"b": 0, "c": 0}
    with pytest.raises(error, match=message):
        specify(ds, V, Beta("W"))


def test_a_column_of_the_membership_that_changes_in_other_data(model: cmt.LatentClass) -> None:
    table = long_table()
    table["old"] = table.trip % 2.0
    with pytest.raises(DatasetError, match="class 'second' depends on 'old.*', which changes within an individual"):
        model.check(panel(table))


def test_a_logit_of_one_class_by_hand_without_a_panel() -> None:
    """Two classes that share all parameters are the logit, whatever their shares."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 2, 1)), rng.integers(0, 2, 30)
    frame = pd.DataFrame({"y": y, "xa": X[:, 0, 0], "xb": X[:, 1, 0]})
    ds = cmt.Dataset(frame, "y", {"a": 0, "b": 1})
    b = Beta("b")
    V = {"a": b * ds["xa"], "b": b * ds["xb"]}
    llf, _, _ = by_hand.logit(X, np.ones((30, 2)), y, np.array([0.7]))
    model = cmt.LatentClass(ds, {"x": V, "y": V})
    assert LocalEvaluator(model).value(np.array([0.7, -1.3])) == pytest.approx(llf, rel=1e-13)


def test_parameters_of_ordered_classes_can_be_fixed() -> None:
    """At the same values the likelihood is the same."""
    frame = pd.DataFrame(
        {"rating": [1, 2, 3, 3, 1, 2], "x": [0.1, 0.5, 2.0, 1.0, 0.3, -1.0], "who": [1, 1, 2, 2, 3, 3]}
    )
    ds = cmt.Dataset(frame, "rating", {"poor": 1, "fair": 2, "good": 3}, individual="who")
    low, b, c = Beta("low", -1.0), Beta("b", 0.4), Beta("c", -0.2)
    classes = {"p": b * ds["x"], "q": c * ds["x"]}
    model = cmt.LatentClass(ds, {name: cmt.OrderedLogit(ds, V, thresholds=[low, 1.0]) for name, V in classes.items()})
    fixed = model.with_fixed({"b": 0.4})
    values = {"low": -1.0, "b": 0.4, "c": -0.2, "class_q": 0.3}
    engines = [LocalEvaluator(m) for m in (model, fixed)]
    first, second = (engine.value(np.array([values[label] for label in engine.labels])) for engine in engines)
    assert "b" not in fixed.labels
    assert first == pytest.approx(second, rel=1e-13)
