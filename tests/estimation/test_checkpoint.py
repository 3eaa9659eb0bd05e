"""Runs that are interrupted end with the same bits; damaged and foreign files are refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytensor.graph.replace import clone_replace

import pycmtensor as cmt
from pycmtensor.engine.training import Training
from pycmtensor.estimation.archive import unpacked
from pycmtensor.estimation.checkpoint import KIND, VERSION, load_checkpoint, save_checkpoint
from pycmtensor.exceptions import CheckpointError, CheckpointWarning
from pycmtensor.optimizers import SGD, Adam
from pycmtensor.optimizers.schedules import ReduceOnPlateau
from tests.estimation import train_in_pieces

RUN = {"seed": "1"}


@pytest.fixture(scope="module")
def model() -> cmt.MNL:
    return train_in_pieces.model()


def interrupt_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Ctrl-C in one of the next calls of the compiled program."""
    run, left = Training.run, [calls]

    def interrupted(self: Training, *args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return run(self, *args)

    monkeypatch.setattr(Training, "run", interrupted)


@pytest.mark.parametrize("plateau", [False, True])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    model: cmt.MNL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plateau: bool
) -> None:
    def estimate(checkpoint: Path | None) -> cmt.Results:
        method = train_in_pieces.method(None if checkpoint is None else str(checkpoint), 40)
        if plateau:
            schedule = ReduceOnPlateau(0.5, factor=0.5, patience=1)
            method = cmt.Stochastic(
                SGD, schedule=schedule, batch_size=300, epochs=40, checkpoint=checkpoint, validation=0.2
            )
        return cmt.estimate(model, method=method)

    whole = estimate(None)
    for calls in (2, 3, 0):
        with monkeypatch.context() as patched:
            interrupt_after(patched, calls)
            assert "interrupted" in estimate(tmp_path / "run.ckpt").outcome.reason
    resumed = estimate(tmp_path / "run.ckpt")
    assert resumed.params.to_list() == whole.params.to_list()
    assert resumed.history.equals(whole.history)
    assert estimate(tmp_path / "run.ckpt").params.to_list() == whole.params.to_list()  # nothing is left to do


def test_a_finished_run_goes_on_with_more_epochs(model: cmt.MNL, tmp_path: Path) -> None:
    file = str(tmp_path / "run.ckpt")
    cmt.estimate(model, method=train_in_pieces.method(file, 50))
    longer = cmt.estimate(model, method=train_in_pieces.method(file, 100))
    whole = cmt.estimate(model, method=train_in_pieces.method(None, 100))
    assert longer.fit.theta.tolist() == whole.fit.theta.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"lr": 2e-4},
        {"batch_size": 65},
        {"optimizer": SGD},
        {"optimizer": partial(Adam, b1=0.8)},
        {"lr": None, "schedule": lambda step: 1e-4 / step},
    ],
)
def test_the_file_of_another_run_is_refused(model: cmt.MNL, tmp_path: Path, change: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"optimizer": Adam, "lr": 1e-4, "batch_size": 64, "epochs": 2, "seed": 3}
    file = tmp_path / "run.ckpt"
    cmt.estimate(model, method=cmt.Stochastic(**settings, checkpoint=file))
    with pytest.raises(CheckpointError, match="belongs to another run: its .* Name another file"):
        cmt.estimate(model, method=cmt.Stochastic(**{**settings, **change}, checkpoint=file))


@pytest.mark.parametrize(
    ("option", "one", "other"),
    [("average", 0.9, 0.99), ("accumulate", 2, 4), ("lr_factors", {"b_time": 0.5}, {"b_time": 0.6})],
)
def test_hidden_settings_of_an_optimizer_make_another_run(
    model: cmt.MNL, tmp_path: Path, option: str, one: Any, other: Any
) -> None:
    file = tmp_path / "run.ckpt"
    first, second = (
        cmt.Stochastic(partial(Adam, **{option: value}), lr=1e-4, batch_size=64, epochs=2, checkpoint=file)
        for value in (one, other)
    )
    done = cmt.estimate(model, method=first)
    assert cmt.estimate(model, method=first).params.tolist() == done.params.tolist()
    with pytest.raises(CheckpointError, match="another run: its"):
        cmt.estimate(model, method=second)


@pytest.mark.parametrize("change", ["bounds", "utility"])
def test_other_bounds_or_utilities_are_another_run(model: cmt.MNL, tmp_path: Path, change: str) -> None:
    method = train_in_pieces.method(str(tmp_path / "run.ckpt"), 2)
    cmt.estimate(model, method=method)
    b = {p.name: p for p in model.params}
    new = {name: cmt.Beta(name, ub=9.0 if change == "bounds" else None)() for name in b}
    V = clone_replace(list(model.utilities.values()), {p(): new[name] for name, p in b.items()})
    if change == "utility":
        V[0] = V[0] * 2
    other = cmt.MNL(model.dataset, dict(zip(model.utilities, V, strict=True)), model.availability)
    with pytest.raises(CheckpointError, match="another run: its"):
        cmt.estimate(other, method=method)


def test_other_data_are_another_run(model: cmt.MNL, tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    method = train_in_pieces.method(str(file), 2)
    cmt.estimate(model, method=method)
    with pytest.raises(CheckpointError, match="another run: its data"):
        cmt.estimate(model, model.dataset.take(np.arange(900)), method=method)


def saved_twice(folder: Path) -> Path:
    file = folder / "run.ckpt"
    for epoch in (1, 2):
        save_checkpoint(file, RUN, {"epoch": np.array(epoch), "theta": np.array([0.1, np.pi])})
    return file


def test_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    arrays = load_checkpoint(saved_twice(tmp_path), RUN)
    assert arrays is not None
    assert arrays["epoch"] == 2
    assert arrays["theta"].tolist() == [0.1, np.pi]
    assert {f.name for f in tmp_path.iterdir()} == {"run.ckpt", "run.ckpt.previous"}
    assert load_checkpoint(tmp_path / "none.ckpt", RUN) is None


@pytest.mark.parametrize("left", [0, 10, 40, 200, -1])
def test_after_a_truncated_file_the_one_before_is_used(tmp_path: Path, left: int) -> None:
    file = saved_twice(tmp_path)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.warns(CheckpointWarning, match=r"run\.ckpt is .*run\.ckpt\.previous is used instead"):
        arrays = load_checkpoint(file, RUN)
    assert arrays is not None
    assert arrays["epoch"] == 1


@pytest.mark.parametrize("byte", [90, 150, 400])
def test_a_changed_byte_is_found(tmp_path: Path, byte: int) -> None:
    file = saved_twice(tmp_path)
    body = bytearray(file.read_bytes())
    body[byte] ^= 1
    file.write_bytes(bytes(body))
    with pytest.warns(CheckpointWarning, match="truncated or damaged"):
        assert load_checkpoint(file, RUN) is not None


def test_files_of_others_and_of_other_versions_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(CheckpointError, match="table.csv is not a checkpoint of PyCMTensor. Delete the file"):
        load_checkpoint(file, RUN)
    file.write_bytes(b"PyCMTensor checkpoint 7\nabc\n")
    with pytest.raises(CheckpointError, match="version 7, this library reads version 4"):
        load_checkpoint(file, RUN)
    assert file.read_bytes() == b"PyCMTensor checkpoint 7\nabc\n"  # left as it was


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    file = saved_twice(tmp_path)
    file.unlink()
    arrays = load_checkpoint(file, RUN)
    assert arrays is not None
    assert arrays["epoch"] == 1


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("0 best_theta", np.zeros(2)),
        ("0 state.0", np.zeros((3, 3))),
        ("0 path", np.zeros((0, 4))),
        ("0 path", np.zeros(4)),
        ("0 best", np.array([7, 2])),
        ("0 best", np.array(["0", "2"])),
        ("0 relative_gradient", np.zeros(1)),
        ("0 more", np.zeros(1)),
    ],
)
def test_a_whole_checkpoint_with_other_contents_is_refused(
    model: cmt.MNL, tmp_path: Path, name: str, array: np.ndarray
) -> None:
    """Someone wrote other numbers, with their right checksum."""
    file = tmp_path / "run.ckpt"
    cmt.estimate(model, method=train_in_pieces.method(str(file), 2))
    facts, arrays = unpacked(file, KIND, VERSION)
    save_checkpoint(file, facts, {**arrays, name: array})
    with pytest.raises(CheckpointError, match=r"run\.ckpt was not written by this run: it holds .* Delete the file"):
        cmt.estimate(model, method=train_in_pieces.method(str(file), 2))
