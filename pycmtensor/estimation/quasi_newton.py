"""Methods that approximate the Hessian: BHHH by scores, BFGS and L-BFGS by differences of gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Differentiable, Objective, SecondOrder
from pycmtensor.engine.secant import secant_update
from pycmtensor.estimation.curvature import held_by_bounds
from pycmtensor.estimation.fit import Ending, Iterate, Optimum
from pycmtensor.estimation.iterations import CLOSE, Search, ascend, attainable, beginning, converged, not_converged
from pycmtensor.estimation.quadratic import around
from pycmtensor.estimation.trust_region import TrustRegion
from pycmtensor.host.interruption import stop_if_asked

__all__ = ["bfgs", "bhhh", "lbfgs"]

Array = NDArray[np.floating]


class _Approximate:
    """A likelihood whose Hessian is an approximation; value and names are the exact one's."""

    def __init__(self, exact: Differentiable) -> None:
        self.exact, self.labels, self.value = exact, exact.labels, exact.value


class _OuterProduct(_Approximate):
    """The Hessian is minus the sum of w s s' over individuals."""

    def second_order(self, theta: Array) -> SecondOrder:
        at = self.exact.first_order(theta)
        return SecondOrder(at.individuals, at.value, at.gradient, -at.outer_product)


class _Secant(_Approximate):
    """The Hessian is learned from differences of gradients, from the outer product of scores onwards."""

    def __init__(self, exact: Differentiable, start: Array) -> None:
        super().__init__(exact)
        self._first = exact.first_order(start)
        self._x, self._g, self._B = start, -self._first.gradient, self._first.outer_product

    def second_order(self, theta: Array) -> SecondOrder:
        value, gradient = self.exact.value_and_grad(theta)
        if np.isfinite(value) and np.isfinite(gradient).all():
            s, y = theta - self._x, -gradient - self._g
            if np.any(s):
                self._B = secant_update(self._B, s, y)
            self._x, self._g = theta, -gradient
        return SecondOrder(self._first.individuals, value, gradient, -self._B)


def bhhh(search: Search) -> Optimum:
    """Maximise a log-likelihood with the outer product of scores in place of the Hessian, in a trust region.

    Raises:
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Berndt, Hall, Hall & Hausman (1974), Estimation and inference in nonlinear structural models, Annals of
        Economic and Social Measurement 3:653-665.
    """
    return _approximately(search, _OuterProduct(search.engine))


def bfgs(search: Search) -> Optimum:
    """Maximise a log-likelihood with a Hessian learned from gradients, in a trust region.

    Raises:
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Nocedal & Wright (2006), Numerical Optimization, doi:10.1007/978-0-387-40065-5, section 6.1 and procedure 18.2.
    """
    return _approximately(search, _Secant(search.engine, np.clip(search.start, *search.bounds)))


def lbfgs(search: Search) -> Optimum:
    """Maximise a log-likelihood by SciPy's L-BFGS-B, for so many parameters that a Hessian is too large to solve.

    Parameters are scaled by the bends of the outer product of scores at the start.

    Raises:
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Byrd, Lu, Nocedal & Zhu (1995), doi:10.1137/0916069.
    """
    from scipy.optimize import OptimizeResult, minimize

    first = beginning(search, _OuterProduct(search.engine))
    scale, path, last = first.scale, [Iterate(0, -first.f, first.slope, first.distance)], first.x
    gradients: dict[bytes, Array] = {}
    search.report(path[0])

    def negative(u: Array) -> tuple[float, Array]:
        stop_if_asked()
        value, gradient = search.engine.value_and_grad(u / scale)
        gradients[u.tobytes()] = gradient
        return -value, -gradient / scale

    def report(intermediate_result: OptimizeResult) -> None:
        nonlocal last
        last = intermediate_result.x / scale
        g = gradients[intermediate_result.x.tobytes()]
        g = np.where(held_by_bounds(last, g, *search.bounds), 0.0, g)
        path.append(Iterate(len(path), -intermediate_result.fun, np.abs(g).max(), float(np.linalg.norm(g / scale))))
        gradients.clear()
        search.report(path[-1])

    options = {"maxiter": search.max_iterations, "ftol": 0.0, "gtol": search.tolerance, "maxcor": 20}
    box = np.column_stack([bound * scale for bound in search.bounds])
    try:
        minimize(negative, first.x * scale, jac=True, method="L-BFGS-B", bounds=box, callback=report, options=options)
    except KeyboardInterrupt as stop:
        return _judged(search, last, path, Ending.INTERRUPTED, str(stop))
    return _judged(search, last, path, Ending.ITERATION_LIMIT if len(path) > search.max_iterations else Ending.STALLED)


def _approximately(search: Search, engine: Objective) -> Optimum:
    best = ascend(search, TrustRegion(), engine)
    if best.outcome.ending is Ending.INTERRUPTED:
        return best
    ending = Ending.STALLED if best.outcome.converged else best.outcome.ending
    return _judged(search, best.theta, [i for i in best.path if isinstance(i, Iterate)], ending)


def _judged(search: Search, theta: Array, path: list[Iterate], ending: Ending, after: str = "") -> Optimum:
    """The point with its exact derivatives: a maximum when these say so, otherwise what ended the method."""
    here = around(search.engine, theta, search.bounds)
    if here.distance <= attainable(CLOSE, here.at.gradient.dtype) and ending is not Ending.INTERRUPTED:
        outcome = converged(here, search.engine.labels)
    else:
        outcome = not_converged(ending, after or f"{len(path) - 1} iterations", here.distance)
    return Optimum(here.x, here.at, here.held, outcome, path, search.start)
