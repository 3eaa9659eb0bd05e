"""Parts on workers of Dask give what all rows in memory give, also when workers are lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycmtensor as cmt
from pycmtensor.engine import evaluator_of
from pycmtensor.engine.parts.cluster import OnWorkers, balanced
from pycmtensor.engine.parts.summed import SummedEvaluator
from pycmtensor.exceptions import ClusterError, DatasetError, OptimizerError
from pycmtensor.inference import ClusterRobust
from pycmtensor.optimizers import SGD

from .families import close, in_memory, in_parts, logit, mixed, persons

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[cmt.Cluster]:
    """Two workers in threads of this process; `test_cluster_processes.py` has some in processes."""
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=2, **options) as local, distributed.Client(local) as client:
        yield cmt.Cluster(client)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return persons()


def test_estimates_of_scanned_data_are_those_of_all_rows(
    cluster: cmt.Cluster, frame: pd.DataFrame, tmp_path: Path
) -> None:
    one = cmt.estimate(logit(in_memory(frame)))
    ds = in_parts(frame, tmp_path / "parts", 7)
    found = cmt.estimate(logit(ds), on=cluster)
    close(found.params, one.params)
    close([found.llf, found.llnull, found.nobs], [one.llf, one.llnull, one.nobs])
    kinds: list[Any] = ["classical", "robust", "bhhh", ClusterRobust("town")]
    for kind in kinds:
        close(found.cov_params(kind), one.cov_params(kind))
    assert isinstance(found.evaluator, SummedEvaluator)
    assert isinstance(found.evaluator.holder, OnWorkers)
    loads = found.evaluator.holder.placement.values()
    assert len(loads) == 2
    assert max(loads) - min(loads) <= 1


def test_whole_models_are_estimated_on_workers(cluster: cmt.Cluster, frame: pd.DataFrame) -> None:
    """Each with its own data and name; an error names its model."""
    ds = in_memory(frame)
    one = cmt.estimate(logit(ds))
    found = cmt.estimate_many({"all": logit(ds), "few": logit(in_memory(frame.head(120)))}, on=cluster)
    close(found["all"].params, one.params)
    close(found["all"].cov_params("robust"), one.cov_params("robust"))
    assert found["few"].nobs == 120
    close(found["all"].predict().shares, one.predict().shares)
    b = cmt.Beta("twice")
    same = cmt.MNL(ds, dict.fromkeys(ds.alternatives, b))
    with pytest.raises(cmt.exceptions.IdentificationError, match="twice") as caught:
        cmt.estimate_many([logit(ds), same], on=cluster)
    assert "1" in caught.value.__notes__[0]


def test_folds_and_seeds_are_estimated_on_workers(cluster: cmt.Cluster, frame: pd.DataFrame, tmp_path: Path) -> None:
    """As here one after the other; a checkpoint keeps the folds that are known."""
    ds = in_memory(frame)
    one, file = cmt.estimate(logit(ds)), tmp_path / "folds.cmt"
    here, there = one.cross_validate(2), one.cross_validate(2, on=cluster, checkpoint=file)
    close(there.table, here.table)
    close(one.cross_validate(2, checkpoint=file).table, here.table)
    method = cmt.Stochastic(SGD, lr=0.1, batch_size=40, epochs=2, tolerance=0)
    runs = [cmt.estimate_seeds(lambda seed: logit(ds), ds, method, seeds=2, on=on) for on in (None, cluster)]
    assert [run.together for run in runs] == [True, False]
    for seed in (0, 1):
        close(runs[1].results[seed].params, runs[0].results[seed].params)


@pytest.mark.slow
def test_data_in_memory_are_sent_once_and_keep_their_draws(cluster: cmt.Cluster, frame: pd.DataFrame) -> None:
    model = mixed(in_memory(frame))
    one, found = evaluator_of(model), cluster(model, model.dataset)
    theta = np.array([0.3, -0.7, -0.5, 0.8])
    close(found.value(theta), one.value(theta))
    close(found.value_and_grad(theta)[1], one.value_and_grad(theta)[1])
    ours, theirs = found.second_order(theta), one.second_order(theta)
    close(ours.hessian, theirs.hessian)
    close(ours.scores, theirs.scores)
    close(ours.individuals.outer_product(2), theirs.individuals.outer_product(2))
    assert found.describe().llnull == pytest.approx(one.describe().llnull, rel=1e-12)


def test_sums_are_the_same_to_the_bit_wherever_they_are_made(
    cluster: cmt.Cluster, frame: pd.DataFrame, tmp_path: Path
) -> None:
    model = logit(in_parts(frame, tmp_path / "parts", 6))
    theta = np.array([0.3, -0.4, -0.9])
    here, there = evaluator_of(model), cluster(model, model.dataset.whole)
    np.testing.assert_array_equal(here.second_order(theta).hessian, there.second_order(theta).hessian)
    assert here.data_hash() == there.data_hash()


@given(st.integers(1, 40), st.sets(st.sampled_from("abcdef"), min_size=1), st.lists(st.sampled_from("abcdefgh")))
def test_placements_are_balanced_and_move_little(parts: int, workers: set[str], before: list[str]) -> None:
    """Most minus least is at most 1, and what is balanced already stays."""
    found = balanced(parts, sorted(workers), dict(enumerate(before[:parts])))
    loads = [found.count(worker) for worker in workers]
    assert len(found) == parts
    assert max(loads) - min(loads) <= 1
    assert balanced(parts, sorted(workers), dict(enumerate(found))) == found


def test_a_model_that_cannot_be_sent_names_the_object(cluster: cmt.Cluster, frame: pd.DataFrame) -> None:
    model = logit(in_memory(frame))
    model.lock = Lock()  # type: ignore[attr-defined]
    with pytest.raises(ClusterError, match="its 'lock' holds what cannot be pickled, <unlocked _thread.lock"):
        cmt.estimate(model, on=cluster)


def test_files_that_workers_cannot_read_are_told(cluster: cmt.Cluster, frame: pd.DataFrame, tmp_path: Path) -> None:
    ds = in_parts(frame, tmp_path / "parts", 3)
    next((tmp_path / "parts").glob("*.parquet")).rename(tmp_path / "gone.parquet")
    with pytest.raises(DatasetError, match="cannot be read.*this machine sees it") as told:
        cmt.estimate(logit(ds), on=cluster)
    assert any("On the worker inproc" in note for note in told.value.__notes__)


def test_other_versions_are_told(cluster: cmt.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycmtensor.engine.parts.cluster.version", lambda name: "0.0.1" if name == "jax" else "")
    monkeypatch.setattr("pycmtensor.engine.parts.cluster.LIBRARIES", ("jax",))
    with pytest.raises(ClusterError, match=r"has jax \S+ \(here 0.0.1\).*install the versions"):
        cmt.Cluster(cluster.client)


def test_what_is_no_cluster_is_told() -> None:
    with pytest.raises(OptimizerError, match="client must be a distributed.Client, found str"):
        cmt.Cluster("tcp://127.0.0.1:8786")
    with pytest.raises(OptimizerError, match="give a client of Dask or a number of workers, one of them"):
        cmt.Cluster()
    with pytest.raises(OptimizerError, match="Cluster: workers must be a whole number of at least 1, found 0"):
        cmt.Cluster(workers=0)
