"""The interpreter of each participant: the running one, or one of an environment made of pinned requirements."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent


class Failed(Exception):
    """A library could not be installed, or gave no answer; the text goes into the table."""


def requirements(module: str) -> Path:
    """The pinned requirements of a peer; a participant without them runs where the benchmark runs."""
    return HERE / "peers" / f"{module}.txt"


def interpreter(module: str, folder: Path = HERE / ".environments") -> str:
    """The interpreter that has a library, installed when its requirements are new or have changed.

    Raises:
        Failed: It could not be installed.
    """
    pinned = requirements(module)
    if not pinned.exists():
        return sys.executable
    place = folder / module
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    installed = place / pinned.name
    if not installed.exists() or installed.read_text() != pinned.read_text():
        print(f"Installing {module} in {os.path.relpath(place)} ...", file=sys.stderr)
        venv.create(place, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", pinned]
        for command in (pip, [python, "-c", f"import {module}"]):  # the first import compiles what is kept on disk
            said = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if said.returncode != 0:
                raise Failed(f"could not be installed: {last_line(said.stderr)}")
        installed.write_text(pinned.read_text())
    return str(python)


def pinned_version(module: str) -> str:
    """``name version`` of a peer."""
    lines = requirements(module).read_text().splitlines()
    package = module.replace("_", "-")
    return next(line for line in lines if line.startswith(f"{package}==")).replace("==", " ")


def last_line(text: str) -> str:
    """The last words of a program that failed."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "without a word")
