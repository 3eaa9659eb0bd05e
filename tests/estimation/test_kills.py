"""Processes that are killed at random moments, called again, and end with the bits of a run that nothing stops."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from typing import IO

import pytest

from tests.estimation.killed_runs import KINDS, fingerprint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the server of runs forks")


class Server:
    """The server of `killed_runs`."""

    def __init__(self, asked: IO[str], told: IO[str]) -> None:
        self._asked, self._told = asked, told

    def start(self, kind: str, file: Path) -> int:
        """Start a run; returns the number of its process."""
        self._asked.write(f"{kind} {file}\n")
        self._asked.flush()
        return int(self._told.readline())

    def is_over(self, within: float = 0.002) -> bool:
        """Whether the run comes to its end within so many seconds."""
        return bool(select([self._told], [], [], within)[0])

    def end(self) -> int:
        """Wait for the end of the run: 0, or the signal that killed it."""
        return int(self._told.readline())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = os.environ | {"PYCMTENSOR_CACHE": str(tmp_path_factory.mktemp("programs"))}  # compile once
    command = [sys.executable, "-m", "tests.estimation.killed_runs"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        yield Server(process.stdin, process.stdout)
        process.stdin.close()


def written(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def killed_until_done(server: Server, kind: str, file: Path, kills: int, rng: random.Random) -> int:
    """Kill a run again and again, each time after it has saved something; returns how often it was killed."""
    killed = 0
    while True:
        before, pid = written(file), server.start(kind, file)
        while killed < kills and written(file) == before and not server.is_over():
            pass
        if killed < kills:
            time.sleep(rng.uniform(0, 0.1))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended = server.end()
        assert ended in (0, signal.SIGKILL)
        if not ended:
            return killed
        killed += 1


@pytest.mark.parametrize(
    ("kind", "kills"),
    [("bfgs", 3), ("training", 2), *(pytest.param(kind, 100, marks=pytest.mark.slow) for kind in KINDS)],
)
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bits(
    server: Server, kind: str, kills: int, tmp_path: Path
) -> None:
    """A short run is at its end before all of the kills, and begins anew until there were as many."""
    rng, killed, runs = random.Random(kills), 0, 0
    whole = fingerprint(kind, str(tmp_path / "whole.cmt"))
    while killed < kills:
        file, runs = tmp_path / f"{runs}.cmt", runs + 1
        killed += killed_until_done(server, kind, file, kills - killed, rng)
        assert Path(f"{file}.given").read_text() == whole
        assert killed >= runs
