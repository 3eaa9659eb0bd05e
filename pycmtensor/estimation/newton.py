"""Newton's method with a line search and bounds."""

from __future__ import annotations

from pycmtensor.engine import Objective
from pycmtensor.estimation.fit import Optimum
from pycmtensor.estimation.iterations import Search, ascend, realised
from pycmtensor.estimation.quadratic import Quadratic, around
from pycmtensor.host.interruption import stop_if_asked

__all__ = ["line_search", "newton"]


def line_search(engine: Objective, here: Quadratic) -> Quadratic | None:
    """Halve the Newton step until it realises a part of the gain that its slope promises (Armijo's rule)."""
    s = here.step()
    bend = 0.5 * float(s @ here.H @ s)
    slope = float(here.g @ s) + min(0.0, bend)  # the bend counts where it is the reason to go there
    for halvings in range(60):
        stop_if_asked()
        part = 0.5**halvings
        expected = -here.change(part * s)
        if -engine.value(here.x + part * s) <= here.f + 1e-4 * part * slope or expected < 1e-10 * max(1, abs(here.f)):
            there = around(engine, here.x + part * s, here.bounds)
            if realised(here, there, -part * slope) > 1e-4:
                return there
    return None


def newton(search: Search) -> Optimum:
    """Maximise a log-likelihood within bounds by full Newton steps, shortened where they lead too far.

    Where the log-likelihood is not concave, the step is the longest that a sphere of the gradient's length allows.
    Parameters that would cross a bound are put on it and the rest is solved again.

    Raises:
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Nocedal & Wright (2006), Numerical Optimization, doi:10.1007/978-0-387-40065-5, algorithm 3.2.
    """
    return ascend(search, line_search)
