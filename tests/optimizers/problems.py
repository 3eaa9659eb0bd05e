"""Three small problems, written once for floats, torch, JAX, mpmath and PyTensor: cost and gradient of scalars x."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

STEPS = 50
KEPT = (1, 2, 3, 4, 5, 10, 20, 30, 40, 50)  # steps whose parameters are stored

# V_j - V_chosen of six people and two alternatives not chosen, per unit of three coefficients
DIFFERENCES = (
    ((0.5, -1.5, -0.25), (1.5, 0.0, -0.75)),
    ((-1.25, 0.25, 1.0), (0.5, -1.0, 0.5)),
    ((-1.0, -1.0, -1.5), (-0.75, 0.75, -0.25)),
    ((0.25, 0.5, -1.0), (-1.75, -1.5, 0.25)),
    ((-1.0, -0.75, 0.75), (0.5, -0.25, -0.25)),
    ((-1.5, 0.0, 0.5), (0.75, -1.0, 1.0)),
)


class Problem(NamedTuple):
    start: tuple[float, ...]
    cost: Callable[[Sequence[Any], Any], Any]  # of x and a namespace with exp and log
    gradient: Callable[[Sequence[Any], Any], list[Any]]


def quadratic(x: Sequence[Any], xp: Any) -> Any:
    """Curvatures of 1, 100 and 10,000, coupled."""
    a, b, c = x[0] - 1, x[1] + 2, x[2] - 0.5
    return (a**2 + 100 * b**2 + 10000 * c**2 + (x[0] + x[1] - x[2]) ** 2) / 2


def quadratic_gradient(x: Sequence[Any], xp: Any) -> list[Any]:
    s = x[0] + x[1] - x[2]
    return [x[0] - 1 + s, 100 * (x[1] + 2) + s, 10000 * (x[2] - 0.5) - s]


def rosenbrock(x: Sequence[Any], xp: Any) -> Any:
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_gradient(x: Sequence[Any], xp: Any) -> list[Any]:
    valley = x[1] - x[0] ** 2
    return [-2 * (1 - x[0]) - 400 * x[0] * valley, 200 * valley]


def logit(x: Sequence[Any], xp: Any) -> Any:
    """Negative log-likelihood of a logit: sum of log(1 + sum_j exp(V_j - V_chosen))."""
    return sum(xp.log(1 + sum(xp.exp(_v(d, x)) for d in person)) for person in DIFFERENCES)


def logit_gradient(x: Sequence[Any], xp: Any) -> list[Any]:
    g = [0 * x[0]] * 3
    for person in DIFFERENCES:
        odds = [xp.exp(_v(d, x)) for d in person]
        for d, odd in zip(person, odds, strict=True):
            g = [g[k] + d[k] * odd / (1 + sum(odds)) for k in range(3)]
    return g


def _v(d: tuple[float, float, float], x: Sequence[Any]) -> Any:
    return d[0] * x[0] + d[1] * x[1] + d[2] * x[2]


PROBLEMS = {
    "quadratic": Problem((3.0, -0.5, 2.0), quadratic, quadratic_gradient),
    "rosenbrock": Problem((-1.2, 1.0), rosenbrock, rosenbrock_gradient),
    "logit": Problem((0.13, 2.2, 1.4), logit, logit_gradient),
}
