"""Streamed parts give what all rows in memory give: likelihoods, estimates, errors, whatever the parts."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.engine import Streaming, evaluator_of
from pycmtensor.engine.parts.question import PoissonWeights
from pycmtensor.exceptions import DatasetError, FileError, InferenceError, OptimizerError
from pycmtensor.inference import ClusterRobust

from .families import FAMILIES, close, in_memory, in_parts, logit, mixed, persons

KINDS: list[Any] = ["classical", "robust", "bhhh", ClusterRobust("town")]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return persons()


@pytest.fixture(scope="module")
def local(frame: pd.DataFrame) -> Callable[[str], cmt.Results]:
    """Results of a family with all rows in memory."""
    return cache(lambda family: cmt.estimate(FAMILIES[family](in_memory(frame)), **options(family)))


def options(family: str) -> dict[str, Any]:
    return {"starts": 3} if family == "classes" else {}


@pytest.mark.slow_cases(*[f"{family}-{parts}" for family in ("mixed", "nested", "classes") for parts in (1, 2, 8)])
@pytest.mark.parametrize("parts", [1, 2, 8])
@pytest.mark.parametrize("family", FAMILIES)
def test_estimates_and_errors_are_those_of_all_rows(
    frame: pd.DataFrame, local: Callable[[str], cmt.Results], family: str, parts: int, tmp_path: Path
) -> None:
    ds = in_parts(frame, tmp_path / "parts", parts)
    assert abs(len(ds.parts) - parts) <= 1
    one, streamed = local(family), cmt.estimate(FAMILIES[family](ds), **options(family))
    close(streamed.params, one.params)
    close([streamed.llf, streamed.llnull, streamed.nobs, streamed.bic], [one.llf, one.llnull, one.nobs, one.bic])
    for kind in KINDS:
        close(streamed.cov_params(kind), one.cov_params(kind))


def test_individuals_in_parts_are_those_of_all_rows(
    frame: pd.DataFrame, local: Callable[[str], cmt.Results], tmp_path: Path
) -> None:
    """Log-likelihoods and scores by person: draws do not depend on the parts, of which the last is smaller."""
    one = local("mixed")
    streamed = evaluator_of(mixed(in_parts(frame, tmp_path / "parts", 7)))
    scores, logprob = streamed.individuals_at(one.fit.theta).numbers
    close(logprob, one.fit.logprob)
    close(scores, one.fit.scores)


def test_replicates_do_not_depend_on_the_parts(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Bootstrap estimates against those that all rows in memory have with the Poisson weights of their numbers."""
    ds = in_memory(frame)
    whole = cmt.estimate(logit(ds))
    weights = np.array([PoissonWeights(5, r).of(ds.individual_numbers) for r in range(3)])
    assert whole.evaluator is not None
    truth = [
        cmt.estimate(logit(ds), on=lambda model, data, w=w: evaluator_of(model, data).reweighted(w)).params  # type: ignore[misc]
        for w in weights
    ]
    found = [
        cmt.estimate(logit(in_parts(frame, tmp_path / str(parts), parts))).bootstrap(3, seed=5).params
        for parts in (2, 7)
    ]
    close(found[0], found[1])
    np.testing.assert_allclose(found[0], truth, atol=0.01 * whole.bse.max())


def test_a_large_sample_is_climbed_from_a_small_one(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three evaluations of all rows suffice for a logit, and the progress tells of them."""
    monkeypatch.setattr("pycmtensor.engine.parts.summed.ENOUGH", 30)
    monkeypatch.setattr("pycmtensor.engine.parts.prepared.CHUNK", 64)
    people = persons(8000)
    ds = in_parts(people, tmp_path / "parts", 6)
    told: list[tuple[int, int, int]] = []
    monkeypatch.setattr(
        import_module("pycmtensor.estimation.maximise"), "PassBar", lambda show: lambda *pass_: told.append(pass_)
    )
    results = cmt.estimate(logit(ds))
    close(results.params, cmt.estimate(logit(in_memory(people))).params)
    assert len(results.history) <= 3
    assert (0, ds.nobs, ds.nobs) in told
    assert told[-1][1:] == (ds.nobs, ds.nobs)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 2**62), min_size=1, max_size=20, unique=True), st.integers(0, 2**62), st.integers(0, 999)
)
def test_weights_of_replicates_belong_to_persons(numbers: list[int], seed: int, replicate: int) -> None:
    weights = PoissonWeights(seed, replicate)
    of_all = weights.of(np.array(numbers))
    np.testing.assert_array_equal(of_all[::-1], weights.of(np.array(numbers[::-1])))
    np.testing.assert_array_equal(of_all[:1], weights.of(np.array(numbers[:1])))


def test_weights_of_replicates_are_poisson_numbers() -> None:
    """Frequencies against exp(-1) / k!, and independence of persons and replicates."""
    w = np.array([PoissonWeights(3, r).of(np.arange(40_000)) for r in range(4)])
    for k in range(5):
        p = np.exp(-1) / math.factorial(k)
        assert abs((w == k).mean() - p) < 5 * np.sqrt(p * (1 - p) / w.size)
    assert np.abs(np.corrcoef(w) - np.eye(4)).max() < 0.03
    assert abs(np.corrcoef(w[0, 1:], w[0, :-1])[0, 1]) < 0.03
    assert not np.array_equal(w[0], PoissonWeights(4, 0).of(np.arange(40_000)))


def test_single_precision_is_near_and_takes_half_the_space(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Numbers are rounded to 24 bits when they are kept, and nothing is after that."""
    model = logit(in_memory(frame.astype({f"{x}_{m}": "float32" for x in "tc" for m in ("car", "bus", "tram")})))
    theta, sizes = np.array([0.3, -0.4, -0.9]), []
    found = []
    for single in (False, True):
        (tmp_path / str(single)).mkdir()
        evaluator = Streaming(folder=tmp_path / str(single), single=single)(model, model.dataset)
        found.append(evaluator.second_order(theta))
        sizes.append(sum(file.stat().st_size for file in (tmp_path / str(single)).rglob("*.part")))
    assert sizes[1] < 0.9 * sizes[0]
    np.testing.assert_allclose(found[1].hessian, found[0].hessian, rtol=1e-6)
    np.testing.assert_allclose(found[1].value, found[0].value, rtol=1e-7)


def test_the_cache_is_removed_with_what_made_it(frame: pd.DataFrame, tmp_path: Path) -> None:
    ds = in_memory(frame)
    evaluator = Streaming(folder=tmp_path)(logit(ds), ds)
    evaluator.describe()
    assert list(tmp_path.rglob("*.part"))
    del evaluator
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_faults_of_the_cache_are_told(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = logit(in_memory(frame))
    with pytest.raises(FileError, match="no cache of prepared data can be made in .*No such file.*Name another"):
        cmt.estimate(model, on=Streaming(folder=tmp_path / "nowhere"))
    with pytest.raises(FileError, match="take more than the size of the cache. Raise size, or take half"):
        cmt.estimate(model, on=Streaming(folder=tmp_path, size=1000))
    with pytest.raises(OptimizerError, match="Streaming: cores must be a whole number of at least 1, found 0"):
        Streaming(cores=0)


def test_faults_in_rows_are_told_when_they_are_read(frame: pd.DataFrame, tmp_path: Path) -> None:
    """The first rows are right, so that a model can be made; the last are not."""
    frame = frame.assign(has_tram=np.where(frame.index == len(frame) - 1, 0, frame.has_tram))
    frame.loc[frame.index[-1], "mode"] = 3
    model = logit(in_parts(pd.concat([frame] * 4).assign(who=lambda f: np.arange(len(f)), w=1.0), tmp_path / "p", 9))
    with pytest.raises(DatasetError, match=r"'tram' is chosen where it is unavailable") as told:
        cmt.estimate(model)
    assert "Rows are counted from the first of row group" in str(told.value.__notes__)


def test_what_has_too_many_numbers_names_the_way(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluator = evaluator_of(logit(in_parts(frame, tmp_path / "parts", 3)))
    monkeypatch.setattr("pycmtensor.engine.parts.summed.MOST_NUMBERS", 10)
    with pytest.raises(InferenceError, match=r"too many for the memory.*ds.sample\(individuals="):
        evaluator.individuals_at(np.zeros(3)).numbers  # noqa: B018


#: Estimates a logit of scanned data in an address space that is little larger than that of the libraries.
LIMITED = """
import resource, sys
import numpy as np, pandas as pd, pycmtensor as cmt
import pyarrow.parquet

def logit(ds):
    b = [cmt.Beta(f"b{a}") for a in range(5)]
    return cmt.MNL(ds, {f"m{j}": sum(b[a] * ds[f"x{a}_{j}"] for a in range(5)) for j in range(4)})

def scanned(path):
    return cmt.Dataset.scan(path, "choice", {f"m{j}": j for j in range(4)})

cmt.estimate(logit(scanned(sys.argv[2])))  # what threads and programs take
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    np.ones(int(sys.argv[3]) // 4)  # twice as much
    raise SystemExit("the limit is none")
except MemoryError:
    pass
results = cmt.estimate(logit(scanned(sys.argv[1])))
print(len(results.history), *results.params, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited as Linux does")
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """500,000 rows of 20 columns, 80 MB, where the libraries have 64 MB to spare; parameters are those of the data."""
    rng, b = np.random.default_rng(1), np.array([-1, -0.5, 0.3, 0.2, -0.2])
    for name, rows in (("all", 500_000), ("few", 40_000)):
        x = rng.normal(size=(5, 4, rows))
        V = np.tensordot(b, x, 1) + rng.gumbel(size=(4, rows))
        columns = {f"x{a}_{j}": x[a, j] for a in range(5) for j in range(4)}
        frame = pd.DataFrame({"choice": V.argmax(axis=0), **columns})
        cmt.write_partitions(frame, tmp_path / name, rows=20_000)
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "all"), str(tmp_path / "few"), str(2**26)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    evaluations, *numbers = done.stdout.split()
    assert int(evaluations) <= 3
    np.testing.assert_allclose(np.array(numbers[:5], float), b, atol=0.02)
