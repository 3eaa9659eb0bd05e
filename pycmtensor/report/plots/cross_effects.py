"""Heat map of the effects of alternatives on each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture

if TYPE_CHECKING:
    import pandas as pd

from pycmtensor.report.plots.style import drawn

__all__ = ["cross_effects"]

#: Maximum number of alternatives with numbers in the cells.
READABLE = 12


@drawn
def cross_effects(
    table: pd.DataFrame,
    ax: Axes | None = None,
    label: str = "residual weight",
    text: Callable[[int, int], str] | None = None,
) -> Axes:
    """A heat map of a matrix of alternatives, white at 0, with its numbers as far as they can be read.

    Args:
        table: Residual weights as `Results.cross_effects` gives them, or elasticities, (J, J).
        ax: Where to draw; None makes a figure.
        label: What the numbers are.
        text: What a cell says, by row and column; None for the number.

    Returns:
        The Axes.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame([[0.0, 0.2], [-0.1, 0.0]], index=["car", "bus"], columns=["car", "bus"])
        >>> [text.get_text() for text in cross_effects(table).get_xticklabels()]
        ['car', 'bus']
    """
    if ax is None:
        across = max(4.6, 1.8 + (0.7 if text is None else 1.1) * table.shape[1])
        _, ax = plt.subplots(figsize=(across, max(3.8, 1.2 + 0.6 * len(table))), layout="constrained")
    largest = float(np.nanmax(table.abs().to_numpy())) or 1.0
    image = ax.imshow(table.to_numpy(), cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    for (i, j), weight in np.ndenumerate(table.to_numpy() if len(table) <= READABLE else np.empty((0, 0))):
        if np.isfinite(weight):
            ink = "white" if abs(weight) > 0.6 * largest else "black"
            ax.text(j, i, text(i, j) if text else f"{weight:.2g}", ha="center", va="center", color=ink)
    ax.set_xticks(range(table.shape[1]), [picture(str(name)) for name in table.columns], rotation=45, ha="right")
    ax.set_yticks(range(len(table)), [picture(str(name)) for name in table.index])
    ax.set_xlabel(picture(str(table.columns.name)))
    ax.set_ylabel(picture(str(table.index.name)))
    ax.figure.colorbar(image, ax=ax, label=picture(label))
    return ax
