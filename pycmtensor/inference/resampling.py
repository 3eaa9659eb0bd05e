"""Bootstrap and jackknife: how estimates vary with the individuals in the sample."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Evaluator, PoissonWeights
from pycmtensor.engine.parallel import usable_cores
from pycmtensor.estimation.fit import Fit
from pycmtensor.estimation.progress import CountBar
from pycmtensor.estimation.recorded import Checkpoint
from pycmtensor.estimation.weighting import without_unit
from pycmtensor.exceptions import InferenceError, PyCMTensorError, ResamplingWarning, checked_class, whole
from pycmtensor.host.interruption import interruptible, stop_if_asked
from pycmtensor.inference.covariance import Covariance, Groups, Kind, Sources
from pycmtensor.inference.replicates import Replicates

__all__ = ["Bootstrap", "Jackknife", "Kind", "Replicates", "Resampling", "bootstrap", "jackknife"]

Array = NDArray[np.floating]

#: How often each individual is in a sample, (N,).
Counts: TypeAlias = NDArray[np.integer] | NDArray[np.bool_]

#: Numbers in the weights of the replicates that run at the same time.
WEIGHTS_AT_ONCE = 2**20


class Resampling(Covariance):
    """Covariance of estimates from other samples of the same individuals, or of groups of them.

    Attributes:
        groups: A column of the data, or one label per individual; None for individuals.
        checkpoint: The file of a run that can go on; None keeps nothing.
    """

    grouped = True
    groups: Any
    checkpoint: Checkpoint = None

    @abstractmethod
    def resampled(self, fit: Fit, evaluator: Evaluator, groups: Groups) -> Replicates:
        """The estimates from the samples.

        Args:
            fit: The estimates of the whole sample.
            evaluator: The log-likelihood.
            groups: Number of each individual's group, from 0, (N,).
        """

    def of(self, sources: Sources) -> Array:
        """Covariance of the estimates (K, K); NaN in rows and columns of estimates at a bound."""
        held = sources.fit.at_bound
        return np.where(held[:, None] | held, np.nan, sources.replicates(self).covariance)


@checked_class(InferenceError)
@dataclass(frozen=True)
class Bootstrap(Resampling):
    """Bootstrap covariance, as the ``kind`` of standard errors, tests and intervals.

    Args:
        replicates: Samples.
        seed: Seed of the draws.
        groups: A column of the data, or one label per individual: groups are drawn as a whole. None draws individuals.
        checkpoint: As in `pycmtensor.estimate`.

    References:
        Efron (1979), doi:10.1214/aos/1176344552.

    Examples:
        >>> Bootstrap(500, seed=1)
        Bootstrap(replicates=500, seed=1, groups=None)
    """

    replicates: int = 200
    seed: int = 0
    groups: Any = None
    checkpoint: Checkpoint = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole("Bootstrap", "replicates", self.replicates, least=2, error=InferenceError)
        whole("Bootstrap", "seed", self.seed, least=0, error=InferenceError)

    def resampled(self, fit: Fit, evaluator: Evaluator, groups: Groups) -> Replicates:
        """The estimates from samples drawn with replacement; see `bootstrap`."""
        return bootstrap(fit, evaluator, groups, self.replicates, self.seed)


@checked_class(InferenceError)
@dataclass(frozen=True)
class Jackknife(Resampling):
    """Jackknife covariance, as the ``kind`` of standard errors, tests and intervals.

    Args:
        groups: A column of the data, or one label per individual: groups are left out as a whole. None leaves out one
            individual at a time.
        checkpoint: As in `pycmtensor.estimate`.

    References:
        Efron & Stein (1981), doi:10.1214/aos/1176345462.

    Examples:
        >>> Jackknife("household").groups
        'household'
    """

    groups: Any = None
    checkpoint: Checkpoint = field(default=None, repr=False, compare=False)

    def resampled(self, fit: Fit, evaluator: Evaluator, groups: Groups) -> Replicates:
        """The estimates without each individual or group in turn; see `jackknife`."""
        return jackknife(fit, evaluator, groups)


def bootstrap(fit: Fit, evaluator: Evaluator, groups: Groups, replicates: int = 200, seed: int = 0) -> Replicates:
    """Estimates from samples drawn with replacement, of individuals or of groups of them.

    All replicates are computed in one XLA program, each to within about a hundredth of a standard error. More
    replicates of one seed begin with the same ones. Of data in parts, scanned or on a cluster, the number of times that
    an individual is drawn is a Poisson number of its own, `PoissonWeights`, where it is multinomial otherwise: parts
    need not know of each other, and the errors are the same in large samples.

    Args:
        fit: The estimates of the whole sample.
        evaluator: The log-likelihood.
        groups: Number of each individual's group, from 0, (N,); groups are drawn as a whole.
        replicates: Samples.
        seed: Seed of the draws.

    Returns:
        The replicates.

    Raises:
        PyCMTensorError: Estimates under constraints, or that are not a maximum, cannot be resampled; there are fewer
            than two groups; or no sample has a maximum.

    References:
        Efron (1979), doi:10.1214/aos/1176344552.

    Examples:
        >>> individuals = np.arange(results.n_individuals)
        >>> bootstrap(results.fit, results.evaluator, individuals, replicates=10).theta.shape
        (10, 5)
    """
    G = _number_of(groups, "bootstrap")
    if evaluator.in_parts:
        return _of_parts(fit, evaluator, groups, replicates, seed)

    def factors() -> Iterator[Counts]:
        rng = np.random.default_rng(seed)
        for _ in range(replicates):
            yield np.bincount(rng.integers(G, size=G), minlength=G)[groups]

    theta, done = _reestimated(fit, evaluator, factors(), replicates, "bootstrap")
    factor = 1 / max(1, len(theta) - 1)
    return Replicates("bootstrap", fit.labels, theta, done - len(theta), factor, done == replicates)


def _of_parts(fit: Fit, evaluator: Evaluator, groups: Groups, replicates: int, seed: int) -> Replicates:
    """Estimates from samples of parts, in which individuals or groups are drawn by numbers of their own."""
    whole_groups = len(np.unique(groups)) < len(groups)

    def factors() -> Iterator[Any]:
        for replicate in range(replicates):
            weights = PoissonWeights(seed, replicate)
            yield weights.of(groups) if whole_groups else weights

    theta, done = _reestimated(fit, evaluator, factors(), replicates, "bootstrap")
    factor = 1 / max(1, len(theta) - 1)
    return Replicates("bootstrap", fit.labels, theta, done - len(theta), factor, done == replicates)


def jackknife(fit: Fit, evaluator: Evaluator, groups: Groups) -> Replicates:
    """Estimates from the sample without each individual, or without each group of them, in turn.

    Args:
        fit: The estimates of the whole sample.
        evaluator: The log-likelihood.
        groups: Number of each individual's group, from 0, (N,).

    Returns:
        The replicates, one for each group.

    Raises:
        PyCMTensorError: As `bootstrap`.

    References:
        Efron & Stein (1981), doi:10.1214/aos/1176345462.

    Examples:
        >>> tens = np.arange(results.n_individuals) // 21
        >>> jackknife(results.fit, results.evaluator, tens).theta.shape
        (10, 5)
    """
    G = _number_of(groups, "jackknife")
    theta, _ = _reestimated(fit, evaluator, (groups != g for g in range(G)), G, "jackknife")
    return Replicates("jackknife", fit.labels, theta, G - len(theta), (len(theta) - 1) / max(1, len(theta)))


def _number_of(groups: Groups, what: str) -> int:
    G = int(groups.max()) + 1
    if G < 2:
        raise PyCMTensorError(f"The {what} needs at least two groups, found one.")
    return G


def _reestimated(
    fit: Fit, evaluator: Evaluator, factors: Iterator[Counts], number: int, what: str
) -> tuple[Array, int]:
    """Estimates with each of the weightings that has a maximum, (R, K), and with how many it was tried."""
    if len(fit.binding) or not fit.outcome.near_maximum or fit.conditional.any():
        why = "are conditional on networks" if fit.conditional.any() else "are not a maximum of the likelihood"
        why = "hold linear constraints" if len(fit.binding) else why
        raise PyCMTensorError(f"The estimates {why}, from where the {what} cannot start.")
    evaluator, exponent = without_unit(evaluator)
    fit = replace(fit, hessian=np.ldexp(fit.hessian, -exponent), weights=np.ldexp(fit.weights, -exponent))
    runs = -(-number // max(usable_cores(), WEIGHTS_AT_ONCE // len(fit.weights)))
    at_once = 1 if evaluator.in_parts else -(-number // runs)
    runs = number if evaluator.in_parts else runs
    reestimate = _one if evaluator.in_parts else _some
    found: list[Array] = []
    with interruptible, CountBar(what, number) as bar:
        try:
            for _ in range(runs):
                stop_if_asked()
                some = list(islice(factors, at_once))
                found.append(reestimate(fit, evaluator, some, at_once))
                bar.advance(len(some))
        except KeyboardInterrupt:
            if what == "jackknife" or not found:
                raise
            done = sum(map(len, found))
            warnings.warn(f"Interrupted after {done} of {number} replicates; these are used.", ResamplingWarning, 4)
    theta = np.concatenate(found)
    has_maximum = np.isfinite(theta).all(axis=1)
    if has_maximum.sum() < 2:
        raise PyCMTensorError(
            f"{has_maximum.sum()} of {len(theta)} {what} samples have a maximum of the likelihood; a spread needs two. "
            "Merge rare alternatives or take variables out."
        )
    if not has_maximum.all():
        warnings.warn(
            f"{len(theta) - has_maximum.sum()} of {len(theta)} {what} samples have no maximum of the likelihood and "
            "are left out; the errors are too small. Merge rare alternatives or take variables out.",
            ResamplingWarning,
            stacklevel=4,
        )
    return theta[has_maximum], len(theta)


def _one(fit: Fit, evaluator: Evaluator, factors: list[Any], _: int) -> Array:
    """Estimates with one weighting of parts, (1, K); NaN where there is no maximum."""
    own = evaluator.reweighted(factors[0])
    value, gradient = own.value_and_grad(fit.theta)
    known = np.array([value]), gradient[None], -fit.hessian[None]
    ends = own.ascents(fit.theta[None], fit.bounds, known=known)
    if not ends.converged[0]:
        ends = own.ascents(fit.theta[None], fit.bounds)
    return np.where(ends.converged[:, None], ends.theta, np.nan)


def _some(fit: Fit, evaluator: Evaluator, factors: list[Counts], at_once: int) -> Array:
    """Estimates with some weightings (N,) of at most ``at_once``, (A, K); NaN for those without a maximum.

    Their number is filled up to ``at_once``, for which the program is compiled.
    """

    def filled(rows: Array) -> Array:
        return np.concatenate([rows, np.broadcast_to(rows[:1], (at_once - len(rows), *rows.shape[1:]))])

    some = filled(np.array(factors, dtype=np.uint16))
    theta = np.broadcast_to(fit.theta, (at_once, len(fit.theta)))
    information = np.broadcast_to(-fit.hessian, (at_once, *fit.hessian.shape))
    known = some @ (fit.weights[:, None] * np.column_stack([fit.logprob, fit.scores]))
    ends = evaluator.ascents(theta, fit.bounds, some, (known[:, 0], known[:, 1:], information))
    estimates = ends.theta[: len(factors)].astype(float)
    again = np.logical_not(ends.converged[: len(factors)])
    if again.any():  # from the same start by Newton's method, which learns nothing wrong
        exact = evaluator.ascents(theta, fit.bounds, filled(some[: len(factors)][again]))
        found = np.where(exact.converged[:, None], exact.theta, np.nan)
        estimates[again] = found[: again.sum()]
    return estimates
