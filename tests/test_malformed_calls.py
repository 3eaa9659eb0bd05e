"""Calls with one wrong argument, over the whole public API: each is an error of this library that names it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor import coefficients, schedules
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.optimizers import SGD, Adam, Momentum

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"y": RNG.integers(1, 4, 60), "w": 1.0, "who": np.arange(60) // 2, "text": "a"})
FOLDER = Path(tempfile.gettempdir())  # in which nothing is written
FRAME = FRAME.assign(**{f"x{j}": RNG.normal(size=60) for j in range(3)}, town=np.arange(60) // 10)
CODES = {"a": 1, "b": 2, "c": 3}
DS = cmt.Dataset(FRAME, "y", CODES)
LONG_FRAME = DS.to_long({"x": {"a": "x0", "b": "x1", "c": "x2"}})
LONG = cmt.Dataset.from_long(LONG_FRAME, choice="y", alternative="alternative", situation="situation")


class Strange:
    """Something that nothing expects."""

    def __repr__(self) -> str:
        return "Strange()"


NUMBER = [None, "many", float("nan"), 1j, [1], Strange()]
POSITIVE = [*NUMBER, -1.0, 0.0, float("inf")]
SHARE = [*NUMBER, -0.5, 1.5, float("inf"), True]
WHOLE = [None, "many", 1.5, -1, float("nan"), 1j, [1], Strange(), True]
CHECKPOINT = ["", 3, [1], Strange()]
SEED = WHOLE
TRUTH = [None, "no", 0, 1.0, [True], Strange()]
TEXT = [None, 3, "", "strange", ["a"], Strange()]
COLUMN = [3, "strange", ["y", "z"], Strange(), 1j]
MAPPING: list[Any] = [3, "a", [1], Strange(), {1: 1}]
EXPRESSION: list[Any] = [None, "strange", [1, 2], Strange(), {}]
OBJECT = [None, 3, "strange", [1], Strange()]


@cache
def parts() -> Any:
    return cmt.write_partitions(FRAME, tempfile.mkdtemp(), "who", rows=20)


def scan(**given: Any) -> Any:
    return cmt.Dataset.scan(**{"path": parts(), "choice": "y", "alternatives": CODES, "individual": "who", **given})


@cache
def results() -> Any:
    """Estimates that all questions share."""
    b = cmt.Beta("b")
    V = {name: b * DS[f"x{j}"] for j, name in enumerate(CODES)} | {"c": b * DS["x2"] + cmt.Beta("k")}
    return cmt.estimate(cmt.MNL(DS, V))


def V() -> dict[str, Any]:
    return {"a": cmt.Beta("b") * DS["x0"], "b": cmt.Beta("k"), "c": 0}


def estimated(**given: Any) -> Any:
    return cmt.estimate(**{"model": cmt.MNL(DS, V()), **given})


def stochastic(**given: Any) -> Any:
    return cmt.Stochastic(**{"optimizer": Adam, "epochs": 1, **given})


def sgd(**given: Any) -> Any:
    return Momentum([cmt.Beta("b")], **given)


def adam(**given: Any) -> Any:
    return Adam([cmt.Beta("b")], **given)


def network(**given: Any) -> Any:
    return cmt.Network(**{"name": "n", "inputs": [DS["x0"]], "outputs": ["o"], "data": DS, **given})


def nested(**given: Any) -> Any:
    nests = ["a", cmt.Nest("n", ["b", "c"], 1.5)]
    return cmt.NestedLogit(**{"dataset": DS, "utilities": V(), "nests": nests, **given})


def mixed(**given: Any) -> Any:
    random = coefficients.normal("r", cmt.Beta("m"), cmt.Beta("s", 1.0))
    return cmt.MixedLogit(**{"dataset": DS, "utilities": V() | {"c": random}, "draws": 4, **given})


def goods(**given: Any) -> Any:
    """An MDCEV of three goods of which everybody consumes all."""
    amounts = {g: DS["w"] * (k + 1) for k, g in enumerate(CODES)}
    return cmt.MDCEV(**{"dataset": DS, "V": V(), "amounts": amounts, "gammas": dict.fromkeys(CODES, 1.0), **given})


def hybrid(**given: Any) -> Any:
    random = coefficients.normal("r", cmt.Beta("m"), cmt.Beta("s", 1.0))
    return cmt.HybridChoice(**{"dataset": DS, "utilities": V() | {"c": random}, "indicators": [], "draws": 4, **given})


def answer(**given: Any) -> Any:
    return hybrid(
        indicators=[cmt.OrderedIndicator(**{"column": DS["y"], "mean": 0.0, "categories": (1, 2, 3), **given})]
    )


def gmnl(**given: Any) -> Any:
    return cmt.GMNL(**{"dataset": DS, "utilities": V(), "tau": 0.5, "draws": 4, **given})


def multinomial_probit(**given: Any) -> Any:
    return cmt.MultinomialProbit(**{"dataset": DS, "utilities": V(), "draws": 4, **given})


def of_results(name: str) -> Callable[..., Any]:
    return lambda **given: getattr(results(), name)(**given)


#: Name in the test -> the call, what is right, and argument -> wrong values.
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, list[Any]]]] = {
    "Beta": (
        cmt.Beta,
        {"name": "b"},
        {
            "name": [None, 3, "", ["a"], Strange(), 1j],
            "value": [*NUMBER, float("inf"), True, np.array([1j])],
            "lb": ["low", float("nan"), 1j, [1], True, 1.0],
            "ub": ["low", float("nan"), 1j, [1], True, -1.0],
            "status": [None, "fixed", 2, -1, 0.5, True, [1], 1j],
        },
    ),
    "scan": (
        scan,
        {},
        {
            "path": [None, 3, "", [], [1], "/no/such/file.parquet", Strange()],
            "choice": [3, "strange", ["y"], Strange()],
            "alternatives": [3, "a", {}, {"a": 1}, {1: 1, 2: 2, 3: 3}, Strange()],
            "individual": [3, "strange", ["y"], Strange()],
            "weights": [3, "strange", "text", Strange()],
        },
    ),
    "write_partitions": (
        cmt.write_partitions,
        {"source": FRAME, "path": str(FOLDER / "parts"), "individual": "who"},
        {
            "path": [None, 3, "/no/such/folder/parts", [1], Strange()],
            "source": [None, 3, "/no/such/file", [1], Strange()],
            "individual": [3, "strange", ["y"], Strange()],
            "rows": WHOLE,
        },
    ),
    "Streaming": (cmt.Streaming, {}, {"size": WHOLE[1:], "cores": WHOLE[1:], "single": TRUTH}),
    "Cluster": (cmt.Cluster, {"workers": None}, {"client": [None, 3, "strange", [1], Strange()]}),
    "Weight": (
        cmt.Weight,
        {"name": "w", "size": (2, 2)},
        {
            "name": [None, 3, "", Strange()],
            "size": [None, "a", 0, -1, 1.5, (2, 0), (), [1.5], Strange(), True],
            "value": ["a", [1], 1j, [[1, 2], [3]], [[1j, 2], [3, 4]], Strange()],
            "init_type": [None, 3, "strange", ["zeros"], Strange()],
            "seed": ["a", -1, 1.5, Strange(), 1j],
        },
    ),
    "Bias": (cmt.Bias, {"name": "w", "size": 2}, {"size": [None, "a", 0, 1.5], "value": ["a", [1], [1j, 2]]}),
    "Sampling": (
        cmt.Sampling,
        {},
        {
            "number": WHOLE,
            "seed": SEED,
            "kind": [None, 3, "strange", ["sobol"], Strange()],
            "antithetic": TRUTH,
        },
    ),
    "normal": (
        coefficients.normal,
        {"name": "r", "mean": 0.0, "sd": 1.0},
        {
            "mean": EXPRESSION,
            "sd": [*EXPRESSION, -1.0, float("nan"), 1j],
            "within": TRUTH,
            "name": [None, 3, Strange()],
        },
    ),
    "lognormal": (
        coefficients.lognormal,
        {"name": "r", "mean": 0.0, "sd": 1.0},
        {"mean": EXPRESSION, "sd": [*EXPRESSION, -1.0], "sign": [None, 0, 2, "minus", 1j, [1]], "within": TRUTH},
    ),
    "uniform": (
        coefficients.uniform,
        {"name": "r", "centre": 0.0, "spread": 1.0},
        {"centre": EXPRESSION, "spread": [*EXPRESSION, -1.0], "within": TRUTH},
    ),
    "triangular": (
        coefficients.triangular,
        {"name": "r", "centre": 0.0, "spread": 1.0},
        {"centre": EXPRESSION, "spread": [*EXPRESSION, -1.0], "within": TRUTH},
    ),
    "truncated_normal": (
        coefficients.truncated_normal,
        {"name": "r", "mean": 0.0, "sd": 1.0, "lower": -1.0},
        {"mean": EXPRESSION, "sd": [*EXPRESSION, -1.0, 0.0], "lower": [None, "a", 1j, [1]], "upper": [None, "a", -2.0]},
    ),
    "student_t": (
        coefficients.student_t,
        {"name": "r", "centre": 0.0, "scale": 1.0, "df": 5.0},
        {
            "centre": EXPRESSION,
            "scale": [*EXPRESSION, -1.0],
            "df": [None, "a", 0, -1.0, float("nan"), 1j, [1], Strange()],
        },
    ),
    "correlated": (
        coefficients.correlated,
        {"means": {"a": 0.0, "b": 1.0}},
        {"means": [None, 3, "a", [1], Strange(), {1: 1}, {"a": None}], "start": NUMBER, "within": TRUTH},
    ),
    "Nest": (
        cmt.Nest,
        {"name": "n", "members": ["a"]},
        {"members": [None, 3, "a", [], [4], Strange()], "scale": [None, "a", -1.0, 0.0, float("nan"), 1j, [1, 2]]},
    ),
    "CrossNest": (
        cmt.CrossNest,
        {"name": "n", "allocations": {"a": 1}},
        {
            "allocations": [None, 3, "a", [], {}, {"a": 2.0}, {"a": -1}, {"a": "x"}, {"a": 1j}, {"a": float("nan")}],
            "scale": [None, "a", -1.0, 0.0, float("nan"), 1j, [1, 2]],
        },
    ),
    "GMNL": (
        gmnl,
        {},
        {
            "dataset": [None, 3, FRAME],
            "utilities": MAPPING,
            "tau": [None, "a", Strange()],
            "gamma": [None, "a", DS["x0"]],
            "unscaled": [3, "a", {"d": 1.0}, {"a": None}],
            "draws": [None, "a", 0, 1.5],
        },
    ),
    "MultinomialProbit": (
        multinomial_probit,
        {},
        {
            "dataset": [None, 3, FRAME],
            "utilities": MAPPING,
            "covariance": [None, 3, "a", [1], [[1.0]], [[1.0, 2, 0], [2, 1, 0], [0, 0, 1]], [["a"] * 3] * 3],
            "draws": [None, "a", 0, 1.5],
        },
    ),
    "HybridChoice": (hybrid, {}, {"indicators": [None, 3, "a", [1], Strange()], "draws": [None, "a", 0, 1.5]}),
    "OrderedIndicator": (
        answer,
        {},
        {
            "column": [None, 3, "y", [1], Strange()],
            "mean": [None, "a", Strange()],
            "categories": [None, 3, (1, 2), (1, 1, 1)],
            "missing": [None, 3],
            "thresholds": [None, 3, "even", [1.0, 0.0], [0.0]],
            "link": [None, 3, "cloglog"],
            "scale": [None, "a", 0.0, -1.0],
        },
    ),
    "MDCEV": (
        goods,
        {},
        {
            "dataset": [None, 3, FRAME, Strange()],
            "V": MAPPING,
            "amounts": [*MAPPING, {"a": 1.0}],
            "gammas": [*MAPPING, {"a": 1.0}, dict.fromkeys(CODES, -1.0), dict.fromkeys(CODES, "a")],
            "alphas": [*MAPPING, {"a": 0.5}, dict.fromkeys(CODES, 1.5)],
            "prices": [*MAPPING, {"a": 0.0}, {"a": "x"}],
            "outside": [3, "d", ["a"], Strange()],
            "scale": [None, "a", 0.0, -1.0, Strange()],
            "profile": [3, "strange", Strange()],
            "linear": [*MAPPING, {"a": 1.0}],
            "budget": ["a", Strange()],
            "draws": ["a", 0, -1, 1.5, Strange()],
        },
    ),
    "Dataset": (
        cmt.Dataset,
        {"frame": FRAME, "choice": "y", "alternatives": CODES},
        {
            "frame": [None, 3, "nothing.csv", [1], {"y": [1]}, Strange(), FRAME.iloc[:0]],
            "choice": [*COLUMN, "x0"],
            "alternatives": [
                None,
                3,
                "a",
                ["a", "b"],
                {},
                {"a": 1},
                {1: 1, 2: 2},
                {"a": 1, "b": 1},
                {"a": [1], "b": 2},
            ],
            "individual": COLUMN,
            "weights": [*COLUMN, "text"],
        },
    ),
    "from_long": (
        cmt.Dataset.from_long,
        {"frame": LONG_FRAME, "choice": "y", "alternative": "alternative", "situation": "situation"},
        {
            "frame": [None, 3, Strange()],
            "choice": [*COLUMN, "x"],
            "alternative": [*COLUMN, None],
            "situation": [*COLUMN, None],
            "individual": COLUMN,
            "weights": COLUMN,
            "alternatives": [3, {1: 1, 2: 2}, Strange(), {"a": "a"}],
        },
    ),
    "split": (DS.split, {}, {"train": [*SHARE, 0.0, 1.0], "by": [None, *COLUMN], "seed": SEED}),
    "folds": (DS.folds, {}, {"k": [*WHOLE, 0, 1, 10_000], "by": [None, *COLUMN], "seed": SEED}),
    "split_time": (DS.split_time, {"column": "x0", "at": 0.0}, {"column": COLUMN, "at": [None, "a", [1], Strange()]}),
    "with_columns": (
        DS.with_columns,
        {"changes": {"x0": 1.0}},
        {
            "changes": [
                None,
                3,
                "a",
                {"z": 1},
                {"x0": "a"},
                {"x0": [1, 2]},
                {"x0": Strange()},
                {3: 1},
                {"y": 1},
                {"x0": 1j},
            ]
        },
    ),
    "without": (DS.without, {"alternative": "a"}, {"alternative": TEXT}),
    "take": (DS.take, {"individuals": np.arange(3)}, {"individuals": [None, "a", [1000], [0.5], Strange(), [-100]]}),
    "groups": (DS.groups, {"column": "who"}, {"column": [None, *COLUMN]}),
    "describe": (DS.describe, {}, {"availability": [3, "a", [1], {"z": 1}, {"a": 0.5}, {"a": "x"}, Strange()]}),
    "per_alternative": (
        LONG.per_alternative,
        {"values": {"a": 1.0}},
        {"values": [None, {"z": 1}, {"a": "x"}, [1, 2], 3]},
    ),
    "sample_alternatives": (
        LONG.sample_alternatives,
        {"n": 2},
        {"n": [*WHOLE, 0, 1, 4], "seed": SEED, "weights": [3, "strange", "y", Strange()]},
    ),
    "MNL": (
        cmt.MNL,
        {"dataset": DS, "utilities": V()},
        {
            "dataset": OBJECT,
            "utilities": [
                None,
                3,
                "a",
                [1],
                {},
                {"a": 0},
                V() | {"z": 1},
                V() | {"a": "x"},
                V() | {"a": None},
                Strange(),
            ],
            "availability": [
                3,
                "a",
                [1],
                {"z": 1},
                {"a": "x"},
                {"a": 0.5},
                {"a": float("nan")},
                {"a": None},
                Strange(),
            ],
            "params": [3, "a", [1], [None], Strange()],
        },
    ),
    "NestedLogit": (
        nested,
        {},
        {
            "nests": [None, 3, "a", [], ["a"], [3], [None], Strange(), ["a", "b", "c", "z"], ["a", "a", "b", "c"]],
            "normalised": TRUTH,
            "draws": ["a", -1, 0, 1.5, [1], Strange()],
            "dataset": OBJECT,
            "utilities": [None, 3, {}],
        },
    ),
    "CrossNestedLogit": (
        cmt.CrossNestedLogit,
        {"dataset": DS, "utilities": V(), "nests": [cmt.CrossNest("n", dict.fromkeys("abc", 1.0), 1.5)]},
        {"nests": [None, 3, "a", [], ["a"], [3], Strange()], "draws": ["a", -1, 1.5]},
    ),
    "HeteroscedasticLogit": (
        cmt.HeteroscedasticLogit,
        {"dataset": DS, "utilities": V(), "scales": {"a": 2.0}},
        {"scales": [None, 3, [1], {"z": 1}, {"a": "x"}, {"a": -1}, {"a": None}, {"a": 1j}], "nodes": [*WHOLE, 8]},
    ),
    "MixedLogit": (mixed, {}, {"draws": [None, "a", 0, -1, 1.5, [1], Strange(), True], "dataset": OBJECT}),
    "LatentClass": (
        cmt.LatentClass,
        {"dataset": DS, "utilities": {"one": V(), "two": {"a": 0, "b": 0, "c": cmt.Beta("d")}}},
        {
            "utilities": [None, 3, {}, {"one": 3}, {"one": None}, Strange()],
            "membership": [3, "a", {"z": 0}, {"one": "x"}, {"one": None}, Strange(), [1]],
            "draws": ["a", -1, 1.5],
        },
    ),
    "OrderedLogit": (
        cmt.OrderedLogit,
        {"dataset": DS, "utilities": cmt.Beta("b") * DS["x0"]},
        {
            "thresholds": [3, "a", [1], [2, 1], [None, 1], ["a", "b"], Strange()],
            "link": [None, 3, "strange", ["logit"]],
        },
    ),
    "RankedLogit": (
        cmt.RankedLogit,
        {"dataset": DS, "utilities": V(), "ranks": {"a": DS["x0"]}},
        {"ranks": [None, 3, "a", {}, {"z": 1}, {"a": "x"}, Strange()], "best_worst": TRUTH},
    ),
    "Network": (
        network,
        {},
        {
            "name": [None, 3],
            "inputs": [None, 3, [], ["x"], [None], Strange()],
            "outputs": [None, 0, -1, 1.5, [3], Strange()],
            "data": OBJECT,
            "hidden": ["a", 0, -1, 1.5, [0], Strange()],
            "activation": [None, 3, "strange", Strange()],
            "output": [None, 3, "strange", {"z": "identity"}, Strange()],
            "dropout": SHARE,
            "standardise": TRUTH,
            "residual": TRUTH,
            "layer_norm": TRUTH,
            "initialiser": [None, 3, "strange"],
            "seed": ["a", -1, 1.5, Strange()],
        },
    ),
    "by_segment": (
        cmt.by_segment,
        {"column": DS["who"], "expressions": {1: 1.0}},
        {
            "column": OBJECT,
            "expressions": [None, 3, {}, {"a": 1}, {1: "x"}, {1: None}, Strange()],
            "otherwise": ["x", [1, 2]],
        },
    ),
    "scaled": (
        cmt.scaled,
        {"utilities": V(), "scale": 1.0},
        {"utilities": [None, "a", {"a": "x"}, Strange()], "scale": [None, "a", -1, 0, 1j, Strange(), float("nan")]},
    ),
    "box_cox": (
        cmt.box_cox,
        {"x": 2.0, "lambda_": 1.0},
        {"x": [None, "a", -1.0, 0.0, Strange()], "lambda_": EXPRESSION},
    ),
    "piecewise_linear": (
        cmt.piecewise_linear,
        {"x": 2.0, "knots": [1.0], "slopes": [1.0, 2.0]},
        {
            "x": [None, "a", Strange()],
            "knots": [None, 3, "a", [], ["a"], [2, 1], [float("nan")], [1j], Strange()],
            "slopes": [None, 3, "a", [], [1], ["a", "b"], [None, 1], Strange()],
        },
    ),
    "constraint": (cmt.constraint, {"statement": "b = 1"}, {"statement": [None, 3, "", "b", [1], Strange()]}),
    "Starts": (cmt.Starts, {"number": 2}, {"number": [*WHOLE, 0], "spread": POSITIVE, "seed": SEED}),
    "Stochastic": (
        stochastic,
        {},
        {
            "optimizer": [None, 3, "Adam", Strange()],
            "lr": ["a", -1.0, float("nan"), float("inf"), 1j, [1], True],
            "batch_size": ["a", 0, -1, 1.5, True, [1]],
            "epochs": [*WHOLE, 0],
            "schedule": [3, "a", [1], Strange()],
            "seed": [*SEED, 2**70],
            "validation": ["a", 0.0, 1.0, -1, float("nan"), [1], Strange()],
            "patience": ["a", 0, 1.5, True],
            "tolerance": [None, "a", -1.0, float("nan"), 1j],
            "time_limit": ["a", 0.0, -1.0, float("nan")],
            "checkpoint": ["", 3, [1], Strange()],
            "polish": TRUTH,
            "l1": [None, "a", -1.0, float("nan")],
            "l2": [None, "a", -1.0, float("nan")],
        },
    ),
    "Momentum": (sgd, {}, {"momentum": [None, "a", -1.0, 1.0, float("nan"), 1j], "nesterov": TRUTH}),
    "Adam": (
        adam,
        {},
        {
            "b1": [None, "a", -1.0, 1.0],
            "b2": [None, "a", -1.0, 1.0],
            "epsilon": [None, "a", -1.0, float("nan")],
            "eps_in_sqrt": TRUTH,
            "guard": TRUTH,
            "clip_norm": ["a", 0.0, -1.0],
            "clip_value": ["a", 0.0, -1.0],
            "weight_decay": ["a", -1.0, {"z": 1}],
            "average": ["a", 1.0, -1.0],
            "accumulate": ["a", 0, 1.5, True],
        },
    ),
    "SGD": (SGD, {"params": [cmt.Beta("b")]}, {"params": [None, 3, "a", [], [3], Strange()]}),
    "Step": (
        schedules.Step,
        {"rate": 0.1, "every": 2, "factor": 0.5},
        {"rate": ["a", -1.0, float("nan"), None], "every": ["a", 0, 1.5, None], "factor": ["a", -1.0, None]},
    ),
    "Exponential": (schedules.Exponential, {"rate": 0.1, "factor": 0.5}, {"rate": ["a", -1.0, None, 1j]}),
    "estimate": (
        estimated,
        {},
        {
            "model": OBJECT,
            "data": [3, "a", FRAME, Strange()],
            "method": [3, "strange", ["bfgs"], Adam, Strange()],
            "start": [
                3,
                "a",
                [1],
                {"z": 1},
                {1: 1},
                {"b": "x"},
                {"b": float("nan")},
                {"b": None},
                {"b": 1j},
                {"b": [1]},
            ],
            "starts": [None, 0, -1, 1.5, "a", [1], Strange(), True],
            "constraints": ["b", 3, [3], "z = 1", Strange(), "b = x", [None]],
            "progress": ["no", 1, [True], Strange()],
            "max_iterations": [*WHOLE, 0],
            "block": ["a", 0, 1.5, [1]],
            "on": [3, "a", [1]],
            "checkpoint": CHECKPOINT,
        },
    ),
    "estimate_many": (
        cmt.estimate_many,
        {"models": [cmt.MNL(DS, V())]},
        {
            "models": [None, 3, "a", [], {}, [3], [None], Strange()],
            "method": ["x", 3, [1], Strange()],
            "on": [3, "a", [1]],
            "starts": [*WHOLE, 0],
            "max_iterations": [*WHOLE, 0],
        },
    ),
    "estimate_seeds": (
        cmt.estimate_seeds,
        {"make": lambda seed: cmt.MNL(DS, V()), "held_out": DS, "method": stochastic()},
        {
            "make": [None, 3, "a"],
            "method": [None, 3, "bfgs"],
            "seeds": [None, "a", 1, 1.5, [1], [1, 1], ["a", "b"], Strange()],
        },
    ),
    "compare": (cmt.compare, {"results": [0]}, {"results": [None, 3, "a", [], {}, [3], [None], Strange()]}),
    "likelihood_ratio": (
        lambda restricted, full: cmt.likelihood_ratio(restricted, full),
        {"restricted": 0, "full": 0},
        {"restricted": [None, 3, "a", Strange()]},
    ),
    "vuong": (lambda **g: cmt.vuong(**{"a": results(), "b": results(), **g}), {}, {"b": OBJECT, "schwarz": TRUTH}),
    "ben_akiva_swait": (lambda **g: cmt.ben_akiva_swait(**{"a": results(), "b": results(), **g}), {}, {"a": OBJECT}),
    "hausman_mcfadden": (
        lambda **g: cmt.hausman_mcfadden(**{"results": results(), "without": "c", **g}),
        {},
        {"results": OBJECT, "without": TEXT},
    ),
    "lagrange_multiplier": (
        lambda **g: cmt.lagrange_multiplier(**{"model": cmt.MNL(DS, V()), "restricted": results(), **g}),
        {},
        {"model": OBJECT, "restricted": OBJECT, "information": [None, 3, "strange", ["bhhh"]]},
    ),
    "identification": (
        lambda **g: cmt.identification(**{"model": results().model, **g}),
        {},
        {"model": OBJECT, "data": OBJECT[1:]},
    ),
    "compare_held_out": (
        lambda **g: cmt.compare_held_out(**{"results": {"one": results()}, "data": DS, **g}),
        {},
        {"results": [None, 3, "a", {}, {"a": 3}, Strange()], "data": [3, "no.csv", Strange()]},
    ),
    "scenario": (
        lambda **g: cmt.scenario(**{"results": results(), "data": None, "changes": {"x0": 1.0}, **g}),
        {},
        {
            "results": OBJECT,
            "data": [3, "no.csv", Strange()],
            "changes": [None, 3, "a", {"z": 1}, {"x0": "a"}, {3: 1}, Strange()],
            "segment": COLUMN,
            "cost": [3, "z", [1], Strange(), "b +"],
            "alpha": SHARE,
            "kind": [None, 3, "strange", [1], Strange()],
        },
    ),
    "pricing": (
        lambda **g: cmt.pricing(**{"results": results(), "prices": {"a": "x0"}, "bounds": {"a": (-1.0, 1.0)}, **g}),
        {},
        {
            "results": OBJECT,
            "prices": [None, 3, "a", {}, {"z": "x0"}, {"a": "z"}, {"a": 3}, {"a": "x1"}, Strange()],
            "objective": [None, 3, "joy", "profit", ["share"], Strange()],
            "bounds": [3, "a", {"z": (0, 1)}, {"a": 3}, {"a": (1, 0)}, {"a": (0, "b")}, {"a": (0, 1, 2)}, Strange()],
            "costs": [3, "a", {"a": 1.0}, Strange()],
            "data": [3, "no.csv", Strange()],
            "alpha": SHARE,
            "kind": [None, 3, "strange", [1], Strange()],
        },
    ),
    "specifications": (
        cmt.specifications,
        {"build": lambda q: cmt.MNL(DS, V()), "catalogue": {"q": ["a"]}, "folds": 0},
        {
            "build": [None, 3, "strange", Strange(), int],
            "catalogue": [None, 3, {}, {"q": []}, {"z": ["a"]}, Strange()],
            "folds": [None, "many", 1.5, -1, 1, 1j, [1], Strange(), True],
            "seed": SEED,
            "method": [3, "strange", [1], Strange()],
        },
    ),
    "by": (lambda **g: results().by(**g), {}, {"column": COLUMN}),
    "design": (
        cmt.design,
        {
            "utilities": lambda x: cmt.Beta("b", 0.5) * x["p"],
            "attributes": {"p": [0, 1, 2]},
            "sets": 2,
            "options": cmt.DesignOptions(starts=1),
        },
        {
            "utilities": [None, 3, "strange", [1], Strange()],
            "attributes": [None, 3, "a", [1], {}, {"p": "low"}, {"p": [1j, 2]}, {3: [1, 2]}, {"p": [1, 1]}, Strange()],
            "priors": [3, "a", [1], {"z": 1.0}, {"b": "a"}, {"b": (1.0, -1.0)}, {"b": (1.0,)}, Strange()],
            "sets": [None, "many", 1.5, -1, 0, float("nan"), 1j, [1], Strange(), True],
            "alternatives": [None, 1.5, 0, 1, [], ["a", "a"], ["none", "a"], [1, 2], Strange(), True],
            "criterion": [None, 3, "E", "Db", ["D"], Strange()],
            "blocks": [*WHOLE, 0, 3],
            "constraints": [3, [3], len, [len], [str], Strange()],
            "no_choice": TRUTH,
            "seed": SEED,
            "options": [3, "a", {"starts": 1}, Strange()],
        },
    ),
    "DesignOptions": (
        cmt.DesignOptions,
        {},
        {
            "starts": [*WHOLE, 0],
            "draws": [*WHOLE, 1],
            "balance": [*NUMBER, -1.0],
            "most_equal": ["many", 1.5, -1, 1j, [1], Strange(), True],
            "most_varied": ["many", 1.5, -1, 1j, [1], Strange(), True],
        },
    ),
    "load": (cmt.datasets.load, {"name": "hc"}, {"name": TEXT}),
    "citation": (cmt.citation, {"model": 0}, {"model": OBJECT}),
    "cov_params": (
        of_results("cov_params"),
        {},
        {"kind": [None, 3, "strange", [1], Strange()], "groups": [3, "who", Strange()]},
    ),
    "cluster": (
        lambda groups: results().cov_params("cluster", groups),
        {"groups": "who"},
        {"groups": [None, 3, "strange", [1, 2], Strange(), np.arange(3)]},
    ),
    "profile": (
        of_results("conf_int"),
        {"kind": "profile"},
        {"checkpoint": CHECKPOINT},
    ),
    "conf_int": (of_results("conf_int"), {}, {"alpha": [*SHARE, 0.0, 1.0], "kind": [None, 3, "strange", [1]]}),
    "bootstrap": (
        of_results("bootstrap"),
        {},
        {
            "replicates": [*WHOLE, 0, 1],
            "seed": SEED,
            "groups": [3, "strange", [1]],
            "checkpoint": CHECKPOINT,
        },
    ),
    "jackknife": (
        of_results("jackknife"),
        {},
        {"groups": [3, "strange", [1], Strange()], "checkpoint": CHECKPOINT},
    ),
    "krinsky_robb": (
        of_results("krinsky_robb"),
        {"expression": "b"},
        {
            "expression": [None, 3, "", "z", "b +", [1], Strange()],
            "draws": [*WHOLE, 0],
            "seed": SEED,
            "alpha": SHARE,
            "kind": [None, 3, "strange"],
        },
    ),
    "delta": (
        of_results("delta"),
        {"expression": "b"},
        {
            "expression": [None, 3, "", "z", "b +", [1], {}, {"a": "z"}, Strange()],
            "alpha": SHARE,
            "kind": [None, 3, "strange"],
        },
    ),
    "wald": (
        of_results("wald"),
        {"hypotheses": "b = 0"},
        {"hypotheses": [None, 3, "", "b", "z = 0", [], [3], Strange()]},
    ),
    "t_test": (
        of_results("t_test"),
        {"hypotheses": "b = 0"},
        {"hypotheses": [None, 3, "", "b", "z = 0", "b <= 0", [], [3], Strange()], "alpha": SHARE, "kind": [None, 3]},
    ),
    "wald_test": (of_results("wald_test"), {"hypotheses": "b = 0"}, {"hypotheses": [None, 3, "", "b", "z = 0", []]}),
    "get_margeff": (
        of_results("get_margeff"),
        {"column": "x0"},
        {"column": [None, 3, "z"], "at": [None, 3, "median"], "method": [None, 3, "dyex"], "alpha": SHARE},
    ),
    "to_marginaleffects": (of_results("to_marginaleffects"), {}, {"kind": [None, 3, "strange", [1]]}),
    "to_frame": (of_results("to_frame"), {}, {"kind": [None, 3, "strange", [1]], "alpha": [*SHARE, 0.0, 1.0]}),
    "predict": (
        of_results("predict"),
        {},
        {"data": [3, "no.csv", Strange(), {}], "conditional": TRUTH, "alpha": SHARE, "kind": [None, 3, "strange"]},
    ),
    "elasticities": (
        of_results("elasticities"),
        {"column": "x0"},
        {
            "column": [None, 3, "z", "y", ["z"], ("x0", "a"), Strange(), 2 * DS["x0"], [3]],
            "change": ["a", 0, -1.0, float("nan"), 1j, [1]],
            "at": [None, 3, "strange", ["means"]],
            "alpha": SHARE,
            "kind": [None, 3, "strange"],
            "data": [3, "no.csv", Strange()],
        },
    ),
    "marginal_effects": (
        of_results("marginal_effects"),
        {"column": "x0"},
        {"column": [None, 3, "z", Strange()], "at": [None, "strange"], "alpha": SHARE},
    ),
    "wtp": (
        of_results("wtp"),
        {"numerator": "b", "denominator": "k"},
        {
            "numerator": [None, 3, "", "z", "b +", [1], Strange(), {"one": "b"}],
            "denominator": [None, 3, "", "z", [1], Strange()],
            "alpha": SHARE,
            "kind": [None, 3, "strange"],
            "method": [None, 3, "strange", ["delta"]],
        },
    ),
    "calibration": (of_results("calibration"), {}, {"bins": [*WHOLE, 0], "data": [3, "no.csv", Strange()]}),
    "partial_dependence": (
        of_results("partial_dependence"),
        {"column": "x0"},
        {
            "column": [None, 3, "z", ("x0", "a"), Strange()],
            "values": [None, "a", 0, -1, 1.5, [], ["a"], Strange()],
            "alpha": SHARE,
        },
    ),
    "cross_validate": (
        of_results("cross_validate"),
        {},
        {
            "folds": [*WHOLE, 0, 1, 1000],
            "seed": SEED,
            "by": [None, *COLUMN],
            "checkpoint": CHECKPOINT,
        },
    ),
    "shares_by": (of_results("shares_by"), {"segment": "town"}, {"segment": [None, *COLUMN], "alpha": SHARE}),
    "tastes": (
        of_results("tastes"),
        {"expressions": {"t": "b"}},
        {"expressions": [None, 3, "b", {"t": "z"}, {"t": None}, Strange()]},
    ),
    "save": (of_results("save"), {"path": "r"}, {"path": [None, 3, "", "/no/such/folder/r.cmt", [1], Strange()]}),
    "to_html": (
        of_results("to_html"),
        {"path": "r"},
        {
            "path": [None, 3, "", "/no/such/folder/r.html", [1], Strange()],
            "title": [3, [1], Strange()],
            "description": [None, 3, Strange()],
            "elasticities": [3, ["z"], [3], Strange()],
            "answers": [3, {"value": 3}, Strange()],
        },
    ),
    "to_simulator": (
        of_results("to_simulator"),
        {"path": "s.html"},
        {
            "path": [None, 3, "", "/no/such/folder/s.html", Strange()],
            "attributes": [3, ["z"], [3], Strange()],
            "prices": [3, ["a"], {"a": "z"}, {"z": "x0"}, Strange()],
            "rows": [3, "some", [1], Strange()],
            "segment": [3, "strange", ["town"]],
            "kind": [None, 3, "strange"],
        },
    ),
    "summary": (
        of_results("summary"),
        {},
        {"kind": [None, 3, "strange", [1]], "alpha": [*SHARE, 0.0, 1.0], "stars": TRUTH},
    ),
    "to_excel": (
        of_results("to_excel"),
        {"path": "r.xlsx"},
        {"path": [None, 3, "", "/no/such/folder/r.xlsx", Strange()]},
    ),
    "to_alogit": (of_results("to_alogit"), {"path": "r"}, {"path": [None, 3, "", "/no/such/folder/r.F12", Strange()]}),
    "results_file": (
        lambda path: cmt.Results.load(path),
        {"path": "r"},
        {"path": [None, 3, "", "/no/such/file", Strange()]},
    ),
    "sample": (
        lambda **given: cmt.sample(**given),
        {"model": cmt.MNL(DS, V()), "chains": 1, "warmup": 20, "draws": 4, "progress": False},
        {
            "model": [None, 3, "a", Strange()],
            "priors": [3, "a", [1], Strange(), {"z": cmt.priors.Normal()}, {"b": 3}],
            "data": [3, "a", [1], Strange()],
            "chains": [*WHOLE, 0],
            "warmup": [*WHOLE, 3],
            "draws": [*WHOLE, 1],
            "seed": SEED,
            "hierarchical": [*TRUTH, True],
            "start": [3, "a", [1], Strange(), {"z": 1}, {"b": "x"}],
            "checkpoint": [3, "", Strange()],
        },
    ),
    "Normal": (cmt.priors.Normal, {}, {"mean": NUMBER, "sd": POSITIVE}),
    "HalfNormal": (cmt.priors.HalfNormal, {}, {"sd": POSITIVE}),
    "LogNormal": (cmt.priors.LogNormal, {}, {"mean": NUMBER, "sd": POSITIVE}),
    "StudentT": (cmt.priors.StudentT, {}, {"df": POSITIVE, "mean": NUMBER, "scale": POSITIVE}),
    "Uniform": (cmt.priors.Uniform, {}, {"lower": [*NUMBER, 1.0], "upper": [*NUMBER, 0.0]}),
    "Gamma": (cmt.priors.Gamma, {}, {"shape": POSITIVE, "rate": POSITIVE}),
    "priors.Exponential": (cmt.priors.Exponential, {}, {"rate": POSITIVE}),
    "Posterior.load": (cmt.Posterior.load, {"path": "r"}, {"path": [None, 3, "", "/no/such/file", Strange()]}),
    "with_draws": (mixed().with_draws, {"draws": 2}, {"draws": [None, "a", 0, -1, 1.5, [1], Strange()]}),
    "with_fixed": (
        cmt.MNL(DS, V()).with_fixed,
        {"values": {"b": 1.0}},
        {"values": [None, 3, "b", {"z": 1}, {"b": "x"}, {"b": None}]},
    ),
}


def wrong_calls() -> Iterator[Any]:
    """Every call with every wrong value of every argument."""
    for name, (call, right, arguments) in CALLS.items():
        for argument, values in arguments.items():
            for value in values:
                yield pytest.param(call, right, argument, value, id=f"{name}({argument}={value!r:.40})")


#: What messages call an argument that they do not call by its name.
CALLED = {
    "alternatives": "alternative",
    "constraints": "relation|constraint|no parameter|free parameters",
    "denominator": "denominator|marginal utilit",
    "expression": "expression|names of parameters|parameter of the model",
    "expressions": "expression|parameter of the model",
    "hypotheses": "relation|hypothes",
    "initialiser": "init_type",
    "inputs": "inputs?",
    "kind": "kind|covariance",
    "lb": "lb|bounds",
    "lower": "lower|upper",
    "membership": "member",
    "method": "method|Stochastic",
    "nests": "nest",
    "numerator": "numerator|marginal utilit",
    "path": "path|cannot be (written|read)",
    "results": "results?",
    "slopes": "slope",
    "statement": "relation",
    "thresholds": "threshold",
    "ub": "ub|bounds",
    "utilities": "utilit",
    "V": r"V|utilit",
    "dataset": "dataset|first argument",
    "draws": "draws|Sampling",
    "values": "values?|cannot be fixed",
}


@pytest.mark.parametrize(("call", "right", "argument", "value"), list(wrong_calls()))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_argument_is_named(call: Callable[..., Any], right: dict[str, Any], argument: str, value: Any) -> None:
    with pytest.raises(PyCMTensorError) as found:
        call(**{**right, argument: value})
    told = " ".join([str(found.value), *getattr(found.value, "__notes__", [])])
    assert re.search(CALLED.get(argument, argument), told, re.IGNORECASE), told


def test_there_are_many() -> None:
    assert sum(1 for _ in wrong_calls()) >= 300
