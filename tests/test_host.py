"""The program that uses the library stays as it was: its settings, numbers, threads and processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: What could be changed, as text by name; `before` is taken first.
SNAPSHOT = """
import json, logging, os, random, signal, sys, threading, warnings

def snapshot():
    found = {
        "filters": repr(warnings.filters), "environment": repr(sorted(os.environ.items())), "folder": os.getcwd(),
        "random": repr(random.getstate()), "signals": repr([signal.getsignal(s) for s in signal.valid_signals()]),
        "hooks": repr([sys.excepthook, sys.displayhook, threading.excepthook, sys.getswitchinterval()]),
        "logging": repr([logging.root.level, logging.root.handlers, logging.raiseExceptions, logging.root.disabled]),
        "showwarning": repr(warnings.showwarning),
    }
    if "numpy" in sys.modules:
        import numpy
        found |= {"numpy errors": repr(numpy.geterr()), "numpy text": repr(numpy.get_printoptions())}
        found |= {"numpy random": repr([str(part) for part in numpy.random.get_state()])}
    if "jax" in sys.modules:
        import jax
        found |= {f"jax {name}": repr(value) for name, value in jax.config.values.items()}
    if "pytensor" in sys.modules:
        import pytensor
        found |= {"pytensor": str(pytensor.config), "recursion": str(sys.getrecursionlimit())}
    if "threadpoolctl" in sys.modules:
        import threadpoolctl
        found |= {"blas": repr([library["num_threads"] for library in threadpoolctl.threadpool_info()])}
    return found

def say(before, after):
    print(json.dumps({name: [before[name], after.get(name)] for name in before if before[name] != after.get(name)}))
"""

USE = """
import pandas as pd, numpy as np
rng = np.random.default_rng(0)
frame = pd.DataFrame({"x": rng.normal(size=200), "z": rng.normal(size=200)})
frame["y"] = (rng.logistic(size=200) > frame.x) + 1
ds = cmt.Dataset(frame, "y", {"a": 1, "b": 2})
model = cmt.MNL(ds, {"a": cmt.Beta("asc") + cmt.Beta("b") * ds["x"], "b": 0})
from pycmtensor.optimizers import Adam
results = cmt.estimate(model, starts=3)
results.predict(), results.elasticities("x"), results.bse
cmt.estimate(model, method=cmt.Stochastic(Adam, lr=0.01, batch_size=50, epochs=2, validation=0.2, l2=0.0))
cmt.estimate(model, constraints="b <= 3"), results.delta("b / asc")
"""

BROKEN = """
from pycmtensor.estimation.progress import IterationLines
def broken(self, iterate): raise ZeroDivisionError
IterationLines.__call__, whole = broken, IterationLines.__call__
try:
    cmt.estimate(model)
    raise SystemExit("the estimation did not end in the error")
except ZeroDivisionError:
    IterationLines.__call__ = whole
try:
    cmt.estimate(model, constraints="b = no_such_parameter")
    raise SystemExit("the estimation did not end in the error")
except cmt.PyCMTensorError:
    pass
"""


def changed(*code: str) -> dict[str, list[str]]:
    """What is no longer as it was, in a process of its own."""
    run = subprocess.run([sys.executable, "-c", "\n".join([SNAPSHOT, *code])], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout.splitlines()[-1]))


def test_an_import_changes_nothing() -> None:
    assert not changed("before = snapshot()", "import pycmtensor", "say(before, snapshot())")


HOST = "import numpy, pandas, jax, pytensor, pytensor.tensor, scipy.linalg, matplotlib, threadpoolctl"


def test_import_and_estimations_change_nothing_of_libraries_in_use() -> None:
    """Also after errors; numpy's linear algebra has the two threads that the host program gave it.

    The first snapshot makes PyTensor look for compilers, which changes settings by itself.
    """
    host = f"{HOST}\nthreadpoolctl.threadpool_limits(2)\nsnapshot()\nbefore = snapshot()\nimport pycmtensor as cmt"
    assert not changed(host, "say(before, snapshot())")
    assert not changed(host, USE, BROKEN, "say(before, snapshot())")


@pytest.mark.slow
def test_numbers_of_the_host_program_stay_in_32_bits() -> None:
    """The bits of a float32 function, eager and compiled, before the import, after it and after estimations."""
    own = """
import jax, jax.numpy as jnp
f = jax.jit(lambda x: jnp.sin(x * 0.1).sum())
def own():
    x = jnp.arange(5.0) * 0.1
    y = jax.jit(lambda x: jnp.cumsum(x) / 3)(x)
    return {"eager": repr((x.dtype, x.tolist())), "compiled": repr((y.dtype, y.tolist(), f(x).item(), f(x).dtype)),
            "random": repr(jax.random.normal(jax.random.key(1), (3,)).tolist()), "whole": str(jnp.arange(3).dtype)}
before = own()
import pycmtensor as cmt
assert own() == before
"""
    assert not changed(own, USE, "say(before, own())")


@pytest.mark.slow
def test_a_host_program_in_64_bits_stays_so() -> None:
    own = "import jax, jax.numpy as jnp\njax.config.update('jax_enable_x64', True)\nbefore = snapshot()"
    assert not changed(own, "import pycmtensor as cmt", USE, "say(before, snapshot())")


@pytest.mark.slow
def test_the_mode_of_pytensor_turns_64_bits_on_as_by_itself() -> None:
    """Not before the host program compiles in it: 0.1 has 64 bits there."""
    mode = """
import numpy as np, jax, pytensor, pytensor.tensor as pt
x = pt.vector("x", dtype="float64")
assert not jax.config.jax_enable_x64
assert pytensor.function([x], x * 1.0, mode="JAX")(np.array([0.1]))[0] == 0.1
assert jax.config.jax_enable_x64
before = {}
"""
    for own in ("", "import pycmtensor as cmt", "import pycmtensor as cmt" + USE):
        assert not changed(own, mode, "say(before, {})")


PROCESSES = """
import sys, warnings
import multiprocessing as mp
import pandas as pd, pycmtensor as cmt

def results(k):
    ds = cmt.Dataset(pd.DataFrame({"y": [1, 1, 1, 2] * k}), "y", {"a": 1, "b": 2})
    return cmt.estimate(cmt.MNL(ds, {"a": cmt.Beta("asc"), "b": 0}))

def estimated(k):
    try:
        return results(k).params["asc"]
    except cmt.exceptions.ForkError as error:
        return str(error)

def share(found):
    return found.predict().shares["a"]
"""


def in_processes(folder: Path, main: str) -> str:
    """What a program prints that starts processes; it ends within two minutes."""
    file = folder / "program.py"
    file.write_text(PROCESSES + "\nif __name__ == '__main__':\n    " + main.replace("\n", "\n    "))
    run = subprocess.run([sys.executable, "-W", "ignore", file], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_forked_process_says_the_way_out_at_once(tmp_path: Path) -> None:
    """After an estimation, and after the host program's own use of JAX; log 3 is the estimate."""
    if sys.platform == "win32":
        pytest.skip("there are no forks")
    pool = "\nwith mp.get_context('fork').Pool(1) as pool: print(pool.map_async(estimated, [1]).get(60)[0])"
    for start in ("estimated(1)", "import jax; jax.numpy.ones(3).block_until_ready()"):
        printed = in_processes(tmp_path, start + pool)
        assert "This process was forked from one in which JAX had started" in printed
        assert "get_context('spawn')" in printed
        assert "loky" in printed
    assert float(in_processes(tmp_path, f"pass{pool}")) == pytest.approx(1.0986122886681098)  # forked before


@pytest.mark.slow
def test_spawned_processes_estimate(tmp_path: Path) -> None:
    main = "estimated(1)\nwith mp.get_context('spawn').Pool(2) as pool: print(*pool.map(estimated, [1, 2]))"
    assert list(map(float, in_processes(tmp_path, main).split())) == pytest.approx([1.0986122886681098] * 2)


@pytest.mark.slow
def test_joblib_estimates_and_asks_results_there(tmp_path: Path) -> None:
    """Estimates are log 3, and results that travel to a process and back predict three of four there and here."""
    pytest.importorskip("joblib")
    main = """import joblib
delayed, own = joblib.delayed, results(1)
with joblib.Parallel(2) as processes:
    print(*processes(delayed(estimated)(k) for k in (1, 2)))
    print(*processes(delayed(share)(found) for found in (own, own)))
    print(*map(share, processes(delayed(results)(k) for k in (1, 2))))"""
    numbers = list(map(float, in_processes(tmp_path, main).split()))
    assert numbers == pytest.approx([1.0986122886681098] * 2 + [0.75] * 4)
