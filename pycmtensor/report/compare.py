"""Several results side by side, as papers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pycmtensor.report.summary import Summary

__all__ = ["compared"]

#: p values below which an estimate gets one star more.
STARS = (0.1, 0.05, 0.01)


class Column(Protocol):
    """What a column of the table tells; `pycmtensor.Results` is one."""

    @property
    def llf(self) -> float:
        """As in `pycmtensor.Results`."""

    @property
    def llnull(self) -> float:
        """As in `pycmtensor.Results`."""

    @property
    def rho2_adjusted(self) -> float:
        """As in `pycmtensor.Results`."""

    @property
    def aic(self) -> float:
        """As in `pycmtensor.Results`."""

    @property
    def bic(self) -> float:
        """As in `pycmtensor.Results`."""

    @property
    def nobs(self) -> int:
        """As in `pycmtensor.Results`."""


def compared(
    columns: Mapping[str, Column],
    estimates: Sequence[Mapping[str, tuple[float, float, float]]],
    n_parameters: Sequence[int],
    errors: str,
) -> Summary:
    """One column for each of several results: estimates with stars, standard errors, and how they fit.

    Args:
        columns: Name -> results.
        estimates: By column: name of a parameter -> estimate, standard error and p value; NaN where there is none.
        n_parameters: By column: parameters that vary freely.
        errors: Kind of the standard errors.
    """
    names = list(dict.fromkeys(name for own in estimates for name in own))
    rows: list[tuple[str, ...]] = []
    for name in names:
        found = [own.get(name) for own in estimates]
        rows.append((name, *("" if f is None else f"{f[0]:.4f}{_stars(f[2])}" for f in found)))
        rows.append(("", *("" if f is None else f"({f[1]:.4f})" if np.isfinite(f[1]) else "(-)" for f in found)))
    facts = {
        "Choice situations": [f"{r.nobs:,}" for r in columns.values()],
        "Parameters": [f"{K:,}" for K in n_parameters],
        "LL(0)": [f"{r.llnull:.3f}" for r in columns.values()],
        "LL": [f"{r.llf:.3f}" for r in columns.values()],
        "Adjusted rho-squared": [f"{r.rho2_adjusted:.4f}" for r in columns.values()],
        "AIC": [f"{r.aic:.2f}" for r in columns.values()],
        "BIC": [f"{r.bic:.2f}" for r in columns.values()],
    }
    rows += [(label, *cells) for label, cells in facts.items()]
    levels = ", ".join(f"{'*' * (i + 1)} p < {level:g}" for i, level in enumerate(STARS))
    return Summary(
        "Comparison", (), (), ("", *columns), tuple(rows), (f"In brackets {errors} standard errors. {levels}.",)
    )


def _stars(pvalue: float) -> str:
    return "*" * sum(pvalue < level for level in STARS)
