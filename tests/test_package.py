"""What happens when the package is imported: nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import pycmtensor

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


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        ("draws", "terms.draws"),
        ("networks", "terms.networks"),
        ("relations", "terms.relations"),
        ("utilities", "terms.segments"),
        ("output", "results.presentation"),
        ("plots", "report.plots"),
        ("plots.nests", "report.plots.nests"),
        ("specification", "command.specification"),
        ("checks", "exceptions"),
    ],
)
def test_earlier_paths_lead_to_the_same_modules(earlier: str, now: str) -> None:
    """One module under both names: its classes are the same objects, and it keeps its own name."""
    module = import_module(f"pycmtensor.{now}")
    assert import_module(f"pycmtensor.{earlier}") is module
    assert module.__spec__ is not None
    assert module.__spec__.name == module.__name__ == f"pycmtensor.{now}"


def test_a_path_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match="pycmtensor.nothing"):
        import_module("pycmtensor.nothing")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        pycmtensor.nothing  # noqa: B018


def test_the_package_has_few_rooms() -> None:
    entries = [path for path in Path(pycmtensor.__file__).parent.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 20


def test_the_version_stands_in_one_place() -> None:
    """What is installed, if it is this folder, has the version of the package, which pyproject.toml reads there."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    named = Path(__file__).parents[1] / project["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{pycmtensor.__version__}"' in named.read_text()
    assert version("pycmtensor") == pycmtensor.__version__
