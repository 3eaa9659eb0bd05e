"""Long runs tell of themselves by `logging`, and are quiet for those who do not listen."""

from __future__ import annotations

import logging
import re
import subprocess
import sys

import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.optimizers import Adam

PROGRAM = """
import pandas as pd, pycmtensor as cmt
ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
results.bootstrap(10)
"""


@pytest.fixture(scope="module")
def model() -> cmt.MNL:
    ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
    return cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0})


def told(caplog: pytest.LogCaptureFixture, what: str) -> list[str]:
    return [message for message in caplog.messages if re.match(what, message)]


def test_iterations_and_the_ending_are_told(model: cmt.MNL, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="pycmtensor"):
        results = cmt.estimate(model)
    assert caplog.messages[0] == "estimation of Multinomial logit with 1 parameters by trust-region"
    iterations = told(caplog, r"iteration \d+: log-likelihood ")
    assert len(iterations) == len(results.history)
    assert f"{results.llf:.6f}" in iterations[-1]
    assert caplog.messages[-1] == f"log-likelihood {results.llf:.6f}; {results.outcome}"
    assert {record.name.split(".")[0] for record in caplog.records} == {"pycmtensor"}
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_epochs_and_replicates_are_told(model: cmt.MNL, caplog: pytest.LogCaptureFixture) -> None:
    results = cmt.estimate(model)
    with caplog.at_level(logging.INFO, logger="pycmtensor"):
        cmt.estimate(model, method=cmt.Stochastic(Adam, lr=0.1, epochs=3))
        results.bootstrap(10)
    assert told(caplog, r"epoch 3: log-likelihood ")
    assert told(caplog, r".* 10 of 10$")


def test_nobody_who_does_not_listen_hears_anything() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
