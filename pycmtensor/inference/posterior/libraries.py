"""The library arviz, imported when something needs it, in whatever version there is."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.exceptions import PyCMTensorError

__all__ = ["arviz", "arviz_data", "by_number"]


def arviz() -> Any:
    """The library.

    Raises:
        PyCMTensorError: It is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells once a day of its next version
            import arviz
    except ImportError:
        raise PyCMTensorError(
            "Diagnostics of posteriors need the library arviz. Install it with: pip install arviz"
        ) from None
    return arviz


def arviz_data(groups: Mapping[str, Mapping[str, NDArray[Any]]], dims: Mapping[str, list[str]], coords: Any) -> Any:
    """Groups of arrays, each with the axes (chain, draw) first but observed data, as arviz holds them."""
    az = arviz()
    options = {"dims": dict(dims), "coords": dict(coords)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of more chains than draws, which is told elsewhere
        if int(az.__version__.split(".")[0]) >= 1:
            return az.from_dict({name: dict(group) for name, group in groups.items()}, **options)
        return az.from_dict(**{name: dict(group) for name, group in groups.items()}, **options)


def by_number(what: str, draws: NDArray[np.floating], **options: Any) -> NDArray[np.floating]:
    """A diagnostic of arviz, such as "ess" or "rhat", of each of K numbers with draws (C, S, K)."""
    az = arviz()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        dataset = az.convert_to_dataset({"x": draws})
        return np.atleast_1d(np.asarray(getattr(az, what)(dataset, **options)["x"].values, float))
