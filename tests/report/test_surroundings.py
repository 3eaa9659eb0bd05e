"""Terminals, fonts and modes of other people: no warning and no error of another library comes through."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytensor
import pytest

import pycmtensor as cmt
from pycmtensor.optimizers import Adam

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def named() -> cmt.Results:
    """Estimates whose names have letters that the font of matplotlib lacks."""
    frame = pd.DataFrame({"y": [1, 2, 1, 2, 1, 1], "x": [1.0, 2, 3, 1, 0, 2], "時": [0, 1, 0, 1, 0, 1]})
    ds = cmt.Dataset(frame, "y", {"汽車": 1, "bus é": 2})
    return cmt.estimate(cmt.MNL(ds, {"汽車": cmt.Beta("時間") * ds["x"], "bus é": 0}))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_a_summary_prints_on_every_terminal(named: cmt.Results, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    print(named.summary())  # noqa: T201
    terminal.flush()
    shown = terminal.buffer.getvalue().decode(encoding)
    assert f"{named.params['時間']:.6f}" in shown
    assert ("時間" if encoding == "utf-8" else "\\u6642\\u9593") in shown
    assert "----" in shown or "────" in shown


def test_text_in_a_notebook_is_that_of_a_terminal(named: cmt.Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """rich shows what it prints at once in Jupyter, so that answers stood there twice, and their text was empty."""
    at_a_terminal = str(named.summary())
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(named.summary()) == at_a_terminal
    assert f"{named.params['時間']:.6f}" in at_a_terminal


def test_letters_without_a_font_are_shown_by_their_codes(named: cmt.Results, tmp_path: Path) -> None:
    ax = named.plot_coefficients()
    ax.get_figure().savefig(tmp_path / "a.png")  # type: ignore[union-attr]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["\\u6642\\u9593"]
    for ax in (named.plot_shares("時"), named.elasticities("x").plot(), named.plot_calibration()):
        ax.get_figure().savefig(tmp_path / "b.png")  # type: ignore[union-attr]
    page = named.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "時間" in page


def test_letters_that_the_font_has_stay(named: cmt.Results) -> None:
    assert "bus é" in [text.get_text().split("\n")[-1] for text in named.plot_shares("時").get_xticklabels()]


def test_derivatives_in_pytensors_own_jax_mode(named: cmt.Results) -> None:
    model = named.model
    assert model is not None
    beta = model.params[0]
    slope = pytensor.function(model.inputs, pytensor.grad(model.cost, beta()), mode="JAX")
    x, first = np.array([1.0, 2, 3, 1, 0, 2]), np.array([1, 0, 1, 0, 1, 1])
    np.testing.assert_allclose(slope(*model.arrays()), -(x * (first - 0.5)).sum(), rtol=1e-12)  # of a logit at 0
    updates = Adam([beta]).update(model.cost, [beta], lr=0.1)
    pytensor.function(model.inputs, model.cost, updates=updates, mode="JAX")(*model.arrays())
    beta.reset_value()


SINGLE = """
import warnings; warnings.simplefilter("error")
import numpy as np, pandas as pd, pytensor
pytensor.config.floatX = "float32"
import pycmtensor as cmt
from pycmtensor.coefficients import normal
rng = np.random.default_rng(1)
x = rng.normal(size=(400, 2))
y = ((x * rng.normal(1, 1, (400, 1)) + rng.gumbel(size=(400, 2))).argmax(axis=1) + 1)
ds = cmt.Dataset(pd.DataFrame({"y": y, "x1": x[:, 0], "x2": x[:, 1]}), "y", {"a": 1, "b": 2})
b = normal("b", cmt.Beta("mean"), cmt.Beta("sd", 0.1))
with warnings.catch_warnings():
    warnings.simplefilter("ignore", cmt.exceptions.NotConvergedWarning)
    results = cmt.estimate(cmt.MixedLogit(ds, {"a": b * ds["x1"], "b": b * ds["x2"]}, draws=50))
print(results.llf)
"""


@pytest.mark.slow
def test_single_precision_divides_by_no_zero() -> None:
    found = []
    for precision in ("float32", "float64"):
        script = SINGLE.replace("float32", precision)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYCMTENSOR_CACHE": "off"}
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
        )
        assert run.returncode == 0, run.stderr
        found.append(float(run.stdout))
    assert found[0] == pytest.approx(found[1], rel=1e-5)
