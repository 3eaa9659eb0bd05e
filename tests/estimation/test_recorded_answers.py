"""Resampling, validation, profiles and simulation noise that are killed go on to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.exceptions import CheckpointError, PyCMTensorError
from pycmtensor.inference import resampling
from tests.estimation.killed_runs import Evaluations, Known

#: Name -> model, what is asked of results with a checkpoint, other options, evaluations between two kills.
ASKED: dict[str, tuple[str, Callable[..., Any], dict[str, Any], int]] = {
    "bootstrap": ("logit", lambda r, **o: r.bootstrap(30, **o).theta, {"seed": 1}, 1),
    "jackknife": ("logit", lambda r, **o: r.jackknife(np.arange(1000) % 7, **o).theta, {}, 1),
    "pooled": ("pooled", lambda r, **o: r.jackknife(np.arange(240) % 11, **o).theta, {}, 60),
    "profile": ("logit", lambda r, **o: r.conf_int(kind="profile", **o), {"alpha": 0.1}, 30),
    "folds": ("logit", lambda r, **o: [(v := r.cross_validate(**o)).table, [v.llf, v.std_err]], {"folds": 4}, 6),
    "noise": ("mixed", lambda r, **o: r.simulation_noise(**o).theta_others, {}, 16),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return all(map(same, one, other))
    return np.asarray(one, float).tobytes() == np.asarray(other, float).tobytes()


@pytest.fixture(scope="module")
def results() -> dict[str, cmt.Results]:
    known = Known()
    return {name: cmt.estimate(known[name]) for name in ("logit", "pooled", "mixed")}


#: Those that evaluate one part, or compile a model, after the other.
SLOW = ("pooled", "noise")


@pytest.mark.parametrize("asked", [pytest.param(a, marks=[pytest.mark.slow] if a in SLOW else []) for a in ASKED])
def test_what_is_killed_at_every_evaluation_ends_with_the_same_bits(
    results: dict[str, cmt.Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    name, ask, _, at_once = ASKED[asked]
    monkeypatch.setattr(resampling, "WEIGHTS_AT_ONCE", 1)
    evaluations = Evaluations(monkeypatch)

    def fresh() -> cmt.Results:
        return cmt.Results(results[name].fit, results[name].model, results[name].data, results[name].evaluator)

    file = tmp_path / "run.cmt"
    whole, number = evaluations.of(lambda: ask(fresh(), checkpoint=tmp_path / "whole.cmt"))
    resumed, total = evaluations.until_done(lambda: ask(fresh(), checkpoint=file), at_once)
    again, _ = evaluations.of(lambda: ask(fresh(), checkpoint=file), 0)
    assert same(resumed, whole)
    assert same(again, whole)
    assert same(ask(fresh()), whole)
    assert total <= number if at_once == 1 else total < 3 * number  # what was begun is begun again


@pytest.mark.parametrize("asked", [asked for asked in ASKED if ASKED[asked][2]])
def test_the_checkpoint_of_another_run_is_refused_by_name(
    results: dict[str, cmt.Results], tmp_path: Path, asked: str
) -> None:
    name, ask, options, _ = ASKED[asked]
    ask(results[name], checkpoint=tmp_path / "run.cmt")
    with pytest.raises(CheckpointError, match=f"another run: its ({next(iter(options))}|task) is"):
        ask(results[name], **options, checkpoint=tmp_path / "run.cmt")


def test_only_profiles_take_a_checkpoint_of_intervals(results: dict[str, cmt.Results], tmp_path: Path) -> None:
    with pytest.raises(PyCMTensorError, match="checkpoint goes with the kind 'profile', found kind='robust'"):
        results["logit"].conf_int(kind="robust", checkpoint=tmp_path / "run.cmt")
