r"""Separation: directions along which the likelihood of nobody falls, and that of somebody rises without end.

With log-likelihoods :math:`\ell_n` and scores :math:`s_n` of the individuals, d is such a direction when

.. math:: s_n(\theta)^\top d \ge 0 \text{ for all } n \text{ and } \theta, \qquad
          \sum_n s_n(\theta)^\top d > 0 .

A linear programme looks for the d with the fewest elements that satisfies these inequalities at some :math:`\theta`.
Far along this d, an individual against whom it goes chooses what it makes most unlikely; the score there is an
inequality that d violates and the next d must satisfy. In a logit these are the differences of the columns, of which
there are finitely many.

References:
    Albert & Anderson (1984), On the existence of maximum likelihood estimates in logistic regression models,
    doi:10.1093/biomet/71.1.1; Konis (2007), Linear programming algorithms for detecting separated data in binary
    logistic regression models, doctoral thesis, University of Oxford; Kelley (1960), The cutting-plane method for
    solving convex programs, doi:10.1137/0108053.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Differentiable, FirstOrder
from pycmtensor.estimation.quadratic import Bounds

__all__ = ["Separation", "separation"]

Array = NDArray[np.floating]

#: Score along a direction, both of length 1, that counts as negative.
NEGATIVE = 1e-8

#: Size of a score, relative to the usual one of its parameter, below which rounding may decide its sign.
ROUNDING = 1e-9

#: Distances along a direction, in standard deviations of utility, where individuals are asked whether they object.
DISTANCES = (3.0, 30.0, 1e3, 1e5)

#: Inequalities that are added to a linear programme at a time.
AT_A_TIME = 20

#: Linear programmes that are solved for one direction at most.
ROUNDS = 500


@dataclass(frozen=True)
class Separation:
    """Directions (D, K) of separation, and which individuals (N,) they decide."""

    directions: Array
    individuals: NDArray[np.bool_]


def separation(
    objective: Differentiable, base: FirstOrder, theta: Array, bounds: Bounds, binding: Array
) -> Separation | None:
    """Directions along which the likelihood rises without end, or None.

    Args:
        objective: The log-likelihood.
        base: First derivatives at a point where the likelihood is not saturated.
        theta: This point (K,).
        bounds: Lower and upper bounds of the parameters, each (K,), which a direction must not run against.
        binding: Constraints B that a direction keeps, B d = 0, (M, K).

    Returns:
        Directions that together decide as many individuals as possible, each with the fewest elements.
    """
    scale = np.sqrt((base.scores**2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    scores, decided = base.scores / scale, np.zeros(len(base.scores), bool)
    cuts = _Cuts(objective, base, theta, scale, bounds)
    directions: list[Array] = []
    while not decided.all():
        found = _cheapest(scores[~decided].mean(axis=0), cuts, binding / scale)
        if found is None:
            break
        gains = scores @ found
        directions.append(found / scale)
        decided |= gains > 1e-6 * gains.max()
    return Separation(np.array(directions), decided) if directions else None


def _cheapest(gains: Array, cuts: _Cuts, binding: Array) -> Array | None:
    """The direction with gains and the smallest sum of absolute elements; None where there is none."""
    for _ in range(ROUNDS):
        direction = _least(gains, cuts, binding) if np.any(gains) else None
        if direction is None or not cuts.add(direction):
            return direction
    return None


class _Cuts:
    """Scores (C, K) that a direction must not go against; lengths are in ``scale`` (K,), which makes scores about 1."""

    def __init__(self, objective: Differentiable, base: FirstOrder, theta: Array, scale: Array, bounds: Bounds) -> None:
        self.objective, self.base, self.theta, self.scale, self.bounds = objective, base, theta, scale, bounds
        self.rows = np.zeros((0, len(theta)))

    def add(self, direction: Array) -> bool:
        """Add the worst scores that a direction goes against, of the nearest place where there are any.

        A direction that leads out of the domain of the log-likelihood is ruled out itself if nobody objects.

        Returns:
            Whether there was something to add.
        """
        unit = direction / np.abs(direction).sum()
        for distance in (0.0, *DISTANCES):
            reached, first = self._first_order(distance, unit)
            objections = _against(unit, first.scores / self.scale)
            if len(objections) or reached < distance:
                self.rows = np.concatenate([self.rows, objections if len(objections) else -unit[None]])
                return True
        return False

    def _first_order(self, distance: float, unit: Array) -> tuple[float, FirstOrder]:
        """First derivatives at a distance, or at the half, quarter, ... of it up to which there is a likelihood."""
        while distance:
            there = np.clip(self.theta + distance * unit / self.scale, *self.bounds)
            first = self.objective.first_order(there)
            if np.isfinite(first.value) and np.isfinite(first.gradient).all():
                return distance, first
            distance /= 2
        return 0.0, self.base


def _against(unit: Array, scores: Array) -> Array:
    """The scores (C, K) that a direction goes against most, each divided by its length."""
    size = np.abs(scores).max(axis=1)
    rows = scores[np.isfinite(size) & (size > ROUNDING)] / size[np.isfinite(size) & (size > ROUNDING), None]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    along = rows @ unit
    worst = np.argsort(along)[:AT_A_TIME]
    return rows[worst[along[worst] < -NEGATIVE]]


def _least(gains: Array, cuts: _Cuts, binding: Array) -> Array | None:
    """The d (K,) with the least sum of absolute elements, gains'd = 1 and cuts d >= 0 within bounds and constraints.

    d is the difference of two vectors of which no element is negative.
    """
    from scipy.optimize import linprog

    lower, upper = cuts.bounds
    equal = np.vstack([gains / np.abs(gains).max(), binding])
    found = linprog(
        np.ones(2 * len(gains)),
        A_ub=np.hstack([-cuts.rows, cuts.rows]),
        b_ub=np.zeros(len(cuts.rows)),
        A_eq=np.hstack([equal, -equal]),
        b_eq=np.eye(len(equal))[0],
        bounds=[(0, 0 if np.isfinite(bound) else None) for bound in (*upper, *lower)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10},
    )
    return found.x[: len(gains)] - found.x[len(gains) :] if found.status == 0 else None
