"""The multinomial logit against a likelihood by hand, and every fault of a specification."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Beta
from pycmtensor.models import Model
from tests import by_hand
from tests.conftest import MODES

INTERPRETED = pytensor.compile.mode.Mode(linker="py", optimizer=None)


def by_formula(model: Model) -> float:
    """The cost as PyTensor evaluates it, without the engine."""
    return float(model.cost.eval(dict(zip(model.inputs, model.arrays(), strict=True)), mode=INTERPRETED))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(0.01, 30))
def test_likelihood_is_that_by_hand(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    n, J, K = 12, 3, 2
    X, theta = rng.normal(0, size, (n, J, K)), rng.normal(0, 1, K)
    available = rng.random((n, J)) < 0.7
    chosen = rng.integers(0, J, n)
    available[np.arange(n), chosen] = True
    columns = {f"x{j}{k}": X[:, j, k] for j in range(J) for k in range(K)}
    frame = pd.DataFrame({"y": chosen, **columns, **{f"a{j}": available[:, j] for j in range(J)}})
    ds = cmt.Dataset(frame, "y", {f"alt{j}": j for j in range(J)})
    betas = [Beta(f"b{k}", theta[k]) for k in range(K)]
    V = {f"alt{j}": sum(b * ds[f"x{j}{k}"] for k, b in enumerate(betas)) for j in range(J)}
    model = cmt.MNL(ds, V, {f"alt{j}": ds[f"a{j}"] for j in range(J)})
    llf, _, _ = by_hand.logit(X, available, chosen, theta)
    assert by_formula(model) == pytest.approx(-llf, rel=1e-12)
    assert model.llnull() == pytest.approx(-np.log(available.sum(axis=1)).sum(), rel=1e-14)


def test_weights_multiply_individuals(trips: pd.DataFrame) -> None:
    trips["w"] = [1.0, 2, 3, 4, 5, 6]
    b = Beta("b", 0.1)

    def cost(frame: pd.DataFrame, weights: str | None) -> float:
        ds = cmt.Dataset(frame, "mode", MODES, weights=weights)
        return by_formula(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}))

    repeated = trips.loc[trips.index.repeat(trips.w.astype(int))]
    assert cost(trips, "w") == pytest.approx(cost(repeated, None), rel=1e-14)


def test_a_panel_sums_its_situations_and_padding_counts_nothing(trips: pd.DataFrame) -> None:
    b = Beta("b", 0.1)

    def cost(individual: str | None) -> float:
        ds = cmt.Dataset(trips, "mode", MODES, individual=individual)
        return by_formula(cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}))

    assert cost("person") == pytest.approx(cost(None), rel=1e-14)


@pytest.mark.parametrize("V", [1e4, -1e4])
def test_extreme_utilities_stay_finite(ds: cmt.Dataset, V: float) -> None:
    b = Beta("b", V)
    model = cmt.MNL(ds, {"car": b(), "bus": 0})
    assert np.isfinite(by_formula(model))
    gradient = pytensor.grad(model.cost, b())
    assert np.isfinite(gradient.eval(dict(zip(model.inputs, model.arrays(), strict=True)), mode=INTERPRETED))


def test_a_probability_of_1e_300_is_exact(ds: cmt.Dataset) -> None:
    b = Beta("b", 690.0)
    model = cmt.MNL(ds, {"car": b(), "bus": 0})
    assert by_formula(model) == pytest.approx(3 * 690, rel=1e-15)  # three chose bus, and log(1 + e^-690) = 0


def test_parameters_stand_in_the_order_of_creation(ds: cmt.Dataset) -> None:
    first, second = Beta("z"), Beta("a")
    model = cmt.MNL(ds, {"car": second * ds["t_car"], "bus": first * ds["t_bus"]})
    assert model.params == [first, second]
    assert model.labels == ("z", "a")


def test_users_can_compile_cost_and_updates_themselves(ds: cmt.Dataset) -> None:
    from pycmtensor.optimizers import SGD

    b = Beta("b", 0.0)
    model = cmt.MNL(ds, {"car": b * ds["t_car"], "bus": b * ds["t_bus"]})
    updates = SGD(model.params).update(model.cost, model.params, lr=1e-3)
    step = pytensor.function(model.inputs, model.cost, updates=updates, mode=INTERPRETED)
    costs = [float(step(*model.arrays())) for _ in range(3)]
    assert costs[0] == pytest.approx(6 * np.log(2))
    assert costs[0] > costs[1] > costs[2]


SPECIFICATION_FAULTS: list[tuple[Callable[[cmt.Dataset, Beta], dict[str, Any]], str]] = [
    (lambda ds, b: {"utilities": {"car": b()}}, "No utility is given for bus"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": 0, "buss": 1}}, "'buss'.*Did you mean 'bus'"),
    (lambda ds, b: {"utilities": [b(), 0]}, "must map names of alternatives"),
    (lambda ds, b: {"utilities": {"car": 1, "bus": 0}}, "No utility holds a parameter"),
    (lambda ds, b: {"utilities": {"car": b * np.ones(6), "bus": 0}}, r"axes \(T, N, R\)"),
    (lambda ds, b: {"utilities": {"car": b * pt.dtensor3("z"), "bus": 0}}, "depends on 'z'"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": Beta("b")()}}, "more than one parameter: b"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": None}}, "must be an expression"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": 0}, "params": [b, Beta("forgotten")]}, "forgotten: used in no"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": Beta("c")()}, "params": [b]}, "use c, which params does not"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": 0}, "availability": {"bus": b()}}, "it must be data"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": 0}, "availability": {"tram": 1}}, "availability names 'tram'"),
    (lambda ds, b: {"utilities": {"car": b(), "bus": 0}, "availability": ds["t_car"]}, "availability must map names"),
]


@pytest.mark.parametrize(("specify", "message"), SPECIFICATION_FAULTS)
def test_faults_of_a_specification_are_named(
    ds: cmt.Dataset, specify: Callable[[cmt.Dataset, Beta], dict[str, Any]], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        cmt.MNL(ds, **specify(ds, Beta("b")))


def test_a_chosen_alternative_must_be_available(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips.assign(has_bus=[1, 0, 1, 0, 1, 0]), "mode", MODES)
    with pytest.raises(DatasetError, match="'bus' is chosen where it is unavailable .2 rows, the first at 1, 5"):
        cmt.MNL(ds, {"car": Beta("b")(), "bus": 0}, {"bus": ds["has_bus"]})


def test_missing_values_in_a_used_column_are_found_when_the_model_is_made(trips: pd.DataFrame) -> None:
    ds = cmt.Dataset(trips.assign(t_car=[1, np.nan, 3, 4, 5, 6]), "mode", MODES)
    cmt.MNL(ds, {"car": Beta("b") * ds["t_bus"], "bus": 0})  # the column is not used
    with pytest.raises(DatasetError, match=r"'t_car' holds 1 missing and 0 infinite value.*row 1"):
        cmt.MNL(ds, {"car": Beta("b") * ds["t_car"], "bus": 0})


def test_other_data_must_fit_the_model(ds: cmt.Dataset, trips: pd.DataFrame) -> None:
    model = cmt.MNL(ds, {"car": Beta("b") * ds["t_car"], "bus": 0})
    with pytest.raises(DatasetError, match="alternatives car, bus, the data set has bus, car"):
        cmt.estimate(model, cmt.Dataset(trips, "mode", {"bus": 2, "car": 1}))
    with pytest.raises(DatasetError, match="a cross-section, the data set is a panel"):
        cmt.estimate(model, cmt.Dataset(trips, "mode", MODES, individual="person"))
    with pytest.raises(DatasetError, match="no column 't_car'"):
        cmt.estimate(model, cmt.Dataset(trips.drop(columns="t_car"), "mode", MODES))


@pytest.mark.parametrize("wrong", [lambda ds: np.arange(6.0), lambda ds: ds.array("t_bus")])
def test_arrays_do_not_pass_for_columns(ds: cmt.Dataset, wrong: Callable[[cmt.Dataset], Any]) -> None:
    """An array of one number per person would be broadcast along the axis of draws."""
    with pytest.raises(ModelError, match=r"utilities of 'car' holds an array of shape .* as a column"):
        cmt.MNL(ds, {"car": Beta("b") * ds["t_car"] * wrong(ds), "bus": 0})


def test_the_first_argument_is_a_dataset(trips: pd.DataFrame, ds: cmt.Dataset) -> None:
    with pytest.raises(ModelError, match="first argument of MNL is a Dataset, found DataFrame"):
        cmt.MNL(trips, {"car": Beta("b")(), "bus": 0})  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="params must be a list of Beta, Weight or Bias, found 'b'"):
        cmt.MNL(ds, {"car": Beta("b")(), "bus": 0}, params=["b"])  # type: ignore[list-item]


def test_copies_and_pickles_estimate_the_same(ds: cmt.Dataset) -> None:
    asc, b = Beta("asc"), Beta("b")
    model = cmt.MNL(ds, {"car": asc + b * ds["t_car"], "bus": b * ds["t_bus"]})
    expected = cmt.estimate(model).params.to_list()
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert cmt.estimate(copied).params.to_list() == expected
