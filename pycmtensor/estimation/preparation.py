"""Preparation of an estimation: checks of arguments, start values, fixed parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Array, MakesEvaluator
from pycmtensor.estimation.methods import METHODS
from pycmtensor.estimation.starts import Starts
from pycmtensor.estimation.stochastic import Stochastic
from pycmtensor.exceptions import ModelError, OptimizerError, in_range, whole
from pycmtensor.expressions import Parameter, bounds_of, networks_in
from pycmtensor.models import Model
from pycmtensor.terms.relations import Relation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Options", "check_arguments", "fixed_values", "start_values", "values_by_name"]


@dataclass(frozen=True)
class Options:
    """Options of an estimation besides the method; see `pycmtensor.estimate`."""

    start: Mapping[str, float] | pd.Series | None = None
    starts: int | Starts = 1
    constraints: str | Sequence[Any] | Variable | Relation | None = ()
    progress: bool | None = None
    max_iterations: int = 200
    block: int | None = None
    on: MakesEvaluator | None = None
    checkpoint: str | PathLike[str] | None = None


def check_arguments(model: Model, data: Dataset | None, method: str | Stochastic, options: Options) -> None:
    """Raise an error that names the argument of an estimation that cannot be used."""
    if not isinstance(model, Model):
        raise ModelError(f"The first argument of estimate is a model such as MNL, found {type(model).__name__}.")
    if data is not None:
        model.check(data.specimen if isinstance(data, Dataset) else data)
    if options.start is not None and not (hasattr(options.start, "keys") and hasattr(options.start, "items")):
        raise ModelError(
            f"start maps names of parameters to values, found {options.start!r}. Write start={{'b_time': -1}}."
        )
    whole("estimate", "max_iterations", options.max_iterations, least=1)
    if options.block is not None:
        whole("estimate", "block", options.block, least=1)
    if options.on is not None and not callable(options.on):
        raise OptimizerError(
            f"on says where the likelihood is evaluated, a function of model and data that makes an Evaluator, found "
            f"{options.on!r}. Leave it out for this machine."
        )
    if isinstance(method, Stochastic) and options.checkpoint is not None and method.checkpoint is not None:
        raise OptimizerError(
            f"The method has the checkpoint {method.checkpoint} and estimate the checkpoint {options.checkpoint}. Give "
            "one of them."
        )
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


def start_values(model: Model, start: Mapping[str, float]) -> Array:
    """Flat start values (K,): those in ``start`` by name, the parameters' own values otherwise.

    Raises:
        ModelError: A name belongs to no free parameter, a value lies outside its bounds or its domain, or the
            likelihood has no value there.
    """
    free, labels = model.free, model.labels
    unknown = [str(name) for name in start if name not in labels]
    if unknown:
        raise ModelError(f"start names {', '.join(unknown)}; the free parameters are {', '.join(labels)}.")
    theta = np.concatenate([parameter.get_value().ravel() for parameter in free]).astype(float)
    for label, value in start.items():
        in_range("estimate", f"the start value of '{label}'", value, "(-inf, inf)", "", ModelError)
        theta[labels.index(label)] = value
    for k in np.flatnonzero(~np.isfinite(theta)):
        raise ModelError(f"The value of '{labels[k]}' must be a finite number to start from, found {theta[k]}.")
    lb, ub = bounds_of(free)
    for k in np.flatnonzero((theta < lb) | (theta > ub)):
        bounds = f"[{lb[k]:g}, {ub[k]:g}]"
        raise ModelError(f"The start value {theta[k]:g} of '{labels[k]}' lies outside its bounds {bounds}.")
    model.check_start(dict(zip(labels, theta.tolist(), strict=True)) | fixed_values(model))
    model.check_domains(values_by_name(free, theta))
    return theta


def values_by_name(free: Sequence[Parameter], theta: Array) -> dict[str, Array]:
    """Name of a parameter -> its value, of the numbers (K,) of all of them."""
    ends = np.cumsum([parameter.size for parameter in free])[:-1]
    return {p.name: own.reshape(p.shape) for p, own in zip(free, np.split(theta, ends), strict=True)}


def fixed_values(model: Model) -> dict[str, float]:
    """Names and values of the parameters that are not estimated."""
    fixed = [parameter for parameter in model.params if parameter.status]
    return {
        label: value for p in fixed for label, value in zip(p.labels(), p.get_value().ravel().tolist(), strict=True)
    }
