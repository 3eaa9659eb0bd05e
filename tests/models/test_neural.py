"""Models with networks: the logit where networks are 0, forward passes by hand, tastes that are known, faults."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import pycmtensor as cmt
from examples import swissmetro_mnl
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.quantity import Probabilities
from pycmtensor.exceptions import ModelError, PyCMTensorError
from pycmtensor.models import ChoiceModel
from pycmtensor.optimizers import SGD, Adam, AdamW

SURVEY, V = swissmetro_mnl.ds, swissmetro_mnl.V
AVAILABILITY = {"train": SURVEY["TRAIN_OPEN"], "sm": SURVEY["SM_AV"], "car": SURVEY["CAR_OPEN"]}
PEOPLE = [SURVEY["AGE"], SURVEY["INCOME"], cmt.Embedding(SURVEY["WHO"])]


def lmnl() -> cmt.LMNL:
    r = cmt.Network("r", PEOPLE, ["train", "car"], data=SURVEY, hidden=(4, 3))
    return cmt.LMNL(SURVEY, V, AVAILABILITY, network=r)


def lmnl_of_two() -> cmt.LMNL:
    networks = {name: cmt.Network(f"r_{name}", PEOPLE, data=SURVEY, hidden=3) for name in ("train", "sm")}
    return cmt.LMNL(SURVEY, V, AVAILABILITY, network=networks)


def taste_net() -> cmt.TasteNet:
    tastes = cmt.Network("tastes", PEOPLE, ["time"], data=SURVEY, hidden=4)
    own = {name: V[name] + tastes["time"] * SURVEY[f"{name.upper()}_TT"] for name in V}
    return cmt.TasteNet(SURVEY, own, AVAILABILITY, tastes=tastes)


def res_logit(layers: int = 16) -> cmt.ResLogit:
    return cmt.ResLogit(SURVEY, V, AVAILABILITY, layers=layers)


@pytest.mark.parametrize("make", [lmnl, lmnl_of_two, taste_net, res_logit])
def test_networks_that_are_zero_leave_the_logit(make: Callable[[], ChoiceModel]) -> None:
    """The last layers of networks and the residual matrices begin at 0."""
    betas = {"ASC_TRAIN": -0.5, "ASC_CAR": 0.1, "B_TIME": -1.2, "B_COST": -0.9}
    logit, model = LocalEvaluator(swissmetro_mnl.model), LocalEvaluator(make())
    at = np.array([betas[label] for label in logit.labels])
    theta = np.concatenate([p.get_value().ravel() for p in model.program.free])
    places = [model.labels.index(label) for label in logit.labels]
    theta[places] = at
    value, gradient = logit.value_and_grad(at)
    found, found_gradient = model.value_and_grad(theta)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found_gradient[places], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())
    assert np.abs(found_gradient).max() > np.abs(gradient).max()  # training moves away from the logit


def three(seed: int, n: int = 40) -> tuple[cmt.Dataset, dict[str, Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """A small data set, its utilities b x + asc, and X (N, J), availability (N, J) and choices (N,)."""
    rng = np.random.default_rng(seed)
    X, available, y = rng.normal(size=(n, 3)), rng.random((n, 3)) < 0.7, rng.integers(0, 3, n)
    available[np.arange(n), y] = True
    columns = {f"x{j}": X[:, j] for j in range(3)} | {f"a{j}": available[:, j] for j in range(3)}
    ds = cmt.Dataset(pd.DataFrame({"y": y, "z": rng.normal(size=n), **columns}), "y", {f"alt{j}": j for j in range(3)})
    b = cmt.Beta("b", 0.7)
    return ds, {f"alt{j}": b * ds[f"x{j}"] for j in range(3)}, X, available, y


def log_choice(h: NDArray[Any], available: NDArray[Any], y: NDArray[Any]) -> float:
    """Log-likelihood of a logit with utilities (N, J)."""
    e = np.exp(h) * available
    return float(np.log(e[np.arange(len(y)), y] / e.sum(axis=1)).sum())


@pytest.mark.parametrize("restricted", [True, False])
def test_the_residual_logit_is_its_equation(restricted: bool) -> None:
    ds, utilities, X, available, y = three(3)
    given = {f"alt{j}": ds[f"a{j}"] for j in range(3)} if restricted else None
    a = available if restricted else np.ones_like(available)
    model = cmt.ResLogit(ds, utilities, given, layers=3)
    W = np.random.default_rng(4).normal(size=(3, 3, 3))
    h = 0.7 * X
    for W_m in W:
        h = h - np.log(1 + np.exp((a * h) @ W_m.T))
    theta = np.concatenate([[0.7], W.ravel()])
    assert LocalEvaluator(model).value(theta) == pytest.approx(log_choice(h, a, y), rel=1e-12)


def test_unavailable_alternatives_tell_the_residual_logit_nothing() -> None:
    ds, utilities, X, available, _ = three(5)
    given = {f"alt{j}": ds[f"a{j}"] for j in range(3)}
    theta = np.concatenate([[0.7], np.random.default_rng(6).normal(size=18)])
    engine = LocalEvaluator(cmt.ResLogit(ds, utilities, given, layers=2))
    elsewhere = ds.with_columns({f"x{j}": np.where(available[:, j], X[:, j], 1e3) for j in range(3)})
    np.testing.assert_allclose(engine.on(elsewhere).probabilities(theta), engine.probabilities(theta), rtol=1e-12)


def test_one_utility_for_all_alternatives_is_the_same_residual_logit(modechoice: cmt.LongDataset) -> None:
    ds, b = modechoice, cmt.Beta("b", -0.02)
    at_once = LocalEvaluator(cmt.ResLogit(ds, b * ds["gc"], layers=2))
    one_by_one = LocalEvaluator(cmt.ResLogit(ds, {name: b * ds["gc", name] for name in ds.alternatives}, layers=2))
    theta = np.concatenate([[-0.02], np.random.default_rng(1).normal(size=32) / 10])
    assert at_once.value(theta) == pytest.approx(one_by_one.value(theta), rel=1e-12)


def test_utility_networks_hold_their_own_columns_only() -> None:
    ds, _, X, _, y = three(7)
    inputs = {f"alt{j}": [ds[f"x{j}"]] for j in range(3)}
    model = cmt.ASUDNN(ds, inputs, shared=[ds["z"]], hidden=(4,))
    theta = np.random.default_rng(8).normal(size=len(model.labels))
    engine = LocalEvaluator(model)
    z = ds.array("z")[0, :, 0]

    def s(x: Any) -> Any:
        return (x - x.mean()) / x.std()

    h, first = [], 0
    for j in range(3):
        W1, b1, W2, b2 = np.split(theta[first : first + 17], [8, 12, 16])
        x = np.stack([s(X[:, j]), s(z)], axis=1)
        h.append(np.maximum(x @ W1.reshape(2, 4) + b1, 0) @ W2 + b2)
        first += 17
    assert engine.value(theta) == pytest.approx(log_choice(np.stack(h, axis=1), np.ones((40, 3)), y), rel=1e-12)


# ---- consumer surplus -----------------------------------------------------------------------------------------


def expected_maximum(model: ChoiceModel, raised: int | None = None, by: float = 0.0) -> NDArray[Any]:
    """Expected maximum utility at the parameters' values (N,), with one of the utilities raised."""
    V = [V_j + by * (j == raised) for j, V_j in enumerate(model.utilities.values())]
    return model.dataset.evaluate(model.expected_maximum_utility(V))[0, :, 0]


@pytest.mark.parametrize("make", [lmnl, lmnl_of_two, taste_net])
def test_expected_maximum_utility_is_that_of_the_logit_where_networks_are_zero(make: Callable[[], ChoiceModel]) -> None:
    np.testing.assert_allclose(expected_maximum(make()), expected_maximum(swissmetro_mnl.model), rtol=1e-12)


def test_probabilities_are_derivatives_of_expected_maximum_utility() -> None:
    model, rng, h = taste_net(), np.random.default_rng(1), 1e-5
    for parameter in model.free:
        if "." in parameter.name:
            parameter.set_value(rng.normal(size=parameter.shape) / 10)
    P = LocalEvaluator(model).probabilities(np.concatenate([p.get_value().ravel() for p in model.free]))[:, 0]
    for j in range(3):
        slope = (expected_maximum(model, j, h) - expected_maximum(model, j, -h)) / (2 * h)
        np.testing.assert_allclose(slope, P[j], atol=1e-9)


def test_the_residual_logit_has_no_surplus_as_cross_effects_differ() -> None:
    """dP_i / dV_j is dP_j / dV_i in random utility models; V_j moves with its own column x_j only."""
    ds, utilities, X, *_ = three(5)
    theta, h = np.concatenate([[0.7], np.random.default_rng(6).normal(size=18)]), 1e-5
    model = cmt.ResLogit(ds, utilities, layers=2)

    def slopes(theta: NDArray[Any]) -> NDArray[Any]:
        ends = [
            [LocalEvaluator(model, ds.with_columns({f"x{j}": X[:, j] + e / 0.7})).probabilities(theta) for e in (h, -h)]
            for j in range(3)
        ]
        return np.stack([(up - down)[:, 0] / (2 * h) for up, down in ends])

    found, of_logit = slopes(theta), slopes(np.concatenate([[0.7], np.zeros(18)]))
    assert np.abs(found - found.swapaxes(0, 1)).max() > 0.1
    np.testing.assert_allclose(of_logit, of_logit.swapaxes(0, 1), atol=1e-9)
    results = cmt.estimate(model, method=cmt.Stochastic(SGD, lr=0.01, epochs=1))
    fares = {"x0": lambda x: x - 1}
    assert cmt.scenario(results, None, fares).surplus is None
    with pytest.raises(ModelError, match="residual logit has no expected maximum utility"):
        cmt.scenario(results, None, fares, cost="-b")


# ---- training -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> cmt.Results:
    """LMNL after a few epochs, with its coefficients at the maximum given the network."""
    method = cmt.Stochastic(Adam, lr=0.01, batch_size=512, epochs=4, seed=1, validation=0.2, polish=True)
    return cmt.estimate(lmnl(), method=method)


def test_standard_errors_are_those_with_the_network_known(trained: cmt.Results) -> None:
    """A logit with the trained weights fixed has the same estimates, errors and scores."""
    model = lmnl()
    for parameter in model.networks[0].params:
        labels = parameter.labels()
        parameter.set_value(trained.params[labels].to_numpy().reshape(parameter.shape))
        parameter.status = 1
    assert trained.model is not None
    known = cmt.estimate(cmt.MNL(SURVEY, model.utilities, AVAILABILITY), trained.data)
    names = list(known.params.index)
    np.testing.assert_allclose(trained.params[names], known.params, rtol=1e-6)
    for kind in ("classical", "robust", "bhhh"):
        errors = trained.standard_errors(kind)
        np.testing.assert_allclose(errors[names], known.standard_errors(kind), rtol=1e-6)
        assert errors.drop(names).isna().all()
    assert trained.identification().rank == known.identification().rank == 4
    ratio = trained.delta("B_TIME / B_COST")
    assert ratio.std_err == pytest.approx(known.delta("B_TIME / B_COST").std_err, rel=1e-6)


def test_a_summary_has_one_line_for_a_network(trained: cmt.Results) -> None:
    text = " ".join(str(trained.summary()).split())
    norm = np.linalg.norm(trained.params[[label for label in trained.params.index if label.startswith("r.")]])
    assert f"Network r: 51 weights of norm {norm:.4g}." in text
    assert "r.weight1" not in text
    assert "Standard errors are conditional on the networks" in text
    assert "which is no maximum of the likelihood" in text
    assert not trained.outcome.converged


def test_what_depends_on_weights_has_no_standard_error(trained: cmt.Results) -> None:
    prediction = trained.predict()
    assert prediction.table["std_err"].isna().all()
    assert "It depends on the network r, whose weights have no variance" in prediction.note
    with pytest.raises(PyCMTensorError, match="conditional on networks"):
        trained.bootstrap(5)


def test_derivatives_of_sums_are_the_same_backward_and_forward(trained: cmt.Results, monkeypatch: Any) -> None:
    """Predictions go backward through a network of many weights."""
    from pycmtensor.engine import program

    engine = LocalEvaluator(lmnl())
    theta, quantity = trained.fit.theta, Probabilities()
    w = np.ones((1, 1, engine.n_individuals))
    monkeypatch.setattr(program, "MANY", 1)
    backward = engine.totals(quantity, w, theta)[1]
    monkeypatch.setattr(program, "MANY", 10**6)
    forward = LocalEvaluator(lmnl()).totals(quantity, w, theta)[1]
    np.testing.assert_allclose(backward, forward, rtol=1e-9, atol=1e-9)


def test_models_of_networks_alone_can_be_trained_and_saved(tmp_path: Any) -> None:
    ds, *_ = three(9)
    model = cmt.ASUDNN(ds, {"alt0": [ds["x0"]], "alt1": [ds["x1"]], "alt2": []}, hidden=2)
    results = cmt.estimate(model, method=cmt.Stochastic(Adam, lr=0.01, epochs=3))
    assert results.bse.isna().all()
    assert results.llf > results.history.llf.iloc[0]
    loaded = cmt.Results.load(results.save(tmp_path / "asu.cmt"))
    assert str(loaded.summary()) == str(results.summary())


def test_cross_effects_are_the_residual_matrices() -> None:
    ds, utilities, *_ = three(10)
    results = cmt.estimate(
        cmt.ResLogit(ds, utilities, layers=2), method=cmt.Stochastic(AdamW, lr=0.01, batch_size=10, epochs=5)
    )
    table = results.cross_effects(2)
    assert table.loc["alt0", "alt2"] == results.params["residual.2[0, 2]"]
    ax = results.plot_cross_effects(2)
    np.testing.assert_array_equal(ax.images[0].get_array(), table)
    with pytest.raises(PyCMTensorError, match="layer must be a whole number from 1 to 2, found 3"):
        results.cross_effects(3)
    with pytest.raises(PyCMTensorError, match="Multinomial logit has no residual layers"):
        cmt.estimate(cmt.MNL(ds, utilities)).cross_effects(1)


def test_held_out_measures_are_those_by_hand() -> None:
    ds, utilities, X, _, y = three(12)
    results = cmt.estimate(cmt.MNL(ds, utilities))
    P = np.exp(results.params["b"] * X)
    P = P / P.sum(axis=1, keepdims=True)
    row = cmt.compare_held_out({"logit": results}, ds).loc["logit"]
    assert row["log-likelihood per choice"] == pytest.approx(np.log(P[np.arange(40), y]).mean(), rel=1e-12)
    assert row["accuracy"] == (P.argmax(axis=1) == y).mean()
    assert row["Brier score"] == pytest.approx(((P - np.eye(3)[y]) ** 2).sum(axis=1).mean(), rel=1e-12)


# ---- tastes that are known ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known_tastes() -> tuple[cmt.Results, pd.DataFrame]:
    """Choices of 6,000 people whose value of time is a known function of income and age, and a TasteNet of them."""
    rng = np.random.default_rng(1)
    n = 6000
    frame = pd.DataFrame({"income": rng.uniform(1, 5, n), "age": rng.uniform(20, 70, n)})
    for name in ("car", "bus"):
        frame[f"t_{name}"], frame[f"c_{name}"] = rng.uniform(0, 2, n), rng.uniform(0, 3, n)
    frame["b_time"] = -(0.2 + 0.2 * frame.income**1.5 * np.exp((45 - frame.age) / 50))
    U = {m: frame.b_time * frame[f"t_{m}"] - frame[f"c_{m}"] + rng.gumbel(size=n) for m in ("car", "bus")}
    frame["y"] = np.where(U["car"] > U["bus"], 1, 2)
    ds = cmt.Dataset(frame, "y", {"car": 1, "bus": 2})
    tastes = cmt.Network("tastes", [ds["income"], ds["age"]], ["b_time"], data=ds, output="negative", seed=1)
    b_cost = cmt.Beta("b_cost", -0.5)
    utilities = {m: tastes["b_time"] * ds[f"t_{m}"] + b_cost * ds[f"c_{m}"] for m in ("car", "bus")}
    method = cmt.Stochastic(
        partial(AdamW, weight_decay=0.01), lr=0.01, batch_size=128, epochs=60, validation=0.2, patience=15, polish=True
    )
    return cmt.estimate(cmt.TasteNet(ds, utilities, tastes=tastes), method=method), frame


def test_values_of_time_of_people_are_found(known_tastes: tuple[cmt.Results, pd.DataFrame]) -> None:
    results, frame = known_tastes
    assert results.model is not None
    model = results.model
    assert isinstance(model, cmt.TasteNet)
    ds, ratio = model.dataset, model.networks[0]["b_time"] / model.params[-1]
    values = results.tastes({"value of time": ratio}, ds)["value of time"]
    truth = -frame.b_time
    assert np.corrcoef(values, truth)[0, 1] > 0.95
    assert values.mean() == pytest.approx(truth.mean(), rel=0.05)
    columns = results.wtp(ds["t_car"], ds["c_car"])
    in_training = results.tastes({"value of time": ratio})["value of time"]
    assert columns.estimate == pytest.approx(in_training.mean(), rel=1e-9)
    assert results.regularity(ds["t_car"], ds["c_car"]).to_list() == [0.0, 0.0, 0.0]
    assert results.params["b_cost"] == pytest.approx(-1, abs=3 * results.bse["b_cost"])


def test_elasticities_go_through_a_network(known_tastes: tuple[cmt.Results, pd.DataFrame]) -> None:
    """dlogP / dlog c = b_cost c (1 - P)."""
    results, _ = known_tastes
    assert results.data is not None
    own = results.elasticities("c_car").by_situation
    P = results.predict().probabilities["car"]
    c = results.data.array("c_car")[0, :, 0]
    np.testing.assert_allclose(own[("car", "car")], results.params["b_cost"] * c * (1 - P), rtol=1e-9)


# ---- faults ---------------------------------------------------------------------------------------------------

FAULTS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: cmt.ResLogit(SURVEY, V, layers=0), ModelError, "layers must be a whole number of at least 1"),
    (
        lambda: cmt.TasteNet(SURVEY, V, tastes=5),  # type: ignore[arg-type]
        ModelError,
        "tastes must be a Network or a list of them, found 5",
    ),
    (
        lambda: cmt.TasteNet(SURVEY, V, tastes=cmt.Network("n", PEOPLE, ["time"], data=SURVEY)),
        ModelError,
        "No utility uses time of the network 'n'",
    ),
    (
        lambda: cmt.LMNL(SURVEY, V, network=cmt.Network("n", [SURVEY["TRAIN_TT"]], ["car"], data=SURVEY)),
        ModelError,
        "TRAIN_TT in the utilities and in the network too",
    ),
    (
        lambda: cmt.LMNL(SURVEY, V, network=cmt.Network("n", PEOPLE, ["bus"], data=SURVEY)),
        ModelError,
        "the network has an output for bus",
    ),
    (
        lambda: cmt.LMNL(SURVEY, V, network="n"),  # type: ignore[arg-type]
        ModelError,
        "network must be a Network",
    ),
    (lambda: cmt.ASUDNN(SURVEY, {"train": PEOPLE, "sm": PEOPLE}), ModelError, "No utility is given for car"),
]


@pytest.mark.parametrize(("make", "error", "message"), FAULTS)
def test_faults_are_named(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_column_may_stand_in_both_parts_when_that_is_said() -> None:
    network = cmt.Network("n", [SURVEY["TRAIN_TT"]], ["car"], data=SURVEY)
    assert cmt.LMNL(SURVEY, V, network=network, shared=True).networks == (network,)


def test_without_an_alternative_a_model_with_networks_is_still_one() -> None:
    assert lmnl().without("sm").alternatives == ("train", "car")
    assert res_logit(2).without("sm").labels[-1] == "residual.2[1, 1]"
