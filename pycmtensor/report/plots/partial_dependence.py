"""Average probabilities along a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import LINES, axes, drawn, named_at_end

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["partial_dependence"]


@drawn
def partial_dependence(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """A line for each alternative with its name and its interval; colours, line styles and markers differ.

    Args:
        table: Columns 'estimate', 'lower' and 'upper', rows by value of the column and alternative, as
            `Results.partial_dependence` gives it.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> table = results.partial_dependence(("gc", "car"), values=[20, 40])
        >>> len(partial_dependence(table).lines) >= 4  # one for each alternative
        True
    """
    ax, ends = axes(ax), []
    for k, (alternative, own) in enumerate(table.groupby(level=1, sort=False)):
        x, style = own.index.get_level_values(0), LINES[k % len(LINES)]
        ax.plot(x, own["estimate"], ms=4, label=str(alternative), **style)
        ax.fill_between(x, own["lower"], own["upper"], color=style["color"], alpha=0.15, lw=0)
        ends.append((float(x[-1]), float(own["estimate"].iloc[-1]), picture(str(alternative))))
    named_at_end(ax, ends)
    ax.set_xlabel(picture(str(table.index.names[0])))
    ax.set_ylabel("average probability")
    return ax
