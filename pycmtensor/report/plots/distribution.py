"""The distribution of a random coefficient in the population."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import DARK, LIGHT, MIDDLE, axes, drawn

__all__ = ["distribution"]


@drawn
def distribution(values: NDArray[np.floating], label: str, ax: Axes | None = None) -> Axes:
    """A histogram between the 0.5 and 99.5 per cent quantiles, with the mean, and the share on either side of 0.

    Args:
        values: Draws of the coefficient, or one number of each individual.
        label: Its name, with its unit.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> import numpy as np
        >>> distribution(np.linspace(-1, 3, 100), "value of time, CHF per hour").get_xlabel()
        'value of time, CHF per hour'
    """
    ax = axes(ax)
    ends = np.quantile(values, [0.005, 0.995])
    bins = min(60, 10 + len(values) // 20)
    ax.hist(
        values, bins=bins, range=(float(ends[0]), float(ends[1])), density=True, color=LIGHT, edgecolor=DARK, lw=0.5
    )
    ax.axvline(values.mean(), color=MIDDLE, ls="--", label=f"mean {values.mean():.4g}")
    positive = (values > 0).mean()
    if 0 < positive < 1:
        ax.axvline(0.0, color=DARK, label=f"{1 - positive:.1%} below 0, {positive:.1%} above")
    ax.set_xlabel(picture(label))
    ax.set_ylabel("density")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax
