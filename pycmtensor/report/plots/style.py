"""Style of pictures: axes to draw in, and colours that differ in brightness too."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

__all__ = ["DARK", "LIGHT", "LINES", "MIDDLE", "axes"]

DARK, MIDDLE, LIGHT = "#1b4f72", "#b9770e", "#d6dbdf"

#: Lines that can be told apart without colour.
LINES: list[dict[str, Any]] = [
    {"color": color, "ls": dashes, "marker": marker}
    for dashes, marker, color in zip(
        ["-", "--", "-.", ":"] * 2, "os^Dvx*+", [DARK, MIDDLE, "#52796f", "#7b241c"] * 2, strict=True
    )
]


def axes(ax: Axes | None, height: float = 3.6, width: float = 7.0) -> Axes:
    """The Axes given, or those of a new figure, without a frame at the top and on the right."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
