"""A scheduler and workers as processes, started by their command lines, some of which are killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycmtensor as cmt
from pycmtensor.engine import evaluator_of
from pycmtensor.engine.parts.cluster import OnWorkers
from pycmtensor.engine.parts.summed import SummedEvaluator
from pycmtensor.exceptions import ClusterError

from .families import FAMILIES, close, in_memory, in_parts, logit, mixed, persons

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


class Processes:
    """A scheduler on the loopback address, and workers."""

    def __init__(self, folder: Path) -> None:
        self.file, self.folder = folder / "scheduler.json", folder
        self.running: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, "--scheduler-file", str(self.file), "--no-dashboard", *arguments]
        log = open(self.folder / "log.txt", "ab")  # noqa: SIM115
        with log:
            made = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        self.running.append(made)
        return made

    def add(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A worker of one thread."""
        local = str(self.folder / f"worker-{len(self.running)}")
        return self._start("distributed.cli.dask_worker", "--nthreads", "1", "--local-directory", local, *arguments)

    def stop(self) -> None:
        for process in reversed(self.running):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.stop()


def connected(processes: Processes, workers: int) -> Any:
    client = distributed.Client(scheduler_file=str(processes.file))
    client.wait_for_workers(workers, timeout=60)
    return client


def holder_of(evaluator: Any) -> OnWorkers:
    assert isinstance(evaluator, SummedEvaluator)
    assert isinstance(evaluator.holder, OnWorkers)
    return evaluator.holder


@pytest.mark.parametrize("family", FAMILIES)
def test_all_families_on_two_workers(processes: Processes, family: str, tmp_path: Path) -> None:
    frame = persons()
    options: dict[str, Any] = {"starts": 3} if family == "classes" else {}
    for _ in range(2):
        processes.add("--no-nanny")
    with connected(processes, 2) as client:
        one = cmt.estimate(FAMILIES[family](in_memory(frame)), **options)
        ds = in_parts(frame, tmp_path / "parts", 8)
        found = cmt.estimate(FAMILIES[family](ds), on=cmt.Cluster(client), **options)
        close(found.params, one.params)
        close(found.llf, one.llf)
        for kind in ("classical", "robust", "bhhh"):
            close(found.standard_errors(kind), one.standard_errors(kind))
        close(found.standard_errors("cluster", "town"), one.standard_errors("cluster", "town"))


@pytest.mark.parametrize("nanny", ["--nanny", "--no-nanny"])
def test_a_killed_worker_changes_no_bit(processes: Processes, nanny: str, tmp_path: Path) -> None:
    """Evaluations before, while and after one of two workers is killed; a new one gets its share afterwards."""
    ds = in_parts(persons(400), tmp_path / "parts", 9)
    model, theta = mixed(ds), np.array([0.3, -0.7, -0.5, 0.8])
    for _ in range(2):
        processes.add(nanny)
    with connected(processes, 2) as client:
        cluster = cmt.Cluster(client)
        evaluator = cluster(model, ds)
        truth = evaluator.second_order(theta)
        pids = client.run(os.getpid)
        victim = sorted(pids)[0]
        threading.Thread(target=os.kill, args=(pids[victim], signal.SIGKILL)).start()
        while victim in client.scheduler_info(n_workers=-1)["workers"]:  # until the scheduler has noticed
            found = evaluator.second_order(theta)
            assert found.value == truth.value
            np.testing.assert_array_equal(found.gradient, truth.gradient)
            np.testing.assert_array_equal(found.hessian, truth.hessian)
        np.testing.assert_array_equal(evaluator.second_order(theta).hessian, truth.hessian)
        assert victim not in holder_of(evaluator).placement
        close(truth.hessian, evaluator_of(model).second_order(theta).hessian)
        if nanny == "--no-nanny":
            processes.add(nanny)
            client.wait_for_workers(2, timeout=60)
        loads = holder_of(cluster(model, ds)).placement.values()
        assert len(loads) == 2
        assert max(loads) - min(loads) <= 1


def test_a_lost_scheduler_is_told(processes: Processes, tmp_path: Path) -> None:
    processes.add("--no-nanny")
    ds = in_parts(persons(), tmp_path / "parts", 2)
    client = connected(processes, 1)
    evaluator = cmt.Cluster(client)(logit(ds), ds)
    evaluator.value(np.zeros(3))
    os.killpg(processes.scheduler.pid, signal.SIGKILL)
    processes.scheduler.wait()
    with pytest.raises(ClusterError, match=r"The scheduler of the cluster at tcp://127.0.0.1:\d+ does not answer"):
        evaluator.value(np.ones(3))


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    """The command lines and the lines of Python that it shows, on another port."""
    text = Path(cmt.__file__).parents[1].joinpath("README.md").read_text().partition("## Larger than memory")[2]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        text = text.replace("8786", str(free.getsockname()[1]))
    commands = re.findall(r"^dask .*$", text, re.MULTILINE)
    (program,) = re.findall(r"```python\n(from distributed.*?)```", text, re.DOTALL)
    ds = in_parts(persons(), tmp_path / "parts", 5)
    model = logit(ds)
    running: list[subprocess.Popen[bytes]] = []
    binary = Path(sys.executable).with_name("dask")
    try:
        for command in commands:
            arguments = [*command.split()[1:], "--no-dashboard"]
            with open(tmp_path / "log.txt", "ab") as log:
                made = subprocess.Popen(
                    [binary, *arguments], cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
                )
            running.append(made)
        space: dict[str, Any] = {"cmt": cmt, "model": model}
        exec(program, space)
        close(space["results"].params, cmt.estimate(logit(in_memory(persons()))).params)
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
