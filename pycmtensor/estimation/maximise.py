"""From a model to a Fit: start values, the method, derivatives at the estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.checks import whole
from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.engine import LocalEngine
from pycmtensor.engine.parallel import one_blas_thread
from pycmtensor.estimation.constrained import Constraints, constraints_of, trust_constr
from pycmtensor.estimation.expectation_maximisation import are_alike, expectation_maximisation
from pycmtensor.estimation.fit import Fit, Optimum
from pycmtensor.estimation.identification import check_maximum
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.methods import METHODS
from pycmtensor.estimation.progress import IterationLines
from pycmtensor.estimation.starts import Starts, from_many
from pycmtensor.estimation.stochastic import Stochastic, train
from pycmtensor.estimation.together import train_together
from pycmtensor.exceptions import ModelError, OptimizerError
from pycmtensor.expressions import Parameter, bounds_of, networks_in
from pycmtensor.models import LatentClass, Model
from pycmtensor.relations import Relation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Options", "maximise", "maximise_together", "start_values"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Options:
    """How to maximise, besides the method; see `pycmtensor.estimate`."""

    start: Mapping[str, float] | pd.Series | None = None
    starts: int | Starts = 1
    constraints: str | Sequence[Any] | Variable | Relation | None = ()
    progress: bool | None = None
    max_iterations: int = 200
    block: int | None = None


@one_blas_thread
def maximise(
    model: Model,
    data: Dataset | None = None,
    method: str | Stochastic = "trust-region",
    options: Options | None = None,
) -> tuple[Fit, LocalEngine]:
    """Maximum likelihood estimates with the derivatives there, and the likelihood; see `pycmtensor.estimate`."""
    began = perf_counter()
    options = options or Options()
    _check_arguments(model, data, method, options)
    data, validation = _split(model, data or model.dataset, method)
    theta = start_values(model.free, {} if options.start is None else dict(options.start))
    bounds = bounds_of(model.free)
    engine = LocalEngine(model, data, options.block)
    constraints = constraints_of(options.constraints, engine.labels, _fixed(model))
    if constraints is not None and method != "trust-region":
        raise OptimizerError(f"Constraints need the method 'trust-region', found {method!r}.")
    search = Search(engine, theta, bounds, options.max_iterations, report=IterationLines(options.progress))
    starts = options.starts if isinstance(options.starts, Starts) else Starts(options.starts)
    in_classes = isinstance(model, LatentClass) and len(model.classes) > 1
    by_em = in_classes and constraints is None and not isinstance(method, Stochastic)
    search, table = _from_highest(search, engine, starts, by_em)
    best: Optimum
    if isinstance(method, Stochastic):
        name, best = method.describe(), train(engine, search.start, bounds, method, validation, options.progress)
        best = _polished(search, method, best)
    else:
        name, best = _second_order(search, method, constraints, partial(_where_not_finite, model, data))
        name = f"expectation-maximisation and {name}" if by_em else name
    checked = best.outcome.converged or (best.outcome.near_maximum and not isinstance(method, Stochastic))
    fit = _fitted(engine, replace(search, start=theta), name, best, checked)
    texts = constraints.texts if constraints else ()
    return replace(fit, starts=table, constraints=texts, seconds=perf_counter() - began), engine


@one_blas_thread
def maximise_together(
    model: Model, starts: Mapping[int, Array], method: Stochastic, options: Options
) -> tuple[list[Fit], LocalEngine]:
    """`maximise` by a stochastic method from several seeds, with start values (K,) for each, as one program.

    The time of a fit is that of all of them.

    Raises:
        PyCMTensorError: As `maximise`.
    """
    began = perf_counter()
    _check_arguments(model, None, method, options)
    data, validation = _split(model, model.dataset, method)
    engine, bounds = LocalEngine(model, data, options.block), bounds_of(model.free)
    found = train_together(engine, starts, bounds, method, validation, options.progress)
    fits = []
    for (seed, start), best in zip(starts.items(), found, strict=True):
        search, name = Search(engine, start, bounds), replace(method, seed=seed).describe()
        best = _polished(search, method, best)
        fits.append(_fitted(engine, search, name, best, best.outcome.converged))
    return [replace(fit, seconds=perf_counter() - began) for fit in fits], engine


def _polished(search: Search, method: Stochastic, best: Optimum) -> Optimum:
    """The maximum near the best point of a stochastic method, when that is asked for and no network is in the way."""
    if not method.polish or networks_in(search.engine.labels):
        return best
    return replace(METHODS["trust-region"](replace(search, start=best.theta)), path=best.path)


def _fitted(engine: LocalEngine, search: Search, name: str, best: Optimum, check: bool) -> Fit:
    """What an optimum leaves behind, after a check that it is one."""
    data, bounds = engine.dataset, search.bounds
    if check:
        best = replace(best, outcome=check_maximum(best, engine, bounds, partial(_who, data)))
    return Fit(
        individuals=best.at.individuals,
        model=engine.model.name,
        method=name,
        labels=engine.labels,
        theta=best.theta,
        start=search.start,
        bounds=bounds,
        at_bound=best.at_bound,
        binding=np.zeros((0, len(best.theta))) if best.binding is None else best.binding,
        fixed=_fixed(engine.model),
        llf=best.at.value,
        llnull=engine.model.llnull(data),
        gradient=best.at.gradient,
        hessian=best.at.hessian,
        weights=data.individual_weights,
        nobs=data.nobs,
        outcome=best.outcome,
        history=_columns([vars(iterate) for iterate in best.path]),
    )


def _from_highest(search: Search, engine: LocalEngine, starts: Starts, by_em: bool) -> tuple[Search, dict[str, Array]]:
    """The search from where the highest of several starts leads, and a table of them if there are several."""
    if by_em:
        highest, table = expectation_maximisation(engine, starts, search.start, search.bounds)
    elif starts.number > 1:
        highest, table = from_many(engine, starts, search.start, search.bounds)
    elif isinstance(engine.model, LatentClass) and are_alike(engine, search.start):
        raise OptimizerError(
            "Classes are alike at the start values, and Stochastic methods and constraints are not preceded by the EM "
            "algorithm, which tells them apart. Give other start values, for example earlier results: start=results."
        )
    else:
        return search, {}
    return replace(search, start=highest), table


def _second_order(
    search: Search, method: str, constraints: Constraints | None, where_not_finite: Callable[[], str]
) -> tuple[str, Optimum]:
    """The name of the method that is used, and what it finds."""
    try:
        if constraints is not None:
            return "trust-constr", trust_constr(search, constraints)
        return method, METHODS[method](search)
    except OptimizerError as error:
        raise OptimizerError(f"{error}{where_not_finite()}") from None


def _check_arguments(model: Model, data: Dataset | None, method: str | Stochastic, options: Options) -> None:
    if not isinstance(model, Model):
        raise ModelError(f"The first argument of estimate is a model such as MNL, found {type(model).__name__}.")
    if data is not None:
        model.check(data)
    if options.start is not None and not (hasattr(options.start, "keys") and hasattr(options.start, "items")):
        raise ModelError(
            f"start maps names of parameters to values, found {options.start!r}. Write start={{'b_time': -1}}."
        )
    whole("estimate", "max_iterations", options.max_iterations, least=1)
    if options.block is not None:
        whole("estimate", "block", options.block, least=1)
    if not isinstance(method, Stochastic) and method not in METHODS:
        known = ", ".join(map(repr, METHODS))
        raise OptimizerError(f"method must be one of {known} or a Stochastic(...), found {method!r}.")
    if isinstance(method, Stochastic) and method.polish and not networks_in(model.labels):
        for option, does in (("validation", "stops before it"), ("l1", "leads away"), ("l2", "leads away")):
            if getattr(method, option):
                raise OptimizerError(
                    f"Stochastic: polish=True goes to the maximum of the likelihood, {option} {does}; choose one of "
                    "them. (In a model with networks, polish=True leaves these as they are.)"
                )
    if not model.free:
        raise ModelError("All parameters are fixed (status=1); free at least one to estimate.")


def start_values(free: list[Parameter], start: Mapping[str, float]) -> Array:
    """Flat start values (K,): those in ``start`` by name, the parameters' own values otherwise.

    Raises:
        ModelError: A name belongs to no free parameter, or a value lies outside its bounds.
    """
    labels = [label for parameter in free for label in parameter.labels()]
    unknown = [name for name in start if name not in labels]
    if unknown:
        raise ModelError(f"start names {', '.join(unknown)}; the free parameters are {', '.join(labels)}.")
    theta = np.concatenate([parameter.get_value().ravel() for parameter in free]).astype(float)
    for label, value in start.items():
        if isinstance(value, (str, bytes)) or not np.isscalar(value) or not np.isfinite(value):
            raise ModelError(f"The start value of '{label}' must be a finite number, found {value!r}.")
        theta[labels.index(label)] = value
    for k in np.flatnonzero(~np.isfinite(theta)):
        raise ModelError(f"The value of '{labels[k]}' must be a finite number to start from, found {theta[k]}.")
    lb, ub = bounds_of(free)
    for k in np.flatnonzero((theta < lb) | (theta > ub)):
        bounds = f"[{lb[k]:g}, {ub[k]:g}]"
        raise ModelError(f"The start value {theta[k]:g} of '{labels[k]}' lies outside its bounds {bounds}.")
    return theta


def _fixed(model: Model) -> dict[str, float]:
    """Names and values of the parameters that are not estimated."""
    fixed = [parameter for parameter in model.params if parameter.status]
    return {
        label: value for p in fixed for label, value in zip(p.labels(), p.get_value().ravel().tolist(), strict=True)
    }


def _where_not_finite(model: Model, data: Dataset) -> str:
    """Alternatives whose utilities are not finite at the parameters' own values, in a sentence."""
    if data is not model.dataset:
        return ""
    chosen = data.array(data.chosen)
    utilities = model.at_one_draw(list(model.named_utilities.values()), data)
    for name, utility in zip(model.named_utilities, utilities, strict=True):
        values, _ = np.broadcast_arrays(data.evaluate(utility), chosen)
        bad = ~np.isfinite(values).reshape(-1, *chosen.shape[:2])
        rows = data.rows_of(bad.any(axis=0))
        if len(rows):
            return (
                f" The utility of '{name}' is not finite in {rows_text(rows)}. Where the alternative is unavailable, "
                "write for example pt.log(pt.switch(available, x, 1))."
            )
    return ""


def _who(data: Dataset, individuals: NDArray[np.bool_]) -> str:
    """Whose choices are separated, to go on in a sentence."""
    present = data.array(data.observed)[..., 0] != 0
    chosen = set(data.chosen_alternatives[present].tolist())
    never = [name for j, name in enumerate(data.alternatives) if j not in chosen]
    nobody = f"; nobody chooses {', '.join(never)}" if never else ""
    return f", those in {rows_text(data.rows_of(present & individuals))}{nobody}"


def _split(model: Model, data: Dataset, method: str | Stochastic) -> tuple[Dataset, LocalEngine | None]:
    """The data to estimate with, and the likelihood of those to validate with."""
    given = method.validation if isinstance(method, Stochastic) else None
    if given is None or not isinstance(method, Stochastic):
        return data, None
    if isinstance(given, Dataset):
        model.check(given)
        return data, LocalEngine(model, given)
    order = np.random.default_rng(method.seed).permutation(data.n_individuals)
    aside = round(given * data.n_individuals)
    if not 0 < aside < data.n_individuals:
        raise OptimizerError(
            f"validation={given:g} sets {aside} of {data.n_individuals} individuals aside; some must be left on both "
            "sides."
        )
    return data.take(np.sort(order[aside:])), LocalEngine(model, data.take(np.sort(order[:aside])))


def _columns(rows: list[dict[str, float]]) -> dict[str, Array]:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: column for name, column in columns.items() if not np.isnan(column).all()}
