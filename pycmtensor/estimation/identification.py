"""Whether the likelihood has one maximum: directions in which it does not bend are tried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Differentiable
from pycmtensor.estimation.curvature import bends, left_free
from pycmtensor.estimation.fit import Ending, Optimum, Outcome
from pycmtensor.estimation.quadratic import Bounds
from pycmtensor.exceptions import IdentificationError

__all__ = ["Verdict", "check_maximum", "combination", "flat_directions", "sparse", "verdict"]

Array = NDArray[np.floating]

#: A direction is a candidate when the likelihood bends less than this along it, relative to single parameters.
FLAT = 1e-7

#: A change of the log-likelihood that counts as none; the steps that are tried out would change it by 1.
NOTHING = 1e-3


class Verdict(Enum):
    """What a step in a direction and a step back say of it."""

    IDENTIFIED = "falls on both sides as the curvature says"
    UNIDENTIFIED = "stays the same on both sides, or is flat at this point only"
    SEPARATED = "falls on one side and rises without end on the other"


def flat_directions(information: Array, scale: Array) -> Array:
    """Directions (D, K) along which the log-likelihood hardly bends at the estimates.

    Args:
        information: Minus the Hessian of the log-likelihood at the estimates, (K, K).
        scale: `bends` of the parameters where the likelihood is known to bend, (K,).

    Returns:
        Directions in the units of the parameters, the largest element of each 1, with few elements other than 0.
    """
    w, Q = np.linalg.eigh(information / np.outer(scale, scale))
    directions = sparse(Q[:, np.abs(w) <= FLAT * len(w)].T) / scale
    return directions / np.take_along_axis(directions, np.abs(directions).argmax(axis=1, keepdims=True), axis=1)


def verdict(engine: Differentiable, best: Optimum, direction: Array, scale: Array) -> tuple[Verdict, float]:
    """Try a direction out, and say to which side (1 or -1) the log-likelihood does not fall.

    The step is as long as it takes to lose 1 of log-likelihood if the curvature holds; where rounding is all there is
    of a curvature, it is ten million conditional standard errors long.
    """
    noise = 1e-14 * float(((scale * direction) ** 2).sum())
    step = np.sqrt(2 / max(float(-direction @ best.at.hessian @ direction), noise)) * direction
    ahead, back = (best.at.value - engine.value(best.theta + side * step) for side in (1, -1))
    falls = [not change < NOTHING for change in (ahead, back)]  # what is not finite has fallen
    if all(falls):
        as_said = 0.05 < ahead < 20 and 0.05 < back < 20
        return (Verdict.IDENTIFIED if as_said else Verdict.UNIDENTIFIED), 1.0
    return (Verdict.SEPARATED if any(falls) else Verdict.UNIDENTIFIED), -1.0 if falls[0] else 1.0


def check_maximum(
    best: Optimum,
    engine: Differentiable,
    bounds: Bounds,
    where: Callable[[NDArray[np.bool_]], str] = lambda individuals: "",
) -> Outcome:
    """The outcome of a method near a maximum, after a look at the directions in which the likelihood is flat.

    Args:
        best: Where the method ended.
        engine: The log-likelihood.
        bounds: Lower and upper bounds, each (K,).
        where: Says of some individuals (N,) who they are, to go on in the message about separation.

    Raises:
        IdentificationError: Some are flat because the data say nothing about them; names the parameters.
    """
    Z = _left(best)
    if not Z.shape[1]:
        return best.outcome
    usual, labels = _usual_hessians(best, engine, bounds), engine.labels
    scale, scale_Z = (np.max([bends(H) for H in Hs], axis=0) for Hs in (usual, [Z.T @ H @ Z for H in usual]))
    unidentified, rising = [], []
    for flat in flat_directions(-Z.T @ best.at.hessian @ Z, scale_Z):
        direction = Z @ flat / np.abs(Z @ flat).max()
        found, side = verdict(engine, best, direction, scale)
        if found is Verdict.UNIDENTIFIED:
            unidentified.append(combination(direction, labels))
        if found is Verdict.SEPARATED:
            rising.append(side * direction)
    if unidentified:
        raise IdentificationError(
            "The data do not identify the model. The log-likelihood stays the same along:\n"
            + "\n".join(f"  {combination}" for combination in unidentified)
            + "\nFix one parameter of each line at a value (status=1) or take it out, for example the constant of one "
            "alternative, or a variable that is the same in all utilities."
        )
    if rising:
        return Outcome(
            Ending.SEPARATION,
            f"there is no maximum: the log-likelihood rises without end along "
            f"{'; '.join(combination(direction, labels) for direction in rising)}. Some choices are predicted "
            f"perfectly (separation){where(_separated(engine, best, rising))}.",
            "Take out the variable or constant that predicts them, merge alternatives, or set bounds.",
            near_maximum=False,
        )
    return best.outcome


def _left(best: Optimum) -> Array:
    """Directions (K, D) that bounds and binding constraints leave."""
    unit = np.eye(len(best.theta))
    if best.binding is None:
        return unit[:, ~best.at_bound]
    return left_free(np.concatenate([best.binding, unit[best.at_bound]]))


def _usual_hessians(best: Optimum, engine: Differentiable, bounds: Bounds) -> list[Array]:
    """The Hessians at the start values and at 0, or at the bound nearest to it."""
    found = [best.start_hessian] if best.start_hessian is not None else []
    at_zero = np.clip(np.zeros_like(best.theta), *bounds)
    if not found or best.start is None or not np.array_equal(at_zero, best.start):
        found.append(engine.second_order(at_zero).hessian)
    return [H for H in found if np.isfinite(H).all()] or [best.at.hessian]


def _separated(engine: Differentiable, best: Optimum, rising: list[Array]) -> NDArray[np.bool_]:
    """Individuals (N,) whose choice becomes ever more likely along a direction, seen from the start."""
    scores = engine.first_order(np.zeros_like(best.theta) if best.start is None else best.start).scores
    gains = scores @ np.transpose(rising)
    return np.any(gains > 1e-6 * np.abs(gains).max(), axis=1)


def sparse(basis: Array) -> Array:
    """Another basis of the same space, (D, K), whose vectors have few elements: reduced row echelon form."""
    rows = basis.copy()
    for i in range(len(rows)):
        row, column = np.unravel_index(np.argmax(np.abs(rows[i:])), rows[i:].shape)
        rows[[i, i + int(row)]] = rows[[i + int(row), i]]
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, column], rows[i])
    return np.where(np.abs(rows) < 1e-6, 0.0, rows)


def combination(direction: Array, labels: Sequence[str]) -> str:
    """A direction (K,) in words, such as 'asc_car + 2 b_time'."""
    terms = [(value, label) for value, label in zip(direction, labels, strict=True) if abs(value) > 1e-6]
    if len(terms) == 1:
        return f"{'' if terms[0][0] > 0 else '-'}{terms[0][1]}"
    text = " ".join(f"{'+' if value > 0 else '-'} {_factor(abs(value))}{label}" for value, label in terms)
    return text.removeprefix("+ ")


def _factor(value: float) -> str:
    return "" if abs(value - 1) < 1e-6 else f"{value:.4g} "
