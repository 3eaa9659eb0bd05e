"""Elasticities and marginal effects of attributes, of each situation and of the sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.analysis.demand import SAMPLING, forecasts_on
from pycmtensor.analysis.dual import Dual, intervals, note, stacked
from pycmtensor.analysis.marginal import owners, unit_of
from pycmtensor.analysis.parts import summed
from pycmtensor.analysis.predict import choices_on, situation_weights
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import check_origin, column_of
from pycmtensor.engine import Evaluator, Problem
from pycmtensor.engine.quantity import Demands, Observed, Probabilities, Quantity, Slopes
from pycmtensor.exceptions import InferenceError, in_range
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import MDCEV, Model
from pycmtensor.models.choice import choice_of
from pycmtensor.models.mdcev import Forecast
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Moved", "Responses", "elasticities", "marginal_effects"]

Array = NDArray[np.floating]

#: A column by name or as ``ds["cost"]``; of one alternative of long data ("cost", "car") or ``ds["cost", "car"]``.
Moved: TypeAlias = str | tuple[str, str] | Variable


@dataclass(frozen=True, eq=False)
class Responses(Answer):
    """Elasticities or marginal effects of choice probabilities with respect to a column.

    Attributes:
        title: What they are.
        table: Of the sample, or at the means: estimate, standard error and confidence interval. Rows are named by the
            alternative whose attribute changes and the alternative whose probability responds.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        note: Why there are no standard errors, empty when there are.
        unit: Of the column that marginal effects are derivatives with, as far as the data know it; elasticities have
            none.
    """

    title: str
    table: pd.DataFrame
    alpha: float
    kind: str
    note: str
    _rows: Callable[[], pd.DataFrame] = field(repr=False)
    unit: str = ""

    @property
    def matrix(self) -> pd.DataFrame:
        """Estimates, one row per attribute that changes, one column per probability."""
        return self.table["estimate"].unstack(sort=False)

    @cached_property
    def by_situation(self) -> pd.DataFrame:
        """The responses of each choice situation; missing where an alternative is unavailable."""
        return self._rows()

    def plot(self, ax: Axes | None = None) -> Axes:
        """The estimates with their intervals, as lines or, of attributes of several alternatives, as a heat map.

        See `pycmtensor.report.plots.intervals` and `pycmtensor.report.plots.cross_effects`.
        """
        from pycmtensor.report.plots import cross_effects, intervals

        if self.table.index.unique(0).size == 1:
            return intervals(self.table, self._heading, ax)
        estimate, lower, upper = (
            self.table[what].unstack(sort=False).to_numpy() for what in ("estimate", "lower", "upper")
        )

        def text(i: int, j: int) -> str:
            interval = f"\n{lower[i, j]:.2f} to {upper[i, j]:.2f}" if np.isfinite(lower[i, j]) else ""
            return f"{estimate[i, j]:.2f}{interval}"

        return cross_effects(self.matrix, ax, self._heading, text)

    @property
    def _heading(self) -> str:
        return f"{self.title}, per {self.unit}" if self.unit else self.title

    def _shown(self) -> list[Part]:
        about = f"{1 - self.alpha:.4g} intervals, {self.kind} covariance"
        return [self._heading, self.table, about, *filter(None, [self.note])]


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
        P, _, relative, _ = asked.totals()
        return asked.responses("Elasticities", relative, asked.point, alpha, kind, P)
    in_range("elasticities", "change", change, "(-1, inf)", "Write 0.1 for a rise by 10%.", error=InferenceError)
    if change == 0:
        raise InferenceError("A change by 0 has no arc elasticity. Write 0.1 for a rise by 10%.")
    title = f"Arc elasticities of a change by {change:g}"
    return asked.responses(title, asked.total_arc(change), partial(asked.arc, change), alpha, kind)


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
    _, response, _, weight = asked.totals()
    response = response / weight
    answer = asked.responses("Marginal effects", response, asked.slopes, alpha, kind)
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


def _asked(results: Estimated, column: Moved, at: str, data: Any) -> _Asked:
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
    return _Asked(results, problem if at == "individuals" else problem.on(problem.data.at_means()), name, moved, at)


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


@dataclass(frozen=True)
class _Asked:
    """A column that changes for I alternatives, one after the other, and data that respond."""

    results: Estimated
    problem: Problem
    column: str
    moved: dict[str, str | None]
    at: str

    def totals(self) -> tuple[Dual, Dual, Dual, float]:
        """Weighted sums of P, dP / dx and x dP / dx, each (I J), and of 1."""
        quantity, theta = Slopes(self.column, tuple(self.moved.values())), self.results.fit.theta

        def ask(part: Problem) -> dict[str, Any]:
            w = situation_weights(part.data)
            return {"of": Dual(*part.evaluator.totals(quantity, w[None], theta))[0], "weight": w.sum()}

        sums = summed(self.problem, ask)
        return (*self._split(sums["of"]), sums["weight"])

    def slopes(self) -> Array:
        """dP / dx of the choice situations, (I J, S)."""
        P, slopes, _ = self._by_situation()
        return np.where(P > 0, slopes, np.nan)

    def point(self) -> Array:
        """Elasticities of the choice situations, (I J, S)."""
        P, _, relative = self._by_situation()
        return np.divide(relative, P, out=np.full_like(P, np.nan), where=P > 0)

    def total_arc(self, change: float) -> Dual:
        """Arc elasticities of the shares, (I J)."""
        theta, J = self.results.fit.theta, len(self.responding)

        def ask(part: Problem) -> dict[str, Any]:
            w, level = situation_weights(part.data)[None], self._level(part.data)
            states = enumerate(self._changed(part, change))
            return {str(i): Dual(*state.totals(level, w, theta))[0][:J] for i, state in states}

        before, *after = summed(self.problem, ask).values()
        nobody = np.where(self.chosen_from, 0.0, np.nan)
        before = Dual(before.value + nobody, before.slope)
        return stacked([_arc(before, moved, change) for moved in after])

    def arc(self, change: float) -> Array:
        """Arc elasticities of the choice situations, (I J, S)."""
        J, level = len(self.responding), self._level(self.problem.data)
        before, *after = (
            self.problem.data.of_situations(state.by_situation(level, self.results.fit.theta)[:J])
            for state in self._changed(self.problem, change)
        )
        with np.errstate(invalid="ignore"):  # 0 / 0 where an alternative is unavailable
            return np.concatenate([_arc(before, moved, change) for moved in after])

    @cached_property
    def chosen_from(self) -> NDArray[np.bool_]:
        """The alternatives that somebody can choose, (J,)."""
        if isinstance(self.problem.model, Forecast):
            return np.ones(len(self.responding), dtype=bool)
        model = choice_of(self.problem.model, "elasticities")

        def ask(part: Problem) -> dict[str, Any]:
            return {"situations": np.sum(model.available(part.data), axis=(1, 2))}

        return summed(self.problem, ask)["situations"] > 0

    @property
    def responding(self) -> list[str]:
        """The alternatives or goods."""
        model = self.problem.model
        return list(model.alternatives if isinstance(model, Forecast) else self.problem.data.alternatives)

    def responses(
        self, title: str, of: Dual, rows: Callable[[], Array], alpha: float, kind: Kind, over: Dual | None = None
    ) -> Responses:
        """The answer, of the alternatives that somebody can choose; ``over`` divides it."""
        import pandas as pd

        what = "quantity of" if isinstance(self.problem.model, Forecast) else "probability of"
        levels = [f"{self.column} of", what]
        here, J = self.chosen_from, self.responding
        nobody = [name for name, somebody in zip(J, here, strict=True) if not somebody]
        moving = [name not in nobody for name in self.moved]
        kept = np.flatnonzero(np.outer(moving, here))
        names = pd.MultiIndex.from_product([list(self.moved), J], names=levels)[kept]
        of = of[kept] if over is None else of[kept] / over[kept]
        table = intervals(self.results, of, names, alpha, kind)
        title = title + " at the means of columns" * (self.at == "means")

        def by_situation() -> pd.DataFrame:
            return pd.DataFrame(rows()[kept].T, index=self.problem.data.situation_labels, columns=names)

        left_out = f"Without {', '.join(nobody)}, which nobody can choose." if nobody else ""
        about = " ".join(filter(None, [note(self.results, of, kind), left_out]))
        return Responses(title, table, alpha, str(kind), about, by_situation)

    def _level(self, data: Dataset) -> Quantity:
        """What responds: probabilities, or quantities of goods with the budget of before a change."""
        return Demands(beside=Observed(data)) if isinstance(self.problem.model, Forecast) else Probabilities()

    def _by_situation(self) -> tuple[Array, Array, Array]:
        quantity = Slopes(self.column, tuple(self.moved.values()))
        found = self.problem.evaluator.by_situation(quantity, self.results.fit.theta)
        return self._split(self.problem.data.of_situations(found))

    def _split(self, stacked: Any) -> tuple[Any, Any, Any]:
        """P, once for each of the I that move, dP / dx and x dP / dx, each (I J)."""
        J = len(self.responding)
        end = (1 + len(self.moved)) * J
        return stacked[np.tile(np.arange(J), len(self.moved))], stacked[J:end], stacked[end:]

    def _changed(self, part: Problem, change: float) -> Iterator[Evaluator]:
        """The evaluator of a part before, and after each of the I changes."""
        yield part.evaluator
        for alternative in self.moved.values():
            key = self.column if alternative is None else (self.column, alternative)
            yield part.evaluator.on(part.data.with_columns({key: lambda x: (1 + change) * x}))


def _arc(before: Any, after: Any, change: float) -> Any:
    """(P1 - P0) / ((P1 + P0) / 2) divided by (x1 - x0) / ((x1 + x0) / 2)."""
    return (after - before) / (after + before) * ((2 + change) / change)
