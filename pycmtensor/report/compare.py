"""Several results side by side, as papers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np

from pycmtensor.exceptions import PyCMTensorError, checked_class
from pycmtensor.host.files import write
from pycmtensor.report.html import Section, cells, page, sentences
from pycmtensor.report.summary import Summary

__all__ = ["Comparison", "compared", "levels", "stars"]

#: p values below which an estimate gets one star more.
STARS = (0.1, 0.05, 0.01)


@checked_class(PyCMTensorError)
@dataclass(frozen=True)
class Comparison(Summary):
    """Several results side by side: ``print`` it, or let a notebook show it.

    Attributes:
        sections: What a page says of each.
    """

    sections: tuple[Section, ...] = field(default=(), repr=False)

    def to_html(self, path: str | PathLike[str], title: str | None = None, description: str = "") -> Path:
        """Write the table, and the utilities and the outcome of each model, as one HTML file that needs no other.

        Args:
            path: The file; its folder must exist.
            title: Of the page; None for "Comparison".
            description: Paragraphs below the title.

        Returns:
            The path of the file.

        Raises:
            FileError: The file cannot be written; one that stood there before is unchanged.

        Examples:
            >>> import pathlib, tempfile, pycmtensor as cmt
            >>> both = cmt.compare({"first": results, "again": results})
            >>> both.to_html(pathlib.Path(tempfile.mkdtemp()) / "models.html").name
            'models.html'
        """
        notes = [sentences(note) for note in self.notes]
        first = Section("Estimates and fit", [cells(self.columns, self.rows), *notes], broad=True)
        return write(path, page(title or self.title, description, [first, *self.sections]))


def compared(
    columns: Sequence[str],
    estimates: Sequence[Mapping[str, tuple[float, float, float]]],
    facts: Mapping[str, Sequence[str]],
    errors: str,
    nulls: Mapping[str, Mapping[float, str]],
) -> Summary:
    """One column for each of several results: estimates with stars, standard errors, and how they fit.

    Args:
        columns: Names of the results.
        estimates: By column: name of a parameter -> estimate, standard error and p value; NaN where there is none.
        facts: Label -> one text for each column.
        errors: Kind of the standard errors.
        nulls: By column: a value other than 0 that stars are of -> the parameters that are tested against it.
    """
    names = list(dict.fromkeys(name for own in estimates for name in own))
    rows: list[tuple[str, ...]] = []
    for name in names:
        found = [own.get(name) for own in estimates]
        rows.append((name, *("" if f is None else f"{f[0]:.4f}{stars(f[2])}" for f in found)))
        rows.append(("", *("" if f is None else f"({f[1]:.4f})" if np.isfinite(f[1]) else "(-)" for f in found)))
    rows += [(label, *cells) for label, cells in facts.items()]
    notes = [f"In brackets {errors} standard errors. {levels()}."]
    notes += dict.fromkeys(
        f"Stars of {names} test the value {null:g}."
        for column in columns
        for null, names in nulls.get(column, {}).items()
    )
    return Summary("Comparison", (), (), ("", *columns), tuple(rows), tuple(notes))


def stars(pvalue: float) -> str:
    """As many stars as there are levels of `STARS` above a p value; none for NaN."""
    return "*" * sum(pvalue < level for level in STARS)


def levels() -> str:
    """What stars stand for."""
    return ", ".join(f"{'*' * (i + 1)} p < {level:g}" for i, level in enumerate(STARS))
