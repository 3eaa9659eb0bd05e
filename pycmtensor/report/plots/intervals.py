"""Estimates with their intervals: coefficients, elasticities, willingness to pay, changes of surplus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import DARK, LIGHT, axes, drawn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["intervals"]


@drawn
def intervals(table: pd.DataFrame, label: str = "estimate", ax: Axes | None = None) -> Axes:
    """One line for each row, from the lower to the upper end, with a dot at the estimate.

    Args:
        table: Columns 'estimate', 'lower' and 'upper', as every table of answers has them. Rows without an interval
            show the dot alone; the names of the index say what rows are.
        label: What is estimated, with its unit.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"estimate": [1.0], "lower": [0.5], "upper": [1.5]}, index=["b_time"])
        >>> [text.get_text() for text in intervals(table).get_yticklabels()]
        ['b_time']
    """
    ax = axes(ax, height=1.3 + 0.32 * len(table))
    places = np.arange(len(table))
    ax.axvline(0.0, color=LIGHT, zorder=0)
    ax.hlines(places, table["lower"], table["upper"], color=DARK, lw=2)
    ax.plot(table["estimate"], places, "o", color=DARK, markerfacecolor="white", ms=6)
    ax.set_yticks(places, [picture(_name(name)) for name in table.index])
    ax.invert_yaxis()
    ax.margins(y=0.5 / max(len(table), 1))
    ax.set_xlabel(picture(label))
    ax.locator_params(axis="x", nbins=7)
    ax.set_title(
        picture(", ".join(str(name) for name in table.index.names if name is not None)), loc="left", fontsize="medium"
    )
    return ax


def _name(name: Any) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
