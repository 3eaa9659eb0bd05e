"""Scenarios: changes of market shares, diversion and consumer surplus when data change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals, note, stacked
from pycmtensor.analysis.marginal import Marginal, unit_of
from pycmtensor.analysis.parts import summed, values_of
from pycmtensor.analysis.predict import choices_on, situation_weights
from pycmtensor.analysis.welfare import surplus_quantity
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Probabilities, Quantity
from pycmtensor.exceptions import InferenceError, checked, checked_class
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Scenarios", "groups_of", "scenario", "segment_weights"]

Array = NDArray[np.floating]


@checked_class(InferenceError)
@dataclass(frozen=True, eq=False)
class Scenarios(Answer):
    """Answers to what-if questions; every table has estimate, standard error and confidence interval.

    Rows are named by scenario, by segment if there are any, and by alternative.

    Attributes:
        shares: Market shares, of "before" and of each scenario.
        changes: Scenario minus before.
        diversion: Of the alternative whose share moves most: which part of what it loses goes to each other one, or of
            what it gains comes from there.
        surplus: Change in consumer surplus of a choice situation, on average, in the unit of cost; None without cost.
        gains: Change in consumer surplus of each choice situation, one column per scenario; None without cost, and of
            scanned data.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        note: Why there are no standard errors, empty when there are.
        unit: Of the surplus, where cost is a column whose unit the data know; empty otherwise.
    """

    shares: pd.DataFrame
    changes: pd.DataFrame
    diversion: pd.DataFrame
    surplus: pd.DataFrame | None
    gains: pd.DataFrame | None
    alpha: float
    kind: str
    note: str = ""
    unit: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """Shares, changes and diversion, one below the other."""
        import pandas as pd

        return pd.concat({"share": self.shares, "change": self.changes, "diversion": self.diversion}, names=["what"])

    def plot(self, what: str = "changes", ax: Axes | None = None) -> Axes:
        """One of the tables with its intervals: "shares", "changes", "diversion" or "surplus".

        Raises:
            InferenceError: There is no such table, or no surplus because no cost was given.
        """
        from pycmtensor.report.plots import intervals

        labels = {"shares": "market share", "changes": "change in market share", "diversion": "diversion ratio"}
        labels["surplus"] = f"change in consumer surplus of a choice, {self._money}"
        table = getattr(self, what) if what in labels else None
        if table is None:
            raise InferenceError(
                f"There is no table '{what}' here. Ask for one of {', '.join(labels)}; surplus needs cost=..."
            )
        return intervals(table, labels[what], ax)

    @property
    def _money(self) -> str:
        return self.unit or "in the unit that cost has in the utilities"

    def _shown(self) -> list[Part]:
        tables = {"Market shares": self.shares, "Changes": self.changes, "Diversion": self.diversion}
        if self.surplus is not None:
            tables[f"Change in consumer surplus of a choice, {self._money}"] = self.surplus
        about = f"{1 - self.alpha:.4g} intervals, {self.kind} covariance"
        parts = [part for title, table in tables.items() for part in (title, table)]
        return [*parts, about, *filter(None, [self.note])]


@checked(InferenceError)
def scenario(
    results: Estimated,
    data: Any,
    changes: Mapping[Any, Any],
    *,
    segment: str | None = None,
    cost: Marginal | None = None,
    alpha: float = 0.05,
    kind: Kind = "classical",
) -> Scenarios:
    r"""Scenarios of changed columns: shares before and after, diversion, and consumer surplus.

    .. math::
        S_j = \frac{\sum_n w_n P_{jn}}{\sum_n w_n}, \quad
        D_j = \frac{\Delta S_j}{-\Delta S_i}, \quad i = \arg\max_j |\Delta S_j|, \quad
        \Delta CS = \frac{\sum_n w_n \operatorname{mean}_r [\Delta E \max_j U_{jnr} / \alpha_{nr}]}{\sum_n w_n}

    with the marginal utility of money :math:`\alpha = -\beta_{cost}`, that of before. In a latent class model utilities
    of different classes cannot be added, but their values in money can: each class has its own, and

    .. math:: \Delta CS_n = \sum_c \pi_{nc} \frac{\Delta E \max_j U_{jnc}}{\alpha_{nc}}

    with the probabilities :math:`\pi_{nc}` of classes before choices are seen, those of before. Standard errors are
    those of the delta method for all of it, differences included, as draws and data are the same before and after.

    Args:
        results: The estimates.
        data: A frame, a path or a `Dataset` as in `predict`; None for the data of the estimation.
        changes: Column -> a number, an array of one number per row, or a function of the old values. In long data
            (column, alternative) changes one alternative. Availability that is a column can change. Or several
            scenarios, name -> such a dict.
        segment: A column by whose values tables are given too.
        cost: The coefficient of cost, as text or symbols, which may be random, or a column ``ds["TRAIN_COST"]`` for the
            marginal utility of that cost, in each class. Or, of a latent class model, name of each class -> its
            coefficient: ``{"hurried": "b_cost_1", "patient": "b_cost_2"}``. None when surplus is not asked for.
        alpha: One minus the coverage of the intervals, in (0, 1).
        kind: Kind of the covariance of the estimates.

    Returns:
        Tables of shares, of their changes, of diversion and, with ``cost``, of surplus in the unit of cost per
        situation.

    Raises:
        DatasetError: A column does not exist, a change does not fit, or nothing is available any more.
        ModelError: ``cost`` is not of the model, or the model has no expected maximum utility.
        InferenceError: The coefficient of cost is not negative everywhere.

    References:
        Small & Rosen (1981), Applied welfare economics with discrete choice models, doi:10.2307/1911129; Train (2009),
        Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, section 3.5; Boxall & Adamowicz (2002),
        Understanding heterogeneous preferences in random utility models, doi:10.1023/A:1021351721619; Conlon &
        Mortimer (2021), Empirical properties of diversion ratios, doi:10.1111/1756-2171.12388.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2], "cost": [2.0, 1, 1, 2]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": cmt.Beta("b_cost") * ds["cost"]}))
        >>> fares = {"half": {"cost": lambda cost: cost / 2}, "free": {"cost": 0}}
        >>> asked = cmt.scenario(results, None, fares, cost="b_cost")
        >>> asked.shares["estimate"].xs("car", level="alternative").round(3).to_dict()
        {'before': 0.651, 'half': 0.578, 'free': 0.5}
        >>> asked.surplus.round(3)
                  estimate  std_err  lower  upper
        scenario
        half         0.280    0.146 -0.006  0.565
        free         0.622    0.198  0.235  1.009
    """
    before, theta = choices_on(results, data, "scenarios"), results.fit.theta
    groups, named = groups_of(before.data, segment), _named(changes)
    if isinstance(before.data, ScannedDataset):
        _check_no_rows(named)

    def ask(part: Problem) -> dict[Any, Any]:
        weights, states = segment_weights(part.data, segment, groups), _states(part, named)
        quantities: dict[str, Quantity] = {"share": Probabilities()}
        if cost is not None:
            quantities["money"] = surplus_quantity(results, part, cost)
        found: dict[Any, Any] = {
            (what, name): Dual(*state.evaluator.totals(quantity, weights, theta))
            for name, state in states.items()
            for what, quantity in quantities.items()
        }
        return found | {"weight": weights.sum(axis=(1, 2))[:, None]}

    sums = summed(before, ask, [] if segment is None else [segment])
    answer = _Answer(results, groups, list(before.data.alternatives), alpha, kind)
    shares = {name: sums["share", name] / sums["weight"] for name in ("before", *named)}
    changes_of_shares = _differences(shares)
    surplus, gains = None, None
    if cost is not None:
        money = {name: (sums["money", name] / sums["weight"])[:, 0] for name in ("before", *named)}
        surplus = answer.table(_differences(money))
        gains = None if isinstance(before.data, ScannedDataset) else _gains(results, _states(before, named), cost)
    return Scenarios(
        answer.table(shares),
        answer.table(changes_of_shares),
        answer.table({name: _diverted(change) for name, change in changes_of_shares.items()}).dropna(subset="estimate"),
        surplus,
        gains,
        alpha,
        str(kind),
        note(results, shares["before"], kind),
        "" if isinstance(cost, str) else unit_of(before.data, cost),
    )


def _named(changes: Mapping[Any, Any]) -> Mapping[str, Mapping[Any, Any]]:
    """The changes of each scenario, by its name."""
    several = bool(changes) and all(isinstance(change, Mapping) for change in changes.values())
    named = changes if several else {"scenario": changes}
    if "before" in named:
        raise InferenceError("'before' is what all scenarios are compared with. Give that scenario another name.")
    return named


def _check_no_rows(named: Mapping[str, Mapping[Any, Any]]) -> None:
    """Raise an `InferenceError` when a column of scanned data changes by one number per row."""
    for name, change in named.items():
        for column, new in change.items():
            if np.ndim(new) and not callable(new):
                raise InferenceError(
                    f"Column {column!r} of {name!r}: scanned data are read part by part, and do not take one number "
                    "per row. Give a number or a function of the old values."
                )


def _states(before: Problem, named: Mapping[str, Mapping[Any, Any]]) -> dict[str, Problem]:
    """The question about the data as they are, and about each scenario, by name."""
    states = {"before": before}
    for name, change in named.items():
        ds = before.data.with_columns(change)
        before.model.check_to_predict(ds)
        states[name] = before.on(ds)
    return states


def groups_of(ds: Dataset, column: str | None) -> list[Any]:
    """Names of all choice situations together, and of those of each value of a column."""
    return ["all"] if column is None else ["all", *values_of(ds, column).tolist()]


def segment_weights(ds: Dataset, column: str | None, groups: Sequence[Any]) -> Array:
    """Weights of the choice situations of each group, (M, T, N)."""
    whole = situation_weights(ds)
    if column is None:
        return whole[None]
    value = ds.situation_values(column)[ds.situations]
    return np.stack([whole, *(whole * (value == one) for one in groups[1:])])


def _differences(of: Mapping[str, Dual]) -> dict[str, Dual]:
    """Each scenario minus before."""
    return {name: total - of["before"] for name, total in of.items() if name != "before"}


def _gains(results: Estimated, states: Mapping[str, Problem], cost: Marginal) -> pd.DataFrame:
    """The change of each choice situation, one column per scenario."""
    import pandas as pd

    ds, quantity = states["before"].data, surplus_quantity(results, states["before"], cost)
    of = {
        n: ds.of_situations(state.evaluator.by_situation(quantity, results.fit.theta)[0]) for n, state in states.items()
    }
    changes = {name: level - of["before"] for name, level in of.items() if name != "before"}
    return pd.DataFrame(changes, index=ds.situation_labels)


def _diverted(change: Dual) -> Dual:
    """Change of each alternative over the opposite change of the one that moves most, (M, J); missing for that one."""
    M, J = change.value.shape
    most = np.abs(change.value).argmax(axis=1)
    moved = change[np.arange(M), most]
    moved = Dual(np.where(moved.value != 0, -moved.value, np.nan)[:, None], -moved.slope[:, None])
    ratio = change / moved
    return Dual(np.where(np.arange(J) == most[:, None], np.nan, ratio.value), ratio.slope)


@dataclass(frozen=True)
class _Answer:
    """Builder of tables of numbers of segments and alternatives."""

    results: Estimated
    groups: list[Any]
    alternatives: list[str]
    alpha: float
    kind: Kind

    def table(self, named: Mapping[str, Dual]) -> pd.DataFrame:
        """Numbers (M, J) or (M,) of each scenario as one table."""
        import pandas as pd

        levels: dict[str, list[Any]] = {"scenario": list(named), "segment": self.groups}
        if next(iter(named.values())).value.ndim == 2:
            levels["alternative"] = self.alternatives
        numbers = stacked([Dual(d.value.ravel(), d.slope.reshape(-1, d.slope.shape[-1])) for d in named.values()])
        index: Any = pd.MultiIndex.from_product(list(levels.values()), names=list(levels))
        if len(self.groups) == 1:
            index = index.droplevel("segment")
        return intervals(self.results, numbers, index, self.alpha, self.kind)
