"""Compiled programs are kept where the user says, and change no result; JAX is for others as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

from pycmtensor.command import main
from pycmtensor.engine.store import Store, folder_of_programs
from pycmtensor.engine.xla import CompiledFunction, compile_with_xla
from pycmtensor.exceptions import CacheWarning

CODE = """
import pandas as pd, pycmtensor as cmt, pycmtensor.engine.xla as xla
xla.WORTH_KEEPING = 0  # all programs, whatever they take to compile
ds = cmt.Dataset(pd.DataFrame({"y": [1, 1, 0], "x": [1.0, 2, 4]}), "y", {"a": 1, "b": 0})
loaded, xla._loaded = [], lambda *args, own=xla._loaded: loaded.append(own(*args)) or loaded[-1]
print(cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("b") * ds["x"], "b": 0})).params["b"].hex())
print(sum(program is not None for program in loaded), len(loaded))
"""

TYPES = ("float64", "float32")


def printed(action: str = "error", **environment: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-W", action, "-c", CODE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [*run.stdout.split(), run.stderr]


def programs(folder: Path) -> list[Path]:
    return list(folder.glob("*.program"))


def test_programs_are_kept_in_the_folder_that_is_named(tmp_path: Path) -> None:
    estimate, found, asked, _ = printed(PYCMTENSOR_CACHE=str(tmp_path))
    assert found == "0"
    assert len(programs(tmp_path)) == int(asked) > 0
    again, found, asked_again, _ = printed(PYCMTENSOR_CACHE=str(tmp_path))
    assert again == estimate
    assert found == asked == asked_again


@pytest.mark.slow
def test_damaged_programs_are_compiled_anew_with_a_word(tmp_path: Path) -> None:
    estimate, _, asked, _ = printed(PYCMTENSOR_CACHE=str(tmp_path))
    for k, path in enumerate(programs(tmp_path)):
        content = path.read_bytes()
        path.write_bytes([content[:-1], b"x" + content[1:], b""][k % 3])
    again, found, _, said = printed("default", PYCMTENSOR_CACHE=str(tmp_path))
    assert (again, found) == (estimate, "0")
    assert said.count("CacheWarning") == 1
    assert "had a program that is damaged" in said
    assert printed(PYCMTENSOR_CACHE=str(tmp_path))[1] == asked  # they are whole again


@pytest.mark.slow
def test_programs_of_another_kind_of_machine_code(tmp_path: Path) -> None:
    """A right checksum and wrong contents."""
    estimate, _, _, _ = printed(PYCMTENSOR_CACHE=str(tmp_path))
    for path in programs(tmp_path):
        Store(tmp_path).put(path.stem, b"no program of JAX")
    again, found, _, said = printed("default", PYCMTENSOR_CACHE=str(tmp_path))
    assert (again, found) == (estimate, "0")
    assert "had a program that is not for here (UnpicklingError), which is compiled anew" in said


@pytest.mark.slow
def test_a_folder_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    estimate, _, _, said = printed("always", PYCMTENSOR_CACHE=str(tmp_path / "taken"))
    assert said.count("CacheWarning") == 1
    assert "cannot be made: File exists. Results are the same" in said
    assert printed(PYCMTENSOR_CACHE="off")[0] == estimate


@pytest.mark.slow
def test_the_cache_can_be_off_or_that_of_jax(tmp_path: Path) -> None:
    assert printed(PYCMTENSOR_CACHE="off", HOME=str(tmp_path))[1] == "0"
    assert not list(tmp_path.iterdir())
    own = str(tmp_path / "own")
    settings = {"JAX_COMPILATION_CACHE_DIR": own, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    printed(PYCMTENSOR_CACHE=str(tmp_path / "ours"), **settings)
    assert list(Path(own).glob("*-cache"))
    assert not (tmp_path / "ours").exists()


@pytest.mark.slow
def test_single_precision_warns_of_nothing() -> None:
    """Warnings are errors in this process."""
    estimate, single = (printed(PYTENSOR_FLAGS=f"floatX={dtype}", PYCMTENSOR_CACHE="off")[0] for dtype in TYPES)
    assert abs(float.fromhex(single) / float.fromhex(estimate) - 1) < 1e-3


def test_size_and_age_have_bounds(tmp_path: Path) -> None:
    """Of 10 programs of some 1000 bytes five fit; those used least recently go."""
    store, noise = Store(tmp_path, size=5500), np.random.default_rng(1)
    now = tmp_path.stat().st_mtime
    for k in range(10):
        store.put(f"{k}", noise.bytes(1000))
        if k < 9:
            os.utime(tmp_path / f"{k}.program", (now - 100 + k, now - 100 + k))
        if k == 6:
            assert store.get("2") is not None  # used, so that it stays
    assert {path.stem for path in programs(tmp_path)} == {"2", "6", "7", "8", "9"}
    os.utime(tmp_path / "7.program", (now - 1000, now - 1000))
    (tmp_path / "old.new").write_text("of a process that was killed")
    os.utime(tmp_path / "old.new", (now - 4000, now - 4000))
    Store(tmp_path, age=900).put("10", b"")
    assert {path.stem for path in programs(tmp_path)} == {"2", "6", "8", "9", "10"}
    assert not (tmp_path / "old.new").exists()


def test_a_full_disk_stops_the_keeping_with_a_word(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    store, before = Store(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.warns(CacheWarning, match="takes no more programs .*File too large"):
            store.put("a", np.random.default_rng(1).bytes(1000))
        store.put("b", np.random.default_rng(1).bytes(1000))  # which warns no more
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_everybody_is_left_aside(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.warns(CacheWarning, match="may be written to by everybody"):
        store = Store(tmp_path)
    store.put("a", b"program")
    assert store.get("a") is None
    assert not list(tmp_path.iterdir())


def test_the_command_line_shows_and_clears_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCMTENSOR_CACHE", str(tmp_path))
    assert folder_of_programs() == tmp_path
    (tmp_path / "mine.txt").write_text("not of the library")
    for key in "ab":
        Store(tmp_path).put(key, b"x" * 1000)
    run = CliRunner().invoke
    assert f"{tmp_path}: 2 programs" in run(main, ["cache"]).output
    assert "2 programs removed" in run(main, ["cache", "--clear"]).output
    assert f"{tmp_path}: 0 programs" in run(main, ["cache"]).output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    monkeypatch.setenv("PYCMTENSOR_CACHE", "off")
    assert "PYCMTENSOR_CACHE is off" in run(main, ["cache"]).output


def test_one_function_for_arguments_of_all_kinds() -> None:
    """The programs that shapes and types ask for, each as plain JAX has it, one after the other and by turns."""

    def function(x: Any, scale: Any) -> Any:
        return {"sum": (x * scale).sum(), "x": x}

    of_the_process = jnp.arange(3.0).dtype
    compiled = compile_with_xla(function)
    assert isinstance(compiled, CompiledFunction)
    arguments = [(np.arange(n, dtype=dtype), scale) for n in (3, 4) for dtype in TYPES for scale in (2, 2.5)]
    for x, scale in [*arguments, *arguments[::-1]]:
        found = compiled(x, scale)
        assert found["sum"].dtype == x.dtype
        assert float(found["sum"]) == float((x * scale).sum())
    assert jnp.arange(3.0).dtype == of_the_process
    with pytest.raises(TypeError, match="shape|dtype|type"):
        compiled("text", 1.0)


def test_warnings_are_as_they_were() -> None:
    before = warnings.filters[:]
    compile_with_xla(lambda x: x + 1)(np.ones(3))
    assert warnings.filters[:] == before
