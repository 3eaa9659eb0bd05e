"""Two runs with one checkpoint: the second is refused while the first lives, and not by one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.engine.training import Training
from pycmtensor.estimation.lock import only_user
from pycmtensor.exceptions import CheckpointError, FileError
from tests.estimation import train_in_pieces

HOLDER = """
import sys
from pycmtensor.estimation.lock import only_user
with only_user(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_living_process_is_held_and_that_of_a_killed_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    command = [sys.executable, "-c", HOLDER, str(file)]
    for end in ("kill", "close"):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            with (
                pytest.raises(CheckpointError, match=rf"in use by another run \(process {holder.pid} on .*\). Wait un"),
                only_user(file),
            ):
                raise AssertionError("both have the lock")
            if end == "kill":
                holder.kill()
            holder.stdin.close()
        with only_user(file):
            assert (tmp_path / "run.ckpt.lock").exists()
        assert not list(tmp_path.iterdir())


def test_threads_of_one_process_lock_each_other_out(tmp_path: Path) -> None:
    """Of many that go at once, none is inside with another, and all that were refused were so clearly."""
    inside, most, refused = 0, 0, 0

    def go() -> None:
        nonlocal inside, most, refused
        for _ in range(200):
            try:
                with only_user(tmp_path / "run.ckpt"):
                    inside += 1
                    most = max(most, inside)
                    inside -= 1
            except CheckpointError:
                refused += 1

    threads = [Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not list(tmp_path.iterdir())


def test_a_second_run_is_refused_and_the_first_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins in the middle of the first, which ends with the same bits as one by itself."""
    model, run = train_in_pieces.model(), Training.run
    refused: list[str] = []
    whole = cmt.estimate(model, method=train_in_pieces.method(None, 10))
    method = train_in_pieces.method(str(tmp_path / "run.ckpt"), 10)

    def meanwhile(self: Training, *args: Any) -> Any:
        if not refused:
            refused.append("")
            with pytest.raises(CheckpointError, match="in use by another run") as error:
                cmt.estimate(model, method=method)
            refused[0] = str(error.value)
        return run(self, *args)

    monkeypatch.setattr(Training, "run", meanwhile)
    first = cmt.estimate(model, method=method)
    assert str(os.getpid()) in refused[0]
    assert first.params.to_list() == whole.params.to_list()
    assert {path.name for path in tmp_path.iterdir()} <= {"run.ckpt", "run.ckpt.previous"}


@pytest.mark.parametrize(("name", "message"), [("missing/run.ckpt", "there is no folder"), ("", "it is a folder")])
def test_what_cannot_be_written_is_found_before_the_first_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setattr(Training, "run", lambda *_: pytest.fail("an epoch was run"))
    with pytest.raises(FileError, match=message):
        cmt.estimate(train_in_pieces.model(), method=train_in_pieces.method(str(tmp_path / name), 10))


def test_long_names_have_locks_of_their_own(tmp_path: Path) -> None:
    one, other = (tmp_path / ("n" * 250 + ending) for ending in "ab")
    with only_user(one), only_user(other):
        assert len(list(tmp_path.iterdir())) == 2
    assert np.all([not path.exists() for path in (one, other)])
