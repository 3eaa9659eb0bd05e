"""What a point of a model with networks is worth: the other parameters, given the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import LocalEngine
from pycmtensor.engine.protocol import SecondOrder
from pycmtensor.estimation.curvature import NEAR, held_by_bounds, newton_distance
from pycmtensor.estimation.fit import Epoch, Optimum, Outcome
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.trust_region import trust_region
from pycmtensor.expressions import networks_in

__all__ = ["given_networks"]

Array = NDArray[np.floating]


def given_networks(
    engine: LocalEngine, theta: Array, bounds: tuple[Array, Array], so_far: Outcome, path: Sequence[Epoch], polish: bool
) -> Optimum:
    """The derivatives at a point, of second order for the parameters outside of networks only.

    Weights of networks are many, exchangeable and without a meaning of their own. Second derivatives with respect to
    them are NaN; those of the other parameters, and so their covariance, are conditional on the weights.

    Args:
        engine: The likelihood.
        theta: The point (K,).
        bounds: Lower and upper bounds, (K,) each.
        so_far: How the training ended.
        path: Its epochs.
        polish: Whether the other parameters go on to the maximum given the networks.
    """
    is_weight = [bool(networks_in(p.labels())) for p in engine.program.free for _ in range(p.size)]
    own = np.flatnonzero(np.logical_not(is_weight))
    if not len(own):
        at = _of_weights(engine, theta)
        held = held_by_bounds(theta, at.gradient, *bounds)
        return Optimum(theta, at, held, replace(so_far, near_maximum=False), path)
    others = engine.given(theta, [p for p in engine.program.free if networks_in(p.labels())])
    inner = theta[own]
    if polish:
        inner = trust_region(Search(others, inner, (bounds[0][own], bounds[1][own]))).theta
        theta = theta.copy()
        theta[own] = inner
    given = others.second_order(inner)
    at = _filled(engine, theta, own, given)
    held = held_by_bounds(theta, at.gradient, *bounds)
    inside = ~held[own]
    distance = newton_distance(given.gradient[inside], -given.hessian[np.ix_(inside, inside)])
    near = distance <= NEAR
    away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
    reason = f"{so_far.reason} Given the networks, a maximum for the other parameters is {away}."
    remedy = "" if near else "Standard errors would mean nothing here and are left out; polish=True goes there."
    return Optimum(theta, at, held, replace(so_far, reason=reason, remedy=remedy, near_maximum=near), path)


def _filled(engine: LocalEngine, theta: Array, own: NDArray[np.integer], given: SecondOrder) -> SecondOrder:
    """Derivatives given the networks (len(own),) in their places among all (K,), with NaN in the others."""
    value, gradient = engine.value_and_grad(theta)
    K = len(theta)
    hessian = np.full((K, K), np.nan)
    hessian[np.ix_(own, own)] = given.hessian

    def individuals() -> tuple[Array, Array]:
        scores = np.full((len(given.scores), K), np.nan)
        scores[:, own] = given.scores
        return scores, given.logprob

    return SecondOrder(individuals, value, gradient, hessian)


def _of_weights(engine: LocalEngine, theta: Array) -> SecondOrder:
    """The derivatives where nothing but weights is estimated."""
    at, K = engine.first_order(theta), len(theta)
    return SecondOrder(lambda: (at.scores * np.nan, at.logprob), at.value, at.gradient, np.full((K, K), np.nan))
