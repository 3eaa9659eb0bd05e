"""One row per rule, and the few lines that run it: what the tests of the optimizers share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode

from pycmtensor import optimizers
from pycmtensor.expressions import Beta, Parameter, Weight
from tests.optimizers import formulas
from tests.optimizers.problems import KEPT, STEPS, Problem

FAST = Mode(linker="py", optimizer=None)
REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "optimizers" / "trajectories.json").read_text(encoding="utf-8")
)
XP = SimpleNamespace(exp=pt.exp, log=pt.log)


class Row(NamedTuple):
    case: str  # in trajectories.json
    rule: Callable[..., optimizers.Optimizer]
    options: Mapping[str, Any]
    formula: formulas.Formula | None
    slots: str  # state of a parameter, then t if steps are counted
    default_lr: float

    def __str__(self) -> str:
        return self.case


ROWS = [
    Row("SGD", optimizers.SGD, {}, formulas.sgd, "", 0.001),
    Row("Momentum", optimizers.Momentum, {}, formulas.nesterov, "v", 0.001),
    Row("AdaGrad", optimizers.AdaGrad, {}, formulas.adagrad, "a", 1.0),
    Row("RMSProp", optimizers.RMSProp, {}, formulas.rmsprop, "a", 0.001),
    Row("Adadelta", optimizers.Adadelta, {}, formulas.adadelta, "ad", 1.0),
    Row("Adam", optimizers.Adam, {}, formulas.adam, "mvt", 0.001),
    Row("Adamax", optimizers.Adamax, {}, formulas.adamax, "mvt", 0.001),
    Row("AdamW", optimizers.AdamW, {}, formulas.adamw, "mvt", 0.001),
    Row("AMSGrad", optimizers.AMSGrad, {}, formulas.amsgrad, "mvut", 0.001),
    Row("NAdam", optimizers.NAdam, {}, formulas.nadam, "mvct", 0.001),
    Row("RAdam", optimizers.RAdam, {}, formulas.radam, "mvt", 0.001),
    Row("RProp", optimizers.RProp, {}, formulas.rprop, "hs", 0.01),
    Row("Lion", optimizers.Lion, {}, formulas.lion, "m", 1e-4),
]

#: The rules with an option, each with a stored trajectory of torch or optax.
VARIANTS = [
    Row("Momentum plain", optimizers.Momentum, {"nesterov": False}, formulas.momentum, "v", 0.001),
    Row(
        "AdaGrad in root",
        optimizers.AdaGrad,
        {"initial_accumulator": 0.1, "epsilon": 1e-7, "eps_in_sqrt": True},
        None,
        "a",
        1.0,
    ),
    Row("RMSProp in root", optimizers.RMSProp, {"initial_accumulator": 1, "eps_in_sqrt": True}, None, "a", 0.001),
    Row("Adam in root", optimizers.Adam, {"epsilon": 1e-3, "eps_in_sqrt": True}, None, "mvt", 0.001),
    Row("Lion decay", optimizers.Lion, {"weight_decay": 0.1}, None, "m", 1e-4),
    Row("Adam weight_decay", optimizers.Adam, {"weight_decay": 0.1}, None, "mvt", 0.001),
    Row("SGD weight_decay", optimizers.SGD, {"weight_decay": 0.1}, None, "", 0.001),
    Row("Momentum clip_value", optimizers.Momentum, {"clip_value": 0.5}, None, "v", 0.001),
    Row("Momentum clip_norm", optimizers.Momentum, {"clip_norm": 0.75}, None, "v", 0.001),
]


def layouts(start: Sequence[float], layout: str) -> tuple[list[Parameter], list[Any]]:
    """Parameters, and their scalar elements x[0], x[1], ..., as one Weight or as Betas."""
    if layout == "vector":
        w = Weight("x", len(start), value=np.array(start))
        return [w], [w[k] for k in range(len(start))]
    betas = [Beta(f"x{k}", value) for k, value in enumerate(start)]
    return [*betas], [beta() for beta in betas]


def run(
    make: Callable[[list[Parameter]], optimizers.Optimizer],
    problem: Problem,
    layout: str,
    lr: Any,
    scale: Callable[[int], float] = lambda call: 1.0,
    calls: int = STEPS,
) -> tuple[NDArray[np.float64], optimizers.Optimizer]:
    """The parameters (calls, K) after each call, with the cost times scale(call), and the optimizer."""
    params, x = layouts(problem.start, layout)
    optimizer, factor = make(params), pt.dscalar("factor")
    updates = optimizer.update(factor * problem.cost(x, XP), params, lr)
    step = pytensor.function([factor], [], updates=updates, mode=FAST, on_unused_input="ignore")
    path = []
    for call in range(calls):
        step(scale(call))
        path.append(np.concatenate([param.get_value().ravel() for param in params]))
    return np.array(path), optimizer


def decay_on_betas(options: Mapping[str, Any], params: Sequence[Parameter]) -> dict[str, Any]:
    """The options with a weight decay that is given by name, because a number is for Weights only."""
    if "weight_decay" not in options:
        return dict(options)
    return {**options, "weight_decay": {param.name: options["weight_decay"] for param in params}}


def stored(case: str, problem: str) -> dict[str, NDArray[np.float64]]:
    """The stored trajectories by source, the steps of ``KEPT`` only."""
    runs = REFERENCE["trajectories"][case]
    return {source: np.array(runs[source][problem]) for source in ("torch", "optax") if source in runs}


def rate(case: str, problem: str) -> float:
    """The learning rate of the stored trajectory."""
    rates = REFERENCE["rates"][REFERENCE["trajectories"][case]["rates"]]
    return dict(zip(("quadratic", "rosenbrock", "logit"), rates, strict=True))[problem]


def kept(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """The steps that are stored."""
    return path[[step - 1 for step in KEPT]]
