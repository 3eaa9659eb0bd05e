"""Rows of the data that a message about an estimation names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.dataset.pooled import PooledDataset
from pycmtensor.models import ChoiceModel, Model

__all__ = ["rows_not_finite", "rows_separated"]


def rows_not_finite(model: Model, data: Dataset) -> str:
    """Alternatives whose utilities are not finite at the parameters' own values, in a sentence."""
    if data is not model.dataset or not isinstance(model, ChoiceModel):
        return ""
    chosen = data.array(data.chosen)
    utilities = model.at_one_draw(list(model.named_utilities.values()), data)
    for name, utility in zip(model.named_utilities, utilities, strict=True):
        values, _ = np.broadcast_arrays(data.evaluate(utility), chosen)
        bad = ~np.isfinite(values).reshape(-1, *chosen.shape[:2])
        rows = data.rows_of(bad.any(axis=0))
        if len(rows):
            return (
                f" The utility of '{name}' is not finite in {rows_text(rows)}. Where the alternative is unavailable, "
                "write for example pt.log(pt.switch(available, x, 1))."
            )
    return ""


def rows_separated(data: Dataset, individuals: NDArray[np.bool_]) -> str:
    """The rows of individuals (N,) whose choices are separated, to go on in a sentence."""
    if isinstance(data, PooledDataset):
        own = data.by_part(individuals)
        texts = [f"{rows_separated(part, own[name])} of {name}" for name, part in data.parts.items() if own[name].any()]
        return "".join(texts)
    present = data.array(data.observed)[..., 0] != 0
    rows = f", those in {rows_text(data.rows_of(present & individuals))}"
    if not data.choices_known:
        return rows
    chosen = set(data.chosen_alternatives[present].tolist())
    never = [name for j, name in enumerate(data.alternatives) if j not in chosen]
    nobody = f"; nobody chooses {', '.join(never)}" if never else ""
    return rows + nobody
