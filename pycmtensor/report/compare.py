"""Several results side by side, as papers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pycmtensor.report.summary import Summary

__all__ = ["compared", "levels", "stars"]

#: p values below which an estimate gets one star more.
STARS = (0.1, 0.05, 0.01)


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
