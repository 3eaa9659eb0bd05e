"""Protocol of the results of an estimation, as inference and analysis ask them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator, MakesEvaluator, Problem
from pycmtensor.estimation import Fit
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Estimated", "made_like", "problem_of"]


class Estimated(Protocol):
    """Estimates, their covariance, and what was estimated where it is at hand; `pycmtensor.Results` is one."""

    fit: Fit
    model: Model | None
    data: Dataset | None
    evaluator: Evaluator | None

    def cov_params(self, kind: Kind = "classical") -> pd.DataFrame:
        """Covariance of the estimates (K, K), NaN where it means nothing."""


def problem_of(results: Estimated, what: str) -> Problem:
    """The model, the data and the evaluator of the estimation.

    Args:
        results: Results of an estimation.
        what: What needs them, in the plural, for the error.

    Raises:
        InferenceError: They are not at hand any more.
    """
    if results.model is None or results.data is None or results.evaluator is None:
        raise InferenceError(
            f"The model and the data, which {what} need, are not at hand. Give the model to "
            "Results.load(path, model), or estimate again."
        )
    return Problem(results.model, results.data, results.evaluator)


def made_like(evaluator: Evaluator) -> MakesEvaluator:
    """Makes evaluators of other models and data where a given one evaluates, for estimations that follow another."""
    return lambda model, data: evaluator.of(model).on(data)
