"""What happens when the package is imported: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import pycmtensor
heavy = {"matplotlib", "pandas", "polars", "pyarrow", "IPython"} & set(sys.modules)
assert not heavy, heavy
missing = [name for name in pycmtensor.__all__ if not hasattr(pycmtensor, name)]
assert not missing, missing
"""


def test_importing_prints_nothing_writes_nothing_and_loads_no_plotting(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_example_runs_as_a_script(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent / "examples" / "swissmetro_mnl.py"
    done = subprocess.run([sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "-5331.252007" in done.stdout
    assert {f.name for f in (tmp_path / "output").iterdir()} == {"swissmetro_mnl.html", "swissmetro_mnl_adam.png"}
    assert len(example.read_text().splitlines()) < 60
