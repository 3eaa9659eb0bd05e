"""The tree of a nested logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from pycmtensor.host.escaping import picture
from pycmtensor.report.plots.style import DARK, drawn

__all__ = ["Branch", "nests"]

#: A label, and what hangs below it; an alternative has nothing below.
Branch: TypeAlias = tuple[str, Sequence["Branch"]]


@drawn
def nests(root: Branch, ax: Axes | None = None) -> Axes:
    """The root above, alternatives below, each nest between them with its label.

    Args:
        root: The tree.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes.

    Examples:
        >>> ax = nests(("1", [("old 2", [("train", []), ("car", [])]), ("sm", [])]))
        >>> sorted({text.get_text() for text in ax.texts})
        ['1', 'car', 'old 2', 'sm', 'train']
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, 1.2 + 0.9 * _depth(root)))
    _drawn(ax, root, _depth(root), 0)
    ax.set_axis_off()
    ax.margins(0.12)
    return ax


def _depth(branch: Branch) -> int:
    return 1 + max((_depth(child) for child in branch[1]), default=0)


def _drawn(ax: Axes, branch: Branch, level: int, first: int) -> tuple[float, int]:
    """Draw a branch whose leftmost alternative has the place ``first``; its place, and that after its last."""
    label, children = branch
    places, after = [], first
    for child in children:
        below = 1 if not child[1] else level - 1
        place, after = _drawn(ax, child, below, after)
        places.append((place, below))
    own = sum(place for place, _ in places) / len(places) if places else float(first)
    for place, below in places:
        ax.plot([own, place], [level, below], color=DARK, lw=1.2, zorder=1)
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": DARK if children else "none"}
    ax.text(own, level, picture(label), ha="center", va="center", bbox=box, zorder=2)
    return own, after if children else first + 1
