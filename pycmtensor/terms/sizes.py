"""Sizes of alternatives that stand for many, such as zones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import ancestors

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Beta, Parameter

__all__ = ["check_sizes", "size"]


def size(of: Mapping[str, Variable], weights: Mapping[str, Parameter] | None = None) -> Variable:
    r"""Logarithm of the size of an alternative that stands for many, such as the jobs and shops of a zone.

    .. math:: \log S_j = \log\Big(x_{1j} + \sum_{k \ge 2} e^{\gamma_k} x_{kj}\Big)

    The weight of the first measure is 1: only ratios of weights and a constant of all alternatives could be told apart.
    With the coefficient 1 for log S, the zone is as attractive as its parts are together; ``mu * size(...)`` gives it
    one of its own.

    Args:
        of: Name of a measure -> its column, or an expression of columns. At least 0, and one of them greater than 0
            wherever the alternative is available, which is checked when a model is made or given other data.
        weights: Name of each measure but the first -> its :math:`\gamma_k`. None makes parameters "size_shops", ... of
            them, for one utility of all alternatives; several sizes share the same objects.

    Returns:
        The logarithm, with the axes of the columns.

    Raises:
        ModelError: ``of`` is no dict of columns, or the weights are not of its further measures. The model raises a
            `DatasetError` where a size is not positive.

    References:
        Ben-Akiva & Lerman (1985), Discrete Choice Analysis, section 9.2; Daly (1982), Estimating choice models
        containing attraction variables, doi:10.1016/0191-2615(82)90037-6.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"zone": [1, 2, 2], "jobs_1": [1.0] * 3, "jobs_2": [3.0] * 3})
        >>> ds = cmt.Dataset(frame, "zone", {"old": 1, "new": 2})
        >>> V = {"old": cmt.size({"jobs": ds["jobs_1"]}), "new": cmt.Beta("b") + cmt.size({"jobs": ds["jobs_2"]})}
        >>> round(float(cmt.estimate(cmt.MNL(ds, V)).params["b"]), 6)  # log(2 / 3): fewer go than there are jobs
        -0.405465
    """
    if not isinstance(of, Mapping) or not of or not all(isinstance(x, Variable) for x in of.values()):
        raise ModelError(f"size maps names of measures to columns, such as {{'jobs': ds['jobs']}}, found {of!r}.")
    first, *others = of
    gamma = {measure: Beta(f"size_{measure}") for measure in others} if weights is None else weights
    if set(gamma) != set(others):
        raise ModelError(
            f"size needs weights of {', '.join(others) or 'nothing'}, found {', '.join(gamma) or 'none'}. The weight "
            f"of '{first}' is 1."
        )
    total = of[first] + sum(pt.exp(gamma[measure]) * of[measure] for measure in others)
    there = total > 0
    log_size = pt.switch(there, pt.log(pt.switch(there, total, 1.0)), -np.inf)
    log_size.tag.size_of = tuple(of.items())
    return log_size


def check_sizes(utilities: Mapping[str, Variable], available: NDArray[np.bool_], data: Dataset) -> None:
    """Raise a `DatasetError` where a size is negative, or not positive though the alternative is available.

    Args:
        utilities: By what they are called.
        available: Availability of each, (J, T, N); with one utility for all, of all alternatives.
        data: The data.
    """
    for (name, utility), there in zip(utilities.items(), available if len(utilities) > 1 else [available], strict=True):
        for part in ancestors([utility]):
            if hasattr(part.tag, "size_of"):
                _check(name, dict(part.tag.size_of), there, data)


def _check(name: str, of: Mapping[str, Variable], available: NDArray[np.bool_], data: Dataset) -> None:
    measures = [data.evaluate(x)[..., 0] for x in of.values()]
    negative = np.any(np.stack(np.broadcast_arrays(*[x < 0 for x in measures])), axis=0)
    nothing = ~(sum(measures) > 0)
    for bad, what in ((negative, "negative"), (nothing, "0")):
        where = bad & available
        rows = data.rows_of(np.any(where.reshape(-1, *where.shape[-2:]), axis=0))
        if len(rows):
            raise DatasetError(
                f"The size of '{name}' from {', '.join(of)} is {what} where it is available ({rows_text(rows)}). A "
                "size is positive: correct the columns, or the availability."
            )
