"""What a person at a terminal sees of a running estimation; silent everywhere else."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pycmtensor.estimation.fit import Epoch, Iterate

__all__ = ["EpochBar", "IterationLines"]


def _shown(show: bool | None) -> bool:
    return sys.stderr.isatty() if show is None else show


class IterationLines:
    """One line per iteration on standard error.

    Args:
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, show: bool | None = None) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True) if _shown(show) else None

    def __call__(self, iterate: Iterate) -> None:
        """Write the line of one iterate."""
        if self._console is None:
            return
        if iterate.iteration == 0:
            self._console.print(f"{'iteration':>9} {'log-likelihood':>18} {'gradient':>10} {'std errs to go':>15}")
        self._console.print(
            f"{iterate.iteration:>9} {iterate.llf:>18.6f} {iterate.gradient:>10.2e} {iterate.distance:>15.2e}"
        )


class EpochBar:
    """A bar with the epoch, the log-likelihood and the gradient of the whole sample, and the time left.

    Args:
        epochs: Epochs of the whole run.
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, epochs: int, show: bool | None = None) -> None:
        self._progress = Progress(
            TextColumn("epoch {task.completed:.0f} of {task.total:.0f}"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not _shown(show),
        )
        self._task = self._progress.add_task("", total=epochs)

    def show(self, epoch: int, last: Epoch) -> None:
        """Move the bar to an epoch and show what was last seen of the whole sample."""
        seen = f"log-likelihood {last.llf:.3f}  gradient {last.gradient:.1e}"
        self._progress.update(self._task, completed=epoch, description=seen)

    def __enter__(self) -> EpochBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
