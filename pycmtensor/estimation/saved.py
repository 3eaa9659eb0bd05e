"""A Fit as a file, by `pycmtensor.estimation.archive`: numbers and text that any version can check before it uses them.

Facts: ``provenance`` (text by name), and of the Fit what is no array: ``model``, ``method``, ``labels``, ``fixed``,
``llf``, ``llnull``, ``nobs``, ``outcome``, ``constraints``, ``seconds``, and ``neutral``, which older files lack.
Arrays: those of the Fit by name, with ``bounds`` as one (2, K), and the columns of its history and starts as
``history.<column>`` and ``starts.<column>``.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import KnownIndividuals
from pycmtensor.estimation.archive import ArchiveError, packed, unpacked
from pycmtensor.estimation.fit import Ending, Fit, Outcome, exponent_of
from pycmtensor.host.files import write

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

#: Arrays that may hold NaN or infinity: bounds that there are not, and derivatives that were not computed.
OPEN = {"bounds", "hessian", "scores", "logprob"}
SWITCHES = {"at_bound"}

#: What is no array -> what it is in words, and whether a value is that.
FACTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "model": ("text", lambda value: isinstance(value, str)),
    "method": ("text", lambda value: isinstance(value, str)),
    "labels": ("different names", lambda value: _are_texts(value) and all(value) and len(set(value)) == len(value)),
    "fixed": ("finite numbers by name", lambda value: _are_finite(value)),
    "llf": ("a finite number", lambda value: _is_finite(value)),
    "llnull": ("a number", lambda value: _is_number(value)),
    "nobs": ("a whole number of at least 1", lambda value: _is_number(value) and isinstance(value, int) and value > 0),
    "constraints": ("a list of texts", lambda value: _are_texts(value)),
    "neutral": (
        "finite numbers by name",
        lambda value: isinstance(value, dict) and all(map(_is_finite, value.values())),
    ),
    "seconds": ("a finite number of at least 0", lambda value: _is_finite(value) and value >= 0),
}

#: The outcome, as `FACTS`.
OUTCOME: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "ending": (f"one of {', '.join(Ending)}", lambda value: isinstance(value, str) and value in set(Ending)),
    "reason": ("text", lambda value: isinstance(value, str)),
    "remedy": ("text", lambda value: isinstance(value, str)),
    "near_maximum": ("true or false", lambda value: isinstance(value, bool)),
    "evidence": ("text", lambda value: isinstance(value, str)),
}

#: The fact that tells which data the estimates are of.
HASH = "data (SHA-256)"

#: Facts that older files lack, and what stands for them.
LATER: dict[str, Any] = {"neutral": {}}


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


def load_fit(path: str | PathLike[str]) -> tuple[Fit, dict[str, str]]:
    """The Fit of a file, and where it came from.

    Raises:
        ArchiveError: The file is foreign, of another version, damaged, or contradicts itself.
    """
    facts, arrays = unpacked(path, KIND, VERSION)
    facts = LATER | facts
    try:
        provenance = facts.pop("provenance", None)
        if not isinstance(provenance, dict) or not _are_texts([*provenance, *provenance.values()]):
            raise ValueError("provenance must be texts by name")
        if HASH not in provenance:
            raise ValueError(f"provenance does not tell the {HASH}")
        outcome = Outcome(**_checked("outcome", facts.pop("outcome", None), OUTCOME))
        facts = _checked("the file", facts, FACTS)
        tables = {table: _table(table, arrays) for table in ("history", "starts")}
        own = _checked_arrays(arrays, len(facts["labels"]))
        given: dict[str, Any] = {name: facts[name] for name in FACTS} | own | tables
        given |= {"labels": tuple(facts["labels"]), "constraints": tuple(facts["constraints"])}
        given["bounds"] = own["bounds"][0], own["bounds"][1]
        given["individuals"] = KnownIndividuals(
            given.pop("scores"), given.pop("logprob"), np.ldexp(own["weights"], -exponent_of(own["weights"]))
        )
        return Fit(**given, outcome=replace(outcome, ending=Ending(outcome.ending))), provenance
    except ValueError as error:
        raise ArchiveError(f"{path} is not as this library writes a result: {error}.") from None


def _checked(owner: str, facts: Any, expected: Mapping[str, tuple[str, Callable[[Any], bool]]]) -> dict[str, Any]:
    """The facts, if they are those expected and each is what it should be."""
    if not isinstance(facts, dict):
        raise ValueError(f"{owner} must be facts by name")
    _check_names(owner, facts, expected)
    for name, (words, is_right) in expected.items():
        if not is_right(facts[name]):
            raise ValueError(f"{name} must be {words}, found {reprlib.repr(facts[name])}")
    return facts


def _check_names(owner: str, found: Collection[str], expected: Collection[str]) -> None:
    for name in [*(name for name in expected if name not in found), *(name for name in found if name not in expected)]:
        raise ValueError(f"{owner} lacks {name}" if name in expected else f"{owner} holds {reprlib.repr(name)} too")


def _table(name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The columns of a table, taken out of the arrays."""
    keys = [key for key in arrays if key.startswith(f"{name}.")]
    columns = {key.removeprefix(f"{name}."): arrays.pop(key) for key in keys}
    if any(column.ndim != 1 or column.dtype.kind not in "biuf" for column in columns.values()):
        raise ValueError(f"{name} must have columns of numbers")
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"the columns of {name} have different lengths")
    return columns


def _checked_arrays(arrays: Mapping[str, NDArray[Any]], K: int) -> dict[str, NDArray[Any]]:
    """The arrays, if each has the shape and the numbers that it should have."""
    _check_names("the file", arrays, AXES)
    sizes = {"2": 2, "K": K, "N": arrays["weights"].size, "M": len(np.atleast_1d(arrays["binding"]))}
    for name, array in arrays.items():
        expected = tuple(sizes[axis] for axis in AXES[name])
        if array.shape != expected:
            raise ValueError(f"{name} has the shape {array.shape}, expected {expected}")
        if array.dtype not in ((np.bool_,) if name in SWITCHES else (np.float32, np.float64)):
            raise ValueError(f"{name} must be {'true or false' if name in SWITCHES else 'real numbers'}")
        if name not in OPEN | SWITCHES and not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite numbers")
    lb, ub = arrays["bounds"]
    if not (lb <= ub).all():
        raise ValueError("lower bounds must be at most the upper ones")
    if (arrays["weights"] < 0).any():
        raise ValueError("weights must not be negative")
    return dict(arrays)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def _are_finite(values: Any) -> bool:
    return isinstance(values, dict) and all(map(_is_finite, values.values()))


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)
