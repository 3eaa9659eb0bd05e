"""The documented interface: signatures, order of pairs, bounds, types, errors, and every PyTensor mode."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytensor.compile.mode import get_default_mode, get_mode

from pycmtensor import optimizers
from pycmtensor.exceptions import OptimizerError, UnusedParameterWarning
from pycmtensor.expressions import Beta, Weight
from pycmtensor.optimizers import SGD, AdaGrad, Adam, Adamax, AdamW, Momentum, NAdam, Optimizer, RAdam, RMSProp, RProp
from pycmtensor.optimizers.base import Updates
from tests.optimizers.problems import PROBLEMS
from tests.optimizers.rules import FAST, ROWS, XP, Row, rate

SIGNATURES = {
    "Adam": "b1=0.9, b2=0.999, lr=0.001",
    "Adamax": "b1=0.9, b2=0.999, lr=0.001",
    "Adadelta": "rho=0.95, lr=1.0",
    "RMSProp": "rho=0.9, lr=0.001",
    "Momentum": "momentum=0.9, nesterov=True, lr=0.001",
    "AdaGrad": "lr=1.0",
    "SGD": "lr=0.001",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    rule = getattr(optimizers, name)
    made = [*inspect.signature(rule).parameters.values()]
    called = [*inspect.signature(rule.update).parameters.values()]
    assert [p.name for p in (made[0], made[-1], *called[:3])] == ["params", "kwargs", "self", "cost", "params"]
    assert ", ".join(f"{p.name}={p.default}" for p in [*made[1:-1], called[3]]) == SIGNATURES[name]


def test_base_signature() -> None:
    found = [p for p in inspect.signature(Optimizer).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    expected = {"b1": 0.0, "b2": 0.0, "m": 0.0, "rho": 0.0, "epsilon": 1e-8}
    assert [p.name for p in found] == ["params", "name", *expected]
    assert {p.name: p.default for p in found[2:]} == expected


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_order_of_pairs(row: Row) -> None:
    a, fixed, w = Beta("a"), Beta("fixed", status=1), Weight("w", (2, 3), seed=1)
    optimizer = row.rule([w, fixed, a])
    updates = optimizer.update((a() - 1) ** 2 + fixed() * (w() ** 2).sum(), [a, fixed, w])
    assert isinstance(updates, list)
    assert all(isinstance(pair, tuple) and len(pair) == 2 for pair in updates)
    slots = row.slots.removesuffix("t")
    names = [name for p in ("a", "w") for name in (p, *(f"{p}.{s}" for s in slots))]
    names += [f"{row.rule.__name__}.t"] if row.slots.endswith("t") else []
    assert [old.name for old, _ in updates] == names
    for old, new in updates:
        assert (old.type.dtype, old.type.ndim) == (new.type.dtype, new.type.ndim)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_default_rate(row: Row) -> None:
    found = []
    for lr in ((), (row.default_lr,)):
        beta = Beta("beta", 1.0)
        found.append(row.rule([beta]).update(beta() ** 2, [beta], *lr)[0][1].eval(mode=FAST))
    assert found[0] == found[1] != 1


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize(
    ("lb", "ub", "start", "end"),
    [
        (0.0, None, 0.1, 0.0),
        (None, 0.0, -0.1, 0.0),
        (-0.2, 0.2, 0.1, -0.2),
        (0.1, 0.1, 0.1, 0.1),
        (-1e4, 1e4, 0.1, None),
    ],
)
def test_bounds(row: Row, lb: float | None, ub: float | None, start: float, end: float | None) -> None:
    """A cost that falls beyond the bound, to minus infinity."""
    beta = Beta("beta", start, lb=lb, ub=ub)
    cost = beta() * (1 if start > 0 else -1)
    updates = row.rule([beta]).update(cost, [beta], lr=1.0 if row.default_lr < 1 else 200.0)
    step = pytensor.function([], [], updates=updates, mode=FAST)
    for _ in range(3):
        step()
        assert lb is None or beta.get_value() >= lb
        assert ub is None or beta.get_value() <= ub
    if end is None:
        assert -1e4 < beta.get_value() < start
    else:
        assert beta.get_value() == end


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keeps_shape_and_type(row: Row, dtype: str) -> None:
    w = Weight("w", (2, 1), value=np.ones((2, 1), dtype), init_type="zeros")
    optimizer = row.rule([w], average="mean", accumulate=2, lr_factors={"w": 0.5}, clip_norm=1.0, weight_decay=0.1)
    updates = optimizer.update((w() ** 2).sum().astype("float64"), [w], pt.constant(0.1, dtype="float64"))
    step = pytensor.function([], [], updates=updates, mode=FAST)
    for _ in range(4):
        step()
    assert w.get_value().dtype == dtype
    assert np.all(w.get_value() < 1)
    for name, state in optimizer.state.items():
        if name.startswith("w."):
            assert (state.get_value().dtype, state.get_value().shape) == (dtype, (2, 1)), name


def test_float32_is_as_exact_as_float32_can_be() -> None:
    """1 - b2^t loses no digits: the first steps have the length of the rate."""
    w = Weight("w", 1, value=np.ones(1, "float32"))
    updates = Adam([w], epsilon=0.0).update((w() * 3).sum(), [w], 0.125)
    step = pytensor.function([], [], updates=updates, mode=FAST)
    for t in range(1, 5):
        step()
        np.testing.assert_allclose(w.get_value(), 1 - 0.125 * t, rtol=0, atol=3e-7)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_unused_parameter(row: Row) -> None:
    used, unused = Beta("used", 1.0), Beta("unused", 1.0)
    optimizer = row.rule([used, unused])
    with pytest.warns(UnusedParameterWarning, match="does not depend on unused"):
        updates = optimizer.update(used() ** 2, [used, unused])
    pytensor.function([], [], updates=updates, mode=FAST)()
    assert unused.get_value() == 1
    assert used.get_value() != 1


def test_moves_without_momentum() -> None:
    """State that exists only if b1 > 0 would move nothing."""
    for rule in (Adam, Adamax, AdamW, NAdam):
        beta = Beta("beta", 1.0)
        (_, new), *_ = rule([beta], b1=0.0).update(beta() ** 2, [beta], lr=0.1)
        assert new.eval(mode=FAST) == pytest.approx(0.9, abs=1e-8)


def test_momentum_advances() -> None:
    beta = Beta("beta", 1.0)
    step = pytensor.function([], [], updates=Momentum([beta]).update(beta(), [beta], lr=0.1), mode=FAST)
    moves = []
    for _ in range(3):
        before = beta.get_value()
        step()
        moves.append(before - beta.get_value())
    np.testing.assert_allclose(moves, [0.19, 0.271, 0.3439], rtol=1e-12)


def test_rprop_shrinks_after_a_change_of_sign_and_keeps_its_limits() -> None:
    sign, beta = pytensor.shared(1.0), Beta("beta", 1.0)
    optimizer = RProp([beta], smallest=0.05, largest=0.13)
    step = pytensor.function([], [], updates=optimizer.update(sign * beta(), [beta], lr=0.1), mode=FAST)
    sizes = []
    for now in (1, 1, 1, -1, -1, 1, 1, -1):
        sign.set_value(float(now))
        step()
        sizes.append(float(optimizer.state["beta.s"].get_value()))
    np.testing.assert_allclose(sizes, [0.1, 0.12, 0.13, 0.065, 0.065, 0.05, 0.05, 0.05], rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    g=st.floats(-1e6, 1e6),
    lb=st.floats(-2, 0),
    ub=st.floats(0, 2),
    lr=st.floats(0, 10),
    row=st.sampled_from(ROWS),
)
def test_a_step_stays_within_any_box(g: float, lb: float, ub: float, lr: float, row: Row) -> None:
    beta = Beta("beta", 0.0, lb=lb, ub=ub)
    (_, new), *_ = row.rule([beta]).updates_from([pt.constant(g)], [beta], lr)
    assert lb <= new.eval(mode=FAST) <= ub


MODES = ["JAX", "NUMBA"] + ([] if type(get_default_mode().linker) is type(get_mode("NUMBA").linker) else [None])


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(mode: str | None) -> None:
    """One function that holds the updates of every rule, on parameters of their own, with every option."""

    def moved(mode: Any) -> dict[str, Any]:
        updates: Updates = []
        state: dict[str, Any] = {}
        for i, row in enumerate(ROWS):
            p = Beta(f"p{i}", -1.2, ub=-1.1) if i % 2 else Weight(f"p{i}", 2, value=np.ones(2))
            options = {"clip_norm": 2.0, "average": 0.9, "accumulate": 2, "guard": True} if row.case == "Adam" else {}
            optimizer = row.rule([p], name=f"{row.case}{i}", **options)
            updates += optimizer.update(((p() ** 2 - 2) ** 2).sum(), [p], 0.01)
            state |= optimizer.state | {p.name: p}
        step = pytensor.function([], [], updates=updates, mode=mode)
        for _ in range(4):
            step()
        return {name: np.array(shared.get_value()) for name, shared in state.items()}

    found, expected = moved(mode), moved(FAST)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-300, err_msg=name)
        assert found[name].dtype == value.dtype, name


RANGES: list[tuple[Any, dict[str, Any], str]] = [
    (Adam, {"b1": 1.0}, r"Adam: b1 must be a finite number in \[0, 1\), found 1.0"),
    (Adam, {"b2": -0.1}, r"b2 must be a finite number in \[0, 1\), found -0.1"),
    (Adam, {"b1": "0.9"}, "b1 must be a finite number"),
    (RMSProp, {"rho": 1}, r"rho must be a finite number in \[0, 1\), found 1"),
    (Momentum, {"momentum": 1.5}, r"m \(momentum\) must be a finite number in \[0, 1\), found 1.5"),
    (SGD, {"epsilon": -1e-8}, r"epsilon must be a finite number in \[0, inf\), found -1e-08"),
    (SGD, {"epsilon": float("nan")}, "epsilon must be a finite number"),
    (AdaGrad, {"initial_accumulator": -1}, "initial_accumulator must be"),
    (NAdam, {"momentum_decay": -1}, "momentum_decay must be"),
    (RProp, {"increase": 1.0}, r"increase must be a finite number in \(1, inf\), found 1.0"),
    (RProp, {"decrease": 1.0}, r"decrease must be a finite number in \(0, 1\), found 1.0"),
    (RProp, {"smallest": 0.0}, r"smallest must be a finite number in \(0, inf\)"),
    (RProp, {"smallest": 2.0, "largest": 1.0}, "swap them"),
    (SGD, {"clip_value": 0}, r"clip_value must be a finite number in \(0, inf\), found 0"),
    (SGD, {"clip_norm": -1}, "clip_norm must be"),
    (SGD, {"weight_decay": -1}, "weight_decay must be"),
    (SGD, {"weight_decay": {"nobody": 1}}, "weight_decay names 'nobody', .* free parameters beta"),
    (SGD, {"lr_factors": {"nobody": 1}}, "lr_factors names 'nobody'"),
    (SGD, {"lr_factors": {"beta": -1}}, r"lr_factors\['beta'\] must be"),
    (SGD, {"lr_factors": 2.0}, "must be a dict"),
    (SGD, {"average": 1.0}, "average .* found 1.0"),
    (SGD, {"accumulate": 0}, "accumulate must be a whole number of at least 1, found 0"),
    (SGD, {"accumulate": 1.5}, "accumulate must be a whole number"),
]


@pytest.mark.parametrize(("rule", "options", "message"), RANGES, ids=lambda x: str(x) if isinstance(x, dict) else "")
def test_ranges(rule: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        rule([Beta("beta")], **options)


@pytest.mark.parametrize(
    ("rule", "options"),
    [(Adam, {"rho": 0.5}), (SGD, {"b1": 0.9}), (SGD, {"eps_in_sqrt": True}), (Adam, {"lr": 0.1}), (RMSProp, {"m": 0})],
)
def test_keyword_of_another_rule(rule: Any, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{rule.__name__} got an unexpected keyword '{next(iter(options))}'.*epsilon"):
        rule([Beta("beta")], **options)


def test_wrong_params() -> None:
    beta = Beta("beta")
    for params, message in [
        ([], "at least one parameter"),
        (beta, "at least one parameter"),
        ([beta, beta], "'beta' is in params twice"),
        ([Beta("beta"), Beta("beta")], "'beta' is in params twice"),
        ([1.0], r"params\[0\] must be a Beta"),
        ([pytensor.shared(1)], "floating type"),
    ]:
        with pytest.raises(OptimizerError, match=message):
            SGD(params)  # type: ignore[arg-type]


def test_wrong_update() -> None:
    beta, other, w = Beta("beta"), Beta("other"), Weight("w", 2)
    optimizer = Adam([beta, w])
    cost = beta() + w().sum()
    calls: list[tuple[tuple[Any, ...], str]] = [
        ((w(), [beta, w]), "cost must be a symbolic scalar, found .* Reduce it"),
        ((3.0, [beta, w]), "cost must be a symbolic scalar, found float"),
        ((cost, [beta]), "was made for beta, w; update was called with beta"),
        ((cost, [beta, w, other]), "Call update with the parameters given at construction"),
        ((cost, [beta, w, w]), "each once"),
        ((cost, [beta, w], -0.1), r"lr must be a finite number in \[0, inf\), found -0.1"),
        ((cost, [beta, w], float("inf")), "lr must be a finite number"),
        ((cost, [beta, w], w()), "a symbolic lr must be a scalar"),
    ]
    for arguments, message in calls:
        with pytest.raises(OptimizerError, match=message):
            optimizer.update(*arguments)


def test_one_parameter_may_come_without_a_list() -> None:
    beta = Beta("beta", 1.0)
    assert [old for old, _ in SGD([beta]).update(beta() ** 2, beta)] == [beta()]  # type: ignore[arg-type]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_float32_follows_float64(row: Row) -> None:
    problem, paths = PROBLEMS["logit"], []
    for dtype in ("float64", "float32"):
        w = Weight("w", 3, value=np.array(problem.start, dtype))
        updates = row.rule([w]).update(problem.cost([w[k] for k in range(3)], XP), [w], rate(row.case, "logit"))
        step = pytensor.function([], [], updates=updates, mode=FAST)
        paths.append([(step(), w.get_value())[1] for _ in range(10)])
    np.testing.assert_allclose(paths[1], paths[0], rtol=2e-6)


def test_radam_without_enough_memory_is_momentum() -> None:
    """With b2 = 0.6 the variance of v is never known: every step is m / (1 - b1^t)."""
    beta = Beta("beta", 1.0)
    step = pytensor.function([], [], updates=RAdam([beta], b2=0.6).update(3 * beta(), [beta], lr=0.1), mode=FAST)
    for t in range(1, 10):
        step()
        assert beta.get_value() == pytest.approx(1 - 0.3 * t, rel=1e-12)


def test_base_has_no_rule() -> None:
    beta = Beta("beta")
    with pytest.raises(OptimizerError, match="Optimizer has no rule"):
        Optimizer([beta], "mine").update(beta() ** 2, [beta])


def test_plain_shared_variables() -> None:
    named, unnamed = pytensor.shared(1.0, name="x"), pytensor.shared(np.ones(2))
    optimizer = Adam([named, unnamed])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        updates = optimizer.update(named**2 + (unnamed**2).sum(), [named, unnamed], pytensor.shared(0.1))
    pytensor.function([], [], updates=updates, mode=FAST)()
    np.testing.assert_allclose(unnamed.get_value(), [0.9, 0.9], rtol=1e-8)
    assert list(optimizer.state) == ["x.m", "x.v", "params[1].m", "params[1].v", "Adam.t"]
    assert repr(optimizer) == "Adam(x, params[1])"
