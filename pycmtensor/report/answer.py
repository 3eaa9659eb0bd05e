"""Answer: the base of all that shows itself as text at a prompt and as tables in a notebook."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from pycmtensor.host.escaping import printable
from pycmtensor.report.contents import Contents
from pycmtensor.report.html import facts, fragment, sentences, summary, table
from pycmtensor.report.text import WIDTH, encodable, frame_text, to_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "within"]

#: What an answer consists of: sentences, tables of numbers, and summaries.
Part: TypeAlias = Union[str, "pd.DataFrame", "pd.Series", Contents]

#: Rows of a table that are shown; of a longer one the first and the last.
MOST_ROWS = 60

#: Rows at either end of a table that is cut in the middle.
ENDS = 20


class Answer(ABC):
    """Base of answers, which say in ``_shown`` what they consist of.

    ``print(answer)``, the answer at a prompt, and a notebook then show it: sentences as they are, tables within 80
    columns of text or as HTML, long ones cut in the middle with a word on where all of it is.

    Examples:
        >>> class Doubled(Answer):
        ...     def __init__(self, table):
        ...         self.table = table
        ...     def _shown(self):
        ...         return ["Doubled", 2 * self.table]
        >>> import pandas as pd
        >>> Doubled(pd.Series({"x": 1.5}, name="value"))
        Doubled
           value
        x    3.0
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = Answer.__repr__  # in place of the one that a dataclass would write
        if own.__name__ not in vars(cls):
            setattr(cls, own.__name__, own)

    @abstractmethod
    def _shown(self) -> Sequence[Part]:
        """What the answer consists of, in its order."""

    def __str__(self) -> str:
        parts = list(self._shown())
        told = all(isinstance(part, str) for part in parts)  # sentences alone are for other sentences
        return "\n".join(part if told and isinstance(part, str) else self._text(part) for part in map(_plain, parts))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return fragment(within(self))

    def _text(self, part: Part) -> str:
        if isinstance(part, str):
            return "\n".join(map(_wrapped, part.split("\n")))
        if isinstance(part, Contents):
            return to_text(part, MOST_ROWS, ENDS)
        return encodable(printable("\n".join([frame_text(_ends(part)), *self._word(part)])))

    def _html(self, part: Part) -> str:
        if isinstance(part, str):
            return sentences(part)
        if isinstance(part, Contents):
            return summary(part)
        return table(_ends(part)) + "".join(map(sentences, self._word(part)))

    def _word(self, part: pd.DataFrame | pd.Series) -> list[str]:
        """Where all of a table is that was cut."""
        if len(part) <= MOST_ROWS:
            return []
        name = next((name for name, value in vars(self).items() if value is part), "table")
        return [f"The first and last {ENDS} of {len(part):,} rows; the attribute '{name}' holds all."]


def within(answer: Answer) -> str:
    """An answer as HTML without a style, for a page that has one."""
    parts = list(answer._shown())
    shown = [answer._html(part) for part in map(_plain, parts)]
    if all(isinstance(part, str) for part in parts):
        shown.append(facts({name: _number(value) for name, value in _numbers(answer).items()}))
    return "".join(shown)


def _ends(whole: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """A frame of at most `MOST_ROWS` rows: a longer one without its middle."""
    import pandas as pd

    frame = whole.to_frame() if isinstance(whole, pd.Series) else whole
    return frame if len(frame) <= MOST_ROWS else pd.concat([frame.iloc[:ENDS], frame.iloc[-ENDS:]])


def _plain(part: Part) -> Part:
    return encodable(printable(part)) if isinstance(part, str) else part


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) if len(line) > WIDTH else line


def _numbers(answer: Any) -> dict[str, Any]:
    """The numbers and words that are attributes of an answer, by name."""
    own = [name for cls in reversed(type(answer).__mro__) for name, of in vars(cls).items() if isinstance(of, property)]
    found = {name: getattr(answer, name) for name in [*vars(answer), *own] if not name.startswith("_")}
    return {name: value for name, value in found.items() if isinstance(value, str | float | int) and value != ""}


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
