"""Derivatives at a point of a model with networks: of the other parameters, given the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Individuals, SecondOrder
from pycmtensor.estimation.curvature import NEAR, held_by_bounds, newton_distance
from pycmtensor.estimation.fit import Optimum, Outcome
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.run import Run
from pycmtensor.estimation.trust_region import trust_region
from pycmtensor.expressions import networks_in

__all__ = ["given_networks"]

Array = NDArray[np.floating]


def given_networks(run: Run, so_far: Outcome) -> Optimum:
    """The derivatives at the best point of a run, of second order for the parameters outside of networks only.

    Weights of networks are many, exchangeable and without a meaning of their own. Second derivatives with respect to
    them are NaN; those of the other parameters, and so their covariance, are conditional on the weights.

    Args:
        run: It tells also whether the other parameters go on to the maximum given the networks.
        so_far: How it ended.
    """
    evaluator, bounds, theta, gradient = run.evaluator, (run.lb, run.ub), run.best_theta, run.best_gradient
    own = np.setdiff1d(np.arange(len(theta)), np.concatenate(list(networks_in(evaluator.labels).values())))
    if not len(own):
        held = held_by_bounds(theta, gradient, *bounds)
        return Optimum(theta, _of_weights(run), held, replace(so_far, near_maximum=False), run.path)
    others = evaluator.given(theta, [label for label in evaluator.labels if networks_in([label])])
    inner = theta[own]
    if run.method.polish:
        inner = trust_region(Search(others, inner, (bounds[0][own], bounds[1][own]))).theta
        theta = theta.copy()
        theta[own] = inner
        _, gradient = evaluator.value_and_grad(theta)
    given = others.second_order(inner)
    at = _filled(gradient, own, given)
    held = held_by_bounds(theta, at.gradient, *bounds)
    inside = ~held[own]
    distance = newton_distance(given.gradient[inside], -given.hessian[np.ix_(inside, inside)])
    near = distance <= NEAR
    away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
    reason = f"{so_far.reason} Given the networks, a maximum for the other parameters is {away}."
    remedy = "" if near else "Standard errors would mean nothing here and are left out; polish=True goes there."
    return Optimum(theta, at, held, replace(so_far, reason=reason, remedy=remedy, near_maximum=near), run.path)


def _filled(gradient: Array, own: NDArray[np.integer], given: SecondOrder) -> SecondOrder:
    """Second derivatives given the networks (len(own),) in their places among all (K,), with NaN in the others."""
    hessian = np.full((len(gradient), len(gradient)), np.nan)
    hessian[np.ix_(own, own)] = given.hessian
    return SecondOrder(_GivenNetworks(given.individuals, own, len(gradient)), given.value, gradient, hessian)


def _of_weights(run: Run) -> SecondOrder:
    """The derivatives where nothing but weights is estimated."""
    K = len(run.best_theta)
    individuals = _GivenNetworks(run.evaluator.individuals_at(run.best_theta), np.arange(0), K)
    return SecondOrder(individuals, run.best.llf, run.best_gradient, np.full((K, K), np.nan))


@dataclass(frozen=True)
class _GivenNetworks(Individuals):
    """Individuals whose scores are known for some of K parameters, the others NaN.

    Args:
        given: Individuals with scores of these parameters first.
        own: The places of these parameters.
        K: All parameters.
    """

    given: Individuals
    own: NDArray[np.integer]
    K: int

    def _numbers(self) -> tuple[Array, Array]:
        known, logprob = self.given.numbers
        scores = np.full((len(logprob), self.K), np.nan)
        scores[:, self.own] = known[:, : len(self.own)]
        return scores, logprob

    def _outer_product(self, power: int) -> Array:
        known, found = self.given.outer_product(power), np.full((self.K, self.K), np.nan)
        found[np.ix_(self.own, self.own)] = known[: len(self.own), : len(self.own)]
        return found
