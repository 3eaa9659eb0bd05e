"""Learning-rate schedules against torch.optim.lr_scheduler, and numbers against symbols."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytensor.compile.mode import Mode

from pycmtensor.exceptions import OptimizerError
from pycmtensor.expressions import Beta
from pycmtensor.optimizers import SGD, Adam
from pycmtensor.optimizers.schedules import (
    Constant,
    Cosine,
    Cyclic,
    Exponential,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
    WarmUp,
)

mpl.use("Agg")
FAST = Mode(linker="py", optimizer=None)
TORCH = json.loads(
    (Path(__file__).parent / "reference" / "optimizers" / "trajectories.json").read_text(encoding="utf-8")
)["schedules"]

#: Name in the stored values -> schedule.
SCHEDULES: dict[str, Schedule] = {
    "Step": Step(1.0, every=10, factor=0.5),
    "Exponential": Exponential(1.0, factor=0.9),
    "Polynomial": Polynomial(1.0, steps=30, power=2.0),
    "Cosine": Cosine(1.0, steps=50, end=0.1),
    "OneCycle": OneCycle(1.0, steps=50),
    "Cyclic": Cyclic(0.1, 1.0, half=8),
    "Cyclic halved": Cyclic(0.1, 1.0, half=8, shrink=0.5),
    "Cyclic falling": Cyclic(0.1, 1.0, half=8, factor=0.97),
    "WarmUp": WarmUp(5, Exponential(1.0, factor=0.9), start=0.25),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_equals_torch(name: str) -> None:
    found = [SCHEDULES[name](step) for step in range(50)]
    np.testing.assert_allclose(found, TORCH[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_symbols_equal_numbers(name: str) -> None:
    step = pt.lscalar("step")
    rate = SCHEDULES[name](step)
    assert rate.type.ndim == 0
    compiled = pytensor.function([step], rate, mode=FAST)
    for s in (0, 1, 4, 5, 13, 14, 15, 16, 29, 30, 49, 50, 51, 1000):
        number = SCHEDULES[name](s)
        assert type(number) is float
        np.testing.assert_allclose(compiled(s), number, rtol=1e-14, atol=1e-300)


@given(step=st.integers(0, 10**6), name=st.sampled_from(sorted(SCHEDULES)))
def test_rates_stay_in_their_range(step: int, name: str) -> None:
    assert 0 <= SCHEDULES[name](step) <= 1 + 1e-15


def test_closed_forms() -> None:
    assert [Constant(0.25)(s) for s in (0, 9)] == [0.25, 0.25]
    assert [Polynomial(1.0, 4, end=0.5)(s) for s in (0, 1, 2, 4, 9)] == [1.0, 0.875, 0.75, 0.5, 0.5]
    assert Cosine(2.0, 4)(2) == pytest.approx(1.0, rel=1e-15)
    assert [WarmUp(2, Constant(4.0))(s) for s in (0, 1, 2, 3)] == [0.0, 2.0, 4.0, 4.0]
    assert WarmUp(2, WarmUp(2, Constant(4.0), 0.5))(3) == 3.0
    assert OneCycle(1.0, 50)(49) == OneCycle(1.0, 50)(10**6) == pytest.approx(1 / 25e4, rel=1e-12)


@pytest.mark.parametrize("rule", [SGD, Adam])
@pytest.mark.parametrize("symbolic", [False, True])
def test_an_optimizer_takes_a_schedule(rule: Any, symbolic: bool) -> None:
    """The first step has the rate of step 0; the numbers are those of a rate set by hand."""
    schedule = WarmUp(2, Exponential(0.5, 0.5), start=0.5)
    paths: list[list[float]] = []
    for by_hand in (True, False):
        beta, rate = Beta("beta", 1.0), pytensor.shared(0.0)
        optimizer = rule([beta])
        lr = rate if by_hand else schedule(optimizer.t) if symbolic else schedule
        step = pytensor.function([], [], updates=optimizer.update(beta() ** 2, [beta], lr), mode=FAST)
        paths.append([])
        for s in range(6):
            rate.set_value(schedule(s))
            step()
            paths[-1].append(float(beta.get_value()))
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-13)
    assert optimizer.t.get_value() == 6


def test_plateau_equals_torch() -> None:
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=2, cooldown=1, smallest=0.1)
    rates = [plateau.observe(value) for value in TORCH["plateau observed"]]
    assert rates == TORCH["plateau"]
    assert len(set(rates)) == 4
    assert plateau.lr.get_value() == rates[-1]
    for _ in range(20):
        plateau.observe(float("nan"))
    assert plateau.lr.get_value() == 0.1


def test_plateau_of_negative_values() -> None:
    """A log-likelihood gain, for example: -10 is better than -9, -10.0001 is not much better than -10."""
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=0)
    assert [plateau.observe(v) for v in (-9.0, -10.0, -10.0001, -11.0)] == [1.0, 1.0, 0.5, 0.5]


def test_plot() -> None:
    from matplotlib import pyplot

    schedule = Cyclic(0.1, 1.0, half=8)
    axes = schedule.plot(20)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("step", "learning rate", str(schedule))
    assert schedule.plot(5, ax=axes) is axes
    first, second = axes.get_lines()
    np.testing.assert_array_equal(first.get_ydata(), [schedule(s) for s in range(20)])
    np.testing.assert_array_equal(second.get_xdata(), range(5))
    pyplot.close("all")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-1.0), r"Constant: rate must be a finite number in \[0, inf\), found -1.0"),
        (lambda: Constant("0.1"), "found '0.1'"),  # type: ignore[arg-type]
        (lambda: Step(1.0, every=0), "Step: every must be a whole number of at least 1, found 0"),
        (lambda: Step(1.0, every=2, factor=0.0), r"factor must be a finite number in \(0, inf\)"),
        (lambda: Exponential(1.0, factor=-1.0), "factor must be"),
        (lambda: Polynomial(1.0, steps=10, power=0.0), "power must be"),
        (lambda: Polynomial(1.0, steps=10, end=-1.0), "end must be"),
        (lambda: Cosine(1.0, steps=2.5), "steps must be a whole number"),  # type: ignore[arg-type]
        (lambda: OneCycle(1.0, steps=10, rise=0.1), r"rise must be a finite number in \(0.1, 1\), found 0.1"),
        (lambda: OneCycle(1.0, steps=10, start_factor=0.5), "start_factor must be"),
        (lambda: Cyclic(1.0, 0.5, half=3), r"high must be a finite number in \[1.0, inf\), found 0.5"),
        (lambda: Cyclic(0.0, 1.0, half=3, shrink=1.5), r"shrink must be a finite number in \(0, 1\]"),
        (lambda: WarmUp(3, 0.1), "then must be a schedule, found 0.1. Use Constant"),  # type: ignore[arg-type]
        (lambda: WarmUp(3, Constant(1.0), start=2.0), "start must be"),
        (lambda: ReduceOnPlateau(1.0, factor=1.0), r"factor must be a finite number in \(0, 1\), found 1.0"),
        (lambda: ReduceOnPlateau(1.0, patience=-1), "patience must be a whole number of at least 0, found -1"),
        (lambda: Constant(1.0)(-1), "the step must be a whole number of at least 0, found -1"),
        (lambda: Constant(1.0)(pt.dvector()), "a symbolic step must be a scalar"),
    ],
)
def test_errors(make: Any, message: str) -> None:
    with pytest.raises(OptimizerError, match=message):
        make()


def test_base_has_no_equation() -> None:
    with pytest.raises(OptimizerError, match="Schedule has no equation"):
        Schedule()(0)
