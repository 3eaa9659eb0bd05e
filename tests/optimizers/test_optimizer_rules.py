"""Every rule against its paper at 50 digits, and against torch.optim and optax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytest
from numpy.typing import NDArray

from pycmtensor.optimizers import NAG, Adadelta, Momentum, NAdam, Nadam
from tests.optimizers import formulas
from tests.optimizers.problems import PROBLEMS, STEPS, Problem
from tests.optimizers.rules import REFERENCE, ROWS, VARIANTS, Row, decay_on_betas, kept, rate, run, stored


def assert_equal(found: NDArray[np.float64], truth: Any, what: str = "") -> None:
    """Every element to 1e-12 of its own size."""
    np.testing.assert_allclose(found, np.array(truth, dtype=float), rtol=1e-12, atol=0, err_msg=what)


@pytest.mark.parametrize("layout", ["vector", "scalar"])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("row", [*ROWS, *VARIANTS], ids=str)
def test_equals_paper_torch_and_optax(row: Row, problem: str, layout: str) -> None:
    lr = rate(row.case, problem)
    defaults = {"weight_decay": 0.01} if row.case == "AdamW" else {}
    path, _ = run(
        lambda params: row.rule(params, **decay_on_betas({**defaults, **row.options}, params)),
        PROBLEMS[problem],
        layout,
        lr,
    )
    truths = stored(row.case, problem)
    assert truths
    for source, truth in truths.items():
        assert_equal(kept(path), truth, source)
    if row.formula is not None:
        exact = formulas.path(row.formula, PROBLEMS[problem], [lr] * STEPS)
        assert_equal(path, exact, "paper")


def test_reference_names_its_versions() -> None:
    assert REFERENCE["versions"].keys() == {"torch", "optax", "jax", "numpy"}


def test_aliases() -> None:
    assert NAG is Momentum
    assert Nadam is NAdam


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_rate_may_change_between_steps(row: Row) -> None:
    """A shared rate, a symbolic one and a schedule give the numbers of the formula with that rate."""
    problem = PROBLEMS["logit"]
    rates = [0.01 / (1 + t) for t in range(8)]
    shared = pytensor.shared(rates[0])

    def set_rate(call: int) -> float:
        shared.set_value(rates[call])
        return 1.0

    by_hand, _ = run(row.rule, problem, "vector", shared, set_rate, calls=8)
    scheduled, optimizer = run(row.rule, problem, "vector", lambda t: 0.01 / (1 + t), calls=8)
    assert_equal(scheduled, by_hand)
    assert optimizer.t.get_value() == 8
    assert row.formula is not None
    exact = formulas.path(row.formula, problem, rates)
    assert_equal(by_hand, exact)


@pytest.mark.parametrize("row", [*ROWS, *VARIANTS], ids=str)
def test_never_divides_0_by_0(row: Row) -> None:
    """epsilon=0 with a gradient of exactly 0 from the start, then not, then again."""
    options = {**row.options, "epsilon": 0.0}
    path, _ = run(
        lambda params: row.rule(params, **options),
        Problem((1.0,), lambda x, xp: x[0] ** 2, lambda x, xp: [2 * x[0]]),
        "scalar",
        0.01,
        scale=lambda call: float(3 <= call < 6),
        calls=12,
    )
    assert np.all(np.isfinite(path))
    assert np.all(path[:3] == 1)
    assert path[-1, 0] < 1 or row.rule is Adadelta  # Adadelta starts to move by epsilon alone


@pytest.mark.parametrize("row", [row for row in ROWS if row.case != "Adadelta"], ids=str)
def test_reproduces_the_paper_without_epsilon(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "EPS", 0)
    path, _ = run(lambda params: row.rule(params, epsilon=0.0), PROBLEMS["logit"], "vector", 0.01, calls=8)
    assert row.formula is not None
    exact = formulas.path(row.formula, PROBLEMS["logit"], [0.01] * 8)
    assert_equal(path, exact)
