"""Results: what an estimation gives, its tests, and its file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from pycmtensor.analysis import Segments, calibrated
from pycmtensor.analysis.predict import choices_on
from pycmtensor.dataset import Dataset
from pycmtensor.dataset.pooled import PooledDataset
from pycmtensor.engine import MakesEvaluator, Problem
from pycmtensor.estimation import Options, Outcome, Starts, Stochastic, maximise
from pycmtensor.estimation.recorded import Checkpoint
from pycmtensor.exceptions import (
    InferenceError,
    NotConvergedWarning,
    OptimizerError,
    checked,
    checked_class,
)
from pycmtensor.host.escaping import printed
from pycmtensor.inference import (
    Identification,
    SimulationNoise,
    class_shares,
    membership,
    simulation_noise,
)
from pycmtensor.inference.identification import of_fit
from pycmtensor.models import Joint, Model
from pycmtensor.results.saved import Saved
from pycmtensor.terms.relations import Relation

if TYPE_CHECKING:
    import pandas as pd
    from pytensor.graph.basic import Variable

__all__ = ["Results", "estimate", "start_of"]


@checked(OptimizerError)
def estimate(
    model: Model,
    data: Dataset | None = None,
    method: str | Stochastic | None = None,
    *,
    start: Mapping[str, float] | pd.Series | Results | None = None,
    starts: int | Starts = 1,
    constraints: str | Sequence[Any] | Variable | Relation | None = (),
    progress: bool | None = None,
    max_iterations: int = 200,
    block: int | None = None,
    on: MakesEvaluator | None = None,
    checkpoint: str | PathLike[str] | None = None,
) -> Results:
    """Estimate the free parameters of a model.

    Args:
        model: Any model of the library. Its parameters keep their values: estimates are in the results.
        data: A data set with the model's columns; None for the one the model was made with.
        method: "trust-region" (maximum likelihood with the exact Hessian), "newton" (the same with a line search),
            "bfgs", "lbfgs", "bhhh" (approximate Hessians), or ``Stochastic(optimizer, ...)``. None for that of the
            model: "trust-region", or "bfgs" where Hessians take long, as in a `HybridChoice`.
        start: Start values by name, as a dict or the ``params`` of earlier results, or these results themselves, of
            which the names are used that match; other parameters start at their own values.
        starts: How many start values to try, the given one and others drawn around it, or ``Starts(...)``; the highest
            log-likelihood is kept, and ``results.starts`` tells of all. A `LatentClass` whose classes are alike at the
            start takes 30 by itself.
        constraints: Linear relations between parameters, as text ("b_bus <= b_train, asc_car = 0") or symbols
            (``b_bus <= b_train``), or a list of both.
        progress: Show the iterations on standard error; None shows them when that is a terminal.
        max_iterations: Most iterations of a method of maximum likelihood.
        block: Individuals that are evaluated together; None chooses as many as stay in the processor's cache.
        on: Where the likelihood is evaluated: a function that makes a `pycmtensor.engine.Evaluator` of the model and
            data. None for this machine, with the data in memory.
        checkpoint: File that what is found is saved to as it goes. A call with the same arguments, perhaps more
            iterations, goes on from there and ends with the same bits as one that was never interrupted, at once when
            it had ended. None keeps nothing. For a ``Stochastic(...)`` the same as a ``checkpoint`` of its own.

    Returns:
        The results. ``results.outcome`` says whether they are a maximum of the likelihood.

    Raises:
        IdentificationError: The data cannot tell some parameters apart; the message names them.
        ModelError: A start value is unknown or outside its bounds, or the constraints contradict each other.
        DatasetError: ``data`` does not fit the model.
        OptimizerError: The method is unknown, or the likelihood is not finite at the start.
        CheckpointError: The checkpoint is damaged, belongs to another run, or another run uses it now.
        FileError: The checkpoint cannot be written, which is found before the first evaluation.

    Warns:
        NotConvergedWarning: A second-order method ended before a maximum.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> round(float(results.params["asc_car"]), 6)  # log(30 / 10)
        1.098612
        >>> results.outcome.converged
        True
    """
    options = Options(start_of(model, start), starts, constraints, progress, max_iterations, block, on, checkpoint)
    fit, problem = maximise(model, data, method, options)
    if not fit.outcome.converged and not isinstance(method, Stochastic):
        warnings.warn(f"The estimation has {fit.outcome}", NotConvergedWarning, stacklevel=3)  # over `checked`
    return Results(fit, *problem)


def start_of(
    model: Model, start: Mapping[str, float] | pd.Series | Results | None
) -> Mapping[str, float] | pd.Series | None:
    """Start values by name: of results those that the model has."""
    if not isinstance(start, Results):
        return start
    free = {label for parameter in model.free for label in parameter.labels()}
    return {label: value for label, value in start._by_name().items() if label in free}


@checked_class(InferenceError)
class Results(Saved):
    """Estimates with their uncertainty and fit.

    Names follow statsmodels, see `pycmtensor.results.names`. Standard errors, t and p values are classical unless a
    ``kind`` is asked for:
    "classical" (inverse Hessian), "robust" (sandwich), "bhhh" (outer product of scores), "cluster", "bootstrap" or
    "jackknife".

    Args:
        fit: What an estimation left behind.
        model: The model that was estimated; None when it is not at hand any more, nor data and evaluator.
        data: The data of the estimation.
        evaluator: The log-likelihood of the model on the data, for answers that need to evaluate it again.
        provenance: Where loaded results came from.

    Examples:
        In the examples of its members, `results` is this logit of the packaged survey of travel modes:

        >>> import pycmtensor as cmt
        >>> modes, names = cmt.datasets.load("modechoice"), {"air": 1, "train": 2, "bus": 3, "car": 4}
        >>> options = {"choice": "choice", "alternative": "mode", "situation": "individual", "alternatives": names}
        >>> ds = cmt.Dataset.from_long(modes, **options)
        >>> asc = ds.per_alternative({name: cmt.Beta(f"asc_{name}") for name in ("air", "train", "bus")})
        >>> results = cmt.estimate(cmt.MNL(ds, asc + cmt.Beta("b_cost") * ds["gc"] + cmt.Beta("b_wait") * ds["ttme"]))
        >>> results.params.round(4).to_dict()
        {'asc_air': 5.7764, 'asc_train': 3.923, 'asc_bus': 3.2107, 'b_cost': -0.0158, 'b_wait': -0.0971}
    """

    def identification(self) -> Identification:
        """Report on identification: rank, flat and weak directions, sizes of parameters; prints as text.

        Returns:
            The report.

        Examples:
            >>> print(results.identification())
            Rank 5 of 5 parameters
        """
        return of_fit(self.fit)

    def simulation_noise(
        self, draws: int | None = None, seed: int | None = None, checkpoint: Checkpoint = None
    ) -> SimulationNoise:
        """Changes of the estimates with other draws; see `pycmtensor.inference.simulation_noise`.

        Args:
            draws: As in `pycmtensor.inference.simulation_noise`.
            seed: As there.
            checkpoint: As in `pycmtensor.estimate`.

        Returns:
            The estimates with other draws; print it.

        Examples:
            `mixed` are results of a `MixedLogit`:

            >>> mixed.simulation_noise(draws=60).table.shape[0] == len(mixed.params)
            True
        """
        return simulation_noise(self, draws, seed, checkpoint)

    # ---- other constants ----------------------------------------------------------------------------------------

    def calibrated(self, shares: Mapping[Any, Any], data: Any = None, by: str | None = None) -> Results:
        """The results with constants that reproduce market shares; see `pycmtensor.analysis.calibrated`.

        Args:
            shares: As in `pycmtensor.analysis.calibrated`.
            data: As there.
            by: As there.

        Returns:
            Results with the constants.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
            >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
            >>> forecast = results.calibrated({"car": 0.6, "bus": 0.4})
            >>> forecast.predict().shares.round(10).to_dict()
            {'car': 0.6, 'bus': 0.4}
            >>> round(forecast.fit.fixed["calibration_bus"], 6)  # log(3) - log(1.5)
            0.693147
        """
        fit, problem = calibrated(self, shares, data, by)
        return Results(fit, *problem)

    # ---- parts ------------------------------------------------------------------------------------------------

    def part(self, name: str) -> Results:
        """The results as those of one part of a joint or pooled model, for predictions and other answers.

        Estimates, their covariance and fit stay those of the whole.

        Args:
            name: As it was given to `joint` or `pooled`.

        Returns:
            Results that answer about the part.

        Raises:
            InferenceError: The model has no such part.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> rp = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
            >>> sp = cmt.Dataset(pd.DataFrame({"mode": [1] * 20 + [2] * 20}), "mode", {"car": 1, "bus": 2})
            >>> asc = cmt.Beta("asc_car")
            >>> models = {"rp": cmt.MNL(rp, {"car": asc, "bus": 0}), "sp": cmt.MNL(sp, {"car": asc, "bus": 0})}
            >>> cmt.estimate(cmt.pooled(models)).part("rp").predict().shares.round(6).to_dict()  # 50 of 80
            {'car': 0.625, 'bus': 0.375}
        """
        model, data, evaluator = self._problem("parts")
        parts = model.summands or (model.answering if isinstance(model, Joint) else {})
        if name not in parts:
            known = f"it has {', '.join(parts)}" if parts else "it is not made by joint(...) or pooled(...)"
            raise InferenceError(f"{model.name} has no part {name!r}; {known}.")
        own = data.parts[name] if isinstance(data, PooledDataset) else data
        return self._answering(Problem(parts[name], own, evaluator.of(parts[name]).on(own)))

    def by(self, column: str) -> Segments:
        """The results by the values of a column, for one table of shares, elasticities, willingness to pay or welfare.

        Args:
            column: Its name; it does not change within a choice situation.

        Returns:
            The segments, which answer as results do.

        Raises:
            DatasetError: The column does not exist, misses values, or changes within a situation of long data.
            InferenceError: The model is no choice among alternatives.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10, "city": ["Bern", "Basel"] * 20})
            >>> ds = cmt.Dataset(frame.assign(t=[5.0, 9.0] * 20), "mode", {"car": 1, "bus": 2})
            >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car") + cmt.Beta("b") * ds["t"], "bus": 0}))
            >>> print(results.by("city").table().round(2))
            city         all Basel  Bern
            what  of
            share car   0.75  0.75  0.75
                  bus   0.25  0.25  0.25
        """
        problem = choices_on(self, None, "answers by segments")
        values = problem.data.situation_values(column)
        parts = {value: problem.data.where(values == value) for value in np.unique(values).tolist()}
        of = {value: self._answering(problem.on(data)) for value, data in parts.items()}
        return Segments(column, {"all": self, **of})

    def _answering(self, problem: Problem) -> Results:
        """Results about another model or other data, with these estimates and their covariance."""
        other = Results(self.fit, *problem)
        other._whole = self._whole or self
        return other

    # ---- classes ----------------------------------------------------------------------------------------------

    def membership(self) -> pd.DataFrame:
        """Probabilities of the classes given all choices of an individual; see `pycmtensor.inference.membership`.

        Returns:
            One row per individual, one column per class.

        Examples:
            `classes` are results of a `LatentClass` with the classes "a" and "b":

            >>> classes.membership().sum(axis=1).round(6).unique().tolist()
            [1.0]
        """
        return membership(self)

    def class_shares(self) -> pd.Series:
        """Shares of the classes in the sample; see `pycmtensor.inference.class_shares`.

        Returns:
            Name of a class -> its share.

        Examples:
            `classes` are results of a `LatentClass` with the classes "a" and "b":

            >>> round(classes.class_shares().sum(), 6)
            np.float64(1.0)
        """
        return class_shares(self)

    # ---- the estimation -------------------------------------------------------------------------------------------

    @property
    def outcome(self) -> Outcome:
        """Whether the estimates are a maximum of the likelihood, why the method stopped, and what to do.

        Examples:
            >>> print(results.outcome)
            converged: a maximum of the log-likelihood.
        """
        return self.fit.outcome

    @property
    def starts(self) -> pd.DataFrame:
        """Ends of the ascents from several starts, one row per start, the highest log-likelihood first.

        Examples:
            >>> import pycmtensor as cmt
            >>> cmt.estimate(results.model, starts=2).starts.shape[0]
            2
        """
        import pandas as pd

        return pd.DataFrame(self.fit.starts).sort_values("llf", ascending=False) if self.fit.starts else pd.DataFrame()

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    @printed
    def __repr__(self) -> str:
        return f"Results({self.fit.model}, LL {self.llf:.3f}, {self.fit.outcome})"

    def _by_name(self) -> dict[str, float]:
        return dict(zip(self.fit.labels, self.fit.theta.tolist(), strict=True))
