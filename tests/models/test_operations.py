"""Operations that JAX cannot compute are told of when a model is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.ops import wrap_py
from pytensor.graph.basic import Variable
from scipy import special

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.lowering import lower
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta

FRAME = pd.DataFrame({"y": [1, 2, 1, 2, 2], "x": [0.1, 0.9, 0.4, 0.3, 0.7]})


@pytest.fixture
def ds() -> cmt.Dataset:
    return cmt.Dataset(FRAME, "y", {"a": 1, "b": 2})


@wrap_py(itypes=[pt.dtensor3], otypes=[pt.dtensor3])
def own(x: Any) -> Any:
    """An operation of a user, in NumPy."""
    return x + 1


def inverse(x: Variable) -> Variable:
    """An operation that no version of PyTensor gives to JAX."""
    return pt.gammaincinv(1.5, x)


def inner(x: Variable) -> Variable:
    z = pt.dtensor3("z")
    return OpFromGraph([z], [inverse(z)])(x)


#: Name in the message -> how it is made of a column.
WITHOUT: dict[str, Callable[[Variable], Variable]] = {
    "gammaincinv": inverse,
    "betaincinv": lambda x: pt.betaincinv(2.0, 3.0, x),
    "kve": lambda x: pt.kv(1.0, x),
    "j0": pt.j0,
    "RoundHalfAwayFromZero": lambda x: pt.round(x, mode="half_away_from_zero"),
    "own": own,
}


@pytest.mark.parametrize("name", WITHOUT)
def test_an_operation_without_a_form_is_named(ds: cmt.Dataset, name: str) -> None:
    with pytest.raises(ModelError, match=rf"log-likelihood of the MNL depends on .*{name}.* no form in JAX.* Write it"):
        cmt.MNL(ds, {"a": Beta("b") * WITHOUT[name](ds["x"]), "b": 0})


def test_wherever_it_stands(ds: cmt.Dataset) -> None:
    b, mean, x = Beta("b", 0.2), Beta("mean"), ds["x"]
    makers: list[Callable[[], object]] = [
        lambda: cmt.MNL(ds, {"a": b, "b": 0}, {"b": inverse(x) > -9}),
        lambda: cmt.MNL(ds, {"a": b * inner(x), "b": 0}),
        lambda: cmt.MixedLogit(ds, {"a": inverse(normal("t", mean, 1.0)), "b": 0}, draws=9),
        lambda: cmt.NestedLogit(ds, {"a": b, "b": 0}, nests=[cmt.Nest("n", ["a", "b"], 1 + inverse(b()))]),
        lambda: cmt.LatentClass(ds, {"one": {"a": b, "b": 0}, "two": {"a": mean * inverse(x), "b": 0}}),
    ]
    for make in makers:
        with pytest.raises(ModelError, match="depends on gammaincinv of PyTensor"):
            make()
    results = cmt.estimate(cmt.MNL(ds, {"a": b * x, "b": 0}))
    with pytest.raises(ModelError, match="An expression depends on gammaincinv of PyTensor"):
        results.wtp(b * inverse(x), "b")


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        (lambda x: pt.log(1 + pt.exp(x)), lambda x: np.log1p(np.exp(x))),
        (lambda x: pt.log(pt.erfc(x)), lambda x: np.log(special.erfc(x))),
        (lambda x: pt.erfinv(x) + pt.gammaln(x), lambda x: special.erfinv(x) + special.gammaln(x)),
        (lambda x: pt.specify_shape(x, (1, None, 1)) * 2, lambda x: 2 * x),
        (lambda x: pt.switch(pt.gt(x, 0.5), x, pt.sqr(x)), lambda x: np.where(x > 0.5, x, x**2)),
        (lambda x: pt.max(pt.stack([x, 1 - x]), axis=0) ** 2, lambda x: np.maximum(x, 1 - x) ** 2),
        (lambda x: pt.sigmoid(x).clip(0.55, 0.6), lambda x: np.clip(special.expit(x), 0.55, 0.6)),
        (lambda x: x[:, ::-1][:, ::-1], lambda x: x),
    ],
)
def test_operations_with_a_form_are_computed(
    ds: cmt.Dataset, expression: Callable[[Any], Any], truth: Callable[[Any], Any]
) -> None:
    """Also those that are there only after rewriting, or only before."""
    model = cmt.MNL(ds, {"a": Beta("b", 0.7) * expression(ds["x"]), "b": 0})
    V = 0.7 * truth(FRAME["x"].to_numpy())
    P = np.where(FRAME["y"] == 1, special.expit(V), special.expit(-V))
    assert LocalEvaluator(model).value(np.array([0.7])) == pytest.approx(np.log(P).sum(), rel=1e-12)


def test_what_is_lowered_without_a_model_is_named_too() -> None:
    x = pt.dtensor3("x")
    with pytest.raises(ModelError, match="An expression depends on gammaincinv of PyTensor"):
        lower([x], [inverse(x)])
