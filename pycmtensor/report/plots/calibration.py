"""Predicted probabilities against observed frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import DARK, MIDDLE, axes, drawn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["calibration"]


@drawn
def calibration(table: pd.DataFrame, label: str = "all", ax: Axes | None = None) -> Axes:
    """A dot for each bin, larger where more was predicted; on the dashed line predictions come about as often.

    Args:
        table: Columns 'predicted', 'observed' and 'weight', as `Results.calibration` gives it for one alternative.
        label: Of which alternative, for the axes.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"predicted": [0.2, 0.8], "observed": [0.25, 0.75], "weight": [10.0, 5.0]})
        >>> calibration(table, label="car").get_xlabel()
        'predicted probability (car)'
    """
    ax = axes(ax, height=4.6, width=4.8)
    ax.plot([0, 1], [0, 1], color=MIDDLE, ls="--", label="as often as predicted")
    ax.plot(table["predicted"], table["observed"], color=DARK, lw=1)
    areas = 20 + 180 * table["weight"] / table["weight"].max()
    ax.scatter(table["predicted"], table["observed"], areas, "white", edgecolors=DARK, zorder=3, label="bin")
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set_xlabel(f"predicted probability ({picture(label)})")
    ax.set_ylabel("observed frequency")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax
