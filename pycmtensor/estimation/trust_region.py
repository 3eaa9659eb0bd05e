"""Trust-region Newton method with the exact Hessian and bounds."""

from __future__ import annotations

import numpy as np

from pycmtensor.engine import Array, Objective
from pycmtensor.estimation.fit import Optimum
from pycmtensor.estimation.iterations import Search, ascend, realised
from pycmtensor.estimation.quadratic import Quadratic, around
from pycmtensor.estimation.tensor_step import with_third_derivatives
from pycmtensor.host.interruption import stop_if_asked

__all__ = ["TrustRegion", "trust_region"]


class TrustRegion:
    """Steps that minimise the quadratic model within a sphere, which grows while the model is right.

    Lengths are measured in the largest scale seen so far, so that the sphere keeps its meaning where the
    log-likelihood flattens out (Moré 1978, doi:10.1007/BFb0067700).

    Args:
        exact: Whether Hessians are those of the log-likelihood, so that two of them tell of third derivatives.
    """

    def __init__(self, exact: bool = False) -> None:
        self.exact, self.radius = exact, np.inf
        self.longest = 0.0  #: length that a step may have in a model without a minimum, while the sphere is infinite
        self.last: Quadratic | None = None  #: around the point before

    def __call__(self, engine: Objective, here: Quadratic) -> Quadratic | None:
        """Shrink the sphere until a step lowers the function about as much as the model says."""
        while self.radius > 1e-14:
            stop_if_asked()
            s = self._step(here)
            if self.exact and self.last is not None and here.length(s) < 0.9 * self.radius:
                s = with_third_derivatives(s, here, self.last)
            length, expected = here.length(s), -here.change(s)
            if not np.any(s) or (expected <= 0 and length < 1e-14):
                return None
            there = around(engine, here.x + s, here.bounds, here.scale)
            part = realised(here, there, expected)
            held_back = length > 0.9 * self.radius if np.isfinite(self.radius) else not here.bends_upwards
            if part > 0.75 and held_back:
                self.radius, self.longest = 2 * self.radius, 2 * length
            if part <= 0.25:
                self.radius = length / 4
            if part > 1e-4:
                self.last = here
                return there
        return None

    def _step(self, here: Quadratic) -> Array:
        """The step in the sphere. A model without a minimum needs a sphere; its radius doubles with every good step."""
        s = here.step(self.radius)
        if np.isfinite(self.radius) or here.bends_upwards or here.length(s) >= self.longest:
            return s
        return here.step(self.longest)


def trust_region(search: Search) -> Optimum:
    """Maximise a log-likelihood within bounds by Newton steps in a trust region.

    Each step minimises the quadratic model of the negative log-likelihood within a sphere, exactly, by the
    eigenvalues of the Hessian. Lengths are measured in the scale that gives the Hessian a unit diagonal, so units
    of the data do not matter. Parameters that would cross a bound are put on it and the rest is solved again. Steps
    that nothing holds back take account of third derivatives; see `with_third_derivatives`. Start values at which
    the likelihood is saturated are made smaller first.

    Raises:
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Nocedal & Wright (2006), Numerical Optimization, doi:10.1007/978-0-387-40065-5, algorithms 4.1 and 4.3,
        section 16.7 for the bounds.
    """
    return ascend(search, TrustRegion(exact=True))
