"""Elasticities and marginal effects of attributes, of each situation and of the sample."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, overload

from pytensor.graph.basic import Variable

from pycmtensor.analysis.demand import SAMPLING, forecasts_on
from pycmtensor.analysis.marginal import owners, unit_of
from pycmtensor.analysis.predict import choices_on
from pycmtensor.analysis.responses import Moving, Responses
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import check_origin, column_of
from pycmtensor.exceptions import InferenceError, in_range
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import MDCEV, Model

__all__ = ["Moved", "elasticities", "marginal_effects"]

#: A column by name or as ``ds["cost"]``; of one alternative of long data ("cost", "car") or ``ds["cost", "car"]``.
Moved: TypeAlias = str | tuple[str, str] | Variable


@overload
def elasticities(
    results: Estimated,
    column: Moved,
    change: float | None = None,
    at: str = "individuals",
    alpha: float = 0.05,
    kind: Kind = "classical",
    data: Any = None,
) -> Responses: ...


@overload
def elasticities(
    results: Estimated,
    column: list[Moved],
    change: float | None = None,
    at: str = "individuals",
    alpha: float = 0.05,
    kind: Kind = "classical",
    data: Any = None,
) -> dict[str, Responses]: ...


def elasticities(
    results: Estimated,
    column: Moved | list[Moved],
    change: float | None = None,
    at: str = "individuals",
    alpha: float = 0.05,
    kind: Kind = "classical",
    data: Any = None,
) -> Responses | dict[str, Responses]:
    r"""Elasticities of choice probabilities with respect to a column: direct ones and cross elasticities.

    .. math::
        E_{jn} = \frac{\partial P_{jn}}{\partial x_n} \frac{x_n}{P_{jn}}, \quad
        \bar E_j = \frac{\sum_n w_n P_{jn} E_{jn}}{\sum_n w_n P_{jn}}

    by exact differentiation. The elasticity of the sample weighs those of choice situations with their probabilities,
    which makes it the elasticity of the share. Probabilities are averages over draws. A column of long data that
    differs between alternatives is changed for one alternative after the other; one that does not, such as an income,
    for all at once, as in wide data, where a column belongs to all utilities that hold it.

    Args:
        results: The estimates.
        column: A column that utilities use, as text or ``ds["cost"]``; where they use columns made of others, one of
            those made. In long data also that of one alternative, ``ds["cost", "car"]`` or ("cost", "car"). Or a list
            of columns, for a dict of answers by their names.
        change: None for point elasticities; 0.1 for arc elasticities of a rise by 10%, with changes divided by the
            middle of before and after.
        at: "individuals", or "means" for one situation with the means of all columns and the draws of the first
            individual.
        alpha: One minus the coverage of the intervals, in (0, 1).
        kind: Kind of the covariance of the estimates.
        data: A frame, a path or a `Dataset` as in `predict`, also without choices; None for the data of the estimation.

    Alternatives that are available to nobody have none and are left out, which the note says.

    Raises:
        DatasetError: The data do not fit the model.
        ModelError: The model does not use the column.
        InferenceError: The column is in no utility, or ``at`` is unknown.

    References:
        Ben-Akiva & Lerman (1985), Discrete Choice Analysis, section 5.3, for aggregation; Train (2009), Discrete Choice
        Methods with Simulation, doi:10.1017/CBO9780511805271, section 3.6.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2], "cost": [2.0, 2, 2, 2]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": cmt.Beta("b_cost") * ds["cost"]}))
        >>> print(results.elasticities("cost"))  # log(1 / 3) times 1 - P and P
        Elasticities
                                estimate   std_err     lower     upper
        cost of probability of
        bus     car             0.274653  0.050819  0.175050  0.374256
                bus            -0.823959  1.103882 -2.987528  1.339610
        0.95 intervals, classical covariance
    """
    if isinstance(column, list):
        return {_name(one): elasticities(results, one, change, at, alpha, kind, data) for one in column}
    asked = _asked(results, column, at, data)
    if change is None:
        return asked.responses("Elasticities", asked.elasticities(), asked.point, alpha, kind)
    in_range("elasticities", "change", change, "(-1, inf)", "Write 0.1 for a rise by 10%.", error=InferenceError)
    if change == 0:
        raise InferenceError("A change by 0 has no arc elasticity. Write 0.1 for a rise by 10%.")
    title = f"Arc elasticities of a change by {change:g}"
    return asked.responses(title, asked.arc_elasticities(change), partial(asked.arc, change), alpha, kind)


@overload
def marginal_effects(
    results: Estimated,
    column: Moved,
    at: str = "individuals",
    alpha: float = 0.05,
    kind: Kind = "classical",
    data: Any = None,
) -> Responses: ...


@overload
def marginal_effects(
    results: Estimated,
    column: list[Moved],
    at: str = "individuals",
    alpha: float = 0.05,
    kind: Kind = "classical",
    data: Any = None,
) -> dict[str, Responses]: ...


def marginal_effects(
    results: Estimated,
    column: Moved | list[Moved],
    at: str = "individuals",
    alpha: float = 0.05,
    kind: Kind = "classical",
    data: Any = None,
) -> Responses | dict[str, Responses]:
    r"""Derivatives of choice probabilities with respect to a column, averaged over the sample.

    .. math:: \bar M_j = \frac{\sum_n w_n \partial P_{jn} / \partial x_n}{\sum_n w_n}

    The change of the share of j when the column rises by one unit in all situations, as far as it is linear. For a
    column of 0 and 1, compare `scenario` with both values.

    Args:
        results: As in `elasticities`.
        column: As in `elasticities`.
        at: As in `elasticities`.
        alpha: As in `elasticities`.
        kind: As in `elasticities`.
        data: As in `elasticities`.

    Raises:
        DatasetError: As `elasticities`.
        ModelError: As `elasticities`.
        InferenceError: As `elasticities`.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2], "cost": [2.0, 2, 2, 2]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": cmt.Beta("b_cost") * ds["cost"]}))
        >>> results.marginal_effects("cost").matrix.round(4)  # log(1 / 3) / 2 times P (1 - P)
        probability of    car    bus
        cost of
        bus             0.103 -0.103
    """
    if isinstance(column, list):
        return {_name(one): marginal_effects(results, one, at, alpha, kind, data) for one in column}
    asked = _asked(results, column, at, data)
    answer = asked.responses("Marginal effects", asked.marginal_effects(), asked.slopes, alpha, kind)
    return replace(answer, unit=unit_of(asked.problem.data, asked.column))


def _key(column: Moved) -> tuple[str, str | None]:
    """Name of a column, and of the alternative whose it is, None for all."""
    key = column_of(column) if isinstance(column, Variable) else column
    name, alternative = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
    if not isinstance(name, str):
        raise InferenceError(
            f"Responses are asked for to a column, 'cost' or ds['cost'], or a list of columns, found {column!r}."
        )
    return name, alternative


def _name(column: Moved) -> str:
    """A column in words."""
    name, alternative = _key(column)
    return name if alternative is None else f"{name} of {alternative}"


def _asked(results: Estimated, column: Moved, at: str, data: Any) -> Moving:
    """The question, after a look at whether it has an answer."""
    if at not in ("individuals", "means"):
        raise InferenceError(f"at is 'individuals' or 'means', found {at!r}.")
    of_goods = isinstance(problem_of(results, "elasticities").model, MDCEV)
    problem = forecasts_on(results, data, SAMPLING) if of_goods else choices_on(results, data, "elasticities")
    name, alternative = _key(column)
    if isinstance(column, Variable):
        origins = problem.model.origins | {problem.data.origin}
        check_origin(f"The column {name}", [column], origins, problem.data, InferenceError)
    moved = _moved(problem.model, problem.data, name, alternative)
    return Moving(results, problem if at == "individuals" else problem.on(problem.data.at_means()), name, moved, at)


def _moved(model: Model, ds: Dataset, column: str, alternative: str | None) -> dict[str, str | None]:
    """Alternatives whose column moves, one after the other: name in tables -> alternative, or None for all together."""
    own = owners(model, column)
    if not own:
        raise InferenceError(f"Column '{column}' is in no utility, only in availability. Compare scenarios instead.")
    if alternative is not None:
        if not ds.is_long or alternative not in ds.alternatives or (own != ["all"] and alternative not in own):
            where = ", ".join(ds.alternatives if own == ["all"] else own)
            raise InferenceError(
                f"There is no column '{column}' of '{alternative}' in a utility. It is in those of {where}; wide data "
                "have a column for each alternative."
            )
        return {alternative: alternative}
    if not ds.varies(column):
        return {", ".join(own): None}
    return {name: name for name in (ds.alternatives if own == ["all"] else own)}
