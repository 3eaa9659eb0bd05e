"""Processes that are killed at random moments, called again, and end with the bits of a run that nothing stops."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.estimation.killed_runs import KINDS, fingerprint


def killed_until_done(kind: str, folder: Path, kills: int, seed: int) -> tuple[str, int]:
    """What a run prints at last, and how many processes were killed that had begun to save something."""
    rng, killed, file = random.Random(seed), 0, folder / "run.cmt"
    command = [sys.executable, "-m", "tests.estimation.killed_runs", kind, str(file)]
    environment = os.environ | {"PYCMTENSOR_CACHE": str(folder / "programs")}  # so that processes start sooner
    while True:
        before = file.stat().st_size if file.exists() else 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            while killed < kills and process.poll() is None:
                time.sleep(0.002)
                if file.exists() and file.stat().st_size > before:
                    time.sleep(rng.uniform(0, 0.1))
                    if process.poll() is None:
                        process.kill()
                        killed += 1
                    break
            printed, _ = process.communicate()
        if process.returncode == 0:
            return printed.strip(), killed


@pytest.mark.parametrize(
    ("kind", "kills"),
    [("bfgs", 1), *(pytest.param(kind, 100, marks=pytest.mark.slow) for kind in KINDS)],
)
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bits(kind: str, kills: int, tmp_path: Path) -> None:
    """A short run may be at its end before all of the kills."""
    printed, killed = killed_until_done(kind, tmp_path, kills, seed=kills)
    assert killed > 0
    assert printed == fingerprint(kind, str(tmp_path / "whole.cmt"))
