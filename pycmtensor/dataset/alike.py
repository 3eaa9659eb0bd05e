"""Whether a model that was made with one data set can be used with another."""

from __future__ import annotations

from typing import Any

from pycmtensor.dataset.dataset import Dataset
from pycmtensor.exceptions import DatasetError

__all__ = ["check_alike"]


def check_alike(own: Dataset, data: Any) -> None:
    """Raise a `DatasetError` when a data set has other alternatives, or another form, than that of a model."""
    if not isinstance(data, Dataset):
        raise DatasetError(
            f"data must be a Dataset, found {type(data).__name__}. Make one with the model's choice and alternatives."
        )
    if tuple(data.alternatives) != tuple(own.alternatives):
        raise DatasetError(
            f"The model is for the alternatives {', '.join(own.alternatives)}, the data set has "
            f"{', '.join(data.alternatives)}. Make the Dataset with the model's alternatives, in that order."
        )
    if data.is_long != own.is_long:
        raise DatasetError(
            f"The model was made for {'long' if own.is_long else 'wide'} data, the data set is "
            f"{'long' if data.is_long else 'wide'}. Give both in the same format."
        )
    if data.is_panel != own.is_panel:
        raise DatasetError(
            f"The model was made for {'a panel' if own.is_panel else 'a cross-section'}, the data set is "
            f"{'a panel' if data.is_panel else 'a cross-section'}. Give both the same `individual`."
        )
    if data.n_alternatives != own.n_alternatives:
        raise DatasetError(
            f"The model was made for samples of {own.n_alternatives} alternatives, those of the data set "
            f"hold {data.n_alternatives}. Draw samples of the same size."
        )
