"""Linear constraints against models that are written so that they hold, and against another solver."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.optimize import LinearConstraint, minimize

import pycmtensor as cmt
from pycmtensor.estimation.constrained import Constraints, trust_constr
from pycmtensor.estimation.iterations import Search
from pycmtensor.exceptions import ModelError, OptimizerError
from pycmtensor.expressions import Beta
from tests.conftest import MODES
from tests.estimation.test_trust_region import FREE, Fake


@pytest.fixture(scope="module")
def choices() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"{what}_{mode}": rng.uniform(1, 3, 300) for what in ("t", "c") for mode in MODES})
    V = 0.3 - frame.t_car - 0.8 * frame.c_car + frame.t_bus + 0.8 * frame.c_bus
    return frame.assign(mode=np.where(V + rng.logistic(size=300) > 0, 1, 2))


def estimated(choices: pd.DataFrame, constraints: Any = (), b_c: Beta | None = None) -> cmt.Results:
    """Utilities of time and cost; with ``b_c`` given, it is both coefficients."""
    ds = cmt.Dataset(choices, "mode", MODES)
    asc, b_t = Beta("asc"), b_c or Beta("b_t")
    cost = b_c or Beta("b_c")
    V = {m: b_t * ds[f"t_{m}"] + cost * ds[f"c_{m}"] + (asc if m == "car" else 0) for m in MODES}
    return cmt.estimate(cmt.MNL(ds, V), constraints=constraints)


@pytest.fixture(scope="module")
def free(choices: pd.DataFrame) -> cmt.Results:
    return estimated(choices)


@pytest.mark.parametrize("statement", ["b_t = b_c", "b_t >= b_c", [pt.eq(Beta("b_t")(), Beta("b_c")())]])
def test_an_equality_is_a_model_with_one_parameter_less(
    choices: pd.DataFrame, free: cmt.Results, statement: object
) -> None:
    assert free.params["b_t"] < free.params["b_c"]
    held, one = estimated(choices, statement), estimated(choices, b_c=Beta("b"))
    assert held.outcome.converged
    assert "binding: b_t" in held.outcome.reason
    assert held.fit.method == "trust-constr"
    assert held.history.gradient.iloc[-1] < 1e-3 * held.history.gradient.iloc[0]  # along the constraints
    assert held.llf == pytest.approx(one.llf, rel=1e-12)
    for label in ("b_t", "b_c"):
        assert held.params[label] == pytest.approx(one.params["b"], abs=1e-7)
        for kind in ("classical", "robust", "bhhh"):
            assert held.standard_errors(kind)[label] == pytest.approx(one.standard_errors(kind)["b"], rel=1e-5)
    assert held.standard_errors()["asc"] == pytest.approx(one.bse["asc"], rel=1e-5)


def test_a_constraint_that_does_not_bind_changes_nothing(choices: pd.DataFrame, free: cmt.Results) -> None:
    held = estimated(choices, ["b_t <= b_c", "asc <= 50"])
    assert held.outcome.ending == "maximum"
    np.testing.assert_allclose(held.params, free.params, atol=1e-6)
    np.testing.assert_allclose(held.bse, free.bse, rtol=1e-5)


def test_a_constraint_can_identify_a_model(choices: pd.DataFrame) -> None:
    """With a constant for both alternatives, their sum has to be given."""
    ds = cmt.Dataset(choices, "mode", MODES)
    V = {mode: Beta(f"asc_{mode}") + 0 * ds["t_car"] for mode in MODES}
    results = cmt.estimate(cmt.MNL(ds, V), constraints="asc_car + asc_bus = 0")
    share = (choices["mode"] == 1).mean()
    assert results.outcome.converged
    assert results.params["asc_car"] == pytest.approx(np.log(share / (1 - share)) / 2, abs=1e-7)
    assert results.params["asc_bus"] == pytest.approx(-results.params["asc_car"], abs=1e-12)
    assert results.bse["asc_car"] == pytest.approx(np.sqrt(1 / (300 * share * (1 - share))) / 2, rel=1e-6)


def test_constraints_and_bounds_hold_together(choices: pd.DataFrame) -> None:
    ds = cmt.Dataset(choices, "mode", MODES)
    asc, b_t, b_c = Beta("asc", ub=0.1), Beta("b_t"), Beta("b_c")
    V = {m: b_t * ds[f"t_{m}"] + b_c * ds[f"c_{m}"] + (asc if m == "car" else 0) for m in MODES}
    held = cmt.estimate(cmt.MNL(ds, V), constraints=[b_t >= b_c])
    assert held.params["asc"] == pytest.approx(0.1, abs=1e-9)
    assert "asc at a bound" in held.outcome.reason
    fixed, b = Beta("asc", 0.1, status=1), Beta("b")
    V = {m: b * (ds[f"t_{m}"] + ds[f"c_{m}"]) + (fixed if m == "car" else 0) for m in MODES}
    one = cmt.estimate(cmt.MNL(ds, V))
    assert held.llf == pytest.approx(one.llf, rel=1e-12)
    assert held.bse["b_t"] == pytest.approx(one.bse["b"], rel=1e-5)
    assert np.isnan(held.bse["asc"])


@pytest.mark.parametrize("seed", range(12))
def test_quadratics_agree_with_another_solver(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(9, 4)), rng.normal(size=9)
    engine = Fake(lambda x: ((A @ x - b) ** 2).sum() / 2, lambda x: A.T @ (A @ x - b), lambda x: A.T @ A, 4)
    C, edge = rng.normal(size=(3, 4)), rng.normal(size=3) / 2
    low, high = np.where([True, False, False], edge, -np.inf), edge
    best = trust_constr(Search(engine, np.zeros(4), (-FREE, FREE)), Constraints(C, low, high, ("a", "b", "c")))
    options = {"ftol": 1e-15, "maxiter": 1000}
    others = [LinearConstraint(C[:1], edge[:1], edge[:1]), LinearConstraint(C[1:], -np.inf, edge[1:])]
    truth = minimize(engine.f, np.zeros(4), jac=engine.g, method="SLSQP", constraints=others, options=options)
    assert best.outcome.converged
    assert best.binding is not None
    np.testing.assert_allclose(best.theta, truth.x, atol=1e-5)
    multipliers = np.linalg.lstsq(best.binding.T, best.at.gradient, rcond=None)[0]
    np.testing.assert_allclose(best.binding.T @ multipliers, best.at.gradient, atol=1e-6)  # Karush, Kuhn & Tucker


@pytest.mark.parametrize("statements", ["b_t <= -3, b_t >= 2", "b_t = 1, b_t = 2", "b_t + asc >= 2, b_t <= 0, asc = 1"])
def test_contradictions_are_named(choices: pd.DataFrame, statements: str) -> None:
    with pytest.raises(ModelError, match=f"No values of the parameters meet the constraints {re.escape(statements)}"):
        estimated(choices, statements)


def test_constraints_and_bounds_contradict_each_other(choices: pd.DataFrame) -> None:
    with pytest.raises(ModelError, match="meet the constraints b >= 1 within the parameters' bounds"):
        estimated(choices, "b >= 1", b_c=Beta("b", ub=0.5))


def test_one_statement_needs_no_list(choices: pd.DataFrame) -> None:
    b_t, b_c = Beta("b_t"), Beta("b_c")
    llf = estimated(choices, "b_t >= b_c").llf
    assert estimated(choices, b_t >= b_c).llf == pytest.approx(llf, rel=1e-12)
    assert estimated(choices, cmt.constraint(b_t >= b_c)).llf == pytest.approx(llf, rel=1e-12)


def test_single_precision_reaches_what_it_can_tell(choices: pd.DataFrame) -> None:
    exact = estimated(choices, "b_t = b_c")
    with pytensor.config.change_flags(floatX="float32"):
        single = estimated(choices, "b_t = b_c")
    assert single.fit.scores.dtype == np.float32
    assert single.outcome.converged
    assert ((single.params - exact.params) / exact.bse).abs().max() < 2e-3


def test_what_constraints_do_not_go_with(choices: pd.DataFrame, free: cmt.Results) -> None:
    ds = cmt.Dataset(choices, "mode", MODES)
    model = cmt.MNL(ds, {"car": Beta("asc")(), "bus": 0})
    with pytest.raises(OptimizerError, match="Constraints need the method 'trust-region', found 'bfgs'"):
        cmt.estimate(model, method="bfgs", constraints="asc = 1")
    with pytest.raises(ModelError, match="'assc'.* Did you mean asc"):
        cmt.estimate(model, constraints="assc = 1")
    held = estimated(choices, "b_t = b_c")
    with pytest.raises(cmt.PyCMTensorError, match="hold linear constraints, from where the bootstrap cannot start"):
        held.bootstrap(10)
    with pytest.raises(cmt.PyCMTensorError, match="hold linear constraints, around which no profile"):
        held.conf_int(kind="profile")


def test_a_constraint_is_tested_like_a_model_with_one_parameter_less(choices: pd.DataFrame, free: cmt.Results) -> None:
    held, one = estimated(choices, "b_t = b_c"), estimated(choices, b_c=Beta("b"))
    assert held.aic == pytest.approx(one.aic, rel=1e-12)
    assert held.bic == pytest.approx(one.bic, rel=1e-12)
    test = cmt.likelihood_ratio(held, free)
    assert test.df == 1
    assert test.statistic == pytest.approx(2 * (free.llf - one.llf), abs=1e-8)
    assert "H0: the restricted model, with b_t = b_c" in str(test)


def test_what_a_constraint_determines_is_not_tested(choices: pd.DataFrame) -> None:
    held = estimated(choices, "b_t = 0.5")
    assert held.bse["b_t"] == 0
    assert np.isnan(held.tvalues["b_t"])
    assert np.isnan(held.pvalues["b_t"])
    (row,) = (cells for cells in held.summary().rows if cells[0] == "b_t")
    assert row == ("b_t", "0.500000", "0", *["-"] * 4)
