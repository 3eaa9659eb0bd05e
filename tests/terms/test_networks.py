"""Networks against a forward pass by hand, and every fault of their specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import erf, expit

import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.kernels.layers import ACTIVATIONS
from tests.conftest import MODES

BY_HAND: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.where(x > 0, x, 0),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "gelu": lambda x: x * 0.5 * (1 + erf(x / 2**0.5)),
    "tanh": np.tanh,
    "sigmoid": expit,
    "identity": lambda x: x,
}


@pytest.fixture
def weighted(trips: pd.DataFrame) -> cmt.Dataset:
    return cmt.Dataset(trips.assign(w=[1.0, 2, 3, 4, 5, 6], kind=[1, 2, 5, 1, 2, 5]), "mode", MODES, weights="w")


def values(network: cmt.Network, output: Any, data: cmt.Dataset) -> NDArray[Any]:
    """An output at the start values, (N,)."""
    return data.evaluate(output)[0, :, 0]


def filled(network: cmt.Network, seed: int = 1) -> list[NDArray[Any]]:
    """Random numbers in all weights, the last layer included."""
    rng = np.random.default_rng(seed)
    for parameter in network.params:
        parameter.set_value(rng.normal(size=parameter.shape))
    return [parameter.get_value() for parameter in network.params]


def standardised(x: Any, w: Any) -> NDArray[Any]:
    x, w = np.asarray(x, float), np.asarray(w, float)
    mean = (w * x).sum() / w.sum()
    return (x - mean) / np.sqrt((w * (x - mean) ** 2).sum() / w.sum())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_forward_pass_is_that_by_hand(weighted: cmt.Dataset, trips: pd.DataFrame, activation: str) -> None:
    inputs = [weighted["t_car"], weighted["t_bus"] / weighted["t_car"]]
    network = cmt.Network("n", inputs, ["a", "b"], data=weighted, hidden=(3, 2), activation=activation)
    W1, b1, W2, b2, W3, b3 = filled(network)
    w, f = [1.0, 2, 3, 4, 5, 6], BY_HAND[activation]
    x = np.stack([standardised(trips.t_car, w), standardised(trips.t_bus / trips.t_car, w)], axis=1)
    y = f(f(x @ W1 + b1) @ W2 + b2) @ W3 + b3
    for k, name in enumerate("ab"):
        np.testing.assert_allclose(values(network, network[name], weighted), y[:, k], rtol=1e-12)


def test_residual_layers_and_normalised_ones_are_those_by_hand(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    network = cmt.Network(
        "n", [ds["t_car"]], data=ds, hidden=(3, 3), standardise=False, residual=True, layer_norm=True, activation="tanh"
    )
    W1, b1, s1, m1, W2, b2, s2, m2, W3, b3 = filled(network)

    def normalised(z: Any, s: Any, m: Any) -> Any:
        return s * (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1, keepdims=True) + 1e-5) + m

    h = np.tanh(normalised(trips[["t_car"]].to_numpy() @ W1 + b1, s1, m1))
    h = np.tanh(normalised(h @ W2 + b2, s2, m2)) + h
    np.testing.assert_allclose(values(network, network(), ds), (h @ W3 + b3)[:, 0], rtol=1e-12)


def test_signs_hold_whatever_the_weights_are(ds: cmt.Dataset) -> None:
    signs = {"up": "positive", "down": "negative"}
    network = cmt.Network("n", [ds["t_car"]], ["up", "down", "any"], data=ds, output=signs)
    up, down, free = [], [], []
    for seed in range(20):
        filled(network, seed)
        up.append(values(network, network["up"], ds))
        down.append(values(network, network["down"], ds))
        free.append(values(network, network["any"], ds))
    assert np.min(up) > 0 > np.max(down)
    assert np.min(free) < 0 < np.max(free)


def test_embeddings_are_rows_of_a_table(weighted: cmt.Dataset) -> None:
    inputs = [cmt.Embedding(weighted["kind"]), cmt.Embedding(weighted["kind"], 2)]
    network = cmt.Network("n", inputs, data=weighted, hidden=())
    assert [parameter.name for parameter in network.params] == ["n.kind", "n.weight1", "n.bias1"]
    table, W, b = filled(network)
    level = np.array([0, 1, 2, 0, 1, 2])  # of kind 1, 2, 5
    expected = W[:3, 0][level] + (table @ W[3:])[level, 0] + b
    np.testing.assert_allclose(values(network, network(), weighted), expected, rtol=1e-12)


def test_other_data_are_standardised_with_the_stored_numbers(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    network = cmt.Network("n", [ds["t_car"]], data=ds, hidden=())
    model = cmt.MNL(ds, {"car": network(), "bus": 0})
    W, b = filled(network)
    other = ds.like(trips.assign(t_car=trips.t_car * 3 + 1))
    mean, sd = trips.t_car.mean(), trips.t_car.std(ddof=0)
    V = (trips.t_car.to_numpy() * 3 + 1 - mean) / sd * W[0, 0] + b[0]
    P = LocalEvaluator(model).on(other).probabilities(np.array([W[0, 0], b[0]]))
    np.testing.assert_allclose(P[0, 0], expit(V), rtol=1e-12)


def test_levels_that_the_network_does_not_know_are_refused(weighted: cmt.Dataset, trips: pd.DataFrame) -> None:
    network = cmt.Network("n", [cmt.Embedding(weighted["kind"], 2)], data=weighted)
    model = cmt.MNL(weighted, {"car": network(), "bus": 0})
    other = weighted.like(trips.assign(w=1.0, kind=[1, 2, 3, 4, 5, 1]))
    with pytest.raises(DatasetError, match=r"the value\(s\) 3, 4 .2 rows, the first at 2, 3.*For an Embedding"):
        model.check(other)


def test_padding_of_panels_does_not_count(trips: pd.DataFrame) -> None:
    """Persons have three, two and one trips: the padded places repeat numbers that must not be averaged."""
    ds = cmt.Dataset(trips, "mode", MODES, individual="person")
    network = cmt.Network("n", [ds["t_car"]], data=ds, hidden=())
    network.params[0].set_value([[1.0]])
    found = ds.of_situations(ds.evaluate(network())[..., 0])
    np.testing.assert_allclose(found, standardised(trips.t_car, np.ones(6)), rtol=1e-12)


def test_start_values_are_of_the_seed_and_the_last_layer_begins_at_zero(ds: cmt.Dataset) -> None:
    first, again, other = (cmt.Network("n", [ds["t_car"]], data=ds, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.params[0].get_value(), again.params[0].get_value())
    assert not np.array_equal(first.params[0].get_value(), other.params[0].get_value())
    assert np.all(values(first, first(), ds) == 0)


FAULTS: list[tuple[Callable[[cmt.Dataset], Any], type[Exception], str]] = [
    (lambda ds: cmt.Network("a.b", [ds["t_car"]], data=ds), ModelError, "without dots and brackets, found 'a.b'"),
    (lambda ds: cmt.Network("n", [], data=ds), ModelError, "inputs is a list of columns"),
    (lambda ds: cmt.Network("n", ds["t_car"], data=ds), ModelError, "inputs is a list of columns"),
    (lambda ds: cmt.Network("n", ["t_car"], data=ds), ModelError, "an input is an expression of columns"),
    (lambda ds: cmt.Network("n", [cmt.Beta("b") * ds["t_car"]], data=ds), ModelError, "without parameters and draws"),
    (lambda ds: cmt.Network("n", [ds["t_car"] * 0], data=ds), ModelError, "is 0 everywhere and tells nothing"),
    (
        lambda ds: cmt.Network("n", [ds["t_car"]], data=None),  # type: ignore[arg-type]
        ModelError,
        "data must be a Dataset, found NoneType",
    ),
    (lambda ds: cmt.Network("n", [ds["t_car"]], 2, data=ds), ModelError, "outputs is 1 or a list of different names"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], ["a", "a"], data=ds), ModelError, "different names"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, activation="selu"), ModelError, "one of relu, softplus"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, output="up"), ModelError, "one of identity, positive"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, output={"b": "positive"}), ModelError, "output names b"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, hidden=0), ModelError, "at least 1, found 0"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, dropout=1), ModelError, r"dropout must be .* in \[0, 1\)"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, hidden=(), dropout=0.1), ModelError, "of hidden layers"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, hidden=(), residual=True), ModelError, "residual is of hid"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, hidden=(), layer_norm=True), ModelError, "layer_norm is of"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], data=ds, initialiser="magic"), ModelError, "one of zeros"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], ["a"], data=ds)["b"], ModelError, "no output 'b'; it has a"),
    (lambda ds: cmt.Network("n", [ds["t_car"]], ["a", "b"], data=ds)(), ModelError, r"such as network\['a'\]"),
    (lambda ds: cmt.Embedding(ds["t_car"] * 2), ModelError, "Embedding takes a column"),
    (lambda ds: cmt.Embedding(ds["t_car"], 0), ModelError, "at least 1, found 0"),
]


@pytest.mark.parametrize(("make", "error", "message"), FAULTS)
def test_faults_of_a_network_are_named(
    ds: cmt.Dataset, make: Callable[[cmt.Dataset], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(ds)
