"""Estimates in ALOGIT's F12 format, which other software for choice models reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from pycmtensor.host.escaping import one_line

__all__ = ["to_f12"]

Array = NDArray[np.floating]


def to_f12(
    title: str,
    coefficients: Sequence[tuple[str, float, float, bool]],
    likelihoods: tuple[float, float, float],
    observations: int,
    correlations: Array,
) -> str:
    """The text of a file in fixed columns.

    Args:
        title: Of the model.
        coefficients: Name, value, standard error and whether it is held, of each.
        likelihoods: Log-likelihood with constants only, with equal shares, and of the model. NaN becomes 0.
        observations: Choice situations.
        correlations: Of the estimates (K, K); what is not known becomes 0.
    """
    now = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    lines = [f"{one_line(title)[:79]:>79}", f"{'From PyCMTensor':<56}{now:<21}", "END"]
    for name, value, std_err, held in coefficients:
        lines.append(f"   0 {one_line(name)[:10]:>10} {'FT'[held]}  {value:>+19.12e} {_known(std_err):>+19.12e}")
    lines.append("  -1")
    constants, equal, model = map(_known, likelihoods)
    lines.append(f"{observations:>8} {constants:>+18.11e} {equal:>+19.12e} {model:>+19.12e}")
    lines.append(f"{0:>4}{0:>4}{now:>21}")
    below = [f"{_thousandths(correlations[i, j]):7d}" for i in range(len(correlations)) for j in range(i)]
    lines += ["".join(below[first : first + 10]) for first in range(0, len(below), 10)]
    return "\n".join(lines) + "\n"


def _known(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def _thousandths(correlation: float) -> int:
    return int(100_000 * _known(correlation))
