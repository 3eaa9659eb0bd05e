"""Results on disk come back as they were; files that are not whole, not ours or not consistent are refused."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.estimation.archive import ArchiveError, packed, unpacked
from pycmtensor.exceptions import FileError


@pytest.fixture
def saved(swissmetro_results: cmt.Results, tmp_path: Path) -> Path:
    return swissmetro_results.save(tmp_path / "logit.cmt")


def test_everything_comes_back(saved: Path, swissmetro_results: cmt.Results) -> None:
    loaded = cmt.Results.load(saved)
    names = {field.name for field in fields(loaded.fit)} - {"individuals"}
    for name in names | {"scores", "logprob"}:
        np.testing.assert_equal(getattr(loaded.fit, name), getattr(swissmetro_results.fit, name))
    assert str(loaded.summary()) == str(swissmetro_results.summary())
    assert loaded.provenance == swissmetro_results.provenance
    pd.testing.assert_frame_equal(loaded.cov_params("robust"), swissmetro_results.cov_params("robust"))
    assert str(loaded.delta("B_TIME / B_COST")) == str(swissmetro_results.delta("B_TIME / B_COST"))


def test_without_a_model_the_likelihood_is_not_at_hand(saved: Path) -> None:
    with pytest.raises(cmt.PyCMTensorError, match="profile intervals"):
        cmt.Results.load(saved).conf_int(kind="profile")


def test_with_its_model_results_answer_again(saved: Path, swissmetro: cmt.MNL) -> None:
    again = cmt.Results.load(saved, swissmetro)
    assert again.predict().llf == pytest.approx(again.llf, rel=1e-12)


def test_another_model_and_other_data_are_refused(saved: Path, swissmetro: cmt.MNL) -> None:
    with pytest.raises(cmt.PyCMTensorError, match="holds estimates of ASC_TRAIN.*model's parameters are"):
        cmt.Results.load(saved, swissmetro.with_fixed({"B_COST": -1.0}))
    with pytest.raises(cmt.PyCMTensorError, match="from other data"):
        cmt.Results.load(saved, swissmetro, swissmetro.dataset.take(np.arange(100)))


@pytest.mark.parametrize("left", [0, 5, 60, 300, -1])
def test_truncated_files_are_refused(saved: Path, left: int) -> None:
    saved.write_bytes(saved.read_bytes()[:left])
    with pytest.raises(ArchiveError, match="is not a result of PyCMTensor|truncated or damaged|of version"):
        cmt.Results.load(saved)


def test_the_next_version_and_other_files_say_why_not(saved: Path, tmp_path: Path) -> None:
    saved.write_bytes(saved.read_bytes().replace(b"result 1", b"result 2", 1))
    with pytest.raises(ArchiveError, match="is a result of version 2, this library reads version 1"):
        cmt.Results.load(saved)
    other = tmp_path / "other.pickle"
    other.write_bytes(pickle.dumps({"theta": 1}))
    with pytest.raises(ArchiveError, match=r"other\.pickle is not a result of PyCMTensor"):
        cmt.Results.load(other)


def test_a_file_that_contradicts_itself_is_refused(saved: Path) -> None:
    facts, arrays = unpacked(saved, "result", 1)
    for changed in (arrays | {"hessian": np.eye(2)}, {k: v for k, v in arrays.items() if k != "scores"}):
        saved.write_bytes(packed("result", 1, facts, changed))
        with pytest.raises(ArchiveError, match="hessian has the shape|scores"):
            cmt.Results.load(saved)


def test_pickles_and_compressed_entries_are_refused_unread(saved: Path) -> None:
    """A made-up file with a right checksum: nothing in it is executed or unpacked."""

    def with_body(body: bytes) -> bytes:
        return b"PyCMTensor result 1\n" + hashlib.sha256(body).hexdigest().encode() + b"\n" + body

    objects = io.BytesIO()
    np.savez(objects, allow_pickle=True, facts=np.array("{}"), theta=np.array([{"a": 1}], dtype=object))
    saved.write_bytes(with_body(objects.getvalue()))
    with pytest.raises(ArchiveError, match="allow_pickle"):
        cmt.Results.load(saved)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("facts.npy", b"\0" * 1_000_000)
    saved.write_bytes(with_body(bomb.getvalue()))
    with pytest.raises(ArchiveError, match="compressed"):
        cmt.Results.load(saved)


def test_paths_that_are_no_files(swissmetro_results: cmt.Results, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written: it is a folder. Name a file in a folder that exists"):
        swissmetro_results.save(tmp_path)
    with pytest.raises(ArchiveError, match="cannot be read: No such file"):
        cmt.Results.load(tmp_path / "missing.cmt")
    assert not list(tmp_path.iterdir())
