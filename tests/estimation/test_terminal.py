"""At a terminal, Ctrl-C ends a run with the best point, the second at once, and the terminal is as it was before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from select import select

import pytest

pytest.importorskip("termios", reason="the test makes a terminal of its own")

import pty
import termios

#: What hides the cursor, and shows it.
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"

#: A run in a process that the terminal controls: one whose evaluations take time, or a long training.
PROGRAM = """
import json, os, sys, threading
os.close(os.open(os.ttyname(0), os.O_RDWR))
import pycmtensor as cmt
from pycmtensor.engine.local import LocalEvaluator
from tests.estimation.killed_runs import ASKED, _slower
from tests.estimation import train_in_pieces
kind, checkpoint, told = sys.argv[1:]
model = train_in_pieces.model()
cmt.estimate(model, progress=False)
threads = threading.active_count()
for name in ASKED:
    setattr(LocalEvaluator, name, _slower(getattr(LocalEvaluator, name), 0.2))
options = {"method": "bfgs", "checkpoint": checkpoint}
if kind == "bar":
    options = {"method": train_in_pieces.method(checkpoint, 1_000_000)}
try:
    found = cmt.estimate(model, **options).outcome.ending
except KeyboardInterrupt:
    found = "KeyboardInterrupt"
with open(told, "w") as file:
    json.dump([found, threading.active_count() - threads], file)
"""


def at_a_terminal(folder: Path, kind: str, keys: list[bytes]) -> tuple[bytes, str, int]:
    """Run the program, and press keys, the first when it shows progress and saves, and each other when it goes on.

    Returns:
        What it wrote, how the run ended, and threads that it left.
    """
    ours, theirs = pty.openpty()
    before, checkpoint, told = termios.tcgetattr(theirs), folder / "run.cmt", folder / "told.json"
    command = [sys.executable, "-c", PROGRAM, kind, str(checkpoint), str(told)]
    written, left = b"", list(keys)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        while process.poll() is None:
            if select([ours], [], [], 0.05)[0]:
                written += os.read(ours, 4096)
            if left and written and checkpoint.exists():
                os.write(ours, left.pop(0))
    while select([ours], [], [], 0)[0]:
        written += os.read(ours, 4096)
    assert process.returncode == 0, written.decode()
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    found, threads = json.loads(told.read_text())
    return written, found, threads


@pytest.mark.parametrize(
    ("kind", "keys", "expected"),
    [
        pytest.param("lines", [], "maximum", marks=pytest.mark.slow),
        pytest.param("lines", [b"\x03"], "interrupted", marks=pytest.mark.slow),
        pytest.param("lines", [b"\x03"] * 2, "KeyboardInterrupt", marks=pytest.mark.slow),
        ("bar", [b"\x03"], "interrupted"),
    ],
)
def test_a_run_at_a_terminal_leaves_it_clean(tmp_path: Path, kind: str, keys: list[bytes], expected: str) -> None:
    written, found, threads = at_a_terminal(tmp_path, kind, keys)
    assert (found, threads) == (expected, 0)
    assert (HIDE in written) == (kind == "bar")
    assert written.rfind(SHOW) >= written.rfind(HIDE)
    assert b"Traceback" not in written
