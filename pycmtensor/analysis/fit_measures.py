"""Measures of fit: in the sample, by segment, and out of the sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.dual import Dual, intervals
from pycmtensor.analysis.predict import choices_on, situation_weights
from pycmtensor.analysis.scenario import groups_of, segment_weights
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Cluster, Evaluator, asked_of, evaluator_of
from pycmtensor.engine.quantity import Probabilities
from pycmtensor.estimation import Options, maximise
from pycmtensor.estimation.journal import Answer as Numbers
from pycmtensor.estimation.recorded import Checkpoint, journal_of, recorded, run_after
from pycmtensor.exceptions import InferenceError, in_range
from pycmtensor.host.interruption import interruptible
from pycmtensor.inference.protocol import Estimated, made_like, problem_of
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import Model, RankedLogit
from pycmtensor.models.choice import choice_of
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CrossValidation", "confusion", "cross_validate", "hit_rate", "llconstants", "shares_by"]

Array = NDArray[np.floating]

#: Maximum number of rounds of iterative scaling.
MOST_ROUNDS = 100_000


def confusion(results: Estimated) -> pd.DataFrame:
    """Weighted counts of choice situations by observed (rows) and most probable (columns) alternative.

    Args:
        results: The estimates.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> results.confusion()
        predicted   car  bus
        observed
        car        30.0  0.0
        bus        10.0  0.0
    """
    import pandas as pd

    _, ds, evaluator = choices_on(results, None, "most probable choices")
    names = list(ds.alternatives)
    predicted = evaluator.probabilities(results.fit.theta).argmax(axis=0)
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (ds.chosen_alternatives, predicted), situation_weights(ds))
    return pd.DataFrame(counts, pd.Index(names, name="observed"), pd.Index(names, name="predicted"))


def hit_rate(results: Estimated) -> float:
    """Weighted share of the choice situations in which the most probable alternative was chosen.

    It says little of a model: one that predicts shares well can have a low rate (Train 2009, section 3.8.1,
    doi:10.1017/CBO9780511805271).
    """
    counts = confusion(results).to_numpy()
    return float(np.trace(counts) / counts.sum())


def shares_by(results: Estimated, segment: str, alpha: float = 0.05, kind: Kind = "classical") -> pd.DataFrame:
    """Observed and predicted shares by the values of a column.

    Args:
        results: The estimates.
        segment: A column of the data, of any kind.
        alpha: One minus the coverage of the intervals of predicted shares, in (0, 1).
        kind: Kind of the covariance of the estimates.

    Returns:
        One row per segment and alternative: observed, estimate (the predicted share), std_err, lower, upper.

    Raises:
        DatasetError: The column does not exist, misses values, or changes within a situation of long data.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10, "city": ["Bern", "Basel"] * 20})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> results.shares_by("city")["observed"].round(6).tolist()  # all, Basel, Bern
        [0.75, 0.25, 0.75, 0.25, 0.75, 0.25]
    """
    if not isinstance(segment, str):
        raise InferenceError(f"shares_by: segment must be the name of a column, found {segment!r}.")
    import pandas as pd

    _, ds, evaluator = choices_on(results, None, "shares")
    names = list(ds.alternatives)
    groups = groups_of(ds, segment)
    weights = segment_weights(ds, segment, groups)
    weights = weights / weights.sum(axis=(1, 2), keepdims=True)
    P = Dual(*evaluator.totals(Probabilities(), weights, results.fit.theta))
    index = pd.MultiIndex.from_product([groups, names], names=[segment, "alternative"])
    predicted = Dual(P.value.ravel(), P.slope.reshape(-1, P.slope.shape[-1]))
    table = intervals(results, predicted, index, alpha, kind)
    chosen = ds.chosen_alternatives == np.arange(len(names))[:, None, None]
    table.insert(0, "observed", np.einsum("mtn,jtn->mj", weights, chosen).ravel())
    return table


def llconstants(results: Estimated) -> float:
    r"""Log-likelihood of a logit with a constant for each alternative and nothing else.

    .. math:: v_j \leftarrow v_j \frac{\sum_n w_n [y_n = j]}{\sum_n w_n P_{jn}}, \quad
        P_{jn} = \frac{a_{jn} v_j}{\sum_i a_{in} v_i}

    Iterative scaling reproduces the observed shares, as the maximum of the likelihood does; where all alternatives are
    always available, the first round is exact, :math:`\sum_j N_j \log(N_j / N)`.

    Args:
        results: The estimates.

    Raises:
        InferenceError: Iterative scaling does not end, or the likelihood is of rankings.

    References:
        Darroch & Ratcliff (1972), Generalized iterative scaling for log-linear models, doi:10.1214/aoms/1177692379.
    """
    from scipy.special import xlogy

    model, ds, _ = choices_on(results, None, "constants")
    if isinstance(model, RankedLogit):
        raise InferenceError(
            "Constants alone are compared with single choices, the likelihood is of rankings. Estimate a RankedLogit "
            "of constants."
        )
    w = ds.of_situations(situation_weights(ds))
    available = ds.of_situations(choice_of(model, "constants").available(ds)).T
    patterns, pattern = np.unique(available, axis=0, return_inverse=True)
    chosen = np.zeros(patterns.shape)  # weights by pattern of availability and chosen alternative
    np.add.at(chosen, (pattern.ravel(), ds.of_situations(ds.chosen_alternatives)), w)
    observed, v = chosen.sum(axis=0), np.ones(len(ds.alternatives))
    for _ in range(MOST_ROUNDS):
        P = patterns * v / (patterns * v).sum(axis=1, keepdims=True)
        expected = chosen.sum(axis=1) @ P
        if np.abs(expected - observed).max() <= 1e-10 * observed.sum():
            return float(xlogy(chosen, P).sum())
        v = v * np.divide(observed, expected, out=np.zeros_like(v), where=expected > 0)
    raise InferenceError("The constants do not settle: availability and choices leave some of them without an end.")


@dataclass(frozen=True, eq=False)
class CrossValidation(Answer):
    """Result of a cross-validation.

    Attributes:
        table: One row per fold: individuals and situations that were left out, the log-likelihood of those that were
            not, of those that were, and of those with equal shares, and whether the estimation converged.
        llf: Log-likelihood of all individuals, each predicted by estimates without its fold.
        std_err: Standard error of it, from how individuals differ.
        nobs: Choice situations.
        alpha: One minus the coverage of the interval.
    """

    table: pd.DataFrame
    llf: float
    std_err: float
    nobs: int
    alpha: float

    @property
    def lower(self) -> float:
        """Lower end of the confidence interval of the log-likelihood."""
        return self.llf - self._half

    @property
    def upper(self) -> float:
        """Upper end of the confidence interval of the log-likelihood."""
        return self.llf + self._half

    @property
    def rho2(self) -> float:
        """Out-of-sample rho-squared, 1 - LL / LL(0); NaN for a model that is no choice among alternatives."""
        return float(1 - self.llf / self.table["llnull"].sum(skipna=False))

    @property
    def _half(self) -> float:
        from scipy.special import ndtri

        return float(ndtri(1 - self.alpha / 2)) * self.std_err

    def _shown(self) -> list[Part]:
        rho2 = "" if np.isnan(self.rho2) else f", rho-squared {self.rho2:.6f}"
        about = (
            f"Out of sample: log-likelihood {self.llf:.4f}, std err {self.std_err:.4f}, {1 - self.alpha:.4g} interval "
            f"[{self.lower:.4f}, {self.upper:.4f}], per choice situation {self.llf / self.nobs:.6f}{rho2}"
        )
        return [self.table, about]


@interruptible
def cross_validate(
    results: Estimated,
    folds: int = 5,
    seed: int = 0,
    by: str = "individual",
    alpha: float = 0.05,
    checkpoint: Checkpoint = None,
    on: Cluster | None = None,
) -> CrossValidation:
    r"""k-fold cross-validation: the log-likelihood of individuals who were not used to estimate.

    .. math:: \sum_n w_n \log L_n(\hat\theta_{-k(n)})

    Every fold is estimated from the estimates of all, by maximum likelihood under the same constraints.

    Args:
        results: The estimates.
        folds: How many, k.
        seed: Seed of the draw of folds.
        by: "individual", or a column whose equal values stay together, as in `Dataset.folds`.
        alpha: One minus the coverage of the interval, in (0, 1).
        checkpoint: As in `pycmtensor.estimate`.
        on: A cluster, whose workers estimate the folds at the same time, each with its own data; None for one fold
            after the other where the results were estimated.

    Raises:
        ClusterError: The cluster was lost.
        DatasetError: There are fewer individuals than folds.
        IdentificationError: A fold cannot tell some parameters apart.

    References:
        Stone (1974), Cross-validatory choice and assessment of statistical predictions,
        doi:10.1111/j.2517-6161.1974.tb00994.x.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> results.cross_validate(folds=4).llf < results.llf
        True
    """
    import pandas as pd

    in_range("cross_validate", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
    problem, fit = problem_of(results, "folds"), results.fit
    model, data, _ = problem
    start = dict(zip(fit.labels, fit.theta.tolist(), strict=True))
    rows: list[dict[str, float]] = []
    left_out = []
    run = run_after(fit, f"cross-validation of {folds} folds by {by}, seed {seed}")
    parts = list(data.folds(folds, seed, by))
    with journal_of(problem, checkpoint, run) as journal:
        evaluator = None if on else recorded(problem.evaluator, journal)
        options = Options(start=start, constraints=list(fit.constraints), progress=False)
        finds = asked_of(on, _fold, [(model, *part, options, evaluator) for part in parts])
        for (_, test), find in zip(parts, finds, strict=True):
            shapes = {"llf": (), "llf left out": (), "converged": (), "logprob": (test.n_individuals,)}
            found = journal.answer(f"fold {len(rows)}", [], shapes, find)
            left_out.append(test.individual_weights * found["logprob"])
            sizes = {"individuals": test.n_individuals, "situations": test.nobs}
            likelihoods = {name: float(found[name]) for name in ("llf", "llf left out")}
            rows.append({**sizes, **likelihoods, "llnull": model.llnull(test), "converged": bool(found["converged"])})
    each = np.concatenate(left_out)
    std_err = float(np.sqrt(len(each)) * each.std(ddof=1))
    table = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="fold"))
    return CrossValidation(table, float(each.sum()), std_err, data.nobs, alpha)


def _fold(model: Model, train: Dataset, test: Dataset, options: Options, evaluator: Evaluator | None) -> Numbers:
    """A fold: the likelihood of those left out, at estimates of the others; None evaluates in the plain way."""
    on = None if evaluator is None else made_like(evaluator)
    fit, _ = maximise(model, train, options=replace(options, on=on))
    fit.outcome.must_have_ended()
    found = (evaluator_of(model) if evaluator is None else evaluator).on(test).first_order(fit.theta)
    numbers = {"llf": fit.llf, "llf left out": found.value, "converged": fit.outcome.converged}
    return {name: np.asarray(n) for name, n in numbers.items()} | {"logprob": found.logprob}
