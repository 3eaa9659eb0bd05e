"""Programs and data go with their model."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pycmtensor.engine import xla
from tests.engine.models_dropped import estimate


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no way to ask for the memory")
@pytest.mark.parametrize(("number", "every"), [pytest.param(300, 30, marks=pytest.mark.slow)])
def test_models_made_and_dropped_leave_nothing(number: int, every: int) -> None:
    """After the first 30, which fill what is filled once."""
    command = [sys.executable, "-m", "tests.engine.models_dropped", str(number), str(every)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *others = map(float, run.stdout.split())
    assert len(others) == number // every - 1
    assert max(others) < 1.05 * first


def test_what_jax_remembers_goes_and_what_it_compiled_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Objects left by each of some models, and a compiled function of the host program."""

    def traces() -> int:
        gc.collect()
        return sum(type(found).__name__ == "Jaxpr" for found in gc.get_objects())

    monkeypatch.setattr(xla, "REMEMBERED", 1)
    host, x = jax.jit(lambda x: jnp.where(x > 0, jnp.tanh(x), 0.0)), np.ones(5, np.float32)
    host(x)
    estimate(300)
    before = traces()
    for rows in (301, 302, 303):
        estimate(rows)
    assert traces() <= before + 3
    with jax.log_compiles(), caplog.at_level("WARNING"):
        host(x)
    assert "XLA compilation" not in caplog.text
