"""What a person at a terminal sees of a running estimation; silent everywhere else."""

from __future__ import annotations

import sys

from rich.console import Console

from pycmtensor.estimation.trust_region import Iterate

__all__ = ["IterationLines"]


class IterationLines:
    """One line per iteration on standard error.

    Args:
        show: True, False, or None for "when standard error is a terminal".
    """

    def __init__(self, show: bool | None = None) -> None:
        self._show = sys.stderr.isatty() if show is None else show
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def __call__(self, iterate: Iterate) -> None:
        """Write the line of one iterate."""
        if not self._show:
            return
        if iterate.iteration == 0:
            self._console.print(f"{'iteration':>9} {'log-likelihood':>18} {'gradient':>10} {'std errs to go':>15}")
        self._console.print(
            f"{iterate.iteration:>9} {iterate.llf:>18.6f} {iterate.gradient:>10.2e} {iterate.distance:>15.2e}"
        )
