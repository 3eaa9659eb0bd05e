"""Whether the likelihood has a maximum: which combinations of parameters it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation.curvature import bends
from pycmtensor.estimation.fit import Optimum, Outcome
from pycmtensor.exceptions import IdentificationError

__all__ = ["FlatDirections", "check_maximum", "flat_directions"]

Array = NDArray[np.floating]

#: A direction is flat when the likelihood bends less than this along it, relative to single parameters at the start.
#: Larger than the rounding of a Hessian summed over many rows.
FLAT = 1e-10

#: A direction that is flat at the end was not so at the start when it bent more than this there.
BENT = 1e-6


@dataclass(frozen=True)
class FlatDirections:
    """Directions (D, K) in the units of the parameters, the largest element of each 1, along which nothing bends.

    Attributes:
        unidentified: Flat from the start: the data cannot tell the parameters apart.
        separated: Flattened out on the way: the likelihood rises without end, and there is no maximum.
    """

    unidentified: Array
    separated: Array


def flat_directions(information: Array, at_start: Array | None = None) -> FlatDirections:
    """Directions in which the log-likelihood does not bend at the estimates.

    Args:
        information: Minus the Hessian of the log-likelihood at the estimates, (K, K).
        at_start: The same at the start values; None when not known, and then no direction counts as separated.
    """
    at_start = information if at_start is None else at_start
    scale = np.where(np.diag(at_start) == 0, bends(information), bends(at_start))
    w, Q = np.linalg.eigh(information / np.outer(scale, scale))
    directions = _sparse(Q[:, np.abs(w) <= FLAT * len(w)].T)
    unit = at_start / np.outer(scale, scale)
    bent = np.einsum("dk,kl,dl->d", directions, unit, directions) > BENT * (directions**2).sum(axis=1)
    directions = directions / scale
    directions /= np.take_along_axis(directions, np.abs(directions).argmax(axis=1, keepdims=True), axis=1)
    return FlatDirections(directions[~bent], directions[bent])


def check_maximum(best: Optimum, labels: Sequence[str]) -> Outcome:
    """The outcome of a converged method after a look at the directions in which the likelihood is flat.

    Raises:
        IdentificationError: Some are flat because the data say nothing about them; names the parameters.
    """
    inside = np.flatnonzero(~best.at_bound)
    if not len(inside):
        return best.outcome
    block = np.ix_(inside, inside)
    start = None if best.start_hessian is None else -best.start_hessian[block]
    flat = flat_directions(-best.at.hessian[block], start)
    names = [label for label, held in zip(labels, best.at_bound, strict=True) if not held]
    if len(flat.unidentified):
        raise IdentificationError(
            "The data do not identify the model. The log-likelihood stays the same along:\n"
            + "\n".join(f"  {_combination(direction, names)}" for direction in flat.unidentified)
            + "\nFix one parameter of each line at a value (status=1) or take it out, for example the constant of one "
            "alternative, or a variable that is the same in all utilities."
        )
    if len(flat.separated):
        rising = [d * (1 if d @ best.theta[inside] >= 0 else -1) for d in flat.separated]
        return Outcome(
            False,
            "there is no maximum: the log-likelihood rises without end along "
            + "; ".join(_combination(direction, names) for direction in rising)
            + ". Some choices are predicted perfectly (separation).",
            "Take out the variable or constant that predicts them, merge alternatives, or set bounds.",
            near_maximum=False,
        )
    return best.outcome


def _sparse(basis: Array) -> Array:
    """Another basis of the same space, (D, K), whose vectors have few elements: reduced row echelon form."""
    rows = basis.copy()
    for i in range(len(rows)):
        pivot = np.unravel_index(np.abs(rows[i:]).argmax(), rows[i:].shape)
        rows[[i, i + int(pivot[0])]] = rows[[i + int(pivot[0]), i]]
        rows[i] /= rows[i, pivot[1]]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, pivot[1]], rows[i])
    return np.where(np.abs(rows) < 1e-6, 0.0, rows)


def _combination(direction: Array, labels: Sequence[str]) -> str:
    terms = [(value, label) for value, label in zip(direction, labels, strict=True) if abs(value) > 1e-6]
    if len(terms) == 1:
        return f"{'' if terms[0][0] > 0 else '-'}{terms[0][1]}"
    text = " ".join(f"{'+' if value > 0 else '-'} {_factor(abs(value))}{label}" for value, label in terms)
    return text.removeprefix("+ ")


def _factor(value: float) -> str:
    return "" if abs(value - 1) < 1e-6 else f"{value:.4g} "
