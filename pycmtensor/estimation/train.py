"""Training: epochs of a stochastic method until one of its rules ends them, and the report of the best point."""

from __future__ import annotations

import numpy as np

from pycmtensor.engine import Evaluator
from pycmtensor.estimation.conditional import given_networks
from pycmtensor.estimation.curvature import NEAR, newton_distance
from pycmtensor.estimation.fit import Ending, Optimum, Outcome
from pycmtensor.estimation.iterations import Search
from pycmtensor.estimation.lock import only_user
from pycmtensor.estimation.progress import EpochBar
from pycmtensor.estimation.run import Run, relative_gradient
from pycmtensor.estimation.stochastic import Stochastic
from pycmtensor.exceptions import OptimizerError
from pycmtensor.expressions import networks_in
from pycmtensor.host.interruption import stop_if_asked

__all__ = ["check_start", "reported", "train"]


def train(
    evaluator: Evaluator,
    search: Search,
    method: Stochastic,
    validation: Evaluator | None = None,
    progress: bool | None = None,
) -> Optimum:
    """Run the epochs and report the best point.

    A report is converged when the gradient of the whole sample vanished there and the likelihood bends down in all
    directions; a small step is not taken for a small gradient.

    Raises:
        OptimizerError: The batch is larger than the data, there is nothing to penalise, or the log-likelihood is not
            finite at the start.
        CheckpointError: The checkpoint is damaged, belongs to another run, or another run uses it now.
        FileError: It cannot be written, which is found before the first epoch.
    """
    ending = Ending.STOPPED
    with only_user(method.checkpoint):
        run = Run(evaluator, search, method, validation)
        check_start(run)
        with EpochBar(method.epochs, progress) as bar:
            try:
                while not run.why_stop():
                    stop_if_asked()
                    run.advance()
                    bar.show(run.epoch, run.path[-1])
                why = run.why_stop()
            except KeyboardInterrupt:
                why, ending = f"interrupted after epoch {run.epoch}.", Ending.INTERRUPTED
    if run.path[-1].epoch != run.epoch:
        run.evaluate()
    run.training.release()  # its copy of the data makes room for the derivatives
    return reported(run, why, ending)


def check_start(run: Run) -> None:
    """Raise an `OptimizerError` when the log-likelihood is not finite where a run begins."""
    if not np.isfinite(run.best.llf):
        raise OptimizerError("The log-likelihood is not finite at the start values. Choose values nearer to 0.")


def reported(run: Run, why: str, ending: Ending) -> Optimum:
    """The best point of a run that ended, and what it is worth."""
    evaluator, theta = run.evaluator, run.best_theta
    best = "best in validation" if run.validation else "the best seen"
    if networks_in(evaluator.labels):
        why = f"{why} Reported is epoch {run.best.epoch}, {best}, which is no maximum of the likelihood."
        return given_networks(run, Outcome(ending, why))
    at = evaluator.second_order(theta)
    held = run.held(theta, at.gradient)
    distance = newton_distance(at.gradient[~held], -at.hessian[np.ix_(~held, ~held)])
    near = distance <= NEAR
    small = relative_gradient(np.where(held, 0, at.gradient), theta, at.value) <= run.method.tolerance
    if near and small:
        outcome = Outcome(Ending.MAXIMUM, f"the gradient of the whole sample vanished at epoch {run.best.epoch}.")
    else:
        away = f"about {distance:.2g} standard errors away" if np.isfinite(distance) else "not near"
        outcome = Outcome(
            ending,
            f"{why} Reported is epoch {run.best.epoch}, {best}; a maximum of the likelihood is {away}.",
            ("" if near else "Standard errors would mean nothing here and are left out. ")
            + "For maximum likelihood use polish=True, or estimate(model, start=results).",
            near_maximum=near,
        )
    return Optimum(theta, at, held, outcome, run.path)
