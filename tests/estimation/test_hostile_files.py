"""Files with a right checksum and wrong contents, from anywhere: each ends in the library's one error, or is harmless.

Every file is made of one that the library wrote, changed in one place.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.estimation.archive import ArchiveError, packed, unpacked
from pycmtensor.estimation.saved import AXES, FACTS, OUTCOME

Contents = tuple[dict[str, Any], dict[str, Any]]
Change = Callable[[Contents], Contents]

#: Values that are right for no fact at all.
NEVER: dict[str, Any] = {"null": None, "nested": {"a": [[[{}]]]}, "number in lists": [[1.5]]}

#: Fact -> further values that are wrong for it.
WRONG: dict[str, list[Any]] = {
    "model": [3, ["text"], True],
    "method": [3.5, {}, False],
    "labels": ["ASC_TRAIN", [1, 2, 3, 4], ["a", "a", "b", "c"], ["a"], ["", "b", "c", "d"], {}, [], ["a"] * 10_000],
    "fixed": [
        [],
        "text",
        {"a": "1"},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": None},
        {"a": 10**400},
        {"a": True},
    ],
    "llf": ["x", float("nan"), float("-inf"), True, 10**400, [1.0], -(2**70)],
    "llnull": ["x", True, 10**400, []],
    "nobs": [0, -5, 1.5, "6768", float("nan"), True, 2**63, 10**400],
    "constraints": ["text", [1], {}, [["a"]]],
    "seconds": ["x", -1.0, float("nan"), float("inf"), True],
    "ending": ["elsewhere", 3, True, ["maximum"]],
    "reason": [3, [], True],
    "remedy": [3, [], True],
    "near_maximum": ["yes", 1, 0.0],
    "evidence": [3, [], True],
}


def facts_changed() -> Iterator[tuple[str, Change]]:
    """A fact is missing, or something else."""
    for owner, names in (("", (*FACTS, "outcome", "provenance")), ("outcome", tuple(OUTCOME))):
        for name in names:
            if name != "neutral":  # which older files lack
                yield f"without {name}", partial(_facts, owner=owner, name=name, drop=True)
            further = {f"{value!r:.20}": value for value in WRONG.get(name, ["text", [], 3])}
            for words, value in (NEVER | further).items():
                yield f"{name} is {words}", partial(_facts, owner=owner, name=name, value=value)
    yield "another fact", lambda c: _facts(c, "", "extra", 1)
    yield "another fact of the outcome", lambda c: _facts(c, "outcome", "extra", 1)
    yield "provenance is empty", lambda c: _facts(c, "", "provenance", {})
    yield "provenance holds numbers", lambda c: _facts(c, "provenance", "jax", 1)
    yield "no hash of the data", lambda c: _facts(c, "provenance", "data (SHA-256)", drop=True)


def _facts(contents: Contents, owner: str, name: str, value: Any = None, drop: bool = False) -> Contents:
    facts, arrays = contents
    of = facts[owner] if owner else facts
    if drop:
        del of[name]
    else:
        of[name] = value
    return facts, arrays


def _array(contents: Contents, name: str, change: Callable[[Any], Any] | None) -> Contents:
    facts, arrays = contents
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    return facts, arrays


def arrays_changed() -> Iterator[tuple[str, Change]]:
    """An array is missing, of another kind, of another shape, or holds what it must not."""
    open_to_nan = {"bounds", "hessian", "scores", "logprob", "at_bound"}
    changes: dict[str, Callable[[Any], Any]] = {
        "text": lambda x: x.astype(str),
        "complex": lambda x: x.astype(complex),
        "whole": lambda x: np.zeros_like(x, dtype=int),
        "half precision": lambda x: x.astype(np.float16),
        "one number": lambda x: np.array(1.5),
        "longer": lambda x: np.concatenate([x, x, x]) if x.size else np.ones((1, 1)),
        "deeper": lambda x: x[None],
    }
    for name in AXES:
        yield f"without {name}", partial(_array, name=name, change=None)
        for words, change in changes.items():
            yield f"{name} {words}", partial(_array, name=name, change=change)
        for value in (np.nan, np.inf) if name not in open_to_nan and name != "binding" else ():
            yield f"{name} with {value}", partial(_array, name=name, change=partial(np.full_like, fill_value=value))
    yield "bounds that cross", lambda c: (c[0], c[1] | {"bounds": c[1]["bounds"][::-1]})
    yield "bounds of NaN", lambda c: (c[0], c[1] | {"bounds": c[1]["bounds"] * np.nan})
    yield "negative weights", lambda c: (c[0], c[1] | {"weights": -c[1]["weights"]})
    yield "another array", lambda c: (c[0], c[1] | {"extra": np.ones(3)})
    yield "history as text", lambda c: (c[0], c[1] | {"history.llf": c[1]["history.llf"].astype(str)})
    yield "a longer column", lambda c: (c[0], c[1] | {"history.llf": np.ones(1000)})
    yield "a column of complex numbers", lambda c: (c[0], c[1] | {"starts.llf": np.ones(3, complex)})
    yield "a column of columns", lambda c: (c[0], c[1] | {"starts.llf": np.ones((3, 3))})


HOSTILE = dict([*facts_changed(), *arrays_changed()])


def test_there_are_many() -> None:
    assert len(HOSTILE) >= 200


@pytest.fixture(scope="module")
def results() -> cmt.Results:
    """Two constants and a coefficient; three of them, so that no two arrays have one shape by chance."""
    x = np.random.default_rng(1).normal(size=40)
    frame = pd.DataFrame({"mode": np.arange(40) % 3, "x": x})
    ds = cmt.Dataset(frame, "mode", {"car": 0, "bus": 1, "tram": 2})
    b = cmt.Beta("b")
    return cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("a") + b * ds["x"], "bus": cmt.Beta("c"), "tram": 0}))


@pytest.fixture(scope="module")
def contents(results: cmt.Results, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return unpacked(results.save(tmp_path_factory.mktemp("saved") / "logit.cmt"), "result", 1)


@pytest.mark.parametrize("name", HOSTILE)
def test_wrong_contents_end_in_one_error(contents: Contents, tmp_path: Path, name: str) -> None:
    file = tmp_path / "logit.cmt"
    file.write_bytes(packed("result", 1, *HOSTILE[name](copy.deepcopy(contents))))
    with pytest.raises(ArchiveError, match=r"logit\.cmt is not as this library writes a result: .+\.$") as error:
        cmt.Results.load(file)
    assert len(str(error.value)) < 1000


def test_the_file_that_all_are_made_of_is_right(contents: Contents, results: cmt.Results, tmp_path: Path) -> None:
    file = tmp_path / "logit.cmt"
    file.write_bytes(packed("result", 1, *copy.deepcopy(contents)))
    assert str(cmt.Results.load(file).summary()) == str(results.summary())
    swapped = {k: v.astype(v.dtype.newbyteorder(">")) for k, v in contents[1].items()}  # of another machine
    file.write_bytes(packed("result", 1, contents[0], swapped))
    assert cmt.Results.load(file).params.to_list() == results.params.to_list()


def with_body(body: bytes) -> bytes:
    return b"PyCMTensor result 1\n" + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def archive_of(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return with_body(stream.getvalue())


def array_bytes(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode() + b"\n" + content


def as_facts(text: str) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(text))
    return archive_of({"facts.npy": stream.getvalue()})


def header_of(descr: str, shape: str) -> bytes:
    return archive_of({"facts.npy": array_bytes(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")})


def overlapping() -> bytes:
    """An archive whose entries are all the same bytes, many times as long as the file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("theta.npy", b"\0" * 100_000)
        first = archive.infolist()[0]
        for k in range(1000):
            again = copy.copy(first)
            again.filename = f"x{k}.npy"
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
    return with_body(stream.getvalue())


RAW: dict[str, Callable[[], bytes]] = {
    "no archive": lambda: with_body(b"nothing"),
    "empty archive": lambda: archive_of({}),
    "no facts": lambda: archive_of({"theta.npy": b""}),
    "facts are a list": lambda: as_facts("[]"),
    "facts are a number": lambda: as_facts("3"),
    "facts are no JSON": lambda: as_facts("{"),
    "deep JSON": lambda: as_facts("[" * 200_000),
    "deep JSON in a fact": lambda: as_facts('{"model": ' + "[" * 5000 + "]" * 5000 + "}"),
    "a number of many digits": lambda: as_facts('{"nobs": ' + "9" * 10_000 + "}"),
    "absurd shape": lambda: header_of("<f8", "(1000000000000,)"),
    "absurd shapes": lambda: header_of("<f8", "(4294967296, 4294967296, 4294967296)"),
    "shape of nothings": lambda: header_of("<U0", "(1000000000000,)"),
    "objects": lambda: header_of("|O", "()"),
    "records": lambda: header_of("|V8", "()"),
    "a negative shape": lambda: header_of("<f8", "(-1,)"),
    "a header that computes": lambda: archive_of({"facts.npy": array_bytes("__import__('os').getcwd()")}),
    "a deep header": lambda: archive_of({"facts.npy": array_bytes("(" * 9000)}),
    "a header of its own length": lambda: archive_of({"facts.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff"}),
    "another magic": lambda: archive_of({"facts.npy": b"\x93NUMPZ\x01\x00"}),
    "overlapping entries": overlapping,
    "compressed": lambda: archive_of({"facts.npy": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED),
    "bzip2": lambda: archive_of({"facts.npy": b"\0" * 1_000_000}, zipfile.ZIP_BZIP2),
    "lzma": lambda: archive_of({"facts.npy": b"\0" * 1_000_000}, zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("name", RAW)
def test_hostile_bytes_take_little_memory(tmp_path: Path, name: str) -> None:
    file = tmp_path / "logit.cmt"
    file.write_bytes(RAW[name]())
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match=r"logit\.cmt is not as this library writes a result: .+\.$") as error:
            cmt.Results.load(file)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(error.value)) < 1000
    assert most < 20 * file.stat().st_size + 2_000_000


@pytest.mark.parametrize("seed", range(5))
def test_bytes_changed_at_random(contents: Contents, results: cmt.Results, tmp_path: Path, seed: int) -> None:
    """With a checksum made anew: what loads has the numbers of the file, and nothing ends raw."""
    rng, file = np.random.default_rng(seed), tmp_path / "logit.cmt"
    body = packed("result", 1, *copy.deepcopy(contents)).split(b"\n", 2)[2]
    for _ in range(40):
        changed = bytearray(body)
        for place in rng.integers(0, len(body), size=rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        file.write_bytes(with_body(bytes(changed)))
        try:
            loaded = cmt.Results.load(file)
        except ArchiveError:
            continue
        assert loaded.params.to_list() == results.params.to_list()  # what was changed is read by nobody


def test_files_that_are_none(tmp_path: Path) -> None:
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ArchiveError, match="pipe cannot be read: it is no regular file"):
            cmt.Results.load(tmp_path / "pipe")
    with pytest.raises(ArchiveError, match="cannot be read: it is no regular file"):
        cmt.Results.load(tmp_path)
    for path in ("", "a\0b", None, 3):
        with pytest.raises(ArchiveError, match="The name of a file must be"):
            cmt.Results.load(path)  # type: ignore[arg-type]
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2**40)  # a hole
    with pytest.raises(ArchiveError, match="large is not a result of PyCMTensor"):
        cmt.Results.load(large)
    (tmp_path / "facts").write_text(json.dumps({}))
    with pytest.raises(ArchiveError, match="facts is not a result"):
        cmt.Results.load(tmp_path / "facts")
