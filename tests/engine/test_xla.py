"""Compiled programs are kept where the user says, and change no result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import pandas as pd, pycmtensor as cmt, jax
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
ds = cmt.Dataset(pd.DataFrame({"y": [1, 1, 0], "x": [1.0, 2, 4]}), "y", {"a": 1, "b": 0})
print(jax.config.jax_compilation_cache_dir)  # importing configures nothing
print(cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("b") * ds["x"], "b": 0})).params["b"].hex())
print(jax.config.jax_compilation_cache_dir)
print(events.count("/jax/compilation_cache/cache_hits"))
"""

TYPES = ("float64", "float32")


def printed(**environment: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split()


def test_programs_are_kept_in_the_folder_that_is_named(tmp_path: Path) -> None:
    """All of them, whatever they took to compile."""
    settings = {"PYCMTENSOR_CACHE": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    before, estimate, after, _ = printed(**settings)
    assert before == "None"
    assert Path(after).parent == tmp_path
    kept = {file.name for file in Path(after).glob("*-cache")}
    assert kept
    _, again, _, found = printed(**settings)
    assert again == estimate
    assert int(found) >= len(kept)


def test_the_cache_can_be_off_or_elsewhere(tmp_path: Path) -> None:
    assert printed(PYCMTENSOR_CACHE="off")[2] == "None"
    own = printed(PYCMTENSOR_CACHE=str(tmp_path / "ours"), JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert own[0] == own[2] == str(tmp_path / "own")
    assert not (tmp_path / "ours").exists()


def test_single_precision_warns_of_nothing() -> None:
    """JAX computes in 32 bits when PyTensor was told so before JAX was there; warnings are errors in this process."""
    estimate, single = (printed(PYTENSOR_FLAGS=f"floatX={dtype}", PYCMTENSOR_CACHE="off")[1] for dtype in TYPES)
    assert abs(float.fromhex(single) / float.fromhex(estimate) - 1) < 1e-3
