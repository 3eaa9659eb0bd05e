"""Runs that a test stops after some evaluations, as a kill would, and calls again.

By itself a server of such runs: for each line "KIND FILE" on its input it starts a process, prints the number of the
process, waits for its end, and prints how it ended. A run that comes to its end leaves what it gave in FILE.given.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytensor
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine.local import LocalEvaluator
from tests.estimation import train_in_pieces

T = TypeVar("T")

#: What costs an evaluation of the likelihood.
ASKED = ("value", "value_and_grad", "first_order", "second_order", "ascents")


class Killed(BaseException):
    """The end of a process, which nothing in the library catches."""


class Evaluations:
    """Counts evaluations of local data, and kills a run at the one after those that are allowed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.number, self.allowed = 0, np.inf
        self.signals: dict[int, list[signal.Signals]] = {}  #: number of an evaluation -> what comes during it
        for name in ASKED:
            patch.setattr(LocalEvaluator, name, self._counted(getattr(LocalEvaluator, name)))

    def _counted(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            if self.number >= self.allowed:
                raise Killed
            self.number += 1
            for number in self.signals.get(self.number, []):
                signal.raise_signal(number)
            return evaluate(*args, **options)

        return counted

    def of(self, run: Callable[[], T], allowed: float = np.inf) -> tuple[T | None, int]:
        """What a run returns, None when it was killed, and its evaluations."""
        self.number, self.allowed = 0, allowed
        try:
            return run(), self.number
        except Killed:
            return None, self.number
        finally:
            self.allowed = np.inf

    def until_done(self, run: Callable[[], T], at_once: int = 1) -> tuple[T, int]:
        """What a run returns that is killed again and again after a few evaluations, and all of these."""
        total = 0
        for _ in range(500):
            result, number = self.of(run, at_once)
            total += number
            if result is not None:
                return result, total
        raise AssertionError("a run that is called again gets nowhere")


def bits(results: cmt.Results) -> dict[str, Any]:
    """Everything that an estimation found, for a comparison bit by bit."""
    fit = results.fit
    arrays = {"theta": fit.theta, "gradient": fit.gradient, "hessian": fit.hessian, **fit.history, **fit.starts}
    robust = results.standard_errors("robust").to_numpy()
    return {name: np.asarray(array).tobytes() for name, array in {**arrays, "robust": robust}.items()} | {
        "llf": fit.llf.hex(),
        "outcome": str(fit.outcome),
    }


def panel() -> cmt.Dataset:
    """120 persons of two kinds who choose four times, with weights."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(120), 4)
    x = rng.normal(size=(len(who), 2))
    kind = (rng.random(120) < 0.4)[who]
    V = x[:, 0] * np.where(kind, 2, -1) + x[:, 1] * np.where(kind, -1, 1)
    frame = pd.DataFrame({"y": 1 + (V + rng.logistic(size=len(who)) > 0), "x": x[:, 0], "z": x[:, 1], "who": who})
    frame["w"] = rng.uniform(0.5, 2, 120)[who]
    return cmt.Dataset(frame, "y", {"a": 2, "b": 1}, individual="who", weights="w")


def logit(ds: cmt.Dataset, name: str = "") -> cmt.MNL:
    """Two alternatives that differ by x and z."""
    return cmt.MNL(ds, {"a": cmt.Beta(f"x{name}") * ds["x"] + cmt.Beta(f"z{name}") * ds["z"], "b": 0})


def classes() -> cmt.LatentClass:
    """Two classes, each a logit."""
    ds = panel()
    return cmt.LatentClass(ds, {name: logit(ds, f"_{name}") for name in ("one", "two")})


def mixed() -> cmt.MixedLogit:
    """One normal coefficient."""
    ds, taste = panel(), normal("taste", cmt.Beta("mean"), cmt.Beta("sd", 1.0))
    return cmt.MixedLogit(ds, {"a": taste * ds["x"] + cmt.Beta("z") * ds["z"], "b": 0}, draws=20)


def pooled() -> cmt.Model:
    """Two data sets with one coefficient, and a scale."""
    shared = cmt.Beta("shared")
    one, two = (cmt.MNL(own, {"a": shared * own["x"], "b": 0}) for own in (panel(), panel()))
    return cmt.pooled({"one": one, "two": two}, {"two": cmt.Beta("scale", 1.0, lb=0.1)})


def single() -> cmt.MNL:
    """In single precision."""
    with pytensor.config.change_flags(floatX="float32"):
        return train_in_pieces.model()


MAKE: dict[str, Callable[[], cmt.Model]] = {
    "logit": train_in_pieces.model,
    "single precision": single,
    "classes": classes,
    "mixed": mixed,
    "pooled": pooled,
}


class Known(dict[str, cmt.Model]):
    """Models of several kinds by name, small and quick to compile; each is made when it is asked for."""

    def __missing__(self, name: str) -> cmt.Model:
        self[name] = MAKE[name]()
        return self[name]


def estimated(name: str, **options: Any) -> Callable[[Known, str], Any]:
    """An estimation with a checkpoint."""
    return lambda known, file: bits(cmt.estimate(known[name], **options, checkpoint=file))


def asked(name: str, answer: Callable[[cmt.Results, str], Any]) -> Callable[[Known, str], Any]:
    """An answer with a checkpoint of results, in numbers."""
    return lambda known, file: np.asarray(answer(cmt.estimate(known[name]), file), float).tobytes()


def trained(known: Known, file: str) -> bytes:
    """A training with a checkpoint."""
    return cmt.estimate(known["logit"], method=train_in_pieces.method(file, 20_000)).params.to_numpy().tobytes()


def from_seeds(known: Known, file: str) -> bytes:
    """The same training from several seeds."""
    model = known["logit"]
    runs = cmt.estimate_seeds(lambda seed: model, model.dataset, train_in_pieces.method(file, 20_000), seeds=3)
    return runs.table.to_numpy(float).tobytes()


METHODS = ("trust-region", "newton", "bfgs", "lbfgs", "bhhh")

#: Name of a kind of run -> what it gives, from models and the file of a checkpoint.
KINDS: dict[str, Callable[[Known, str], Any]] = {
    **{method: estimated("logit", method=method) for method in METHODS},
    "starts": estimated("logit", starts=40),
    "constraints": estimated("logit", constraints="b_time = 2 * b_cost"),
    "classes": estimated("classes"),
    "bootstrap": asked("logit", lambda results, file: results.bootstrap(20_000, checkpoint=file).theta),
    "jackknife": asked("pooled", lambda results, file: results.jackknife(np.arange(240) % 30, checkpoint=file).theta),
    "profile": asked("logit", lambda results, file: results.conf_int(kind="profile", checkpoint=file)),
    "folds": asked("logit", lambda results, file: results.cross_validate(checkpoint=file).table),
    "training": trained,
    "seeds": from_seeds,
    "noise": asked("mixed", lambda results, file: results.simulation_noise(checkpoint=file).theta_others),
}


def fingerprint(kind: str, file: str, seconds: float = 0.0) -> str:
    """What a run gives, in short.

    Args:
        kind: One of `KINDS`.
        file: Of the checkpoint.
        seconds: How long every evaluation takes longer.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ASKED if seconds else ():
            patch.setattr(LocalEvaluator, name, _slower(getattr(LocalEvaluator, name), seconds))
        return hashlib.sha256(str(KINDS[kind](Known(), file)).encode()).hexdigest()


def _slower(evaluate: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    def slower(*args: Any, **options: Any) -> Any:
        time.sleep(seconds)
        return evaluate(*args, **options)

    return slower


def serve() -> None:
    """Start the runs that are asked for, each in a process that need not import anything."""
    for line in sys.stdin:
        kind, file = line.split()
        pid = os.fork()
        if not pid:
            Path(f"{file}.given").write_text(fingerprint(kind, file, seconds=0.03))
            os._exit(0)
        tell(pid)
        tell(os.waitpid(pid, 0)[1])


def tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
