"""The least that an evaluation of a likelihood takes on this machine, and how many times that ours takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.comparison import Case
from benchmarks.peers import pycmtensor as ours
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.parallel import at_the_same_time, usable_cores

jax.config.update("jax_enable_x64", True)

#: Numbers whose exponentials are taken at a time; they stay in the cache.
BLOCK = 8192


@dataclass(frozen=True)
class Floor:
    """Exponentials and bytes of an evaluation, the seconds that these take alone, and those of ours."""

    title: str
    exponentials: int
    bytes_read: int
    seconds: float
    value: float
    gradient: float
    hessian: float

    def row(self) -> str:
        own = (f"{1e3 * s:,.2f} ({s / self.seconds:.1f})" for s in (self.value, self.gradient, self.hessian))
        least = f"{self.exponentials / 1e6:.2f} | {self.bytes_read / 1e6:.1f} | {1e3 * self.seconds:,.2f}"
        return f"| {self.title} | {least} | {' | '.join(own)} |"


HEAD = (
    "| | exponentials, million | data, MB | these alone, ms | log-likelihood, ms (times) | with gradient | "
    "with gradient and Hessian |\n|---|---|---|---|---|---|---|"
)


def floor(case: Case) -> Floor:
    """One evaluation at the start values: an exponential for each alternative, choice and draw, and the data read once.

    Normal draws, logarithms and the sums of the derivatives are not in the floor.
    """
    model = getattr(ours, case.name)(case.table(), "").model
    engine = LocalEvaluator(model)
    theta = np.concatenate([p.get_value().ravel() for p in model.free])
    data = jax.tree.leaves(engine.prepared)
    draws = model.sampling.number if model.sampling else 1
    exponentials = engine.dataset.nobs * len(model.alternatives) * draws
    least = _seconds(lambda: _exponentials(exponentials)) + _seconds(lambda: [np.copy(np.asarray(x)) for x in data])
    evaluations: tuple[Callable[[Any], Any], ...] = (engine.value, engine.value_and_grad, engine.second_order)
    own = [_seconds(partial(of, theta)) for of in evaluations]
    return Floor(case.title, exponentials, sum(x.nbytes for x in data), least, *own)


def _exponentials(number: int) -> Any:
    """Those of XLA, on all cores."""
    cores = usable_cores()
    return at_the_same_time(_of_blocks, [max(1, round(number / BLOCK / cores))] * cores)


@jax.jit
def _of_blocks(number: int) -> Any:
    x = jnp.linspace(-1.0, 0.0, BLOCK)
    return jax.lax.fori_loop(0, number, lambda i, total: total + jnp.exp(x - 1e-9 * i).sum(), 0.0)


def _seconds(call: Callable[[], object], repeats: int = 7) -> float:
    call()
    times = []
    for _ in range(repeats):
        began = perf_counter()
        call()
        times.append(perf_counter() - began)
    return median(times)
