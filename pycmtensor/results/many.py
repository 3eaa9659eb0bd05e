"""Several models estimated by one call, here one after the other or on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from pycmtensor.engine import Cluster, Problem, asked_of, evaluator_of
from pycmtensor.estimation import Fit, Options, Stochastic, maximise
from pycmtensor.exceptions import ModelError, checked, noted
from pycmtensor.models import Model
from pycmtensor.results.results import Results

__all__ = ["estimate_many"]


@overload
def estimate_many(
    models: Mapping[str, Model],
    method: str | Stochastic | None = None,
    *,
    on: Cluster | None = None,
    starts: int = 1,
    max_iterations: int = 200,
) -> dict[str, Results]: ...


@overload
def estimate_many(
    models: Sequence[Model],
    method: str | Stochastic | None = None,
    *,
    on: Cluster | None = None,
    starts: int = 1,
    max_iterations: int = 200,
) -> list[Results]: ...


@checked(ModelError)
def estimate_many(
    models: Mapping[str, Model] | Sequence[Model],
    method: str | Stochastic | None = None,
    *,
    on: Cluster | None = None,
    starts: int = 1,
    max_iterations: int = 200,
) -> dict[str, Results] | list[Results]:
    """Estimate several models, such as the specifications of a study; `compare` puts them side by side.

    Args:
        models: Models by name, or a list of them.
        method: As in `estimate`.
        on: A cluster, on whose workers whole models are estimated at the same time, each with its own data. None
            estimates one after the other here, each on all cores.
        starts: As in `estimate`.
        max_iterations: As in `estimate`.

    Returns:
        The results by name, or in the order of the list. What follows, such as predictions, is computed here.

    Raises:
        ModelError: There are no models, or something in their place.
        PyCMTensorError: As `estimate`, of the first model that has no estimates.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> models = {name: cmt.MNL(ds, {"car": cmt.Beta(name), "bus": 0}) for name in ("a", "b")}
        >>> {name: round(results.llf, 3) for name, results in cmt.estimate_many(models).items()}
        {'a': -22.493, 'b': -22.493}
    """
    every = list(models.values() if isinstance(models, Mapping) else models)
    strangers = [type(model).__name__ for model in every if not isinstance(model, Model)]
    if strangers or not every:
        raise ModelError(f"estimate_many: models are models by name or a list of them, found {strangers or 'none'}.")
    names: list[Any] = list(models) if isinstance(models, Mapping) else list(range(len(every)))
    found = []
    fits = asked_of(on, _fit, [(model, method, starts, max_iterations) for model in every])
    for name, model, fit in zip(names, every, fits, strict=True):
        with noted(f"It is of the model {name!r} of estimate_many."):
            found.append(_results(model, fit()))
    return dict(zip(names, found, strict=True)) if isinstance(models, Mapping) else found


def _fit(model: Model, method: str | Stochastic | None, starts: int, max_iterations: int) -> Fit:
    """The estimates of one model."""
    options = Options(starts=starts, max_iterations=max_iterations, progress=False)
    return maximise(model, None, method, options)[0]


def _results(model: Model, fit: Fit) -> Results:
    """Results of estimates that were found anywhere."""
    data = model.dataset.whole
    return Results(fit, *Problem(model, data, evaluator_of(model, data)))
