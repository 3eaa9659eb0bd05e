"""Style of pictures: axes to draw in, and colours that differ in brightness too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, ParamSpec

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font

__all__ = ["DARK", "LIGHT", "LINES", "MIDDLE", "axes", "drawn", "named_at_end"]

P = ParamSpec("P")

DARK, MIDDLE, LIGHT = "#1b4f72", "#b9770e", "#d6dbdf"

#: Ten colours whose lightness in CIELAB differs by six or more, neighbours by more, so that they differ in grey too.
COLOURS = ["#043255", "#c16126", "#9a1622", "#47b25d", "#4e2785", "#ea5b90", "#2b6900", "#d7aa3d", "#0275a0", "#0ad6db"]

#: Lines that can be told apart without colour: each of the ten has a marker of its own.
DASHES = ["-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2))] * 2
LINES: list[dict[str, Any]] = [
    {"color": colour, "ls": dashes, "marker": marker}
    for colour, dashes, marker in zip(COLOURS, DASHES, "os^Dvx*+P<", strict=True)
]


def drawn(picture: Callable[P, Axes]) -> Callable[P, Axes]:
    """Decorator of a picture: letters that no font of matplotlib's settings has are shown by their codes.

    For such letters choose a font that has them, ``plt.rcParams["font.family"] = ["DejaVu Sans", "Noto Sans CJK JP"]``.
    """

    @wraps(picture)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> Axes:
        return picture(*(_shown(a) for a in args), **{name: _shown(a) for name, a in kwargs.items()})

    return drawing


def _shown(of: Any) -> Any:
    """Texts, and those in collections and in the names of tables, with the letters that there are."""
    import pandas as pd

    if isinstance(of, str):
        letters = frozenset(of)
        known = letters if of.isascii() else _letters(tuple(FontProperties().get_family()))
        return "".join(c if c in known or c.isspace() else c.encode("unicode_escape").decode() for c in of)
    if isinstance(of, pd.DataFrame):
        return of.rename(index=_shown, columns=_shown).rename_axis(index=_shown, columns=_shown)
    if isinstance(of, dict):
        return {_shown(key): _shown(value) for key, value in of.items()}
    return type(of)(map(_shown, of)) if type(of) in (list, tuple) else of


@cache
def _letters(families: tuple[str, ...]) -> frozenset[str]:
    """What the fonts of these families can show."""
    fonts = {findfont(FontProperties(family=[family])) for family in families}
    return frozenset(chr(code) for font in fonts for code in get_font(font).get_charmap())


def named_at_end(ax: Axes, ends: Sequence[tuple[float, float, str]]) -> None:
    """Names beside the ends (x, y, name) of lines, as far apart as letters are high."""
    low, high = ax.get_ylim()
    height = ax.get_window_extent().height / ax.figure.dpi  # inches
    apart, below = (high - low) * 0.17 / height, -np.inf
    for x, y, name in sorted(ends, key=lambda end: end[1]):
        below = max(y, below + apart)
        ax.annotate(name, (x, below), xytext=(6, 0), textcoords="offset points", va="center")


def axes(ax: Axes | None, height: float = 3.6, width: float = 7.0) -> Axes:
    """The Axes given, or those of a new figure, without a frame at the top and on the right."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
