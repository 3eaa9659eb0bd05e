"""Quantities of goods that are bought, on the data of the estimation or on others."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from pycmtensor.analysis.dual import Dual, intervals, note
from pycmtensor.analysis.parts import rows_of
from pycmtensor.analysis.predict import Prediction, situation_weights
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Demands
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import MDCEV
from pycmtensor.models.mdcev import Forecast
from pycmtensor.report.answer import Part
from pycmtensor.terms.draws import Sampling

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SAMPLING", "Demand", "demand", "forecasts_on"]

#: Draws of the errors of each situation.
SAMPLING = Sampling(500)


@dataclass(frozen=True, eq=False)
class Demand(Prediction):
    """Forecast of quantities of goods.

    Attributes:
        table: Weighted mean of the quantity of each good, with standard error and confidence interval.
    """

    @property
    def probabilities(self) -> pd.DataFrame:
        """One row per situation in the order of the data, one column per good: the probability to buy any of it.

        Raises:
            InferenceError: They were written to a file.
        """
        return self._of("bought")

    @property
    def quantities(self) -> pd.DataFrame:
        """Likewise what is bought on average."""
        return self._of("quantity")

    def _of(self, what: str) -> pd.DataFrame:
        rows = self._rows()
        return rows.loc[:, [what]].droplevel(0, axis=1)

    @property
    def means(self) -> pd.Series:
        """Mean quantity of each good."""
        return self.table["estimate"].rename("mean")

    @property
    def choices(self) -> pd.Series:
        """There are none.

        Raises:
            InferenceError: Always.
        """
        raise InferenceError("Goods are bought together, nobody chooses one of them. Ask for quantities.")

    @property
    def shares(self) -> pd.Series:
        """Share of each good in the sum of quantities."""
        return (self.means / self.means.sum()).rename("share")

    def _shown(self) -> list[Part]:
        about = f"{self.nobs:,} situations, {1 - self.alpha:.4g} intervals, {self.kind} covariance"
        return [self.table, about, *filter(None, [self.note])]


def demand(
    results: Estimated,
    data: Any = None,
    conditional: bool = False,
    alpha: float = 0.05,
    kind: Kind = "classical",
    to: str | PathLike[str] | None = None,
    draws: Sampling = SAMPLING,
) -> Demand:
    r"""Quantities of the goods of an `MDCEV` that a budget buys, averages over draws of errors and coefficients.

    .. math:: \bar x_k = \frac{\sum_n w_n E[x_{kn}]}{\sum_n w_n}, \quad
        x_n = \operatorname{argmax} U_n(x; \varepsilon) \text{ subject to } \sum_k p_k x_k = E_n

    Args:
        results: The estimates.
        data: A frame, a path or a `Dataset`, which may lack quantities where the model has a budget; None for the data
            of the estimation.
        conditional: False: nothing is known here given what was observed.
        alpha: One minus the coverage of the intervals, in (0, 1).
        kind: Kind of the covariance of the estimates.
        to: A Parquet file that probabilities and quantities are written to, in place of keeping them.
        draws: Of the errors.

    Raises:
        DatasetError: The data do not fit the model.
        InferenceError: ``conditional`` is asked for.

    References:
        Pinjari & Bhat (2011), Computationally efficient forecasting procedures for Kuhn-Tucker consumer demand model
        systems.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"home": [3.0, 5, 4, 2], "sport": [1.0, 0, 0, 2]}))
        >>> V, amounts = {"home": 0, "sport": cmt.Beta("sport")}, {"home": ds["home"], "sport": ds["sport"]}
        >>> model = cmt.MDCEV(ds, V, amounts=amounts, gammas={"sport": 1}, outside="home")
        >>> found = cmt.estimate(model).predict()
        >>> found.quantities.sum(axis=1).round(6).tolist()  # the budgets
        [4.0, 5.0, 4.0, 4.0]
        >>> list(found.table.columns)
        ['estimate', 'std_err', 'lower', 'upper']
    """
    import pandas as pd

    if conditional:
        raise InferenceError("Quantities are not forecast given what was observed. Leave conditional out.")
    asked, theta = forecasts_on(results, data, draws), results.fit.theta
    ds, evaluator = asked.data, asked.evaluator
    assert isinstance(asked.model, Forecast)
    names = list(asked.model.alternatives)
    found = ds.of_situations(evaluator.by_situation(Demands(), theta))
    w = situation_weights(ds)
    means = Dual(*evaluator.totals(Demands(), w[None], theta))[0][: len(names)] / w.sum()
    columns = pd.MultiIndex.from_product([["quantity", "bought"], names])
    with rows_of(ds, to) as rows:
        rows.add(ds, pd.DataFrame(found.T, ds.situation_labels, columns))
    table = intervals(results, means, names, alpha, kind)
    return Demand(table, None, alpha, str(kind), note(results, means, kind), ds.nobs, rows.whole)


def forecasts_on(results: Estimated, data: Any, draws: Sampling) -> Problem:
    """The `Forecast` of an estimated `MDCEV` on a frame, a path, a Dataset, or on the data of the estimation.

    Raises:
        PyCMTensorError: Model and data are not at hand.
        DatasetError: The data do not fit the model.
    """
    estimation = problem_of(results, "forecasts of quantities")
    model = estimation.model
    assert isinstance(model, MDCEV)
    ds = estimation.data if data is None else data if isinstance(data, Dataset) else estimation.data.like(data)
    forecast = model.forecast(draws)
    forecast.check_to_predict(ds)
    model.check_to_forecast(ds)
    return Problem(forecast, ds, estimation.evaluator.of(forecast).on(ds))
