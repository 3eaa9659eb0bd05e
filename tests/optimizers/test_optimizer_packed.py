"""A packed vector moves as its parameters do, and says what cannot be packed."""

from __future__ import annotations

import jax
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import graph_replace
from pytensor.link.jax.dispatch.basic import jax_funcify

from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import OptimizerError
from pycmtensor.expressions import Beta, Parameter, Weight
from pycmtensor.optimizers import SGD, Packed
from pycmtensor.optimizers.base import Updates
from pycmtensor.optimizers.packed import Param
from tests.optimizers.rules import FAST, ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_packed_moves_as_its_parameters_do(row: Row) -> None:
    """The same steps, options by name and bounds included, bit for bit."""
    rng = np.random.default_rng(7)
    gradients = rng.normal(size=(12, 4)) * [1.0, 100.0, 0.01, 0.01]
    options = {"lr_factors": {"b": 0.5}, "weight_decay": 0.3, "average": 0.9, "clip_norm": 50.0, **row.options}

    def made() -> list[Parameter]:
        bounded = Beta("a", 0.0, lb=0.0, ub=0.02)
        return [bounded, Beta("fixed", 1.0, status=1), Beta("b", -1.0), Weight("w", (1, 2), value=[[1.0, 2.0]])]

    apart, together = made(), made()
    packed = Packed(together)
    entries: list[tuple[list[Param], list[Variable]]] = [
        (list(apart), [pt.dscalar(), pt.dscalar(), pt.dscalar(), pt.dmatrix()]),
        ([packed], [pt.dvector()]),
    ]
    results = []
    for params, g in entries:
        optimizer = row.rule(params, **options)
        lr = pt.dscalar("lr")
        updates = optimizer.updates_from(g, params, lr)
        step = pytensor.function([*g, lr], [], updates=updates, mode=FAST, on_unused_input="ignore")
        for t, (a, b, c, d) in enumerate(gradients):
            inputs = [[a, b, c, d]] if len(g) == 1 else [a, 0.0, b, [[c, d]]]
            step(*inputs, row.default_lr / (1 + t))
        results.append(optimizer.averages())
    packed.store()
    for one, other in zip(apart, together, strict=True):
        np.testing.assert_array_equal(one.get_value(), other.get_value(), strict=True)
    assert results[0].keys() == results[1].keys() == {"a", "b", "w"}
    for name, average in results[0].items():
        np.testing.assert_array_equal(average, results[1][name], strict=True)
    assert not np.array_equal(apart[3].get_value(), [[1.0, 2.0]])


def test_updates_from_equals_update() -> None:
    results = []
    for given in (False, True):
        beta, fixed = Beta("beta", 1.0), Beta("fixed", 2.0, status=1)
        optimizer, cost = SGD([fixed, beta]), beta() ** 2 * fixed()
        if given:
            updates = optimizer.updates_from([pt.dscalar(), pytensor.grad(cost, beta())], [fixed, beta], 0.1)
        else:
            updates = optimizer.update(cost, [fixed, beta], 0.1)
        assert [old for old, _ in updates] == [beta()]
        results.append(updates[0][1].eval())
    assert results[0] == results[1] == 1 - 0.1 * 4


def test_store_and_load() -> None:
    a, w = Beta("a", 1.0), Weight("w", (1, 2), value=np.array([[2.0, 3.0]]))
    packed = Packed([a, w], name="phi")
    assert packed().name == "phi"
    a.set_value(5.0)
    packed.load()
    np.testing.assert_array_equal(packed.get_value(), [5, 2, 3])
    packed().set_value(np.array([6.0, 7.0, 8.0]))
    packed.store()
    assert a.get_value() == 6
    np.testing.assert_array_equal(w.get_value(), [[7, 8]])
    assert packed.size == 3
    assert repr(packed) == "Packed(phi: a, w)"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "no parameter is free"),
        ([Beta("a", status=1)], "no parameter is free"),
        ([pytensor.shared(1.0)], "only a Beta, Weight or Bias"),
        ([Beta("a"), Weight("w", 1, value=np.ones(1, np.float32))], "float32, float64"),
    ],
)
def test_what_cannot_be_packed(params: list[Parameter], message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        Packed(params)


def test_packed_twice() -> None:
    beta = Beta("a")
    with pytest.raises(OptimizerError, match="packed twice"):
        Packed([beta, beta])
    with pytest.raises(OptimizerError, match="in params twice"):
        SGD([beta, Packed([beta])])


@pytest.mark.parametrize(
    ("gradients", "message"),
    [([], "1 parameters need as many gradients, found 0"), ([pt.dscalar()], "theta must have the shape")],
)
def test_gradients_that_do_not_fit(gradients: list[Variable], message: str) -> None:
    packed = Packed([Beta("a"), Beta("b")])
    with pytest.raises(OptimizerError, match=message):
        SGD([packed]).updates_from(gradients, [packed], 0.1)


def in_pytensor(updates: Updates, g: Variable, packed: Packed) -> None:
    step = pytensor.function([g], [], updates=updates, mode=FAST)
    for _ in range(8):
        step(2 * packed.get_value())


@in_64_bits
def in_one_jax_program(updates: Updates, g: Variable, packed: Packed) -> None:
    """The updates lowered to JAX, as the body of lax.scan, with the gradient by jax.grad."""
    shared = [old for old, _ in updates]
    inputs = [old.type() for old in shared]
    outputs = graph_replace([new for _, new in updates], dict(zip(shared, inputs, strict=True)))
    move = jax_funcify(FunctionGraph([*inputs, g], outputs, clone=True))
    gradient, theta = jax.grad(lambda theta: (theta**2).sum()), shared.index(packed())
    state = tuple(jax.numpy.asarray(old.get_value()) for old in shared)
    state, _ = jax.lax.scan(lambda s, _: (tuple(move(*s, gradient(s[theta]))), None), state, None, length=8)
    for old, new in zip(shared, state, strict=True):
        old.set_value(np.asarray(new))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_loop_inside_one_jax_program(row: Row) -> None:
    results = []
    for loop in (in_pytensor, in_one_jax_program):
        packed, g = Packed([Beta("a", 1.0, lb=0.9), Beta("b", -1.0)]), pt.dvector("g")
        optimizer = row.rule([packed], average=0.9, accumulate=2, guard=True, lr_factors={"b": 0.5})
        updates = optimizer.updates_from([g], [packed], lr=lambda t: 0.3 / (1 + t))
        loop(updates, g, packed)
        results.append(optimizer.state_dict() | {"theta": packed.get_value()})
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-12, err_msg=name)
        assert results[1][name].dtype == value.dtype
    assert results[0]["theta"][0] >= 0.9
    assert results[0]["theta"][1] > -1
    assert results[0][f"{optimizer.name}.t"] == 4
