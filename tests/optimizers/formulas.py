"""The rules as their papers write them, for one element, at 50 digits; nothing here knows the library."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp

from tests.optimizers.problems import Problem

State = dict[str, Any]
Formula = Callable[[Any, Any, int, Any, State], Any]  # p, g, t, learning rate, state -> new p


def path(formula: Formula, problem: Problem, rates: Sequence[float]) -> list[list[Any]]:
    """The parameters after each step, one per learning rate."""
    with mp.workdps(50):
        x: Sequence[Any] = [mp.mpf(value) for value in problem.start]
        states: list[State] = [defaultdict(mp.mpf) for _ in x]
        found = []
        for t, lr in enumerate(rates, 1):
            g = problem.gradient(x, mp)
            x = [formula(p, g_p, t, mp.mpf(lr), s) for p, g_p, s in zip(x, g, states, strict=True)]
            found.append(list(x))
        return found


B1, B2, EPS = mp.mpf(0.9), mp.mpf(0.999), mp.mpf(1e-8)  # the doubles that the defaults are


def sgd(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    return p - lr * g


def momentum(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    """Sutskever et al. (2013), equations 1 and 2, for a constant rate."""
    s["v"] = B1 * s["v"] - lr * g
    return p + s["v"]


def nesterov(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    """Equations 3 and 4, in the point at which the gradient is taken and with the rate outside of v."""
    s["v"] = B1 * s["v"] + g
    return p - lr * (g + B1 * s["v"])


def adagrad(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    s["a"] += g**2
    return p - lr * g / (mp.sqrt(s["a"]) + EPS)


def rmsprop(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    s["a"] = B1 * s["a"] + (1 - B1) * g**2
    return p - lr * g / (mp.sqrt(s["a"]) + EPS)


def adadelta(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    rho, eps = mp.mpf(0.95), mp.mpf(1e-6)
    s["a"] = rho * s["a"] + (1 - rho) * g**2
    change = -mp.sqrt(s["d"] + eps) / mp.sqrt(s["a"] + eps) * g
    s["d"] = rho * s["d"] + (1 - rho) * change**2
    return p + lr * change


def adam(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    s["m"] = B1 * s["m"] + (1 - B1) * g
    s["v"] = B2 * s["v"] + (1 - B2) * g**2
    return p - lr * s["m"] / (1 - B1**t) / (mp.sqrt(s["v"] / (1 - B2**t)) + EPS)


def adamw(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    return adam(p, g, t, lr, s) - lr * mp.mpf(0.01) * p


def adamax(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    s["m"] = B1 * s["m"] + (1 - B1) * g
    s["u"] = max(B2 * s["u"], abs(g) + EPS)
    return p - lr / (1 - B1**t) * s["m"] / s["u"]


def amsgrad(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    s["m"] = B1 * s["m"] + (1 - B1) * g
    s["v"] = B2 * s["v"] + (1 - B2) * g**2
    s["u"] = max(s["u"], s["v"])
    return p - lr * s["m"] / (1 - B1**t) / (mp.sqrt(s["u"] / (1 - B2**t)) + EPS)


def nadam(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    def mu(t: int) -> Any:
        return B1 * (1 - mp.mpf(0.96) ** (t * mp.mpf(0.004)) / 2)

    s["m"] = B1 * s["m"] + (1 - B1) * g
    s["v"] = B2 * s["v"] + (1 - B2) * g**2
    product = mp.fprod(mu(i) for i in range(1, t + 1))
    m_hat = mu(t + 1) * s["m"] / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
    return p - lr * m_hat / (mp.sqrt(s["v"] / (1 - B2**t)) + EPS)


def radam(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    s["m"] = B1 * s["m"] + (1 - B1) * g
    s["v"] = B2 * s["v"] + (1 - B2) * g**2
    m_hat = s["m"] / (1 - B1**t)
    n = 2 / (1 - B2) - 1
    d = n - 2 * t * B2**t / (1 - B2**t)
    if d <= 5:
        return p - lr * m_hat
    r = mp.sqrt((d - 4) * (d - 2) * n / ((n - 4) * (n - 2) * d))
    return p - lr * m_hat * r * mp.sqrt(1 - B2**t) / (mp.sqrt(s["v"]) + EPS)


def rprop(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    """Igel & Hüsken (2000), algorithm 4 (iRprop-)."""
    change, s["size"] = s["g"] * g, s["size"] or lr
    if change > 0:
        s["size"] = min(s["size"] * mp.mpf(1.2), mp.mpf(50))
    elif change < 0:
        s["size"] = max(s["size"] * mp.mpf(0.5), mp.mpf(1e-6))
        g = mp.mpf(0)
    s["g"] = g
    return p - mp.sign(g) * s["size"]


def lion(p: Any, g: Any, t: int, lr: Any, s: State) -> Any:
    direction = mp.sign(B1 * s["m"] + (1 - B1) * g)
    s["m"] = mp.mpf(0.99) * s["m"] + (1 - mp.mpf(0.99)) * g
    return p - lr * direction
