"""Maximum likelihood under linear equalities and inequalities between parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.estimation.curvature import left_free, newton_distance
from pycmtensor.estimation.fit import Ending, Iterate, Optimum, Outcome
from pycmtensor.estimation.iterations import Search, attainable, beginning, not_converged
from pycmtensor.estimation.quadratic import Bounds, Quadratic, around
from pycmtensor.exceptions import ModelError
from pycmtensor.host.interruption import stop_if_asked
from pycmtensor.terms.relations import Relation, matrix, relations_of

__all__ = ["Constraints", "constraints_of", "trust_constr"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Constraints:
    """Linear constraints ``low <= A theta <= high``.

    Attributes:
        A: Coefficients (M, K).
        low: (M,), -inf for none; equal to ``high`` in an equality.
        high: (M,), inf for none.
        texts: The constraints in words, M of them.
    """

    A: Array
    low: Array
    high: Array
    texts: tuple[str, ...]

    @property
    def equal(self) -> NDArray[np.bool_]:
        """Constraints that are equalities, (M,)."""
        return self.low == self.high

    def edges(self, sides: Array) -> Array:
        """The right sides of those that hold with equality, at the low (-1) or the high (1) side."""
        return np.where(sides < 0, self.low, self.high)[sides != 0]

    def with_bounds(self, bounds: Bounds, labels: Sequence[str]) -> Constraints:
        """These, and the bounds of single parameters as further ones."""
        bounded = np.flatnonzero(np.isfinite(bounds[0]) | np.isfinite(bounds[1]))
        unit = np.eye(len(labels))[bounded]
        texts = (*self.texts, *(f"{labels[int(k)]} at a bound" for k in bounded))
        low, high = (
            np.concatenate(both) for both in zip((self.low, self.high), (b[bounded] for b in bounds), strict=True)
        )
        return Constraints(np.concatenate([self.A, unit]), low, high, texts)


def constraints_of(
    statements: str | Sequence[Any] | Variable | Relation | None,
    labels: tuple[str, ...],
    fixed: Mapping[str, float],
    own: Sequence[Variable] = (),
) -> Constraints | None:
    """Relations as they are given to `pycmtensor.estimate`, and those of the model; None when there are none.

    Raises:
        ModelError: A statement is not linear, or names an unknown parameter.
    """
    nothing = statements is None or (isinstance(statements, (str, list, tuple)) and not statements)
    relations = relations_of([*own]) + ([] if nothing else relations_of(statements))
    if not relations:
        return None
    A, senses, r = matrix(relations, labels, fixed)
    low = np.where([sense == "<=" for sense in senses], -np.inf, r)
    high = np.where([sense == ">=" for sense in senses], np.inf, r)
    return Constraints(A, low, high, tuple(map(str, relations)))


def trust_constr(search: Search, constraints: Constraints) -> Optimum:
    """Maximise a log-likelihood within bounds and linear constraints.

    SciPy's interior-point trust-region method finds out which constraints hold the maximum; Newton steps along these
    then go there exactly.

    Args:
        search: The problem.
        constraints: Linear constraints.

    Raises:
        ModelError: No values of the parameters meet all constraints and bounds.
        OptimizerError: The log-likelihood or its gradient is not finite at the start.

    References:
        Byrd, Hribar & Nocedal (1999), doi:10.1137/S1052623497325107; Nocedal & Wright (2006), Numerical Optimization,
        doi:10.1007/978-0-387-40065-5, algorithm 16.3 for the last steps.
    """
    from scipy.optimize import LinearConstraint, OptimizeResult, minimize

    _check_feasible(constraints, search.bounds)
    first = beginning(search, search.engine)
    search = replace(search, tolerance=attainable(search.tolerance, first.at.gradient.dtype))
    scale, path = first.scale, [Iterate(0, -first.f, first.slope, first.distance)]
    every = constraints.with_bounds(search.bounds, search.engine.labels)
    last = np.where(every.equal, 1.0, 0.0), first.x  # Lagrange multipliers, and the point
    at = {first.x.tobytes(): first.at}

    def derivatives(u: Array) -> tuple[float, Array, Array]:
        stop_if_asked()
        theta = u / scale
        if theta.tobytes() not in at:
            at.clear()
            at[theta.tobytes()] = search.engine.second_order(theta)
        found = at[theta.tobytes()]
        return -found.value, -found.gradient / scale, -found.hessian / np.outer(scale, scale)

    def report(intermediate_result: OptimizeResult) -> None:
        nonlocal last
        r = intermediate_result
        last = r.v[0], r.x / scale
        path.append(
            Iterate(len(path), -float(r.fun), float(np.abs(r.lagrangian_grad * scale).max()), float(r.optimality))
        )
        search.report(path[-1])

    ending, after = Ending.STALLED, ""
    try:
        with warnings.catch_warnings():  # what SciPy says of constraints that depend on each other is judged below
            warnings.simplefilter("ignore")
            found = minimize(
                lambda u: derivatives(u)[0],
                first.x * scale,
                jac=lambda u: derivatives(u)[1],
                hess=lambda u: derivatives(u)[2],
                method="trust-constr",
                constraints=LinearConstraint(every.A / scale, every.low, every.high),
                callback=report,
                options={"maxiter": search.max_iterations, "gtol": 1e-6, "xtol": 1e-12},
            )
        ending = Ending.ITERATION_LIMIT if found.status == 0 else ending
    except KeyboardInterrupt as stop:
        ending, after = Ending.INTERRUPTED, str(stop)
    multipliers, theta = last
    value = every.A @ theta
    slack = np.minimum(value - every.low, every.high - value) / np.linalg.norm(every.A / scale, axis=1)
    sides = np.where(every.equal, 1, np.sign(multipliers) * (np.abs(multipliers) > slack))
    here, sides, distance = _along(search, every, theta, sides)
    if distance > search.tolerance or ending is Ending.INTERRUPTED:
        outcome = not_converged(ending, after or f"{len(path) - 1} iterations", distance)
    else:
        outcome = _converged(every, sides)
    M = len(constraints.A)
    held = np.any(every.A[M:][sides[M:] != 0] != 0, axis=0)
    return Optimum(here.x, here.at, held, outcome, path, search.start, binding=constraints.A[sides[:M] != 0])


def _check_feasible(constraints: Constraints, bounds: Bounds) -> None:
    """Raise a `ModelError` when no theta meets all constraints within the bounds."""
    from scipy.optimize import linprog

    equal, low, high = constraints.equal, np.isfinite(constraints.low), np.isfinite(constraints.high)
    above, below = low & ~equal, high & ~equal
    A, K = constraints.A, constraints.A.shape[1]
    found = linprog(
        np.zeros(K),
        A_ub=np.concatenate([A[below], -A[above]]),
        b_ub=np.concatenate([constraints.high[below], -constraints.low[above]]),
        A_eq=A[equal],
        b_eq=constraints.low[equal],
        bounds=np.column_stack(bounds),
    )
    if found.status == 2:
        raise ModelError(
            f"No values of the parameters meet the constraints {', '.join(constraints.texts)} within the parameters' "
            "bounds. Take one of them out, or widen a bound."
        )


def _along(search: Search, every: Constraints, theta: Array, sides: Array) -> tuple[Quadratic, Array, float]:
    """Newton steps along the constraints that hold with equality, taking some up and letting others go on the way.

    Returns:
        The end, the side on which each constraint holds it, and how far the maximum is in standard errors.
    """
    nowhere = np.full(len(theta), np.inf)
    for _ in range(20 + 5 * len(sides)):
        here = around(search.engine, theta, (-nowhere, nowhere))
        normals, edges = every.A[sides != 0] / here.scale, every.edges(sides)
        if len(normals) and np.abs(normals @ (here.x * here.scale) - edges).max() > 1e-12 * (1 + np.abs(edges).max()):
            theta = (
                here.x + np.linalg.lstsq(normals, edges - normals @ (here.x * here.scale), rcond=None)[0] / here.scale
            )
            here = around(search.engine, theta, (-nowhere, nowhere))
        Z = left_free(normals) / here.scale[:, None]
        distance = newton_distance(Z.T @ here.g, Z.T @ here.H @ Z)
        value = every.A @ here.x
        slack = 1e-9 * (1 + np.abs(value))
        outside = (value < every.low - slack) | (value > every.high + slack)
        if not np.isfinite(distance) or np.any(outside):
            return here, sides, np.inf
        if distance > search.tolerance:
            s = -Z @ np.linalg.solve(Z.T @ here.H @ Z, Z.T @ here.g)
            part, m = _room(every, value, every.A @ s, sides)
            theta = here.x + part * s
            if part < 1:
                sides = np.where(np.arange(len(sides)) == m, np.sign(every.A[m] @ s), sides)
            continue
        multipliers = np.zeros(len(sides))
        multipliers[sides != 0] = np.linalg.lstsq(normals.T, -here.g / here.scale, rcond=None)[0]
        wrong = np.where(every.equal, 0.0, multipliers * sides)
        if wrong.min(initial=0) >= -1e-9 * (1 + np.abs(multipliers).max(initial=0)):
            return here, sides, distance
        sides = np.where(wrong == wrong.min(), 0, sides)
        theta = here.x
    return here, sides, np.inf


def _room(every: Constraints, value: Array, change: Array, sides: Array) -> tuple[float, int]:
    """The part of a step that the other constraints leave room for, at most 1, and the constraint in the way."""
    edge = np.where(change < 0, every.low, every.high)
    moving = (sides == 0) & (np.abs(change) > 1e-14)
    room = np.where(moving, (edge - value) / np.where(moving, change, 1.0), np.inf)
    m = int(np.argmin(room)) if len(room) else 0
    return (min(1.0, max(0.0, float(room[m]))), m) if len(room) else (1.0, 0)


def _converged(every: Constraints, sides: Array) -> Outcome:
    texts = [text for text, side in zip(every.texts, sides, strict=True) if side]
    if not texts:
        return Outcome(Ending.MAXIMUM, "a maximum of the log-likelihood; no constraint binds.")
    return Outcome(Ending.AT_BOUND, f"a maximum within the constraints; binding: {', '.join(texts)}.")
