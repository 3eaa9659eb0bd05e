"""Kinds of covariance by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation.fit import Fit
from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.inference.covariance import BHHH, Classical, ClusterRobust, Covariance, Groups, Kind, Robust, Sources
from pycmtensor.inference.replicates import Replicates
from pycmtensor.inference.resampling import Bootstrap, Jackknife

__all__ = ["COVARIANCES", "covariance", "group_numbers", "kind_of"]

Array = NDArray[np.floating]

#: Name -> class; those that are `grouped` take ``groups``.
COVARIANCES: dict[str, type[Covariance]] = {
    "classical": Classical,
    "robust": Robust,
    "bhhh": BHHH,
    "cluster": ClusterRobust,
    "bootstrap": Bootstrap,
    "jackknife": Jackknife,
}


def kind_of(kind: Kind, groups: Any = None) -> Covariance:
    """The covariance of a name, or the one with settings that is given.

    Args:
        kind: A name of ``COVARIANCES``, or any `Covariance`.
        groups: For the names of grouped kinds: a column of the data, or one label per individual.

    Raises:
        PyCMTensorError: There is no such kind, it lacks groups, or takes none.
    """
    known = COVARIANCES.get(kind) if isinstance(kind, str) else None
    if known is None and not isinstance(kind, Covariance):
        raise PyCMTensorError(f"kind must be one of {', '.join(COVARIANCES)}; found {kind!r}.")
    if groups is not None and (known is None or not known.grouped):
        raise PyCMTensorError(f"groups go with the kinds {grouped_kinds()}, found kind={kind!r}.")
    if known is ClusterRobust and groups is None:
        raise PyCMTensorError(
            "groups belong to kind='cluster', found kind='cluster' without groups. Write kind='cluster', "
            "groups='column', or kind=ClusterRobust('column')."
        )
    if isinstance(kind, Covariance):
        return kind
    made: Callable[..., Covariance] = COVARIANCES[kind]
    return made() if groups is None else made(groups=groups)


def grouped_kinds() -> str:
    """Names of the kinds that take groups, for messages."""
    return ", ".join(name for name, kind in COVARIANCES.items() if kind.grouped)


def covariance(fit: Fit, kind: Kind = "classical", groups: Any = None) -> Array:
    """Covariance of the estimates (K, K), from the fit alone; see `Covariance.of`.

    Args:
        fit: The estimates.
        kind: A kind that needs no new estimates.
        groups: For "cluster": a label per individual, (N,).

    Returns:
        The covariance (K, K).

    Raises:
        PyCMTensorError: As `kind_of`; or the kind needs more than the fit.

    Examples:
        >>> covariance(results.fit, "robust").shape
        (5, 5)
    """

    def more(what: Any) -> Replicates:
        raise PyCMTensorError(f"The {what} needs the model and the data. Use results.cov_params(kind={str(what)!r}).")

    return kind_of(kind, groups).of(Sources(fit, lambda labels: group_numbers(labels, len(fit.weights)), more))


def group_numbers(groups: Any, N: int) -> Groups:
    """Number of each individual's group, from 0, (N,).

    Args:
        groups: One label per individual; None when each individual is a group.
        N: Individuals.

    Raises:
        PyCMTensorError: There is not one label for each individual.
    """
    if groups is None:
        return np.arange(N)
    labels = np.asarray(groups)
    missing = np.flatnonzero([label is None or label != label for label in labels.ravel().tolist()])  # NaN != NaN
    if len(missing):
        raise PyCMTensorError(
            f"groups has no label for {len(missing):,} individual(s), the first at position {missing[0]}. Give each "
            "one a label."
        )
    if labels.shape != (N,):
        raise PyCMTensorError(
            f"groups must name a column or hold one label for each of the {N:,} individuals, found an array of shape "
            f"{labels.shape}."
        )
    return np.unique(labels, return_inverse=True)[1]
