"""Observed and predicted shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import DARK, LIGHT, axes, drawn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["shares"]


@drawn
def shares(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Bars of what was observed, and dots with intervals of what is predicted.

    Args:
        table: Columns 'observed', 'estimate', 'lower' and 'upper', one row per segment and alternative, as
            `Results.shares_by` gives it.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> shares(results.shares_by("psize")).get_ylabel()
        'share'
    """
    ax = axes(ax, width=max(5.0, 1.5 + 0.55 * len(table)))
    places = np.arange(len(table))
    ax.bar(places, table["observed"], color=LIGHT, edgecolor=DARK, label="observed")
    ax.vlines(places, table["lower"], table["upper"], color=DARK, lw=2)
    ax.plot(places, table["estimate"], "o", color=DARK, markerfacecolor="white", ms=6, label="predicted")
    names = [
        "\n".join(picture(str(part)) for part in (name if isinstance(name, tuple) else (name,))) for name in table.index
    ]
    ax.set_xticks(places, names)
    ax.set_xlabel(picture(", ".join(str(name) for name in table.index.names if name is not None)))
    ax.set_ylabel("share")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax
