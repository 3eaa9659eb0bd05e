"""Runs of second-order methods that are killed at every evaluation go on to the same bits, and ask nothing twice."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.estimation import journal
from pycmtensor.estimation import recorded as recording
from pycmtensor.estimation.archive import opened, packed
from pycmtensor.estimation.journal import HEAD, KIND, LENGTH, VERSION
from pycmtensor.estimation.lock import only_user
from pycmtensor.exceptions import CheckpointError, CheckpointWarning, FileError, NotConvergedWarning, OptimizerError
from pycmtensor.optimizers import SGD
from tests.engine.test_evaluator import SumOfHalves
from tests.estimation.killed_runs import Evaluations, Known, bits

#: Model, options.
RUNS: list[tuple[str, dict[str, Any]]] = [
    *(("logit", {"method": method}) for method in ("trust-region", "newton", "bfgs", "lbfgs", "bhhh")),
    ("logit", {"starts": cmt.Starts(12, seed=1)}),
    ("logit", {"constraints": "b_time = 2 * b_cost"}),
    ("logit", {"constraints": "b_time <= -1.2", "progress": False}),
    ("logit", {"on": SumOfHalves}),
    *(("single precision", {"method": method}) for method in ("trust-region", "bfgs")),
    ("classes", {"starts": 9}),
    ("mixed", {}),
    ("pooled", {}),
]


@pytest.fixture(scope="module")
def known() -> dict[str, cmt.Model]:
    return Known()


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Evaluations:
    return Evaluations(monkeypatch)


@pytest.mark.parametrize(("name", "options"), RUNS, ids=str)
def test_a_run_killed_at_every_evaluation_ends_with_the_same_bits(
    known: dict[str, cmt.Model], tmp_path: Path, evaluations: Evaluations, name: str, options: dict[str, Any]
) -> None:
    """Every call gets one evaluation further; together they need as many as a run that nothing stops."""
    model, file = known[name], tmp_path / "run.cmt"
    whole, number = evaluations.of(lambda: cmt.estimate(model, **options, checkpoint=tmp_path / "whole.cmt"))
    plain = cmt.estimate(model, **options)
    at_once = 2 if "on" in options or name == "pooled" else 1  # of two parts
    resumed, total = evaluations.until_done(lambda: cmt.estimate(model, **options, checkpoint=file), at_once)
    again, none = evaluations.of(lambda: cmt.estimate(model, **options, checkpoint=file), 0)
    assert whole is not None
    assert again is not None
    assert bits(resumed) == bits(whole) == bits(again) == bits(plain)
    assert (total, none) == (number, 0)
    assert {f.name for f in tmp_path.iterdir()} == {"run.cmt", "whole.cmt"}


def saved(model: cmt.Model, file: Path, **options: Any) -> cmt.Results:
    return cmt.estimate(model, **options, checkpoint=file)


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"method": "newton"}, "method"),
        ({"start": {"b_time": -0.5}}, "start"),
        ({"starts": 3}, "starts"),
        ({"constraints": "b_time <= 0"}, "constraints"),
        ({"block": 100}, "block"),
        ({"on": SumOfHalves}, "evaluator"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_by_name(
    known: dict[str, cmt.Model], tmp_path: Path, change: dict[str, Any], differs: str
) -> None:
    model, file = known["logit"], tmp_path / "run.cmt"
    done, before = saved(model, file), file.read_bytes()
    with pytest.raises(CheckpointError, match=rf"belongs to another run: its {differs} is .* Name another file"):
        saved(model, file, **change)
    assert file.read_bytes() == before
    assert bits(saved(model, file)) == bits(done)


def test_other_data_models_and_versions_are_refused_by_name(
    known: dict[str, cmt.Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, file = known["logit"], tmp_path / "run.cmt"
    saved(model, file)
    with pytest.raises(CheckpointError, match="another run: its data is"):
        cmt.estimate(model, model.dataset.take(np.arange(900)), checkpoint=file)
    with pytest.raises(CheckpointError, match="another run: its model is"):
        saved(known["mixed"], file)
    fixed = cmt.MNL(model.dataset, {"a": cmt.Beta("b_time", ub=9.0) * model.dataset["time_0"], "b": 0, "c": 0})
    with pytest.raises(CheckpointError, match="another run: its model is"):
        saved(fixed, file)
    monkeypatch.setattr(recording, "_versions", lambda: {"version of jax": "0.0.1"})
    with pytest.raises(CheckpointError, match=r"another run: its version of jax is .* here it is '0\.0\.1'"):
        saved(model, file)


def test_more_iterations_go_on_where_a_run_ended(
    known: dict[str, cmt.Model], tmp_path: Path, evaluations: Evaluations
) -> None:
    model, file = known["logit"], tmp_path / "run.cmt"
    whole, number = evaluations.of(lambda: cmt.estimate(model, method="bfgs"))
    with pytest.warns(NotConvergedWarning, match="stopped after 4 iterations"):
        evaluations.of(lambda: saved(model, file, method="bfgs", max_iterations=4))
    longer, second = evaluations.of(lambda: saved(model, file, method="bfgs"))
    assert whole is not None
    assert longer is not None
    assert bits(longer) == bits(whole)
    assert second < number


@pytest.mark.parametrize("cut", [0.4, 0.9, 0.999])
def test_after_a_torn_record_the_run_goes_on_from_those_before(
    known: dict[str, cmt.Model], tmp_path: Path, cut: float
) -> None:
    model, file = known["logit"], tmp_path / "run.cmt"
    done, content = saved(model, file), file.read_bytes()
    file.write_bytes(content[: round(cut * len(content))])
    with pytest.warns(
        CheckpointWarning, match=r"run\.cmt is damaged or was not written to its end: record .* is trunc"
    ):
        assert bits(saved(model, file)) == bits(done)
    assert file.read_bytes() == content
    assert bits(saved(model, file)) == bits(done)  # without a warning


def test_every_changed_byte_is_found(known: dict[str, cmt.Model], tmp_path: Path) -> None:
    """A run from a damaged file ends with the same bits after a warning, or is refused: no wrong number gets in."""
    model, file = known["logit"], tmp_path / "run.cmt"
    done, content = saved(model, file), file.read_bytes()
    told = []
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                assert bits(saved(model, file)) == bits(done)
                told.append(str(caught[0].message))
            except CheckpointError as error:
                told.append(str(error))
    assert sum("The run goes on from the" in text for text in told) > 30
    assert all("The run goes on from the" in text or "Delete the file to start the run" in text for text in told)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"value": np.array(1.0), "gradient": np.zeros(2), "hessian": np.eye(3)},
        {"value": np.array(1.0), "gradient": np.zeros(3), "hessian": np.eye(3), "more": np.zeros(1)},
        {"value": np.array("1.0"), "gradient": np.zeros(3), "hessian": np.eye(3)},
        {"value": np.array([1.0]), "gradient": np.zeros(3), "hessian": np.eye(3)},
    ],
    ids=str,
)
def test_whole_records_with_other_contents_are_refused(
    known: dict[str, cmt.Model], tmp_path: Path, answer: dict[str, np.ndarray]
) -> None:
    """Someone wrote another answer to the first question, with its right checksum."""
    model, file = known["logit"], tmp_path / "run.cmt"
    saved(model, file)
    content, begin = file.read_bytes(), len(HEAD)
    begin += LENGTH + int.from_bytes(content[begin : begin + LENGTH], "little")
    length = int.from_bytes(content[begin : begin + LENGTH], "little")
    facts, _ = opened(content[begin + LENGTH : begin + LENGTH + length], "record", KIND, VERSION)
    record = packed(KIND, VERSION, facts, answer)
    file.write_bytes(content[:begin] + len(record).to_bytes(LENGTH, "little") + record)
    with pytest.raises(
        CheckpointError, match=r"run\.cmt was not written by this run: its answer to .* expected numbers"
    ):
        saved(model, file)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PyCMTensor checkpoint 3\nabc\n", HEAD, HEAD + b"\xff" * 40])
def test_files_of_others_are_refused_and_left_as_they_are(
    known: dict[str, cmt.Model], tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "run.cmt"
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.cmt is .*Delete the file to start the run anew, or name another"):
        saved(known["logit"], file)
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_is_noticed_before_the_first_evaluation(
    known: dict[str, cmt.Model], tmp_path: Path, evaluations: Evaluations
) -> None:
    def refused(checkpoint: Any) -> None:
        saved(known["logit"], checkpoint)

    for checkpoint, message in ((tmp_path / "none" / "run.cmt", "there is no folder"), (tmp_path, "it is a folder")):
        evaluations.number, evaluations.allowed = 0, 0
        with pytest.raises(FileError, match=message):
            refused(checkpoint)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_ends_a_run_clearly_and_keeps_its_answers(
    known: dict[str, cmt.Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third answer finds no room."""
    model, file, left = known["logit"], tmp_path / "run.cmt", [2]
    append = journal.append

    def full(path: Path, content: bytes, end: int, lasting: bool) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise FileError(f"{path} cannot be written: No space left on device.")
        return append(path, content, end, lasting)

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        with pytest.raises(FileError, match="No space left"):
            saved(model, file)
    assert bits(saved(model, file)) == bits(cmt.estimate(model))


def test_two_runs_with_one_checkpoint(known: dict[str, cmt.Model], tmp_path: Path) -> None:
    with (
        only_user(tmp_path / "run.cmt"),
        pytest.raises(CheckpointError, match="in use by another run"),
    ):
        saved(known["logit"], tmp_path / "run.cmt")


def test_a_stochastic_method_takes_the_checkpoint_as_its_own(known: dict[str, cmt.Model], tmp_path: Path) -> None:
    model, file = known["logit"], tmp_path / "run.cmt"
    sgd = cmt.Stochastic(SGD, lr=1.0, epochs=5)
    done = saved(model, file, method=sgd)
    again = cmt.estimate(model, method=cmt.Stochastic(SGD, lr=1.0, epochs=5, checkpoint=file))
    assert bits(again) == bits(done)
    with pytest.raises(OptimizerError, match="Give one of them"):
        saved(model, file, method=cmt.Stochastic(SGD, checkpoint=file))
