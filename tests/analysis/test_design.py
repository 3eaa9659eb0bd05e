"""Designs of experiments: their information by hand, their optima in closed form, their power by the normal law."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import pycmtensor as cmt
from pycmtensor.analysis.design import Design


def linear(k: int, value: float = 0.0) -> Callable[[Any], Any]:
    betas = [cmt.Beta(f"b{i}", value) for i in range(k)]
    return lambda x: sum(b * x[f"x{i}"] for i, b in enumerate(betas))


def two_levels(k: int) -> dict[str, list[int]]:
    return {f"x{i}": [-1, 1] for i in range(k)}


def information_by_hand(table: pd.DataFrame, names: list[str], beta: np.ndarray) -> np.ndarray:
    """sum_s sum_j P_j (x_j - xbar)(x_j - xbar)' of a logit."""
    total = np.zeros((len(beta), len(beta)))
    for _, rows in table.groupby("set"):
        x = rows[names].to_numpy()
        P = np.exp(x @ beta) / np.exp(x @ beta).sum()
        z = x - P @ x
        total += z.T @ (P[:, None] * z)
    return total


@pytest.mark.parametrize(("k", "sets"), [(2, 4), (3, 4), (4, 8), pytest.param(7, 8, marks=pytest.mark.slow)])
def test_two_levels_without_priors_reach_the_optimum(k: int, sets: int) -> None:
    """Where a Hadamard matrix exists, n choice sets tell each parameter with variance 1 / n, and no more."""
    found = cmt.design(linear(k), two_levels(k), sets=sets)
    assert found.d_error == pytest.approx(1 / sets, rel=1e-9)
    assert found.a_error == pytest.approx(1 / sets, rel=1e-9)
    assert np.allclose(found.covariance(), np.eye(k) / sets, atol=1e-9)
    assert found.sample_sizes().isna().all()


@pytest.fixture(scope="module")
def trips() -> Design:
    bt, bc, none = cmt.Beta("b_time"), cmt.Beta("b_cost"), cmt.Beta("asc_none")
    return cmt.design(
        lambda x: bt * x["time"] + bc * x["cost"] + x.per_alternative({"none": none}),
        {"time": [10, 20, 30, 40], "cost": {"a": [1, 2, 3], "b": [2, 4]}},
        {"b_time": (-0.1, 0.03), "b_cost": (-0.6, 0.2), "asc_none": -2.0},
        sets=12,
        criterion="Db",
        blocks=3,
        no_choice=True,
        options=cmt.DesignOptions(starts=2, draws=16),
    )


def test_errors_by_hand(trips: Design) -> None:
    table = trips.table.assign(none=(trips.table["alternative"] == "none").astype(float))
    beta = np.array(list(trips.priors.values()))
    information = information_by_hand(table, ["time", "cost", "none"], beta)
    V = np.linalg.inv(information)
    assert list(trips.priors) == ["b_time", "b_cost", "asc_none"]
    assert np.allclose(trips.covariance(), V, rtol=1e-9)
    assert trips.d_error == pytest.approx(np.linalg.det(V) ** (1 / 3), rel=1e-9)
    assert trips.a_error == pytest.approx(np.trace(V) / 3, rel=1e-9)
    assert np.allclose(trips.sample_sizes(), np.diag(V) * (norm.ppf(0.975) / beta) ** 2, rtol=1e-9)
    assert trips.db_error > trips.d_error  # priors with a spread
    assert "12 choice sets" in str(trips)


def test_levels_and_blocks(trips: Design) -> None:
    assert (trips.table.groupby("block")["set"].nunique() == 4).all()
    none = trips.table[trips.table["alternative"] == "none"]
    assert (none[["time", "cost"]] == 0).all(axis=None)
    for alternative, levels in {"a": {1, 2, 3}, "b": {2, 4}}.items():
        assert set(trips.table.loc[trips.table["alternative"] == alternative, "cost"]) <= levels
    counts = trips.balance()
    assert (counts.groupby(["attribute", "alternative"])["count"].sum() == 12).all()
    assert np.allclose(trips.probabilities().sum(axis=1), 1)
    wide = trips.table.pivot(index="set", columns="alternative", values="cost")
    assert trips.correlations().loc["cost_a", "cost_b"] == pytest.approx(wide["a"].corr(wide["b"]))


def test_a_given_design_has_the_same_errors(trips: Design) -> None:
    bt, bc, none = cmt.Beta("b_time", -0.1), cmt.Beta("b_cost", -0.6), cmt.Beta("asc_none", -2.0)
    again = cmt.design(
        lambda x: bt * x["time"] + bc * x["cost"] + x.per_alternative({"none": none}),
        {"time": [10, 20, 30, 40], "cost": {"a": [1, 2, 3], "b": [2, 4]}},
        sets=trips.table,
        no_choice=True,
    )
    assert again.d_error == pytest.approx(trips.d_error, rel=1e-12)


def test_power_is_that_of_the_normal_law(trips: Design) -> None:
    """With many people, t values are normal around prior / standard error."""
    people = 30
    power = trips.power(people, samples=400)
    se = np.sqrt(np.diag(trips.covariance()) / (people / 3))
    expected = norm.cdf(np.abs(power["prior"]) / se - norm.ppf(0.975))
    assert np.all(np.abs(power["power"] - expected) < 4 * np.sqrt(0.25 / 400))
    assert np.all(np.abs(power["mean"] - power["prior"]) < 0.15 * np.abs(power["prior"]))
    assert np.all(np.abs(power["sd"] / se - 1) < 0.25)


@pytest.mark.parametrize("n", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_random_design_is_better(n: int) -> None:
    beta = np.array([-0.08, -0.5])
    levels = {"time": [10, 20, 30, 45], "cost": [1, 2, 4, 7]}
    bt, bc = cmt.Beta("b_time", beta[0]), cmt.Beta("b_cost", beta[1])
    found = cmt.design(lambda x: bt * x["time"] + bc * x["cost"], levels, sets=6, options=cmt.DesignOptions(starts=3))
    rng = np.random.default_rng(0)
    profiles = np.array(list(product(*levels.values())), float)
    for _ in range(n):
        x = profiles[rng.integers(len(profiles), size=(6, 2))]
        table = pd.DataFrame(x.reshape(-1, 2), columns=list(levels)).assign(set=np.repeat(np.arange(6), 2))
        det = np.linalg.det(information_by_hand(table, list(levels), beta))
        assert det <= 0 or det**-0.5 >= found.d_error * (1 - 1e-9)


@pytest.mark.slow
def test_coordinates_are_exchanged_where_choice_sets_are_many() -> None:
    """Six attributes of three levels have 531,441 choice sets; zero priors make extreme levels optimal."""
    attributes = {f"x{i}": [-1, 0, 1] for i in range(6)}
    found = cmt.design(linear(6), attributes, sets=8, options=cmt.DesignOptions(starts=2))
    assert found.d_error <= 0.125 * 1.1
    assert set(np.unique(found.table.filter(like="x").to_numpy())) <= {-1.0, 0.0, 1.0}


def test_the_information_of_a_nested_logit_by_differences() -> None:
    """Minus the second derivatives of sum_j P_j(theta0) log P_j(theta) at theta0."""
    b, mu = cmt.Beta("b", -0.5), cmt.Beta("mu", 1.5, lb=1.0)

    def nested(x: Any) -> Any:
        return cmt.NestedLogit(x, b * x["cost"], nests=[cmt.Nest("ab", ["a", "b"], mu), "c"])

    found = cmt.design(nested, {"cost": [1, 2, 3]}, sets=4, alternatives=3, options=cmt.DesignOptions(starts=1))
    rows, theta, h = found._rows, np.array([-0.5, 1.5]), 1e-3
    P = found._information.probabilities(rows, theta)

    def expected(at: np.ndarray) -> float:
        return float((P * np.log(found._information.probabilities(rows, at))).sum())

    steps = np.eye(2) * h
    hessian = [
        [
            (expected(theta + a + c) - expected(theta + a - c) - expected(theta - a + c) + expected(theta - a - c))
            / (4 * h**2)
            for c in steps
        ]
        for a in steps
    ]
    assert np.allclose(np.linalg.inv(-np.array(hessian)), found.covariance(), rtol=1e-3)


def test_constraints_overlap_and_partial_profiles() -> None:
    cheaper = cmt.design(
        linear(2), {"x0": [1, 2, 3], "x1": [1, 2, 3]}, sets=5, constraints=[lambda x: x["x0_a"] < x["x0_b"]]
    )
    wide = cheaper.table.pivot(index="set", columns="alternative", values="x0")
    assert (wide["a"] < wide["b"]).all()
    partial = cmt.design(linear(4), two_levels(4), sets=12, options=cmt.DesignOptions(most_varied=2, most_equal=3))
    varied = (partial.table.groupby("set")[[f"x{i}" for i in range(4)]].nunique() > 1).sum(axis=1)
    assert varied.between(1, 2).all()


def test_balance_makes_levels_equally_frequent() -> None:
    attributes = {"x0": [-1, 0, 1], "x1": [-1, 0, 1]}
    plain, even = (cmt.design(linear(2), attributes, sets=6, options=cmt.DesignOptions(balance=b)) for b in (0.0, 10.0))
    assert even.balance()["count"].std() < plain.balance()["count"].std()
    assert even.d_error >= plain.d_error * (1 - 1e-9)


def test_questionnaire_and_file(trips: Design, tmp_path: Path) -> None:
    path = trips.to_csv(tmp_path / "design.csv")
    assert pd.read_csv(path).equals(trips.table)
    text = trips.questionnaire()
    assert text.count("Which would you choose?") == 12
    assert "|  | a | b | none |" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"criterion": "E"}, "criterion must be one of D, A, S, Db"),
        ({"criterion": "Db"}, "averages over priors"),
        ({"criterion": "S"}, "priors other than 0"),
        ({"priors": {"b9": 1.0}}, "the parameters are b0, b1"),
        ({"priors": {"b0": (1.0, 2.0, 3.0)}}, "a number or \\(mean, sd\\)"),
        ({"attributes": {}}, "attributes is empty"),
        ({"attributes": {"x0": [1, 1], "x1": [0, 1]}}, "levels of 'x0' must be a list of different numbers"),
        ({"attributes": {"x0": {"c": [1, 2]}, "x1": [0, 1]}}, "the alternatives are a, b"),
        ({"alternatives": 1}, "one alternative is no choice"),
        ({"alternatives": ["a", "a"]}, "different names"),
        ({"blocks": 3}, "blocks must divide"),
        ({"constraints": [lambda x: x["x0_a"] > 5]}, "Allow more of them"),
        ({"constraints": [lambda x: 1]}, "True or False for each of its rows"),
        ({"sets": pd.DataFrame({"set": [1]})}, "lacks the columns alternative"),
        ({"utilities": {"a": 1}}, "utilities must be a function"),
    ],
)
def test_faults_are_named(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"utilities": linear(2), "attributes": two_levels(2), "sets": 4} | change
    with pytest.raises(cmt.PyCMTensorError, match=message):
        cmt.design(**given)
