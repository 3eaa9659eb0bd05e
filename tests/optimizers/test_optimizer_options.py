"""Clipping, accumulation, averaging, factors, the guard, and saving the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from pycmtensor.exceptions import NonFiniteError, OptimizerError
from pycmtensor.expressions import Beta, Bias, Parameter, Weight
from pycmtensor.optimizers import SGD, Adam, AdamW, Lion, Momentum, Optimizer, Packed
from tests.optimizers.problems import PROBLEMS
from tests.optimizers.rules import FAST, REFERENCE, ROWS, Row, kept, rate, run, stored

CONSTANTS = REFERENCE["constants"]


def stepper(optimizer: Optimizer, params: list[Parameter], lr: float = 0.1) -> Any:
    """A function of the cost's factor: one step of the sum of squares."""
    factor = pt.dscalar("factor")
    cost = factor * sum((p() ** 2).sum() for p in params)
    return pytensor.function([factor], [], updates=optimizer.update(cost, params, lr), mode=FAST)


@pytest.mark.parametrize("layout", ["vector", "scalar"])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(("case", "average"), [("Adam average", "mean"), ("Adam average decay", CONSTANTS["decay"])])
def test_averages_equal_torch(case: str, average: Any, problem: str, layout: str) -> None:
    truth, found = stored(case, problem)["torch"], []
    optimizers: list[Optimizer] = []

    def made(params: list[Parameter]) -> Optimizer:
        optimizers.append(Adam(params, average=average))
        return optimizers[0]

    def look(call: int) -> float:
        found.append(np.concatenate([np.ravel(v) for v in optimizers[0].averages().values()]))
        return 1.0

    run(made, PROBLEMS[problem], layout, rate(case, problem), look)
    look(0)
    np.testing.assert_allclose(kept(np.array(found[1:])), truth, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(found[0], PROBLEMS[problem].start)


@pytest.mark.parametrize("layout", ["vector", "scalar"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_accumulation_equals_optax(problem: str, layout: str) -> None:
    path, optimizer = run(
        lambda params: Adam(params, accumulate=CONSTANTS["accumulate"]),
        PROBLEMS[problem],
        layout,
        rate("Adam accumulate", problem),
        scale=lambda call: 1 + call % 3,
    )
    truth = stored("Adam accumulate", problem)["optax"]
    np.testing.assert_allclose(kept(path), truth, rtol=1e-12, atol=0)
    assert optimizer.t.get_value() == 50 // CONSTANTS["accumulate"]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_lr_factors_equal_torch(problem: str) -> None:
    path, _ = run(
        lambda params: Adam(params, lr_factors={"x0": CONSTANTS["factor"]}),
        PROBLEMS[problem],
        "scalar",
        rate("Adam lr_factors", problem),
    )
    np.testing.assert_allclose(kept(path), stored("Adam lr_factors", problem)["torch"], rtol=1e-12, atol=0)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_accumulated_parts_are_one_step_on_their_mean(row: Row) -> None:
    results = []
    for k, factors in ((1, [2.0, 3.0]), (3, [1.0, 2.0, 3.0, 2.0, 5.0, 2.0])):
        w = Weight("w", 2, value=np.array([1.0, -2.0]))
        step = stepper(row.rule([w], accumulate=k), [w])
        for factor in factors:
            step(factor)
        results.append(w.get_value())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-14)


def test_decay_is_for_weights_unless_told() -> None:
    for rule in (SGD, AdamW, Lion):
        moved = {}
        for decay in (0.5, {"beta": 0.5}):
            params: list[Parameter] = [Beta("beta", 1.0), Weight("w", 1, value=np.ones(1)), Bias("b", 1, np.ones(1))]
            g = [pt.zeros(()), pt.zeros(1), pt.zeros(1)]
            updates = rule(params, weight_decay=decay).updates_from(g, params, lr=0.1)
            new = {old.name: float(np.squeeze(value.eval(mode=FAST))) for old, value in updates}
            moved[str(decay)] = [name for name in ("beta", "w", "b") if new[name] == pytest.approx(0.95)]
        assert moved == {"0.5": ["w"], "{'beta': 0.5}": ["beta"]}, rule


def test_clipping_by_norm_is_over_all_parameters() -> None:
    a, w = Beta("a", 1.0), Weight("w", 1, value=np.ones(1))
    updates = SGD([a, w], clip_norm=1.0).updates_from([pt.constant(30.0), pt.constant([40.0])], [a, w], lr=1.0)
    np.testing.assert_allclose([updates[0][1].eval(mode=FAST), *updates[1][1].eval(mode=FAST)], [0.4, 0.2], rtol=1e-14)
    updates = SGD([a, w], clip_norm=1.0).updates_from([pt.constant(0.0), pt.constant([0.5])], [a, w], lr=1.0)
    assert [float(updates[0][1].eval(mode=FAST)), *updates[1][1].eval(mode=FAST)] == [1, 0.5]


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_guard_leaves_a_bad_step_out(row: Row, bad: float) -> None:
    """The numbers are those of a run without the bad call, and the report names step and parameter."""
    paths = []
    for calls in ([1.0, 2.0, bad, bad, 1.0], [1.0, 2.0, 1.0]):
        w = Weight("w", 2, value=np.array([1.0, 2.0]))
        g = pt.dvector("g")
        optimizer = row.rule([w], guard=True, average="mean")
        step = pytensor.function([g], [], updates=optimizer.updates_from([g], [w], 0.01), mode=FAST)
        for value in calls:
            step([value, 1.0])
        paths.append((w.get_value(), optimizer.averages()["w"]))
    np.testing.assert_array_equal(paths[0], paths[1])
    optimizer.check()  # the second run had nothing to report


def test_guard_reports() -> None:
    b, w = Beta("b_time", 1.0), Weight("w", (1, 2), value=np.ones((1, 2)))
    optimizer = Momentum([b, w], guard=True, accumulate=2)
    g_b, g_w, cost = pt.dscalar(), pt.dmatrix(), pt.dscalar()
    updates = optimizer.updates_from([g_b, g_w], [b, w], 0.1, cost=cost)
    step = pytensor.function([g_b, g_w, cost], [], updates=updates, mode=FAST)
    optimizer.check()
    step(1.0, [[1.0, 1.0]], 1.0)
    step(1.0, [[1.0, np.nan]], 1.0)
    with pytest.raises(
        NonFiniteError,
        match=r"Momentum: 1 of 2 steps were left out .* first in step 2: the gradient of w\[0, 1\]\. .* clip_norm",
    ):
        optimizer.check()
    step(np.inf, [[np.nan, np.nan]], np.nan)
    with pytest.raises(NonFiniteError, match=r"2 of 3 steps .* first in step 2: the gradient of w\[0, 1\]\. "):
        optimizer.check()
    assert b.get_value() == 1
    step(1.0, [[1.0, 1.0]], 1.0)  # the second good call completes the pair
    assert b.get_value() == pytest.approx(1 - 0.1 * 1.9, rel=1e-15)
    np.testing.assert_allclose(w.get_value(), 1 - 0.1 * 1.9, rtol=1e-15)
    assert optimizer.state["Momentum.nonfinite_cost"].get_value() == 3


def test_guard_names_the_cost_and_the_parts_of_a_packed_vector() -> None:
    packed = Packed([Beta("a", 1.0), Beta("b", -1.0)])
    a, b = packed()[0], packed()[1]
    optimizer = SGD([packed], guard=True)
    step = pytensor.function([], [], updates=optimizer.update(a**2 + pt.log(b), [packed], 0.1), mode=FAST)
    with np.errstate(invalid="ignore"):
        step()
    with pytest.raises(NonFiniteError, match=r"first in step 1: the cost\. The parameters hold"):
        optimizer.check()
    g = pt.dvector()
    optimizer = SGD([packed], guard=True)
    pytensor.function([g], [], updates=optimizer.updates_from([g], [packed], 0.1), mode=FAST)([1.0, np.inf])
    with pytest.raises(NonFiniteError, match=r"first in step 1: the gradient of b\. "):
        optimizer.check()


def test_guard_names_elements_of_plain_shared_variables() -> None:
    x, y = pytensor.shared(np.ones(2), name="x"), pytensor.shared(1.0, name="y")
    optimizer = SGD([x, y], guard=True)
    updates = optimizer.updates_from([pt.constant([1.0, np.nan]), pt.constant(np.nan)], [x, y], 0.1)
    pytensor.function([], [], updates=updates, mode=FAST)()
    with pytest.raises(NonFiniteError, match=r"the gradient of x\[1\], the gradient of y\. "):
        optimizer.check()


def test_options_that_were_not_asked_for() -> None:
    optimizer = SGD([Beta("beta")])
    with pytest.raises(OptimizerError, match="SGD keeps no averages; make it with average="):
        optimizer.averages()
    with pytest.raises(OptimizerError, match="SGD watches nothing; make it with guard=True"):
        optimizer.check()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_state_restores_bit_for_bit(row: Row) -> None:
    options = {"average": 0.9, "accumulate": 2, "guard": True}
    w = Weight("w", 2, value=np.array([1.0, -2.0]))
    optimizer = row.rule([w], **options)
    step = stepper(optimizer, [w])
    for factor in (1.0, 2.0, 3.0):
        step(factor)
    saved, at = optimizer.state_dict(), w.get_value()
    path = []
    for target in (optimizer, row.rule([w], **options)):
        w.set_value(at)
        target.load_state_dict(saved)
        again = stepper(target, [w])
        for factor in (3.0, 2.0, 1.0):
            again(factor)
        path.append((w.get_value(), target.state_dict()))
    np.testing.assert_array_equal(path[0][0], path[1][0])
    assert path[0][1].keys() == path[1][1].keys()
    for name, value in path[0][1].items():
        np.testing.assert_array_equal(value, path[1][1][name], strict=True)
    assert not np.array_equal(at, w.get_value())


def test_state_that_does_not_fit() -> None:
    optimizer = Adam([Beta("beta")])
    good = optimizer.state_dict()
    changes: list[tuple[dict[str, Any], str]] = [
        ({"beta.x": 1.0}, "missing: none; unknown: beta.x"),
        ({"beta.m": np.zeros(2)}, r"beta.m must have the shape \(\) and the type float64, found \(2,\)"),
        ({"beta.m": np.float32(0)}, "found .* float32"),
    ]
    for change, message in changes:
        with pytest.raises(OptimizerError, match=message):
            optimizer.load_state_dict({**good, **change})
    with pytest.raises(OptimizerError, match=r"missing: Adam.t, beta.m, beta.v; unknown: none"):
        optimizer.load_state_dict({})
    good["beta.m"][...] = 7  # a copy: the optimizer does not see it
    assert optimizer.state["beta.m"].get_value() == 0
