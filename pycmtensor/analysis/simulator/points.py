"""Representative points: groups of alike choice situations, each with the means of its members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import InferenceError

__all__ = ["FEWEST", "Points", "grouped"]

Array = NDArray[np.floating]

#: Choice situations that a point stands for at least.
FEWEST = 5


@dataclass(frozen=True)
class Points:
    """Groups of choice situations.

    Attributes:
        group: The group of each choice situation, (S,).
        member: A choice situation of each group, whose draws the group has, (P,).
        weights: Sample weight of each choice situation, (S,).
    """

    group: NDArray[np.integer]
    member: NDArray[np.integer]
    weights: Array

    @property
    def totals(self) -> Array:
        """Weight of each point, (P,)."""
        return np.asarray(np.bincount(self.group, self.weights, len(self.member)), float)

    def means(self, values: Array) -> Array:
        """Weighted means of numbers of situations (..., S) over each group, (..., P)."""
        P, w = len(self.member), np.where(self.totals[self.group] > 0, self.weights, 1.0)
        flat = values.reshape(-1, values.shape[-1])
        sums = np.stack([np.bincount(self.group, w * row, P) for row in flat])
        return (sums / np.bincount(self.group, w, P)).reshape(*values.shape[:-1], len(self.member))

    def at_draws(self, values: Array) -> Array:
        """Numbers (..., S, R) of the points (..., P, R): means over members, and how one member's draws deviate."""
        means = values.mean(axis=-1)
        return self.means(means)[..., None] + (values - means[..., None])[..., self.member, :]


def grouped(features: Array, strata: NDArray[np.integer], weights: Array, most: int, seed: int = 0) -> Points:
    """Groups of alike choice situations by k-means within strata, none of less than `FEWEST` situations.

    Args:
        features: Numbers that are alike in a group, in units of utility, (S, F).
        strata: Number of the stratum of each situation, such as its availability, (S,).
        weights: Sample weights (S,).
        most: About how many groups.
        seed: Of the first means.

    Raises:
        InferenceError: A stratum has too few situations.

    References:
        Lloyd (1982), Least squares quantization in PCM, doi:10.1109/TIT.1982.1056489.
    """
    from scipy.cluster.vq import kmeans2

    group, found = np.empty(len(strata), dtype=int), 0
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        if len(own) < FEWEST:
            raise InferenceError(
                f"to_simulator: {len(own)} choice situations have a segment and an availability of their own, fewer "
                f"than the {FEWEST} that a point stands for. Leave the segment out, or give rows='all' to write every "
                "choice situation into the file."
            )
        different = len(np.unique(features[own].round(9), axis=0))
        k = max(1, min(round(most * len(own) / len(strata)), len(own) // FEWEST, different))
        centres, near = kmeans2(features[own], k, minit="++", seed=np.random.default_rng(seed), missing="warn")
        counts = np.bincount(near, minlength=k)
        if (counts < FEWEST).any():  # small groups join the nearest large one
            large = np.flatnonzero(counts >= FEWEST)
            if not len(large):
                near = np.zeros_like(near)
            else:
                distances = ((features[own][:, None] - centres[large]) ** 2).sum(axis=-1)
                near = np.where(counts[near] < FEWEST, large[distances.argmin(axis=1)], near)
        _, near = np.unique(near, return_inverse=True)
        group[own] = found + near
        found += near.max() + 1
    member = np.array([np.flatnonzero(group == g)[0] for g in range(found)])
    return Points(group, member, weights)
