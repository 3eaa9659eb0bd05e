"""Whether the likelihood has one maximum: what makes it flat where a method ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import Differentiable
from pycmtensor.estimation.curvature import bends, left_free
from pycmtensor.estimation.fit import Ending, Optimum, Outcome
from pycmtensor.estimation.quadratic import Bounds
from pycmtensor.estimation.separation import Separation, separation
from pycmtensor.exceptions import IdentificationError

__all__ = ["check_maximum", "combination", "flat_directions", "sparse"]

Array = NDArray[np.floating]

#: A direction is a candidate when the likelihood bends less than this along it, relative to single parameters.
FLAT = 1e-7

#: Square of the scores in a direction, relative to single parameters, that counts as 0.
NO_SCORE = 1e-13

#: Divisor in place of 0.
TINY = np.finfo(float).tiny

#: A change of the log-likelihood that counts as none.
NOTHING = 1e-3


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


def check_maximum(
    best: Optimum,
    objective: Differentiable,
    bounds: Bounds,
    where: Callable[[NDArray[np.bool_]], str] = lambda individuals: "",
) -> Outcome:
    """The outcome of a method, after a look at the directions in which the likelihood is flat where it ended.

    The likelihood stays the same along such a direction from everywhere (non-identification), or its rise has faded
    (separation), or it bends less than usual.

    Args:
        best: Where the method ended.
        objective: The log-likelihood.
        bounds: Lower and upper bounds, each (K,).
        where: Says of some individuals (N,) who they are, to go on in the message about separation.

    Raises:
        IdentificationError: Some are flat because the data say nothing about them; names the parameters.
    """
    Z = _left(best)
    scale, flat = _flat_at_the_end(best, objective, bounds, Z)
    if not len(flat):
        return best.outcome
    tried = [(theta, objective.first_order(theta)) for theta in _points(best, bounds)]
    points, firsts = zip(*((theta, first) for theta, first in tried if np.isfinite(first.value)), strict=True)
    sizes = np.array([np.diag(first.outer_product) for first in firsts])
    regular = int((sizes / np.maximum(sizes.max(axis=0), TINY)).sum(axis=1).argmax())  # not saturated
    alike = _alike_everywhere(Z, [first.outer_product for first in firsts])
    constant = [d for d in alike if _is_constant(objective, points[regular], d, scale)]
    _raise_unidentified(constant, objective.labels, "stays the same")
    binding = np.zeros((0, len(best.theta))) if best.binding is None else best.binding
    found = separation(objective, firsts[regular], points[regular], bounds, binding)
    if found is not None and all(_rises_from(objective, best, d, scale) for d in found.directions):
        return _separated(found, objective.labels, where)
    if best.outcome.near_maximum:
        flatter = [d for d in flat if not _bends_as_said(objective, best, d, scale)]
        _raise_unidentified(flatter, objective.labels, "hardly changes, as far as numbers of this precision can tell,")
    return best.outcome


def _flat_at_the_end(best: Optimum, objective: Differentiable, bounds: Bounds, Z: Array) -> tuple[Array, Array]:
    """Usual bends of the parameters (K,), and directions (D, K) in which the likelihood hardly bends at the end."""
    if not Z.shape[1] or not np.isfinite(best.at.hessian).all():
        return np.ones(len(best.theta)), np.zeros((0, len(best.theta)))
    usual = _usual_hessians(best, objective, bounds)
    scale, scale_Z = (np.max([bends(H) for H in Hs], axis=0) for Hs in (usual, [Z.T @ H @ Z for H in usual]))
    flat = flat_directions(-Z.T @ best.at.hessian @ Z, scale_Z) @ Z.T
    return scale, flat / np.abs(flat).max(axis=1, keepdims=True)


def _points(best: Optimum, bounds: Bounds) -> list[Array]:
    """Where first derivatives are compared: the start values, `_zero`, and the end."""
    start = [] if best.start is None else [best.start]
    return [*start, _zero(best, bounds), best.theta]


def _zero(best: Optimum, bounds: Bounds) -> Array:
    """0, and the start values of parameters whose bounds leave it out, at which a likelihood may bend without end."""
    lb, ub = bounds
    start = np.clip(np.zeros_like(best.theta), lb, ub) if best.start is None else best.start
    return np.where((lb <= 0) & (ub >= 0), 0.0, start)


def _alike_everywhere(Z: Array, outer_products: list[Array]) -> Array:
    """Directions (D, K) in which no score differs from 0 at any of several points; Rothenberg (1971), theorem 1."""
    size = np.max([np.sqrt(np.diag(Z.T @ B @ Z)) for B in outer_products], axis=0)
    size = np.where(size > 0, size, 1.0)
    w, Q = np.linalg.eigh(sum(Z.T @ B @ Z for B in outer_products) / np.outer(size, size))
    found = sparse(Q[:, w <= NO_SCORE * len(w)].T) / size @ Z.T
    return found / np.abs(found).max(axis=1, keepdims=True)


def _is_constant(objective: Differentiable, theta: Array, direction: Array, scale: Array) -> bool:
    """Whether steps of ten million conditional standard errors to both sides do not change the log-likelihood."""
    step = 1e7 / np.linalg.norm(scale * direction) * direction
    here = objective.value(theta)
    return all(abs(objective.value(theta + side * step) - here) < NOTHING for side in (1, -1))


def _bends_as_said(objective: Differentiable, best: Optimum, direction: Array, scale: Array) -> bool:
    """Whether the log-likelihood falls on both sides of a maximum about as the curvature says."""
    step = _step(best, direction, scale)
    return all(0.05 < best.at.value - objective.value(best.theta + side * step) < 20 for side in (1, -1))


def _rises_from(objective: Differentiable, best: Optimum, direction: Array, scale: Array) -> bool:
    """Whether the log-likelihood does not fall from the end along a direction."""
    return objective.value(best.theta + _step(best, direction, scale)) > best.at.value - NOTHING


def _step(best: Optimum, direction: Array, scale: Array) -> Array:
    """The step that would lose 1 of log-likelihood if the curvature holds; where rounding is all there is of it, one
    of ten million conditional standard errors.
    """
    noise = 1e-14 * float(((scale * direction) ** 2).sum())
    return np.sqrt(2 / max(float(-direction @ best.at.hessian @ direction), noise)) * direction


def _raise_unidentified(directions: Sequence[Array], labels: Sequence[str], changes: str) -> None:
    if len(directions):
        raise IdentificationError(
            f"The data do not identify the model. The log-likelihood {changes} along:\n"
            + "\n".join(f"  {combination(direction, labels)}" for direction in directions)
            + "\nFix one parameter of each line at a value (status=1) or take it out, for example the constant of one "
            "alternative, or a variable that is the same in all utilities."
        )


def _separated(found: Separation, labels: Sequence[str], where: Callable[[NDArray[np.bool_]], str]) -> Outcome:
    """The outcome where there is no maximum."""
    along = "; ".join(combination(d / np.abs(d).max(), labels) for d in found.directions)
    return Outcome(
        Ending.SEPARATION,
        f"there is no maximum: the log-likelihood rises without end along {along}. This decides the choices of "
        f"{found.individuals.sum():,} of {len(found.individuals):,} individuals "
        f"(separation){where(found.individuals)}.",
        "Take out the variable or constant that predicts them, merge alternatives, or set bounds.",
        near_maximum=False,
    )


def _left(best: Optimum) -> Array:
    """Directions (K, D) that bounds and binding constraints leave."""
    unit = np.eye(len(best.theta))
    if best.binding is None:
        return unit[:, ~best.at_bound]
    return left_free(np.concatenate([best.binding, unit[best.at_bound]]))


def _usual_hessians(best: Optimum, objective: Differentiable, bounds: Bounds) -> list[Array]:
    """The Hessians at the start values and at `_zero`."""
    found = [best.start_hessian] if best.start_hessian is not None else []
    at_zero = _zero(best, bounds)
    if not found or best.start is None or not np.array_equal(at_zero, best.start):
        found.append(objective.second_order(at_zero).hessian)
    return [H for H in found if np.isfinite(H).all()] or [best.at.hessian]


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
