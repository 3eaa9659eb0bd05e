"""What will be chosen: probabilities and shares on the data of the estimation or on others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals, note
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.sampling import SampledDataset
from pycmtensor.engine import LocalEngine
from pycmtensor.engine.quantities import Quantity
from pycmtensor.exceptions import DatasetError, InferenceError
from pycmtensor.inference.protocol import Estimated, likelihood_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models.choice_sets import with_all_alternatives

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prediction", "choices_on", "engine_on", "predict", "situation_weights"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says will be chosen.

    Attributes:
        probabilities: One row per choice situation in the order of the data, one column per alternative; 0 where an
            alternative is unavailable.
        table: Share of each alternative, weighted, with standard error and confidence interval.
        llf: Log-likelihood of the choices; None when they are not known, or for conditional probabilities.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        note: Why shares have no standard errors, empty when they have.
    """

    probabilities: pd.DataFrame
    table: pd.DataFrame
    llf: float | None
    alpha: float
    kind: str
    note: str = ""

    @property
    def choices(self) -> pd.Series:
        """The most probable alternative of each choice situation."""
        return self.probabilities.idxmax(axis=1).rename("choice")

    @property
    def shares(self) -> pd.Series:
        """Predicted share of each alternative."""
        return self.table["estimate"].rename("share")

    def __str__(self) -> str:
        known = [] if self.llf is None else [f"Log-likelihood {self.llf:.6f}"]
        about = f"{len(self.probabilities):,} choice situations, {1 - self.alpha:.4g} intervals, {self.kind} covariance"
        return "\n".join([self.table.to_string(), about, *known, *filter(None, [self.note])])


def predict(
    results: Estimated, data: Any = None, conditional: bool = False, alpha: float = 0.05, kind: Kind = "classical"
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

    engine, theta = choices_on(results, data, "predictions"), results.fit.theta
    ds, names = engine.dataset, list(engine.dataset.alternatives)
    quantity = _given_choices(results, engine) if conditional else engine.program.quantities.probabilities
    P = ds.of_situations(engine.by_situation(quantity, theta))
    w = situation_weights(ds)
    total = Dual(*engine.totals(quantity, w[None], theta))[0]
    shares = total / w.sum()
    table = intervals(results, shares, names, alpha, kind)
    llf = engine.value(theta) if ds.choices_known and not conditional else None
    probabilities = pd.DataFrame(P.T, index=ds.situation_labels, columns=names)
    return Prediction(probabilities, table, llf, alpha, str(kind), note(results, shares, kind))


def engine_on(results: Estimated, data: Any, what: str) -> LocalEngine:
    """The likelihood of the estimation on a frame, a path, a Dataset, or on the data of the estimation.

    An estimation with samples of alternatives gives the likelihood of choices among all of them where data have all.

    Raises:
        PyCMTensorError: The likelihood is not at hand.
        DatasetError: The data do not fit the model.
        ModelError: The model was made with samples, and cannot be that of all alternatives.
    """
    engine = likelihood_of(results, what)
    if data is None:
        return engine
    ds = data if isinstance(data, Dataset) else engine.dataset.like(data)
    sampled = isinstance(engine.dataset, SampledDataset)
    if sampled and isinstance(ds, LongDataset) and not isinstance(ds, SampledDataset):
        engine = _among_all(engine, ds)
    check = engine.model.check if ds.choices_known else engine.model.check_to_predict
    check(ds)
    return engine.on(ds)


def choices_on(results: Estimated, data: Any, what: str) -> LocalEngine:
    """What `engine_on` gives, for answers about probabilities of all alternatives.

    Raises:
        InferenceError: The data are samples of alternatives, among which there are none.
    """
    engine = engine_on(results, data, what)
    if isinstance(engine.dataset, SampledDataset):
        raise InferenceError(
            f"{what.capitalize()} need all alternatives, the data set holds samples of them. Give a frame or "
            "Dataset that has them all as data to predict, elasticities, marginal_effects or scenario."
        )
    return engine


def _among_all(engine: LocalEngine, ds: LongDataset) -> LocalEngine:
    """The likelihood of choices among all alternatives; its program is kept with the model."""
    kept = engine.model.compiled
    if "all alternatives" not in kept:
        kept["all alternatives"] = with_all_alternatives(engine.model, ds)
    among_all = LocalEngine(kept["all alternatives"], ds)
    among_all.fixed = engine.fixed
    return among_all


def situation_weights(ds: Dataset) -> Array:
    """Sample weight of each choice situation, 0 for padding, (T, N)."""
    return ds.array(ds.observed)[..., 0] * ds.individual_weights


def _given_choices(results: Estimated, engine: LocalEngine) -> Quantity:
    """Probabilities on the data of the engine, given what the same individuals chose in the estimation."""
    estimation = likelihood_of(results, "conditional probabilities")
    if isinstance(estimation.dataset, SampledDataset):
        raise InferenceError(
            "The choices of the estimation are among samples of alternatives, and probabilities given them would need "
            "all. Leave conditional out; conditional_estimates tells of the tastes."
        )
    model, draws = engine.model, engine.model.draws
    if not draws and len(model.mixture(model.V)) == 1:
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
    position = np.arange(engine.n_individuals)
    if engine is not estimation:
        if engine.dataset.individual is None:
            raise DatasetError("Individuals are matched by their column, which the data set has none of.")
        known, asked = estimation.dataset.individual_labels, engine.dataset.individual_labels
        position = known.get_indexer(asked)
        strangers = asked[position < 0].tolist()
        if strangers:
            raise DatasetError(
                f"{len(strangers):,} individual(s) of '{known.name}' were not in the data of the estimation, the first "
                f"{strangers[0]!r}. Leave conditional out for them."
            )
    columns = [column[..., position, :] for column in estimation.columns()]
    return engine.program.quantities.given_choices(columns)
