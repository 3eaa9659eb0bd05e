"""Which combinations of parameters the data cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import IdentificationError

__all__ = ["check_identification", "flat_directions"]

Array = NDArray[np.floating]

#: A direction counts as flat when the likelihood bends less than this along it, relative to single parameters.
FLAT = 1e-10


def flat_directions(information: Array) -> Array:
    """Directions in which the log-likelihood does not change.

    Args:
        information: Minus the Hessian of the log-likelihood, (K, K).

    Returns:
        Directions (D, K) in the units of the parameters, the largest element of each 1; D = 0 when all is identified.
    """
    bend = np.sqrt(np.abs(np.diag(information)))
    without = bend <= 1e-12 * bend.max(initial=0)
    scale = np.where(without, 1.0, 1 / np.where(without, 1.0, bend))
    scaled = information * np.outer(scale, scale)
    scaled[without] = scaled[:, without] = 0
    w, Q = np.linalg.eigh(scaled)
    directions = _sparse((Q[:, np.abs(w) <= FLAT * len(w)]).T) * scale
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=1, keepdims=True), axis=1)
    return directions / largest


def check_identification(information: Array, labels: Sequence[str]) -> None:
    """Raise an `IdentificationError` that names the parameters of every flat direction."""
    directions = flat_directions(information)
    if not len(directions):
        return
    raise IdentificationError(
        "The data do not identify the model. The log-likelihood stays the same along:\n"
        + "\n".join(f"  {_combination(direction, labels)}" for direction in directions)
        + "\nFix one parameter of each line at a value (status=1) or take it out, for example the constant of one "
        "alternative, or a variable that is the same in all utilities."
    )


def _sparse(basis: Array) -> Array:
    """Another basis of the same space, (D, K), whose vectors have few elements: reduced row echelon form."""
    rows = basis.copy()
    for i in range(len(rows)):
        pivot = np.unravel_index(np.abs(rows[i:]).argmax(), rows[i:].shape)
        rows[[i, i + pivot[0]]] = rows[[i + pivot[0], i]]
        rows[i] /= rows[i, pivot[1]]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, pivot[1]], rows[i])
    return np.where(np.abs(rows) < 1e-6, 0.0, rows)


def _combination(direction: Array, labels: Sequence[str]) -> str:
    terms = [(value, label) for value, label in zip(direction, labels, strict=True) if abs(value) > 1e-6]
    if len(terms) == 1:
        return f"{terms[0][1]} (no effect on any probability)"
    text = " ".join(f"{'+' if value > 0 else '-'} {_factor(abs(value))}{label}" for value, label in terms)
    return text.removeprefix("+ ")


def _factor(value: float) -> str:
    return "" if abs(value - 1) < 1e-6 else f"{value:.4g} "
