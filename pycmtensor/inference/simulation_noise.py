"""Simulation noise: changes of the estimates with other draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation import Options, maximise
from pycmtensor.estimation.recorded import Checkpoint, journal_of, recorded, run_after
from pycmtensor.exceptions import InferenceError
from pycmtensor.host.interruption import interruptible
from pycmtensor.inference.hypotheses import must_be_maximum
from pycmtensor.inference.kinds import covariance
from pycmtensor.inference.protocol import Estimated, made_like, problem_of
from pycmtensor.report.answer import Answer, Part
from pycmtensor.terms.draws import Sampling

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SimulationNoise", "simulation_noise"]

Array = NDArray[np.floating]

#: Estimates that move by more standard errors than this ask for more draws.
SHIFT = 0.2


@dataclass(frozen=True)
class SimulationNoise(Answer):
    """Estimates of one model with other draws; ``print`` it.

    Attributes:
        labels: Names of the K parameters.
        sampling: The draws of the estimates.
        others: The M other draws.
        theta: Estimates (K,).
        std_err: Their classical standard errors (K,), NaN where they mean nothing.
        theta_others: Estimates with the other draws (M, K).
        llf: Log-likelihood at the estimates.
        llf_others: With the other draws at theirs (M,).

    Examples:
        >>> noise = mixed.simulation_noise(draws=60)
        >>> noise.theta_others.shape == (2, len(mixed.params))  # two other sets of draws
        True
    """

    labels: tuple[str, ...]
    sampling: Sampling
    others: tuple[Sampling, ...]
    theta: Array
    std_err: Array
    theta_others: Array
    llf: float
    llf_others: Array

    @property
    def shifts(self) -> Array:
        """Shifts of the estimates with other draws, in standard errors, (M, K); NaN for estimates without one."""
        return (self.theta_others - self.theta) / np.where(self.std_err == 0, np.nan, self.std_err)

    @property
    def is_small(self) -> bool:
        """Whether no estimate moves by more than 0.2 standard errors."""
        return not np.any(np.abs(self.shifts) > SHIFT)

    @property
    def table(self) -> pd.DataFrame:
        """One row per parameter: estimate, standard error, and of other draws the estimate and its shift."""
        import pandas as pd

        columns = {"estimate": self.theta, "std err": self.std_err}
        for sampling, theta, shift in zip(self.others, self.theta_others, self.shifts, strict=True):
            columns |= {_named(sampling): theta, f"shift, {_named(sampling)}": shift}
        return pd.DataFrame(columns, index=list(self.labels))

    def _shown(self) -> list[Part]:
        changes = [
            f"{_named(sampling)}: log-likelihood {llf:.4f}, {llf - self.llf:+.4f}"
            for sampling, llf in zip(self.others, self.llf_others, strict=True)
        ]
        if self.is_small:
            advice = f"No estimate moves by more than {SHIFT} standard errors: the draws are enough."
        else:
            moved = np.flatnonzero(np.any(np.abs(self.shifts) > SHIFT, axis=0))
            names = ", ".join(self.labels[k] for k in moved)
            advice = (
                f"Other draws move {names} by more than {SHIFT} standard errors: estimate with more draws, such as "
                f"model.with_draws({4 * self.sampling.number}), until they stay."
            )
        title = f"Simulation noise of {_named(self.sampling)}: log-likelihood {self.llf:.4f}"
        return [title, *changes, self.table, advice]


@interruptible
def simulation_noise(
    results: Estimated, draws: int | None = None, seed: int | None = None, checkpoint: Checkpoint = None
) -> SimulationNoise:
    """Estimate a simulated model again from its estimates, with more draws and with another seed.

    The noise of a simulated likelihood is in no standard error. Estimates that move by a good part of theirs with other
    draws say more of the draws than of the data; with too few draws they are biased too.

    Args:
        results: Results of a model with random coefficients, with the likelihood at hand.
        draws: How many draws of the same seed to try; None for twice as many.
        seed: The seed of as many other draws; None for the next one.
        checkpoint: As in `pycmtensor.estimate`.

    Returns:
        The estimates with other draws.

    Raises:
        InferenceError: The likelihood is not at hand, has no draws, or an estimation ended before a maximum.
        ModelError: ``draws`` or ``seed`` is not a whole number, or cannot be drawn.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, chapter 10.

    Examples:
        >>> simulation_noise(mixed, draws=60).llf_others.shape
        (2,)
    """
    must_be_maximum(results, "the model")
    problem, fit = problem_of(results, "other draws"), results.fit
    model, data, _ = problem
    if model.sampling is None:
        raise InferenceError(
            f"A {type(model).__name__} without random coefficients has no draws, and no noise of them."
        )
    if model.labels != fit.labels:
        raise InferenceError("Parameters of the model were fixed or freed since. Estimate it again.")
    sampling = model.sampling
    others = (
        replace(sampling, number=2 * sampling.number if draws is None else draws),
        replace(sampling, seed=sampling.seed + 1 if seed is None else seed),
    )
    start = dict(zip(fit.labels, fit.theta.tolist(), strict=True))
    found = []
    with journal_of(problem, checkpoint, run_after(fit, f"simulation noise {others}")) as journal:
        evaluator = recorded(problem.evaluator, journal)
        options = Options(start=start, constraints=fit.constraints, progress=False, on=made_like(evaluator))
        for other in others:
            again, _ = maximise(model.with_draws(other), data, "trust-region" if fit.constraints else "bfgs", options)
            again.outcome.must_have_ended()
            if not again.outcome.near_maximum:
                raise InferenceError(f"With {other} the estimates are no maximum of the likelihood ({again.outcome}).")
            found.append(again)
    return SimulationNoise(
        fit.labels,
        sampling,
        others,
        fit.theta,
        np.sqrt(np.diag(covariance(fit))),
        np.array([again.theta for again in found]),
        fit.llf,
        np.array([again.llf for again in found]),
    )


def _named(sampling: Sampling) -> str:
    return f"{sampling.number:,} draws of seed {sampling.seed}"
