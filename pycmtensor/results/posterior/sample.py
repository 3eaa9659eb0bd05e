"""Sampling from the posterior of a model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Problem, evaluator_of
from pycmtensor.engine.effects import effects
from pycmtensor.engine.nuts import NUTS
from pycmtensor.estimation import Ending, Fit, maximise
from pycmtensor.estimation.preparation import Options, fixed_values, start_values
from pycmtensor.estimation.recorded import identity
from pycmtensor.estimation.rows import rows_not_finite
from pycmtensor.exceptions import (
    IdentificationError,
    InferenceError,
    SamplingWarning,
    checked,
    seed_of,
    whole,
)
from pycmtensor.inference.posterior.chains import Schedule, run_chains
from pycmtensor.inference.posterior.defaults import effect_scale, priors_of
from pycmtensor.inference.posterior.libraries import arviz
from pycmtensor.inference.posterior.priors import Flat, Prior
from pycmtensor.inference.posterior.target import Target, bounds_with
from pycmtensor.models import Model
from pycmtensor.results.posterior.draws import Draws
from pycmtensor.results.posterior.posterior import Posterior
from pycmtensor.results.posterior.saved import fit_of
from pycmtensor.results.results import Results, start_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sample"]

Array = NDArray[np.floating]

#: Parameters up to which the metric of the sampler knows correlations.
DENSE = 200

#: First guess of the spread of a posterior, in sizes at which a parameter changes differences of utilities by 1.
SPREAD = 0.25


@checked(InferenceError)
def sample(
    model: Model,
    priors: Mapping[str, Prior] | None = None,
    data: Dataset | None = None,
    *,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 1000,
    seed: int = 1,
    hierarchical: bool = False,
    start: Mapping[str, float] | pd.Series | Results | None = None,
    progress: bool | None = None,
    checkpoint: str | PathLike[str] | None = None,
) -> Posterior:
    r"""Sample from the posterior of the free parameters of a model, by NUTS.

    .. math:: p(\theta | y) \propto \prod_n L_n(\theta)^{w_n} \prod_k p_k(\theta_k)

    with the likelihood of the model, simulated where it has random coefficients. With ``hierarchical`` the random
    variables z of each individual are unknowns too, sampled together with the parameters in their non-centred form, as
    standard normals:

    .. math:: p(\theta, z | y) \propto \prod_n L_n(\theta, z_n)^{w_n} \phi(z_n) \prod_k p_k(\theta_k)

    Bounds of parameters hold, deviations of random coefficients are 0 or more, fixed parameters stay. A parameter
    without a prior has the default, a normal that is weakly informative on the scale of the data:
    :math:`N(0, (5 / d_k)^2)`, where a change of the parameter by 1 changes differences of utilities by :math:`d_k`
    (root mean square over pairs of alternatives), and a uniform one between two bounds. ``summary()`` names all priors.

    Args:
        model: Any model of the library.
        priors: Name of a parameter -> its prior, of `pycmtensor.priors`.
        data: A data set with the model's columns; None for the one the model was made with.
        chains: How many chains; they run side by side on the cores.
        warmup: Steps of each chain before its draws, in which the sampler is adapted.
        draws: Draws of each chain.
        seed: Seed of everything random; the same seed gives the same draws.
        hierarchical: Whether to sample the tastes of individuals too, for `Posterior.individual`.
        start: Where chains begin, as for `estimate`. Results are best: their covariance is the first guess of the
            posterior's. None starts around the parameters' own values.
        progress: Show a bar with divergences and the time left on standard error; None when that is a terminal.
        checkpoint: File that chains are kept in every ten seconds. A call with the same arguments, perhaps more draws,
            goes on from there.

    Returns:
        The posterior. ``posterior.verdict`` says whether it can be relied on.

    Raises:
        ModelError: A prior is of no parameter or has no density within its bounds, or a start value is outside.
        InferenceError: The density is not finite at the start; the posterior is improper, as the likelihood has no
            maximum where priors are flat; or ``hierarchical`` is asked of a model without random coefficients.
        PyCMTensorError: The libraries blackjax and arviz are not installed.
        CheckpointError: As in `estimate`.

    Warns:
        SamplingWarning: The draws cannot be relied on yet: R-hat is above 1.01, fewer than 400 draws are effective, or
            some diverged.

    References:
        Hoffman & Gelman (2014), The No-U-Turn sampler, Journal of Machine Learning Research 15:1593-1623; Train (2009),
        Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, chapter 12; Papaspiliopoulos, Roberts &
        Sköld (2007), A general framework for the parametrization of hierarchical models,
        doi:10.1214/088342307000000014.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> model = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0})
        >>> posterior = cmt.sample(model, {"asc_car": cmt.priors.Normal(0, 10)}, warmup=300, draws=500)
        >>> bool(abs(posterior.params["asc_car"] - 1.13) < 0.1)  # by quadrature 1.13; maximum likelihood: 1.10
        True
    """
    began, schedule = perf_counter(), Schedule(chains, warmup, draws, seed, progress, checkpoint)
    _check(model, schedule, hierarchical, start)
    data = (model.dataset.whole if data is None else data).counted()
    model.check(data)
    problem = Problem(model, data, evaluator_of(model, data))
    target, names, theta = _target(problem, dict(priors or {}), hierarchical, start)
    dense = not hierarchical and target.dimensions <= DENSE
    sampler = NUTS(target.log_density, target.likelihood, warmup, dense)
    starts = _starts(problem, sampler, target, theta, schedule)
    run = {**identity(problem), "task": "sample", "hierarchical": str(hierarchical), "priors": str(names)}
    run |= {"chains": str(chains), "warmup": str(warmup), "seed": str(seed), "start": str(starts.tolist())}
    steps = run_chains(sampler, starts, schedule, run)
    K, q = target.parameters, steps.position
    sampled = np.stack([target.theta(own) for own in q])
    kept = Draws(sampled, tuple(target.latent(q[..., K:])), steps, names, schedule.draws, perf_counter() - began)
    posterior = Posterior(_fit(problem, sampled.mean(axis=(0, 1)), theta), kept, *problem)
    if not posterior.verdict.converged:
        warnings.warn(f"The sampling has {posterior.verdict}", SamplingWarning, stacklevel=3)  # over `checked`
    return posterior


def _check(model: Model, schedule: Schedule, hierarchical: bool, start: Any) -> None:
    """Raise an error that names the argument that cannot be used."""
    if not isinstance(model, Model):
        raise InferenceError(f"The first argument of sample is a model such as MNL, found {type(model).__name__}.")
    whole("sample", "chains", schedule.chains, least=1, error=InferenceError)
    whole("sample", "warmup", schedule.warmup, least=20, error=InferenceError)
    whole("sample", "draws", schedule.draws, least=4, error=InferenceError)
    seed_of("sample", schedule.seed, InferenceError)
    if start is not None and not (isinstance(start, Results) or hasattr(start, "items")):
        raise InferenceError(
            f"sample: start maps names of parameters to values, or is results, found {start!r}. Write "
            "start={'b_time': -1}."
        )
    arviz()  # before the long run, which would end without it
    if not model.free:
        raise InferenceError("All parameters are fixed (status=1); free at least one to sample.")
    if hierarchical and (not model.draws or len(model.by_class()) > 1):
        raise InferenceError(
            f"{model.name} has no random coefficients of individuals, or has them in latent classes. Leave "
            "hierarchical out, or write random coefficients with pycmtensor.coefficients."
        )


def _target(
    problem: Problem, given: Mapping[str, Prior], hierarchical: bool, start: Any
) -> tuple[Target, tuple[str, ...], Array]:
    """The density, the priors in words, and the parameters (K,) where chains begin."""
    model, evaluator = problem.model, problem.evaluator
    own = start_values(model, {})
    fixed = [p.get_value() for p in model.params if p not in model.free]
    found = effects(model, fixed, own)
    priors, are_default = priors_of(model, given, found, own)
    flat = [k for k, prior in enumerate(priors) if isinstance(prior, Flat)]
    if flat and not (isinstance(start, Results) and start.outcome.converged):
        start = _maximum(problem, start, [model.labels[k] for k in flat])
    size, bounds = effect_scale(found, len(own)), bounds_with(model, priors)
    theta = model.with_positive(start_values(model, dict(start_of(model, start) or {})))
    theta = bounds.inside(theta, 0.1 * size)
    scale = _scale(start, model.labels, size, bounds.slope(theta))
    likelihood = evaluator.given_draws() if hierarchical else evaluator.traceable()
    names = tuple(f"{prior}{' (default)' * default}" for prior, default in zip(priors, are_default, strict=True))
    return Target(likelihood, priors, bounds, bounds.unconstrained(theta), scale), names, theta


def _maximum(problem: Problem, start: Any, flat: Sequence[str]) -> Results:
    """The maximum of the likelihood, without which a posterior with flat priors is improper."""
    why = (
        f"The posterior is improper: the prior of {', '.join(flat)} is flat, and the likelihood has no maximum there. "
        "Give proper priors, such as cmt.priors.Normal(0, 10)."
    )
    model = problem.model
    try:
        fit, found = maximise(model, problem.data, options=Options(start_of(model, start), progress=False))
    except IdentificationError as error:
        raise InferenceError(f"{why} ({error})") from None
    if fit.outcome.ending is Ending.SEPARATION:
        raise InferenceError(f"{why} ({fit.outcome})")
    return Results(fit, *found)


def _scale(start: Any, labels: Sequence[str], size: Array, slope: Array) -> Array:
    """The scale of parameters on the whole line (K, K): a root of the covariance of results, or their usual size."""
    usual = SPREAD * np.diag(np.where(slope == 1, size, np.minimum(size / slope, 1.0)))
    if not isinstance(start, Results) or tuple(start.fit.labels) != tuple(labels):
        return usual
    covariance = start.cov_params().to_numpy() / np.outer(slope, slope)
    known = np.isfinite(np.diag(covariance)) & (np.diag(covariance) > 0)
    scale = usual
    if known.any():
        try:
            scale[np.ix_(known, known)] = np.linalg.cholesky(covariance[np.ix_(known, known)])
        except np.linalg.LinAlgError:
            return usual
    return scale


def _starts(problem: Problem, sampler: NUTS, target: Target, theta: Array, schedule: Schedule) -> Array:
    """Where chains begin, around the start, (C, D).

    Raises:
        InferenceError: The density is not finite there.
    """
    rng = np.random.default_rng(seed_of("sample", schedule.seed, InferenceError))
    centre, found = target.position(theta), []
    for _ in range(schedule.chains):
        change = rng.standard_normal(target.dimensions)
        for nearer in (1.0, 0.3, 0.1, 0.0):
            q = centre + nearer * change
            value, gradient = sampler.at(q)
            if np.isfinite(value) and np.isfinite(gradient).all():
                found.append(q)
                break
        else:
            at = ", ".join(f"{label}={x:.6g}" for label, x in zip(problem.model.labels, theta, strict=True))
            raise InferenceError(
                f"The density of the posterior is not finite at the start, {at}: its logarithm is {value:g} there. "
                f"Give another start, such as earlier results.{rows_not_finite(problem.model, problem.data)}"
            )
    return np.array(found)


def _fit(problem: Problem, theta: Array, start: Array) -> Fit:
    """The posterior means in the form of estimates."""
    model, evaluator, sample = problem.model, problem.evaluator, problem.evaluator.describe()
    facts: dict[str, Any] = {"model": model.name, "labels": evaluator.labels, "fixed": fixed_values(model)}
    facts |= {"neutral": model.neutral_values(), "nobs": sample.nobs}
    facts |= {"llf": evaluator.value(theta), "llnull": sample.llnull}
    return fit_of(facts, theta, {"start": start, "bounds": np.array(model.bounds()), "weights": sample.weights})
