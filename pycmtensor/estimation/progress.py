"""Progress of a running estimation: at a terminal, and for those who listen to the logger; silent everywhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from pycmtensor.estimation.fit import Epoch, Iterate

__all__ = ["LOG", "CountBar", "EpochBar", "IterationLines", "PassBar"]

#: What long runs tell of themselves, by ``logging``: iterations, epochs, replicates, and how an estimation ended.
LOG = logging.getLogger("pycmtensor.estimation")


def _shown(show: bool | None) -> bool:
    return sys.stderr.isatty() if show is None else show


class IterationLines:
    """One line per iteration on standard error, and one record of the level INFO.

    Args:
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, show: bool | None = None) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True) if _shown(show) else None

    def __call__(self, iterate: Iterate) -> None:
        """Write the line of one iterate."""
        LOG.info(
            "iteration %d: log-likelihood %.6f, gradient %.2e, %.2e standard errors to go",
            *(iterate.iteration, iterate.llf, iterate.gradient, iterate.distance),
        )
        if self._console is None:
            return
        if iterate.iteration == 0:
            self._console.print(f"{'iteration':>9} {'log-likelihood':>18} {'gradient':>10} {'std errs to go':>15}")
        self._console.print(
            f"{iterate.iteration:>9} {iterate.llf:>18.6f} {iterate.gradient:>10.2e} {iterate.distance:>15.2e}"
        )


class _Bar:
    """A bar on standard error for as long as a ``with`` block lasts.

    Args:
        columns: What it shows, from left to right.
        total: How many steps there are.
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, columns: Sequence[ProgressColumn], total: int, show: bool | None) -> None:
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not _shown(show))
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class CountBar(_Bar):
    """A bar with how many of many equal things are done, and the time left.

    Args:
        what: The things.
        number: How many there are.
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, what: str, number: int, show: bool | None = None) -> None:
        self._what, self._number, self._done = what, number, 0
        text = TextColumn(f"{what} {{task.completed:.0f}} of {{task.total:.0f}}")
        super().__init__((text, BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn()), number, show)

    def advance(self, number: int) -> None:
        """Add to the number that is done."""
        self._done += number
        LOG.info("%s: %d of %d", self._what, self._done, self._number)
        self._progress.advance(self._task, number)

    def tell(self, what: str) -> None:
        """Show a word beside the bar."""
        self._progress.update(self._task, description=what)


class PassBar:
    """A line about the present pass over data in parts: which it is, and how many rows of all it has seen.

    Args:
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, show: bool | None = None) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True) if _shown(show) else None

    def __call__(self, number: int, rows: int, of: int) -> None:
        """Show that a pass, from 0, the preparation, has seen so many of all rows."""
        if self._console is None:
            return
        what = f"pass {number}" if number else "preparing"
        self._console.print(f"{what}: {rows:,} of {of:,} rows", end="\n" if rows == of else "\r")


class EpochBar(_Bar):
    """A bar with the epoch, the log-likelihood and the gradient of the whole sample, and the time left.

    Args:
        epochs: Epochs of the whole run.
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, epochs: int, show: bool | None = None) -> None:
        text = TextColumn("epoch {task.completed:.0f} of {task.total:.0f}")
        super().__init__((text, BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn()), epochs, show)

    def show(self, epoch: int, last: Epoch) -> None:
        """Move the bar to an epoch and show what was last seen of the whole sample."""
        seen = f"log-likelihood {last.llf:.3f}  gradient {last.gradient:.1e}"
        LOG.info("epoch %d: log-likelihood %.6f, gradient %.2e", epoch, last.llf, last.gradient)
        self._progress.update(self._task, completed=epoch, description=seen)
