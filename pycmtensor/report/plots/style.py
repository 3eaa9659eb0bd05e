"""Style of pictures: axes to draw in, and colours that differ in brightness too."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font

__all__ = ["DARK", "LIGHT", "LINES", "MIDDLE", "axes", "drawn"]

P = ParamSpec("P")

DARK, MIDDLE, LIGHT = "#1b4f72", "#b9770e", "#d6dbdf"

#: Lines that can be told apart without colour.
LINES: list[dict[str, Any]] = [
    {"color": color, "ls": dashes, "marker": marker}
    for dashes, marker, color in zip(
        ["-", "--", "-.", ":"] * 2, "os^Dvx*+", [DARK, MIDDLE, "#52796f", "#7b241c"] * 2, strict=True
    )
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


def axes(ax: Axes | None, height: float = 3.6, width: float = 7.0) -> Axes:
    """The Axes given, or those of a new figure, without a frame at the top and on the right."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
