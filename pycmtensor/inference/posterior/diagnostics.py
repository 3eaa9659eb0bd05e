"""Diagnostics of chains, and a verdict on them in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.nuts import DOUBLINGS, Steps
from pycmtensor.host.escaping import printed
from pycmtensor.inference.posterior.libraries import by_number

__all__ = ["LARGEST_RHAT", "SMALLEST_ESS", "Diagnostics", "Verdict", "diagnosed"]

Array = NDArray[np.floating]

#: Of chains that agree (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, doi:10.1214/20-BA1221).
LARGEST_RHAT, SMALLEST_ESS = 1.01, 400


@dataclass(frozen=True)
class Verdict:
    """Whether draws of a posterior can be relied on.

    Attributes:
        converged: Whether they can.
        reason: What was found.
        remedy: What to do, empty when nothing needs to be done.
    """

    converged: bool
    reason: str
    remedy: str = ""

    @printed
    def __str__(self) -> str:
        word = "converged" if self.converged else "NOT CONVERGED"
        return f"{word}: {self.reason}" + (f" {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """Diagnostics of each of K parameters, rank-normalised, by arviz.

    Attributes:
        rhat: Potential scale reduction of split chains, (K,).
        ess: Effective number of draws for the centre of the distribution, (K,).
        ess_tail: For its tails, (K,).
        verdict: In words.
    """

    rhat: Array
    ess: Array
    ess_tail: Array
    verdict: Verdict


def diagnosed(labels: Sequence[str], theta: Array, steps: Steps, asked: int) -> Diagnostics:
    """Diagnostics of draws of parameters.

    Args:
        labels: Names of the K parameters.
        theta: Draws (C, S, K).
        steps: What the steps of the chains left behind.
        asked: How many draws of each chain were asked for.

    References:
        Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), Rank-normalization, folding, and localization: an improved
        R-hat for assessing convergence of MCMC, doi:10.1214/20-BA1221.
    """
    _, S, K = theta.shape
    if S < 4:
        nothing = np.full(K, np.nan)
        verdict = Verdict(False, f"there are {S} draws of each chain, which say nothing.", "Ask for more draws.")
        return Diagnostics(nothing, nothing, nothing, verdict)
    rhat = by_number("rhat", theta)
    ess, tail = (by_number("ess", theta, method=method) for method in ("bulk", "tail"))
    return Diagnostics(rhat, ess, tail, _verdict(labels, rhat, np.minimum(ess, tail), steps, asked))


def _verdict(labels: Sequence[str], rhat: Array, ess: Array, steps: Steps, asked: int) -> Verdict:
    C, S = steps.divergent.shape
    faults, remedies = [], []
    if asked > S:
        faults.append(f"the run was interrupted after {S:,} of {asked:,} draws of each chain")
        remedies.append("Sample again, or go on from a checkpoint, for all draws.")
    apart = ~(rhat <= LARGEST_RHAT)
    if apart.any():
        faults.append(f"the chains disagree about {_worst(labels, rhat, apart, '.3f', 'R-hat', largest=True)}")
    few = ~(ess >= SMALLEST_ESS)
    if few.any():
        faults.append(f"there are few effective draws of {_worst(labels, ess, few, ',.0f', 'ESS', largest=False)}")
    if apart.any() or few.any():
        remedies.append("Take more draws and a longer warm-up, start at estimates (start=results), or narrower priors.")
    divergent = int(steps.divergent.sum())
    if divergent:
        faults.append(f"{divergent:,} of {C * S:,} draws diverged, so that a part of the posterior may be missing")
        remedies.append("Take narrower priors, of standard deviations above all, or a longer warm-up.")
    longest = int((steps.gradients >= 2**DOUBLINGS - 1).sum())
    if longest > 0.05 * C * S:
        faults.append(f"{longest:,} of {C * S:,} trajectories reached their greatest length")
        remedies.append("Scale columns so that parameters are alike in size, or give narrower priors.")
    if faults:
        return Verdict(False, "; ".join(faults) + ".", " ".join(dict.fromkeys(remedies)))
    agree = f"{C:,} chains of {S:,} draws agree" if C > 1 else f"one chain of {S:,} draws agrees with itself"
    return Verdict(True, f"{agree}, largest R-hat {rhat.max():.3f}, smallest ESS {ess.min():,.0f}, no divergences.")


def _worst(labels: Sequence[str], numbers: Array, bad: NDArray[np.bool_], form: str, what: str, largest: bool) -> str:
    """The worst three of some parameters with their numbers."""
    badness = np.where(np.isnan(numbers), np.inf, numbers if largest else -numbers)
    order = [k for k in np.argsort(-badness) if bad[k]]
    told = [f"{labels[k]} ({what} {format(numbers[k], form)})" for k in order[:3]]
    return ", ".join(told) + (f" and {len(order) - 3} more" if len(order) > 3 else "")
