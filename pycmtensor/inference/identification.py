"""Reports on identification, before and after an estimation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.pooled import PooledDataset
from pycmtensor.engine import evaluator_of
from pycmtensor.estimation import Fit
from pycmtensor.estimation.curvature import bends, left_free
from pycmtensor.estimation.identification import combination, sparse
from pycmtensor.exceptions import ModelError, checked
from pycmtensor.expressions import bounds_of
from pycmtensor.models import ChoiceModel, Model
from pycmtensor.report.answer import Answer, Part

__all__ = ["Identification", "identification", "of_fit"]

Array = NDArray[np.floating]

#: A direction counts as flat when scores change along it this much less than along single parameters.
FLAT = 1e-9

#: A direction counts as weak when the information along it is this small next to that of single parameters.
WEAK = 1e-3

#: A parameter is suspicious when its size is this many powers of ten away from 1.
POWERS = 2


@dataclass(frozen=True)
class Identification(Answer):
    """Rank, flat and weak directions, and the sizes of the parameters.

    Attributes:
        labels: Names of the K parameters.
        rank: How many directions the data identify.
        flat: Combinations of parameters that the data say nothing about.
        weak: Combinations that the data say little about, each with the information along it, relative to that of its
            parameters alone: 1 for a parameter that goes with no other, 0 for a flat direction.
        sizes: By parameter, by how much it must change to change the utilities of a choice by about 1.

    Examples:
        >>> results.identification().identified
        True
    """

    labels: tuple[str, ...]
    rank: int
    flat: tuple[str, ...]
    weak: dict[str, float]
    sizes: dict[str, float]

    @property
    def identified(self) -> bool:
        """Whether the data identify all parameters."""
        return self.rank == len(self.labels)

    @property
    def factors(self) -> dict[str, float]:
        """By parameter whose size is far from 1, the power of ten to divide its columns by."""
        powers = {label: -round(float(np.log10(size))) for label, size in self.sizes.items() if np.isfinite(size)}
        return {label: 10.0**power for label, power in powers.items() if abs(power) >= POWERS}

    def _shown(self) -> list[Part]:
        lines = [f"Rank {self.rank} of {len(self.labels)} parameters"]
        if self.flat:
            lines += ["The data say nothing about", *(f"  {combination}" for combination in self.flat)]
            lines += ["Fix one parameter of each line (status=1), or take it out."]
        if self.weak:
            lines += ["The data say little about", *(f"  {text}: {share:.1e}" for text, share in self.weak.items())]
        for label, factor in self.factors.items():
            size = f"{self.sizes[label]:.1g}"
            lines += [f"A change of {label} by {size} moves utilities by about 1: divide its columns by {factor:g}"]
        return ["\n".join(lines)]


@checked(ModelError)
def identification(model: Model, data: Dataset | None = None) -> Identification:
    """Report on identification of a model's parameters, before any estimation.

    The scores of all individuals at the parameters' values, and at values around them, are the Jacobian of the model;
    directions in which no score changes are not identified.

    Args:
        model: The model.
        data: The data; None for the model's own.

    Returns:
        The report; print it.

    Raises:
        DatasetError: ``data`` does not fit the model.

    References:
        Rothenberg (1971), doi:10.2307/1913267.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> b, car, bus = cmt.Beta("b"), cmt.Beta("asc_car"), cmt.Beta("asc_bus")
        >>> print(cmt.identification(cmt.MNL(ds, {"car": car + b * ds["t_car"], "bus": bus + b * ds["t_bus"]})))
        Rank 2 of 3 parameters
        The data say nothing about
          asc_car + asc_bus
        Fix one parameter of each line (status=1), or take it out.
    """
    data = model.dataset if data is None else data
    model.check(data)
    data = data.counted()
    evaluator = evaluator_of(model, data)
    start = np.concatenate([parameter.get_value().ravel() for parameter in model.free]).astype(float)
    sizes = np.sqrt(data.n_individuals) / bends(evaluator.first_order(start).outer_product)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(start))
    elsewhere = np.clip(start + 0.1 * sizes * signs, *bounds_of(model.free))
    J = np.concatenate([evaluator.first_order(theta).scores for theta in (start, elsewhere)])
    J = J[np.isfinite(J).all(axis=1)]
    norms = np.linalg.norm(J, axis=0)
    rounding = norms <= 1e-12 * _sizes_of_columns(model, data)  # differences of equal numbers
    J, norms = np.where(rounding, 0.0, J), np.where(rounding | (norms == 0), 1.0, norms)
    _, w, rows = np.linalg.svd(np.linalg.qr(J / norms, mode="r"))
    rank = int((w > FLAT * max(1.0, w[0])).sum())
    return Identification(
        evaluator.labels,
        rank,
        tuple(combination(direction, evaluator.labels) for direction in _directions(rows[rank:], norms)),
        _weak(rows[:rank], w[:rank] ** 2, norms, evaluator.labels),
        dict(zip(evaluator.labels, np.where(rounding, np.inf, sizes).tolist(), strict=True)),
    )


def _sizes_of_columns(model: Model, data: Dataset) -> Array:
    """The norm of what multiplies each parameter in utilities and structure, (K,), as random signs see it."""
    if isinstance(data, PooledDataset):
        parts = [_sizes_of_columns(part, data.parts[name]) for name, part in model.summands.items()]
        return np.sqrt(np.sum(np.square(parts), axis=0))
    shape, rng = data.array(data.chosen).shape, np.random.default_rng(0)
    of_all = isinstance(model, ChoiceModel) and model.utility is not None
    signs = rng.choice([-1.0, 1.0], (data.n_alternatives, *shape) if of_all else shape)
    free, squares = [parameter() for parameter in model.free], np.zeros(len(model.labels))
    for expression in model.at_one_draw(model.expressions(), data):
        slopes = pytensor.grad(pt.sum(expression * signs), free, disconnected_inputs="ignore")
        squares = squares + np.concatenate([data.evaluate(slope).ravel() for slope in slopes]) ** 2
    return np.sqrt(squares)


def of_fit(fit: Fit) -> Identification:
    """Report on identification from the information matrix at the estimates.

    Estimates at a bound and binding constraints leave the directions along them; only these count. Weights of networks
    without second derivatives are taken as known.
    """
    own = np.flatnonzero(~fit.conditional)
    labels, hessian = tuple(fit.labels[k] for k in own), fit.hessian[np.ix_(own, own)]
    unit = np.eye(len(own))
    Z = left_free(np.concatenate([fit.binding[:, own], unit[fit.at_bound[own]]]))
    scale = bends(hessian)
    information = -hessian / np.outer(scale, scale)
    left = np.linalg.qr(Z * scale[:, None])[0] if Z.shape[1] else Z
    w, Q = np.linalg.eigh(left.T @ information @ left)
    rows, known = (left @ Q).T[::-1], w[::-1]
    rank = int((known > FLAT).sum())
    return Identification(
        labels,
        rank + len(own) - Z.shape[1],
        tuple(combination(direction, labels) for direction in _directions(rows[rank:], scale)),
        _weak(rows[:rank], known[:rank], scale, labels),
        dict(zip(labels, (np.sqrt(len(fit.weights)) / scale).tolist(), strict=True)),
    )


def _directions(rows: Array, scale: Array) -> Array:
    """Directions (D, K) in the units of the parameters, the largest element of each 1, with few elements."""
    directions = sparse(rows) / scale
    return directions / np.abs(directions).max(axis=1, keepdims=True, initial=0)


def _weak(rows: Array, known: Array, scale: Array, labels: tuple[str, ...]) -> dict[str, float]:
    """Combinations with little information along them, the least first."""
    found = [(row, float(share)) for row, share in zip(rows, known, strict=True) if share < WEAK]
    return {combination(_directions(row[None], scale)[0], labels): share for row, share in reversed(found)}
