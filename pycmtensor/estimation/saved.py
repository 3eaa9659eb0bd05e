"""A Fit as a file, by `pycmtensor.estimation.archive`: numbers and text that any version can check before it uses them.

Facts: ``provenance`` (text by name), and of the Fit what is no array: ``model``, ``method``, ``labels``, ``fixed``,
``llf``, ``llnull``, ``nobs``, ``outcome``, ``constraints``, ``seconds``. Arrays: those of the Fit by name, with
``bounds`` as one (2, K), and the columns of its history and starts as ``history.<column>`` and ``starts.<column>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import KnownIndividuals
from pycmtensor.estimation.archive import ArchiveError, packed, unpacked
from pycmtensor.estimation.fit import Ending, Fit, Outcome
from pycmtensor.files import write

__all__ = ["load_fit", "save_fit"]

KIND, VERSION = "result", 1

#: Arrays of a Fit, and their axes.
AXES = {
    "theta": "K",
    "start": "K",
    "bounds": "2K",
    "at_bound": "K",
    "binding": "MK",
    "gradient": "K",
    "hessian": "KK",
    "scores": "NK",
    "logprob": "N",
    "weights": "N",
}
FACTS = ("model", "method", "labels", "fixed", "llf", "llnull", "nobs", "constraints", "seconds")


def save_fit(path: str | PathLike[str], fit: Fit, provenance: Mapping[str, str]) -> Path:
    """Write a file; one that stood there before is replaced when the new one is whole.

    Raises:
        FileError: The file cannot be written.
    """
    facts = {name: getattr(fit, name) for name in FACTS}
    facts |= {"outcome": asdict(fit.outcome), "provenance": dict(provenance)}
    arrays = {name: np.asarray(getattr(fit, name)) for name in AXES}
    for table in ("history", "starts"):
        arrays |= {f"{table}.{column}": values for column, values in getattr(fit, table).items()}
    return write(path, packed(KIND, VERSION, facts, arrays))


def load_fit(path: Path) -> tuple[Fit, dict[str, str]]:
    """The Fit of a file, and where it came from.

    Raises:
        ArchiveError: The file is foreign, of another version, damaged, or contradicts itself.
    """
    facts, arrays = unpacked(path, KIND, VERSION)
    try:
        outcome = Outcome(**{**facts["outcome"], "ending": Ending(facts["outcome"]["ending"])})
        tables = {table: _table(table, arrays) for table in ("history", "starts")}
        own = {name: arrays[name] for name in AXES}
        _check_shapes(own, len(facts["labels"]))
        given: dict[str, Any] = {name: facts[name] for name in FACTS} | own | tables
        given |= {"labels": tuple(facts["labels"]), "constraints": tuple(facts["constraints"])}
        given["bounds"] = own["bounds"][0], own["bounds"][1]
        given["individuals"] = KnownIndividuals(given.pop("scores"), given.pop("logprob"), own["weights"])
        return Fit(**given, outcome=outcome), facts["provenance"]
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path} is not as this library writes a result: {error}.") from None


def _table(name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}


def _check_shapes(arrays: Mapping[str, NDArray[Any]], K: int) -> None:
    sizes = {"2": 2, "K": K, "N": len(arrays["weights"]), "M": len(arrays["binding"])}
    for name, array in arrays.items():
        expected = tuple(sizes[axis] for axis in AXES[name])
        if array.shape != expected:
            raise ValueError(f"{name} has the shape {array.shape}, expected {expected}")
