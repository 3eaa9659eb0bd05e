"""Predictions: probabilities and shares on the data of the estimation or on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals, note
from pycmtensor.analysis.parts import rows_of, summed
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.sampling import SampledDataset
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Observed, Probabilities, ProbabilitiesGivenChoices, Quantity
from pycmtensor.exceptions import DatasetError, InferenceError
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models.choice import choice_of
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prediction", "choices_on", "predict", "problem_on", "situation_weights"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Prediction(Answer):
    """Prediction of choices.

    Attributes:
        table: Share of each alternative, weighted, with standard error and confidence interval.
        llf: Log-likelihood of the choices; None when they are not known, or for conditional probabilities.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        note: Why shares have no standard errors, empty when they have.
    """

    table: pd.DataFrame
    llf: float | None
    alpha: float
    kind: str
    note: str
    nobs: int
    _rows: Callable[[], pd.DataFrame] = field(repr=False)

    @property
    def probabilities(self) -> pd.DataFrame:
        """One row per choice situation in the order of the data, one column per alternative; 0 where unavailable.

        Raises:
            InferenceError: They were written to a file, or are of scanned data.
        """
        return self._rows()

    @property
    def choices(self) -> pd.Series:
        """The most probable alternative of each choice situation."""
        return self.probabilities.idxmax(axis=1).rename("choice")

    @property
    def shares(self) -> pd.Series:
        """Predicted share of each alternative."""
        return self.table["estimate"].rename("share")

    def _shown(self) -> list[Part]:
        known = [] if self.llf is None else [f"Log-likelihood {self.llf:.6f}"]
        about = f"{self.nobs:,} choice situations, {1 - self.alpha:.4g} intervals, {self.kind} covariance"
        return [self.table, about, *known, *filter(None, [self.note])]


def predict(
    results: Estimated,
    data: Any = None,
    conditional: bool = False,
    alpha: float = 0.05,
    kind: Kind = "classical",
    to: str | PathLike[str] | None = None,
) -> Prediction:
    r"""Choice probabilities at the estimates, and the shares of the alternatives.

    .. math::
        P_{jnt} = \frac{1}{R} \sum_r P_{jnt}(\beta_{nr}), \quad
        P_{jnt | y_n} = \frac{\sum_r P_{jnt}(\beta_{nr}) L_n(\beta_{nr})}{\sum_r L_n(\beta_{nr})}

    Without random coefficients both are the probability of the model. With them, probabilities are those of somebody
    drawn from the population, each choice situation by itself, unless ``conditional``: then of the individual whose
    choices y were observed in the data of the estimation, matched by the column of individuals. Draws belong to
    the numbers of individuals: those of a part of a data set are its own, those of a frame are numbered in its order,
    so that in another order simulated probabilities differ by the noise of simulation.

    Args:
        results: The estimates.
        data: A frame, a path or a `Dataset`, in the format of the model's data; frames are read with the options of
            that data set, and may lack the choice column. None for the data of the estimation.
        conditional: Whether on the choices that were observed; for models with random coefficients.
        alpha: One minus the coverage of the intervals of shares, in (0, 1).
        kind: Kind of the covariance of the estimates.
        to: A Parquet file that the probabilities are written to, with choice situation and individual, in place of
            keeping them; scanned data are predicted and written part by part.

    Raises:
        DatasetError: The data do not fit the model; conditional: an individual was not in the estimation.
        InferenceError: The alternatives are samples; conditional: the model has no random coefficients, or some that
            are drawn anew in each situation.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, equations 6.1 and 11.5.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> print(results.predict())  # standard error sqrt(3 / 4 * 1 / 4 / 40)
             estimate   std_err    lower    upper
        car      0.75  0.068465  0.61581  0.88419
        bus      0.25  0.068465  0.11581  0.38419
        40 choice situations, 0.95 intervals, classical covariance
        Log-likelihood -22.493406
        >>> results.predict(pd.DataFrame({"trip": [1, 2]})).choices.tolist()
        ['car', 'car']
    """
    import pandas as pd

    asked, theta = choices_on(results, data, "predictions"), results.fit.theta
    names = list(asked.data.alternatives)
    if conditional:
        _check_conditional(asked)
    knows_choices = asked.data.choices_known and not conditional
    with rows_of(asked.data, to) as rows:

        def ask(part: Problem) -> dict[str, Any]:
            ds, evaluator = part.data, part.evaluator
            quantity = _given_choices(results, asked, part) if conditional else Probabilities()
            P = ds.of_situations(evaluator.by_situation(quantity, theta))
            rows.add(ds, pd.DataFrame(P.T, index=ds.situation_labels, columns=names))
            w = situation_weights(ds)
            chosen = Dual(*evaluator.totals(quantity, w[None], theta))[0]
            return {"chosen": chosen, "weight": w.sum(), "llf": evaluator.value(theta) if knows_choices else 0.0}

        sums = summed(asked, ask)
    shares = sums["chosen"] / sums["weight"]
    table, about = intervals(results, shares, names, alpha, kind), note(results, shares, kind)
    return Prediction(
        table, sums["llf"] if knows_choices else None, alpha, str(kind), about, asked.data.nobs, rows.whole
    )


def problem_on(results: Estimated, data: Any, what: str) -> Problem:
    """The estimated model on a frame, a path, a Dataset, or on the data of the estimation.

    An estimation with samples of alternatives gives the model of choices among all of them where data have all.

    Raises:
        PyCMTensorError: Model and data are not at hand.
        DatasetError: The data do not fit the model.
        ModelError: The model was made with samples, and cannot be that of all alternatives.
    """
    estimation = problem_of(results, what)
    if data is None:
        return estimation
    asked = estimation.on(data if isinstance(data, Dataset) else estimation.data.like(data))
    if isinstance(asked.data, ScannedDataset):  # whose parts are checked when they are read
        return asked
    check = asked.model.check if asked.data.choices_known else asked.model.check_to_predict
    check(asked.data)
    return asked


def choices_on(results: Estimated, data: Any, what: str) -> Problem:
    """The estimated model on data, as `problem_on`, for answers about probabilities of all alternatives.

    Raises:
        InferenceError: The model is no choice, or the data are samples of alternatives.
    """
    asked = problem_on(results, data, what)
    choice_of(asked.model, what)
    if isinstance(asked.data, SampledDataset):
        raise InferenceError(
            f"{what.capitalize()} need all alternatives, the data set holds samples of them. Give a frame or "
            "Dataset that has them all as data to predict, elasticities, marginal_effects or scenario."
        )
    return asked


def situation_weights(ds: Dataset) -> Array:
    """Sample weight of each choice situation, 0 for padding, (T, N)."""
    return ds.array(ds.observed)[..., 0] * ds.individual_weights


def _check_conditional(asked: Problem) -> None:
    """Raise an `InferenceError` when choices tell nothing of other choices of the same individual."""
    model, draws = asked.model, asked.model.draws
    if not draws and len(model.by_class()) == 1:
        raise InferenceError(
            f"{model.name} has no random coefficients or classes, about which choices would tell something. Leave "
            "conditional out."
        )
    within = [d.name for d in draws if d.within]
    if within:
        raise InferenceError(
            f"{', '.join(within)}: drawn anew in each choice situation, so that observed choices tell nothing of "
            "others. Leave conditional out."
        )


def _given_choices(results: Estimated, asked: Problem, part: Problem) -> Quantity:
    """Probabilities on a part of the data in question, given what the same individuals chose in the estimation."""
    estimation = problem_of(results, "conditional probabilities")
    if isinstance(estimation.data, SampledDataset):
        raise InferenceError(
            "The choices of the estimation are among samples of alternatives, and probabilities given them would need "
            "all. Leave conditional out; conditional_estimates tells of the tastes."
        )
    if asked.data is estimation.data:
        return ProbabilitiesGivenChoices(beside=Observed(part.data))
    if part.data.individual is None:
        raise DatasetError("Individuals are matched by their column, which the data set has none of.")
    known, individuals = estimation.data.individual_labels, part.data.individual_labels
    position = known.get_indexer(individuals)
    strangers = individuals[position < 0].tolist()
    if strangers:
        raise DatasetError(
            f"{len(strangers):,} individual(s) of '{known.name}' were not in the data of the estimation, the first "
            f"{strangers[0]!r}. Leave conditional out for them."
        )
    return ProbabilitiesGivenChoices(beside=Observed(estimation.data, position))
