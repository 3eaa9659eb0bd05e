"""From a model to a Fit: start values, the method, derivatives at the estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.checks import whole
from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.engine import LocalEngine
from pycmtensor.estimation.fit import Fit, Optimum
from pycmtensor.estimation.identification import check_maximum
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.methods import METHODS
from pycmtensor.estimation.progress import IterationLines
from pycmtensor.estimation.stochastic import Stochastic, train
from pycmtensor.exceptions import DatasetError, ModelError, OptimizerError
from pycmtensor.expressions import Parameter
from pycmtensor.models.base import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["maximise", "start_values"]

Array = NDArray[np.floating]


def maximise(
    model: Model,
    data: Dataset | None = None,
    method: str | Stochastic = "trust-region",
    *,
    start: Mapping[str, float] | pd.Series | None = None,
    progress: bool | None = None,
    max_iterations: int = 200,
) -> tuple[Fit, LocalEngine]:
    """Maximum likelihood estimates with the derivatives there, and the likelihood; see `pycmtensor.estimate`."""
    began = perf_counter()
    _check_arguments(model, data, start, max_iterations)
    data, validation = _split(model, data or model.dataset, method)
    theta = start_values(model.free, {} if start is None else dict(start))
    lb, ub = _bounds(model.free)
    engine = LocalEngine(model, data)
    search = Search(engine, theta, (lb, ub), max_iterations=max_iterations, report=IterationLines(progress))
    best: Optimum
    if isinstance(method, Stochastic):
        best = train(engine, theta, (lb, ub), method, validation, progress)
        if method.polish:
            best = replace(METHODS["trust-region"](replace(search, start=best.theta)), path=best.path)
    elif method in METHODS:
        try:
            best = METHODS[method](search)
        except OptimizerError as error:
            raise OptimizerError(f"{error}{_where_not_finite(model, data)}") from None
    else:
        known = ", ".join(map(repr, METHODS))
        raise OptimizerError(f"method must be one of {known} or a Stochastic(...), found {method!r}.")
    judged = best.outcome.converged or (best.outcome.near_maximum and not isinstance(method, Stochastic))
    outcome = check_maximum(best, engine, lb, ub, engine.labels) if judged else best.outcome
    fit = Fit(
        model=model.name,
        method=method.describe() if isinstance(method, Stochastic) else method,
        labels=engine.labels,
        theta=best.theta,
        start=theta,
        at_bound=best.at_bound,
        fixed={label: float(v) for p in model.params if p.status for label, v in _labelled(p)},
        llf=best.at.value,
        llnull=model.llnull(data),
        gradient=best.at.gradient,
        hessian=best.at.hessian,
        scores=best.at.scores,
        logprob=best.at.logprob,
        weights=data.individual_weights,
        nobs=data.nobs,
        outcome=outcome,
        history=_columns([vars(iterate) for iterate in best.path]),
        seconds=perf_counter() - began,
    )
    return fit, engine


def _check_arguments(model: Model, data: Dataset | None, start: object, max_iterations: int) -> None:
    if not isinstance(model, Model):
        raise ModelError(f"The first argument of estimate is a model such as MNL, found {type(model).__name__}.")
    if data is not None and not isinstance(data, Dataset):
        raise DatasetError(
            f"data must be a Dataset, found {type(data).__name__}. Make one with the model's choice and alternatives."
        )
    if data is not None:
        model.check(data)
    if start is not None and not (hasattr(start, "keys") and hasattr(start, "items")):
        raise ModelError(f"start maps names of parameters to values, found {start!r}. Write start={{'b_time': -1}}.")
    whole("estimate", "max_iterations", max_iterations, least=1)
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
    for k, label in enumerate(labels):
        value = start.get(label, theta[k])
        if isinstance(value, (str, bytes)) or not np.isscalar(value) or not np.isfinite(value):
            raise ModelError(f"The start value of '{label}' must be a finite number, found {value!r}.")
        theta[k] = value
    lb, ub = _bounds(free)
    for label, value, low, high in zip(labels, theta, lb, ub, strict=True):
        if not low <= value <= high:
            raise ModelError(f"The start value {value:g} of '{label}' lies outside its bounds [{low:g}, {high:g}].")
    return theta


def _bounds(free: list[Parameter]) -> tuple[Array, Array]:
    lb = [np.full(p.size, -np.inf if p.lb is None else p.lb) for p in free]
    ub = [np.full(p.size, np.inf if p.ub is None else p.ub) for p in free]
    return np.concatenate(lb), np.concatenate(ub)


def _labelled(parameter: Parameter) -> list[tuple[str, float]]:
    return list(zip(parameter.labels(), parameter.get_value().ravel().tolist(), strict=True))


def _where_not_finite(model: Model, data: Dataset) -> str:
    """Alternatives whose utilities are not finite at the parameters' own values, in a sentence."""
    for name, utility in model.utilities.items():
        if data is not model.dataset:
            break
        values = np.broadcast_to(data.evaluate(utility), data.array(data.chosen).shape)[..., 0]
        rows = data.rows_of(~np.isfinite(values))
        if len(rows):
            return (
                f" The utility of '{name}' is not finite in {rows_text(rows)}. Where the alternative is unavailable, "
                "write for example pt.log(pt.switch(available, x, 1))."
            )
    return ""


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
