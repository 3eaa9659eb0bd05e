"""Choice simulators: the file's own function gives the shares of `cmt.scenario`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor import coefficients
from pycmtensor.exceptions import InferenceError
from tests.analysis.simulated_modes import CAR, MODES, TRAIN, modes, of_kind, utilities

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not here to run the page's function")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return modes()


def run(page: Path, moves: list[list[dict[str, Any]]]) -> Any:
    """What the page's function answers to several moves of the attributes."""
    text = page.read_text(encoding="utf-8")
    [payload] = re.findall(r'<script type="application/json" id="payload">(.*?)</script>', text, re.S)
    script = text.split("<script>")[1].split("</script>")[0]
    asked = f"{script}\nconst sim = prepared({payload});\nconst all = {json.dumps(moves)};\n"
    asked += (
        "console.log(JSON.stringify(all.map((own) => { const a = answered(sim, own); return {shares: a.shares, "
        "errors: sim.alternatives.map((_, j) => errorOf(sim, a, 0, j))}; })));"
    )
    assert NODE is not None
    done = subprocess.run([NODE, "-"], input=asked, capture_output=True, text=True, check=True, encoding="utf-8")
    return json.loads(done.stdout)


@needs_node
@pytest.mark.filterwarnings("ignore::pycmtensor.exceptions.NotConvergedWarning")
@pytest.mark.parametrize("kind", ["logit", "nested", "mixed", "latent class"])
@pytest.mark.slow_cases("nested", "mixed", "latent class")
def test_the_page_answers_as_a_scenario(frame: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    results = of_kind(kind, frame)
    written = results.to_simulator(tmp_path / "s.html", rows="all", segment="old", prices={TRAIN: "cost0"})
    assert written.error < 1e-6
    names = [*(f"{what}{j}" for what in ("time", "cost") for j in range(3)), "old"]
    text = written.path.read_text(encoding="utf-8")
    assert re.findall(r'"name": "(\w+)"', text) == names
    today: list[dict[str, Any]] = [{"mode": "factor", "by": 1} for _ in names]
    moved = [*today]
    moved[0], moved[3], moved[5] = (
        {"mode": "value", "by": 2.5},
        {"mode": "factor", "by": 0.5},
        {"mode": "factor", "by": 1.3},
    )
    before, after = run(written.path, [today, moved])
    changes = {"time0": 2.5, "cost0": lambda c: c / 2, "cost2": lambda c: 1.3 * c}
    expected = cmt.scenario(results, None, changes, segment="old").shares
    for name, found in (("before", before), ("scenario", after)):
        table = expected.xs(name, level="scenario")
        shares = np.array(found["shares"])[:, :3]
        np.testing.assert_allclose(shares, table["estimate"].to_numpy().reshape(3, 3), atol=1e-6)
        errors = table["std_err"].to_numpy()[:3]
        if np.isfinite(errors).all():  # derivatives over a tenth of a standard error
            np.testing.assert_allclose(found["errors"], errors, rtol=0.1)
    ds, P = results.data, results.predict(frame.assign(cost0=frame["cost0"] / 2, time0=2.5, cost2=1.3 * frame["cost2"]))
    assert ds is not None
    w = frame["w"] if kind != "latent class" else np.ones(len(frame))
    revenue = np.average(P.probabilities[TRAIN] * frame["cost0"] / 2, weights=w)
    assert after["shares"][0][3] == pytest.approx(revenue, rel=2e-3 if kind == "mixed" else 1e-6)


@pytest.fixture(scope="module")
def results(frame: pd.DataFrame) -> cmt.Results:
    return of_kind("logit", frame)


def test_the_file_of_groups_holds_nobody_and_says_its_error(results: cmt.Results, tmp_path: Path) -> None:
    written = results.to_simulator(tmp_path / "s.html")
    assert written.points <= 240 // 5
    assert 0 < written.error < 0.03  # of 240 people
    text = written.path.read_text(encoding="utf-8")
    assert f"at most {100 * written.error:.2g}" in text
    assert f"{written.error:.1e}" in str(written)


def test_groups_have_five_members_and_the_means_of_all() -> None:
    from pycmtensor.analysis.simulator.points import FEWEST, grouped

    rng = np.random.default_rng(0)
    features, strata, w = rng.normal(size=(300, 3)), rng.integers(0, 3, 300), rng.uniform(0, 1, 300)
    points = grouped(features, strata, w, 40)
    assert np.bincount(points.group).min() >= FEWEST
    assert all(len(set(strata[points.group == g])) == 1 for g in range(len(points.member)))
    means = points.means(features.T) @ points.totals / w.sum()
    np.testing.assert_allclose(means, np.average(features, axis=0, weights=w), rtol=1e-12)


def test_the_page_is_alone_and_its_names_are_text(results: cmt.Results, tmp_path: Path) -> None:
    text = results.to_simulator(tmp_path / "s.html").path.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 3
    assert "</script><b>" not in text
    assert "<b>" not in text
    assert not re.search(r"(src|href)=|https?://|@import|url\(", text)
    assert "default-src 'none'" in text


@pytest.mark.filterwarnings("ignore::pycmtensor.exceptions.NotConvergedWarning")
@pytest.mark.slow
def test_five_alternatives_of_eight_attributes_are_less_than_two_megabytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    x = {f"x{k}_{j}": rng.uniform(0, 2, 600) for k in range(8) for j in range(5)}
    frame = pd.DataFrame(x | {"age": rng.uniform(20, 80, 600)})
    slopes = [cmt.Beta(f"b{k}", -0.3) for k in range(8)]
    V = np.stack([-0.3 * sum(x[f"x{k}_{j}"] for k in range(8)) for j in range(5)]) + rng.gumbel(size=(5, 600))
    ds = cmt.Dataset(frame.assign(y=V.argmax(axis=0)), "y", {f"mode {j}": j for j in range(5)})
    random = coefficients.normal("b0", slopes[0], cmt.Beta("sd", 0.2))
    utilities = {
        f"mode {j}": random * ds[f"x0_{j}"] + sum(slopes[k] * ds[f"x{k}_{j}"] for k in range(1, 8)) for j in range(5)
    }
    utilities["mode 0"] = utilities["mode 0"] + cmt.Beta("asc") + cmt.Beta("b_age") * ds["age"]
    results = cmt.estimate(cmt.MixedLogit(ds, utilities, draws=50), max_iterations=3)
    written = results.to_simulator(tmp_path / "s.html")
    assert written.size < 2_000_000
    assert written.error < 0.01


def test_long_data_move_by_alternative(modechoice_results: cmt.Results, tmp_path: Path) -> None:
    written = modechoice_results.to_simulator(tmp_path / "s.html", rows="all", attributes=["gc", "ttme"])
    assert written.error < 1e-6
    assert '"name": "gc of train"' in written.path.read_text(encoding="utf-8")


def test_what_no_file_can_compute_is_told(frame: pd.DataFrame, results: cmt.Results, tmp_path: Path) -> None:
    ds = cmt.Dataset(frame, "y", MODES)
    b = cmt.Beta("b", -0.1)
    V = {mode: b * ds[f"time{j}"] ** 2 for j, mode in enumerate(MODES)}
    squares = cmt.estimate(cmt.MNL(ds, V))
    with pytest.raises(InferenceError, match=r"not linear in time0.* or ask cmt.scenario"):
        squares.to_simulator(tmp_path / "s.html")
    scaled = cmt.estimate(cmt.HeteroscedasticLogit(ds, utilities(ds), scales={CAR: cmt.Beta("s", 1.0)}))
    with pytest.raises(InferenceError, match="none of the models that a file can compute, MNL.*Ask cmt.scenario"):
        scaled.to_simulator(tmp_path / "s.html")
    with pytest.raises(InferenceError, match="attributes names 'speed', in no utility; there are time0"):
        results.to_simulator(tmp_path / "s.html", attributes=["speed"])
    with pytest.raises(InferenceError, match="prices names 'plane'"):
        results.to_simulator(tmp_path / "s.html", prices={"plane": "cost0"})
    assert not list(tmp_path.iterdir())
