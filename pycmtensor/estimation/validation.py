"""The individuals that a stochastic method sets aside to validate with."""

from __future__ import annotations

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.estimation.stochastic import Stochastic
from pycmtensor.exceptions import OptimizerError
from pycmtensor.models import Model

__all__ = ["set_aside"]


def set_aside(model: Model, data: Dataset, method: str | Stochastic) -> tuple[Dataset, Dataset | None]:
    """The data to estimate with, and those to validate with.

    Raises:
        DatasetError: The validation data do not fit the model.
        OptimizerError: A share of individuals leaves nobody on one side.
    """
    share = method.validation if isinstance(method, Stochastic) else None
    if share is None or not isinstance(method, Stochastic):
        return data, None
    if isinstance(share, Dataset):
        model.check(share)
        return data, share
    order = np.random.default_rng(method.seed).permutation(data.n_individuals)
    aside = round(share * data.n_individuals)
    if not 0 < aside < data.n_individuals:
        raise OptimizerError(
            f"validation={share:g} sets {aside} of {data.n_individuals} individuals aside; some must be left on both "
            "sides."
        )
    return data.take(np.sort(order[aside:])), data.take(np.sort(order[:aside]))
