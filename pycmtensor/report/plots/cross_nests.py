"""The nests of a cross-nested logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import DARK, drawn

__all__ = ["cross_nests"]


@drawn
def cross_nests(nests: Mapping[str, Mapping[str, str]], alternatives: Sequence[str], ax: Axes | None = None) -> Axes:
    """Nests above, alternatives below, and a line with the allocation for each part that belongs to a nest.

    Args:
        nests: Label of a nest -> alternative -> label of the part of it that belongs there.
        alternatives: Their names, from left to right.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> ax = cross_nests({"public": {"bus": "0.7"}, "road": {"bus": "0.3", "car": "1"}}, ["bus", "car"])
        >>> [text.get_text() for text in ax.texts]
        ['public', '0.7', 'road', '0.3', '1', 'bus', 'car']
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, 3.2))
    for m, (label, parts) in enumerate(nests.items()):
        above = (m + 0.5) / len(nests)
        _box(ax, above, 1.0, label, DARK)
        for alternative, part in parts.items():
            below = (alternatives.index(alternative) + 0.5) / len(alternatives)
            ax.plot([above, below], [1, 0], color=DARK, lw=1.2, zorder=1)
            at = 0.3  # nearer to the alternative, where lines are apart
            _box(ax, below + at * (above - below), at, part, "none")
    for j, alternative in enumerate(alternatives):
        _box(ax, (j + 0.5) / len(alternatives), 0.0, alternative, "none")
    ax.set_axis_off()
    ax.margins(0.12)
    return ax


def _box(ax: Axes, x: float, y: float, label: str, edge: str) -> None:
    box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": edge}
    ax.text(x, y, picture(label), ha="center", va="center", bbox=box, zorder=2)
