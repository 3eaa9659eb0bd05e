"""Maximisation of a log-likelihood: prepare, search, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Array, Evaluator, MakesEvaluator, Problem, evaluator_of
from pycmtensor.engine.parallel import one_blas_thread
from pycmtensor.estimation.constrained import Constraints, constraints_of, trust_constr
from pycmtensor.estimation.deviations import off_saddle
from pycmtensor.estimation.expectation_maximisation import are_alike, expectation_maximisation
from pycmtensor.estimation.fit import Ending, Fit, Iterate, Optimum, Outcome, exponent_of
from pycmtensor.estimation.identification import check_maximum
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.methods import METHODS
from pycmtensor.estimation.preparation import Options, check_arguments, fixed_values, start_values, values_by_name
from pycmtensor.estimation.progress import LOG, IterationLines, PassBar
from pycmtensor.estimation.recorded import journal_of, recorded
from pycmtensor.estimation.rows import rows_not_finite, rows_separated
from pycmtensor.estimation.starts import Starts, from_many, with_agreement
from pycmtensor.estimation.stochastic import Stochastic
from pycmtensor.estimation.together import train_together
from pycmtensor.estimation.train import train
from pycmtensor.estimation.validation import set_aside
from pycmtensor.estimation.weighting import as_weighted, iterate_as_weighted, scaled_by, without_unit
from pycmtensor.exceptions import ModelError, OptimizerError, PyCMTensorError
from pycmtensor.expressions import bounds_of, networks_in
from pycmtensor.host.interruption import interruptible
from pycmtensor.models import LatentClass, Model
from pycmtensor.terms.relations import relations_of

__all__ = ["maximise", "maximise_together"]


#: Distance to the maximum, in standard errors, from where the last step of a search of a large sample squares it.
NEAR_ENOUGH = 1e-6


@interruptible
@one_blas_thread
def maximise(
    model: Model,
    data: Dataset | None = None,
    method: str | Stochastic | None = None,
    options: Options | None = None,
) -> tuple[Fit, Problem]:
    """Maximum likelihood estimates with the derivatives there, and what was maximised; see `pycmtensor.estimate`."""
    began, options = perf_counter(), options or Options()
    method = _method_of(model, options) if method is None else method
    check_arguments(model, data, method, options)
    if isinstance(method, Stochastic) and options.checkpoint is not None:
        method, options = replace(method, checkpoint=options.checkpoint), replace(options, checkpoint=None)
    problem, validation = _problem(model, data or model.dataset.whole, method, options)
    theta = start_values(model, {} if options.start is None else dict(options.start))
    constraints = _constraints(problem, method, options)
    own, exponent = without_unit(problem.evaluator)
    by = method.describe() if isinstance(method, Stochastic) else method
    LOG.info("estimation of %s with %d parameters by %s", model.name, len(theta), by)
    lines, bounds = IterationLines(options.progress), bounds_of(model.free)
    with journal_of(problem, options.checkpoint, _run(method, options, theta, constraints)) as journal:
        own = recorded(own, journal)
        if not isinstance(method, Stochastic):
            theta = off_saddle(model, own, theta)
        search = Search(
            own, theta, bounds, options.max_iterations, report=lambda i: lines(iterate_as_weighted(i, exponent))
        )
        if not isinstance(method, Stochastic) and constraints is None:
            search = _from_subsample(search, own.subsample(), METHODS[method])
        name, best, table = _found(problem._replace(evaluator=own), search, method, options, constraints, validation)
        checked = best.outcome.converged or not isinstance(method, Stochastic)
        if not isinstance(method, Stochastic):
            search = replace(search, bounds=model.bounds())
        fit = _fit(problem, search, name, best, checked)
    LOG.info("log-likelihood %.6f; %s", fit.llf, fit.outcome)
    texts = constraints.texts if constraints else ()
    fit = replace(fit, outcome=with_agreement(fit.outcome, table)) if table else fit
    table |= {"llf": scaled_by(table["llf"], exponent)} if table else {}
    return replace(fit, starts=table, constraints=texts, seconds=perf_counter() - began), problem


def _run(method: str | Stochastic, options: Options, theta: Array, constraints: Constraints | None) -> dict[str, str]:
    """Names and values that identify an estimation, besides its likelihood; the number of iterations is not one."""
    return {
        "task": "estimate",
        "method": str(method),
        "start": str(theta.tolist()),
        "starts": str(options.starts),
        "constraints": str(constraints and constraints.texts),
        "block": str(options.block),
    }


def _found(
    problem: Problem,
    search: Search,
    method: str | Stochastic,
    options: Options,
    constraints: Constraints | None,
    validation: Evaluator | None,
) -> tuple[str, Optimum, dict[str, Array]]:
    """The name of the methods that are used, what they find, and a table of the starts if there are several."""
    model, own = problem.model, problem.evaluator
    starts = options.starts if isinstance(options.starts, Starts) else Starts(options.starts)
    in_classes = isinstance(model, LatentClass) and len(model.classes) > 1
    by_em = in_classes and constraints is None and not isinstance(method, Stochastic)
    search, table = _from_highest(model, own, search, starts, by_em)
    if isinstance(method, Stochastic):
        best = train(own, search, method, validation, options.progress)
        return method.describe(), _polished(model, search, method, best), table
    name, best = _second_order(problem, search, method, constraints)
    return f"expectation-maximisation and {name}" if by_em else name, best, table


@interruptible
@one_blas_thread
def maximise_together(
    model: Model, starts: Mapping[int, Array], method: Stochastic, options: Options
) -> tuple[list[Fit], Problem]:
    """`maximise` by a stochastic method from several seeds, with start values (K,) for each, as one program.

    The time of a fit is that of all of them.

    Raises:
        PyCMTensorError: As `maximise`.
    """
    began = perf_counter()
    check_arguments(model, None, method, options)
    problem, validation = _problem(model, model.dataset.whole, method, options)
    bounds = bounds_of(model.free)
    own, _ = without_unit(problem.evaluator)
    searches = {seed: Search(own, start, bounds) for seed, start in starts.items()}
    found = train_together(own, searches, method, validation, options.progress)
    fits = []
    for (seed, search), best in zip(searches.items(), found, strict=True):
        best = _polished(model, search, method, best)
        fits.append(_fit(problem, search, replace(method, seed=seed).describe(), best, best.outcome.converged))
    return [replace(fit, seconds=perf_counter() - began) for fit in fits], problem


def _problem(
    model: Model, data: Dataset, method: str | Stochastic, options: Options
) -> tuple[Problem, Evaluator | None]:
    """The problem, and the log-likelihood of the individuals that are set aside for validation."""
    data, aside = set_aside(model, data.counted(), method)
    if isinstance(method, Stochastic) and (own := model.constraints(data)):
        raise OptimizerError(
            f"Every maximum with these data has {', '.join(relation.text for relation in relations_of(own))}, to which "
            "a Stochastic method cannot keep. Take the method 'trust-region'."
        )
    make: MakesEvaluator = options.on or partial(evaluator_of, block=options.block)
    evaluator = make(model, data)
    evaluator.watched_by(PassBar(options.progress))
    return Problem(model, data, evaluator), None if aside is None else make(model, aside)


def _method_of(model: Model, options: Options) -> str:
    """The method of a model; constraints need the trust region."""
    of_model: str = getattr(model, "method", "trust-region")
    return of_model if options.constraints is None or options.constraints == () else "trust-region"


def _constraints(problem: Problem, method: str | Stochastic, options: Options) -> Constraints | None:
    """The constraints of the user, for which there is one method, and those of the model with these data."""
    model, labels, fixed = problem.model, problem.evaluator.labels, fixed_values(problem.model)
    if method != "trust-region" and constraints_of(options.constraints, labels, fixed) is not None:
        raise OptimizerError(f"Constraints need the method 'trust-region', found {method!r}.")
    return constraints_of(options.constraints, labels, fixed, model.constraints(problem.data))


def _from_highest(
    model: Model, evaluator: Evaluator, search: Search, starts: Starts, by_em: bool
) -> tuple[Search, dict[str, Array]]:
    """The search from where the highest of several starts leads, and a table of them if there are several."""
    if by_em and isinstance(model, LatentClass):
        highest, table = expectation_maximisation(model, evaluator, starts, search.start, search.bounds)
    elif starts.number > 1:
        highest, table = from_many(evaluator, starts, search.start, search.bounds)
    elif isinstance(model, LatentClass) and are_alike(evaluator, search.start):
        raise OptimizerError(
            "Classes are alike at the start values, and Stochastic methods and constraints are not preceded by the EM "
            "algorithm, which tells them apart. Give other start values, for example earlier results: start=results."
        )
    else:
        return search, {}
    return replace(search, start=highest), table


def _from_subsample(search: Search, some: Evaluator | None, maximised: Callable[[Search], Optimum]) -> Search:
    """The search from the maximum of a part of a large sample, which is as near as the rest needs; else as it is."""
    if some is None:
        return search
    try:
        best = maximised(replace(search, engine=some, report=lambda iterate: None))
    except PyCMTensorError:  # of which all data together may know better
        return search
    best.outcome.must_have_ended()
    return replace(search, start=best.theta, tolerance=NEAR_ENOUGH) if best.outcome.near_maximum else search


def _second_order(
    problem: Problem, search: Search, method: str, constraints: Constraints | None
) -> tuple[str, Optimum]:
    """The name of the method that is used, and what it finds."""
    name, maximised = method, METHODS[method]
    if constraints is not None:
        name, maximised = "trust-constr", partial(trust_constr, constraints=constraints)
    try:
        return name, _positive(problem.model, search, maximised)
    except OptimizerError as error:
        raise OptimizerError(f"{error}{rows_not_finite(problem.model, problem.data)}") from None


def _positive(model: Model, search: Search, maximised: Callable[[Search], Optimum]) -> Optimum:
    """The maximum that a method finds, where deviations are at least 0.

    A search may pass 0. Where a deviation ends below, it begins anew at its size: draws are symmetric only on average,
    so that the sign would change the log-likelihood by their noise.
    """
    best = maximised(search)
    sizes = model.with_positive(best.theta)
    if not best.outcome.converged or np.array_equal(best.theta, sizes):
        return best
    mirrored = maximised(replace(search, start=sizes, bounds=model.bounds()))
    steps = [replace(i, iteration=i.iteration + len(best.path)) for i in mirrored.path if isinstance(i, Iterate)]
    return replace(mirrored, path=[*best.path, *steps], start=best.start, start_hessian=best.start_hessian)


def _polished(model: Model, search: Search, method: Stochastic, best: Optimum) -> Optimum:
    """The maximum near the best point of a stochastic method, when that is asked for and no network is in the way."""
    interrupted = best.outcome.ending is Ending.INTERRUPTED
    if not method.polish or interrupted or networks_in(search.engine.labels):
        return best
    near = replace(search, start=model.with_positive(best.theta), bounds=model.bounds())
    return replace(METHODS["trust-region"](near), path=best.path)


def _fit(problem: Problem, search: Search, name: str, best: Optimum, check: bool) -> Fit:
    """The `Fit` of an optimum, after a check that it is one."""
    (model, data, evaluator), bounds = problem, search.bounds
    if check:
        best = replace(best, outcome=check_maximum(best, search.engine, bounds, partial(rows_separated, data)))
    best, sample = replace(best, outcome=_within_domains(problem, best)), evaluator.describe()
    exponent = exponent_of(sample.weights)
    history = _columns([vars(iterate) for iterate in best.path])
    history |= {name: scaled_by(history[name], exponent) for name in ("llf", "gradient") if exponent}
    best = replace(best, at=as_weighted(best.at, exponent))
    return Fit(
        individuals=best.at.individuals,
        model=model.name,
        method=name,
        labels=evaluator.labels,
        theta=best.theta,
        start=search.start,
        bounds=bounds,
        at_bound=best.at_bound,
        binding=np.zeros((0, len(best.theta))) if best.binding is None else best.binding,
        fixed=fixed_values(model),
        neutral=model.neutral_values(),
        llf=best.at.value,
        llnull=sample.llnull,
        gradient=best.at.gradient,
        hessian=best.at.hessian,
        weights=sample.weights,
        nobs=sample.nobs,
        outcome=best.outcome,
        history=history,
    )


def _within_domains(problem: Problem, best: Optimum) -> Outcome:
    """The outcome; what ends where a number of the model means nothing is no maximum."""
    try:
        problem.model.check_domains(values_by_name(problem.model.free, best.theta), problem.data)
    except ModelError as error:
        remedy = "Bound the parameters that it depends on, or estimate a simpler model."
        return Outcome(Ending.STALLED, f"the search left the domain of a number. {error}", remedy, near_maximum=False)
    return best.outcome


def _columns(rows: list[dict[str, float]]) -> dict[str, Array]:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: column for name, column in columns.items() if not np.isnan(column).all()}
