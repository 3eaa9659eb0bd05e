"""Columns of another data set are refused; those of data sets that are made of one another are the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.dataset.symbols import check_origin, column_of, columns_in, is_column, name_of
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Beta

CODES = {"a": 1, "b": 2}


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60), "who": np.arange(60) // 2})
    frame["age"] = rng.normal(size=30)[frame.who]
    return frame.assign(y=rng.integers(1, 3, 60), kind=np.arange(60) % 2, one=1, r_a=1, r_b=2, r_y=1)


def data(choice: str = "y") -> cmt.Dataset:
    return cmt.Dataset(table(), choice, CODES, individual="who")


def long() -> cmt.LongDataset:
    frame = data().to_long({"cost": {"a": "x", "b": "z"}})
    return cmt.Dataset.from_long(frame, choice="y", alternative="alternative", situation="situation")


def V(x: Any, **more: Any) -> dict[str, Any]:
    return {"a": Beta("b", -0.5) * x + Beta("asc"), "b": 0, **more}


class Kernel(cmt.MNL):
    """A logit whose kernel holds a column."""

    column: Variable

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        return super().log_probability([V_j * self.column for V_j in V])


OTHER: cmt.Dataset = data()

#: What is made with a data set and a column x of another.
MADE: dict[str, Callable[[cmt.Dataset, Any], object]] = {
    "utility": lambda ds, x: cmt.MNL(ds, V(x)),
    "in a product": lambda ds, x: cmt.MNL(ds, V(ds["x"] * x)),
    "availability": lambda ds, x: cmt.MNL(ds, V(ds["x"]), {"b": x < 9}),
    "random": lambda ds, x: cmt.MixedLogit(ds, V(normal("t", Beta("m"), 1.0) * x), draws=9),
    "segments": lambda ds, x: cmt.MNL(ds, V(cmt.by_segment(x, {0: Beta("k")}, otherwise=0))),
    "latent utility": lambda ds, x: cmt.OrderedLogit(ds, Beta("b") * x),
    "ranks": lambda ds, x: cmt.RankedLogit(data("r_y"), V(1.0), ranks={"a": x}),
    "class": lambda ds, x: cmt.LatentClass(ds, {"one": V(1.0), "two": {"a": Beta("k") * x, "b": 0}}),
    "membership": lambda ds, x: cmt.LatentClass(
        ds, {"one": V(1.0), "two": {"a": Beta("k"), "b": 0}}, membership={"two": Beta("w") * x}
    ),
    "kernel": lambda ds, x: type("Own", (Kernel,), {"column": x})(ds, V(1.0)),
    "network": lambda ds, x: cmt.Network("n", [ds["z"], x], data=ds),
    "network of the other": lambda ds, x: cmt.MNL(ds, V(cmt.Network("n", [x], data=OTHER)())),
    "embedding": lambda ds, x: cmt.Network("n", [cmt.Embedding(x)], data=ds),
    "nested": lambda ds, x: cmt.NestedLogit(ds, V(x), nests=[cmt.Nest("n", ["a", "b"], Beta("mu", 1.0))]),
}


@pytest.mark.parametrize("what", MADE)
def test_columns_of_another_data_set_are_refused(what: str) -> None:
    with pytest.raises(ModelError, match=r"depends on column 'x' of another data set, Dataset\(60 choice .*, in whose"):
        MADE[what](data(), OTHER["x"])


def test_special_symbols_and_long_data_are_refused_too() -> None:
    ds, other = long(), long()
    b = Beta("b")
    for symbol in (other["cost"], other.available()):
        with pytest.raises(ModelError, match="column '(cost|available)' of another data set, LongDataset"):
            cmt.MNL(ds, b * symbol)
    with pytest.raises(ModelError, match="column 'cost' of another data set"):
        cmt.MNL(ds, {"a": b * other["cost", "a"], "b": 0})
    with pytest.raises(ModelError, match="column 'weight' of another data set"):
        cmt.MNL(ds, {"a": b * other.weight * ds["cost", "a"], "b": 0})
    with pytest.raises(DatasetError, match="The availability depends on column 'x' of another data set"):
        data().describe({"a": OTHER["x"]})


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    ds = data()
    t = normal("t", Beta("b", -0.5), 1.0)
    return cmt.estimate(cmt.MixedLogit(ds, {"a": t * ds["x"] + Beta("k") * ds["z"], "b": 0}, draws=20))


@pytest.mark.parametrize(
    "ask",
    [
        lambda results, ds: results.wtp(ds["z"], "b"),
        lambda results, ds: results.wtp(Beta("k") * ds["z"], "b"),
        lambda results, ds: results.conditional_estimates({"own": ds["z"] * 2.0}),
        lambda results, ds: cmt.scenario(results, None, {"z": 0.0}, cost=ds["z"]),
    ],
)
def test_answers_refuse_them(results: cmt.Results, ask: Callable[[cmt.Results, cmt.Dataset], object]) -> None:
    with pytest.raises(ModelError, match="column 'z' of another data set"):
        ask(results, OTHER)


RELATED: dict[str, Callable[[cmt.Dataset], cmt.Dataset]] = {
    "take": lambda ds: ds.take(np.arange(3, 28)),
    "split": lambda ds: ds.split(0.7)[0],
    "folds": lambda ds: ds.folds(3)[0][0],
    "split_time": lambda ds: ds.split_time("who", 25)[0],
    "with_columns": lambda ds: ds.with_columns({"x": lambda x: 2 * x}),
    "like": lambda ds: ds.like(table().head(50)),
    "of a part": lambda ds: ds.take(np.arange(28)).with_columns({"z": lambda z: z + 1}).split(0.9)[0],
    "copy": lambda ds: pickle.loads(pickle.dumps(ds)),
}


@pytest.mark.parametrize("how", RELATED)
def test_data_sets_made_of_one_another_have_the_same_columns(how: str) -> None:
    """A model of one with columns of the other, both ways, is that with its own columns."""
    whole = data()
    part = RELATED[how](whole)
    for ds, other in ((part, whole), (whole, part)):
        crossed, own = (
            cmt.estimate(cmt.MNL(ds, V(columns["x"], b=Beta("c") * columns["z"]))) for columns in (other, ds)
        )
        assert crossed.llf == own.llf
        np.testing.assert_array_equal(crossed.params, own.params)


def test_samples_of_alternatives_are_related() -> None:
    ds = long()
    sample = ds.sample_alternatives(2)
    assert cmt.MNL(sample, Beta("b") * ds["cost"]).llnull() == cmt.MNL(sample, Beta("b") * sample["cost"]).llnull()


def test_without_an_alternative_of_other_data() -> None:
    """`without` takes the data of an estimation, which may be others than those of the model."""
    frame = table().assign(y=np.arange(60) % 3)
    three = {"a": 0, "b": 1, "c": 2}
    ds, other = cmt.Dataset(frame, "y", three), cmt.Dataset(frame.tail(40), "y", three)
    model = cmt.MNL(ds, {"a": Beta("b") * ds["x"], "b": Beta("asc"), "c": 0})
    fewer = model.without("c", other)
    assert fewer.dataset.origin == other.origin
    held = fewer.with_fixed({"b": 0.1})
    assert held.llnull() == fewer.llnull() == pytest.approx(fewer.dataset.nobs * np.log(1 / 2))


def test_what_a_symbol_stands_for() -> None:
    ds = long()
    symbols = {ds["cost"]: "cost", ds["cost", "a"]: "cost", 2 * ds["cost"]: None, Beta("b")(): None}
    for symbol, name in symbols.items():
        assert name_of(symbol) == name
        assert is_column(symbol) == (name is not None)
    assert column_of(ds["cost", "a"]) == ("cost", "a")
    assert column_of("cost") is column_of(3) is None
    twice = ds["cost"] * ds["cost", "a"] + ds["cost"]
    assert columns_in([twice, ds["cost"]]) == [ds["cost"], ds["cost", "a"]]
    check_origin("x", [twice], [ds.origin], ds)
