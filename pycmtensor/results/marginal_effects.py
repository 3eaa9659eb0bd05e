"""Results as a model of the package marginaleffects: coefficients, their covariance, and predictions at others."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.predict import choices_on
from pycmtensor.dataset.symbols import columns_in, name_of
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Probabilities
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated

try:
    import polars as pl
    from marginaleffects.classes import ModelAbstract, ModelVault
except ImportError as missing:
    raise ImportError(
        "to_marginaleffects needs the package marginaleffects. Install it: pip install marginaleffects"
    ) from missing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ChoiceProbabilities"]


class Situations:
    """Choice situations that marginaleffects asks about, with the evaluator that all its questions share.

    Args:
        results: The estimates.
        frame: One row per choice situation.
    """

    def __init__(self, results: Estimated, frame: pl.DataFrame) -> None:
        self.results, self.frame, self.shape = results, frame, frame.shape

    def __getitem__(self, rows: slice) -> Situations:
        """Some of the rows."""
        return Situations(self.results, self.frame[rows])

    @cached_property
    def problem(self) -> Problem:
        """The estimated model on these situations."""
        return choices_on(self.results, self.frame, "predictions")


class ChoiceProbabilities(ModelAbstract):
    """Choice probabilities as predictions of marginaleffects, one for each choice situation and alternative.

    Args:
        results: Estimates of a choice model on wide data.
        covariance: The covariance (K, K) that marginaleffects takes unless it is asked for another.

    Raises:
        InferenceError: The model is no choice, its data are long, or not at hand.
    """

    def __init__(self, results: Estimated, covariance: NDArray[np.floating]) -> None:
        asked = choices_on(results, None, "predictions")
        if asked.data.is_long:
            raise InferenceError(
                "marginaleffects changes one row at a time, and a choice situation of long data has several. Estimate "
                "on wide data, of which ds.to_wide() makes the frame, or use results.marginal_effects and predict."
            )
        used = [name for name in map(name_of, columns_in(asked.model.expressions())) if isinstance(name, str)]
        super().__init__(
            results,
            ModelVault(
                coef=np.array(results.fit.theta),
                coefnames=np.array(results.fit.labels),
                vcov=covariance,
                formula=_columns,
                modeldata=nw.from_native(asked.data.to_wide(), eager_only=True).to_polars(),
                variable_names=[str(asked.data.choice), *dict.fromkeys(used)],
                package="pycmtensor",
            ),
        )

    def validation(self) -> None:
        """Kinds of the columns, in the words of marginaleffects, whose own look at them fails with polars 2."""
        self.vault.variables_type = {name: _kind(column) for name, column in self.vault.modeldata.to_dict().items()}

    def get_vcov(self, vcov: Any = True) -> NDArray[np.floating] | None:
        """The covariance: True for the usual one, False for none, or a kind such as "robust"."""
        if isinstance(vcov, bool) or vcov is None:
            return self.vault.vcov if vcov else None
        covariance: pd.DataFrame = self.model.cov_params(vcov)
        return covariance.to_numpy()

    def get_exog(self, newdata: pl.DataFrame) -> Situations:
        """The choice situations of a frame."""
        return Situations(self.model, newdata)

    def get_predict(self, params: NDArray[np.floating], newdata: Situations) -> pl.DataFrame:
        """Probabilities P(j) at some estimates, alternative by alternative."""
        asked = newdata.problem
        P = asked.data.of_situations(asked.evaluator.by_situation(Probabilities(), np.asarray(params, dtype=float)))
        names = list(asked.data.alternatives)
        return pl.DataFrame(
            {
                "rowid": np.tile(np.arange(P.shape[1], dtype=np.int32), len(names)),
                "group": np.repeat(names, P.shape[1]),
                "estimate": P.ravel(),
            }
        )


def _kind(column: pl.Series) -> str:
    """What marginaleffects calls a column, which decides how much it changes it."""
    if column.dtype == pl.Boolean:
        return "boolean"
    if not column.dtype.is_numeric():
        return "character"
    if set(column.unique().to_list()) <= {0, 1}:
        return "binary"
    return "integer" if column.dtype.is_integer() else "numeric"


def _columns(frame: Any) -> tuple[None, Any]:
    """In place of a formula: all columns, as they are."""
    return None, frame
