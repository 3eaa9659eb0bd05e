"""Packaged data, each with its source, reference, licence note and the unit of every column beside it."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING

from pycmtensor.exceptions import DatasetError, checked

if TYPE_CHECKING:
    import pandas

__all__ = ["available", "load"]


def available() -> list[str]:
    """Names of the packaged data sets.

    Returns:
        The names, sorted.

    Examples:
        >>> available()
        ['electricity', 'hc', 'heating', 'modecanada', 'modechoice', 'swissmetro']
    """
    return sorted(f.name.removesuffix(".toml") for f in files(__package__).iterdir() if f.name.endswith(".toml"))


@checked(DatasetError)
def load(name: str) -> pandas.DataFrame:
    """A packaged data set, whole: no row is filtered and no column is scaled.

    Args:
        name: One of `available`.

    Returns:
        The table. Its ``attrs`` hold description, source, reference, licence, and units (column -> unit).

    Raises:
        DatasetError: There is no such data set.

    Examples:
        >>> frame = load("swissmetro")
        >>> frame.shape
        (10728, 28)
        >>> frame.attrs["units"]["TRAIN_TT"]
        'minutes'
    """
    if name not in available():
        raise DatasetError(f"There is no data set '{name}'. Available: {', '.join(available())}.")
    import pandas  # the package imports without it

    folder = files(__package__)
    with (folder / f"{name}.csv.gz").open("rb") as stream:
        frame = pandas.read_csv(stream, compression="gzip")
    frame.attrs.update(tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8")))
    return frame
