"""Which program the engine takes for what a model declares, and that it gives the numbers of the general one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytensor.graph.basic import Variable

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.likelihood import Differentiated
from pycmtensor.engine.linear import LinearUtilities
from pycmtensor.engine.linear_logit import LinearLogit
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.simulated import SimulatedLogit
from pycmtensor.engine.simulated_factors import SimulatedFactors
from pycmtensor.models import Model

MODES = {"car": 1, "bus": 2, "tram": 3}


@pytest.fixture(scope="module")
def ds() -> cmt.Dataset:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({f"x{k}_{m}": rng.normal(size=40) for k in range(7) for m in MODES})
    ranks = np.array([rng.permutation(3) for _ in range(40)]) + 1
    for j, m in enumerate(MODES):
        frame[f"rank_{m}"] = ranks[:, j]
    return cmt.Dataset(frame.assign(mode=ranks.argmin(axis=1) + 1), "mode", MODES)


def utilities(ds: cmt.Dataset, attributes: int = 1, first: Any = None) -> dict[str, Any]:
    b = [cmt.Beta(f"b{k}", 0.1) for k in range(attributes)]
    taste = b[0] if first is None else first
    return {
        m: taste * ds[f"x0_{m}"] + sum((b[k] * ds[f"x{k}_{m}"] for k in range(1, attributes)), start=0.0) for m in MODES
    }


def random(ds: cmt.Dataset) -> dict[str, Any]:
    return utilities(ds, first=normal("taste", cmt.Beta("mean", 0.2), cmt.Beta("sd", 0.5)))


#: How a model of each family is made of a class, and the program that it gets.
FAMILIES: dict[str, tuple[type[Model], Callable[[Any, cmt.Dataset], Model], type]] = {
    "logit": (cmt.MNL, lambda of, ds: of(ds, utilities(ds)), LinearLogit),
    "mixed logit": (cmt.MixedLogit, lambda of, ds: of(ds, random(ds), draws=16), SimulatedLogit),
    "nested logit": (
        cmt.NestedLogit,
        lambda of, ds: of(ds, utilities(ds), nests=["car", cmt.Nest("public", ["bus", "tram"], cmt.Beta("mu", 1.5))]),
        Differentiated,
    ),
    "ranked logit": (
        cmt.RankedLogit,
        lambda of, ds: of(ds, utilities(ds, 7), ranks={m: ds[f"rank_{m}"] for m in MODES}),
        LinearUtilities,
    ),
    "two classes": (
        cmt.LatentClass,
        lambda of, ds: of(ds, {"one": utilities(ds), "other": {m: cmt.Beta(f"c_{m}") * ds["x1_car"] for m in MODES}}),
        Differentiated,
    ),
    "heteroscedastic logit": (
        cmt.HeteroscedasticLogit,
        lambda of, ds: of(ds, utilities(ds), scales={"car": cmt.Beta("s_car", 1.5), "bus": cmt.Beta("s_bus", 1.2)}),
        Differentiated,
    ),
    "scaled logit": (
        cmt.GMNL,
        lambda of, ds: of(ds, utilities(ds), tau=cmt.Beta("tau", 0.3), draws=16),
        SimulatedLogit,
    ),
    "hybrid choice": (cmt.HybridChoice, lambda of, ds: of(ds, random(ds), indicators=[], draws=16), SimulatedFactors),
    "multinomial probit": (cmt.MultinomialProbit, lambda of, ds: of(ds, utilities(ds), draws=16), SimulatedFactors),
    "residual logit": (cmt.ResLogit, lambda of, ds: of(ds, utilities(ds), layers=2), Differentiated),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_subclass_with_the_same_kernel_gets_the_same_program(ds: cmt.Dataset, family: str) -> None:
    kind, make, expected = FAMILIES[family]
    subclass = type(f"My{kind.__name__}", (kind,), {"__doc__": "The same under another name."})
    own, other = make(kind, ds), make(subclass, ds)
    for model in (own, other):
        assert type(LocalEvaluator(model).program.likelihood) is expected
    theta = np.linspace(0.1, 0.4, len(own.labels))
    assert LocalEvaluator(other).value(theta) == LocalEvaluator(own).value(theta)


def test_a_subclass_with_another_kernel_is_not_taken_for_a_logit(ds: cmt.Dataset) -> None:
    """P_y^2 in place of P_y: the log-likelihood is twice that of the logit."""

    class Squared(cmt.MNL):
        """A logit of which each probability counts twice."""

        def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
            return 2 * super().log_probability(V)

    logit, squared = LocalEvaluator(cmt.MNL(ds, utilities(ds))), LocalEvaluator(Squared(ds, utilities(ds)))
    assert not isinstance(squared.program.likelihood, LinearLogit)
    theta = np.array([0.3])
    assert squared.value(theta) == pytest.approx(2 * logit.value(theta), rel=1e-14)
    np.testing.assert_allclose(squared.second_order(theta).hessian, 2 * logit.second_order(theta).hessian, rtol=1e-12)
