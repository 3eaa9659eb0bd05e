"""PyCMTensor beside its peers: the same data and model, each in a process of its own, in turn."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Timer
from time import perf_counter

import numpy as np

from benchmarks.data import Table
from benchmarks.environments import HERE, Failed, interpreter, last_line
from benchmarks.peers.worker import Answer
from benchmarks.timing import interleaved

#: Seconds that an estimation may take.
LIMIT = 300


@dataclass(frozen=True)
class Participant:
    """A script in `benchmarks/peers`, and which of its variants."""

    name: str
    module: str
    variant: str = ""


OURS = Participant("PyCMTensor", "pycmtensor")
BY_HAND = Participant("hand-written JAX", "by_hand")
PEERS = (
    Participant("Biogeme", "biogeme"),
    Participant("Biogeme, quick_estimate", "biogeme", "quick"),
    Participant("Larch, JAX", "larch"),
    Participant("Larch, numba", "larch", "numba"),
    Participant("xlogit", "xlogit"),
    Participant("xlogit, num_hess=False", "xlogit", "scores"),
    Participant("torch-choice", "torch_choice"),
    Participant("choice-learn", "choice_learn"),
)


@dataclass(frozen=True)
class Case:
    """A model and its data: the name of a function in each script, and what to compare."""

    name: str
    title: str
    table: Callable[[], Table]
    peers_goal: float
    repeats: int
    by_hand_goal: float | None = 1.0  #: None where there is no such script
    noise: float = 0.0  #: of the log-likelihood, where each library makes its own draws
    errors_noise: float = 0.0  #: of the standard errors, as a part of them
    peers: tuple[Participant, ...] = PEERS

    @property
    def others(self) -> tuple[Participant, ...]:
        """Whom ours is compared with."""
        return self.peers if self.by_hand_goal is None else (BY_HAND, *self.peers)

    def write(self, folder: Path) -> Path:
        """The file that all read."""
        path = folder / f"{self.name}.npz"
        np.savez(path, allow_pickle=False, **self.table())
        return path


class Worker(AbstractContextManager["Worker"]):
    """A process that estimates, started and with its first estimation done; see `benchmarks.peers.worker`.

    Raises:
        Failed: There is no answer: the library is missing, an error, or the limit of time.
    """

    def __init__(self, participant: Participant, case: str, data: Path, **environment: str) -> None:
        command = [interpreter(participant.module), "-m", f"benchmarks.peers.{participant.module}"]
        self._said = data.with_name(f"{participant.module}.txt")
        began = perf_counter()
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [*command, case, str(data), participant.variant],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=data.parent,
                env={**os.environ, "PYTHONPATH": str(HERE.parent), **environment},
                text=True,
            )
        try:
            self.last = self.ask()
        except Failed:
            self.__exit__()
            raise
        self.cold = perf_counter() - began

    def ask(self) -> Answer:
        """One estimation."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = Timer(LIMIT, self._process.kill)
        timer.start()
        try:
            print(file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait()  # it says why after it has closed its output
        late = not timer.is_alive()
        timer.cancel()
        if not line:
            raise Failed(f"no answer within {LIMIT} s" if late else last_line(self._said.read_text()))
        self.last = Answer(**json.loads(line))
        return self.last

    def seconds(self) -> float:
        """Those of one estimation."""
        return self.ask().seconds

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass
class Measured:
    """What a participant took, run by run, in seconds, and how many times ours that is."""

    participant: Participant
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    answer: Answer | None = None
    remark: str = ""

    def row(self) -> str:
        if self.answer is None:
            return f"| {self.participant.name} | | | | | | {self.remark} |"
        numbers = spread(self.seconds, 1e3), spread(self.ratios), spread(self.cold)
        peak = f"{self.answer.peak_rss_bytes / 1e6:.0f}"
        llf = f"{self.answer.llf:{'.6f' if abs(self.answer.llf) < 1e12 else '.3g'}}"  # some diverge
        return f"| {' | '.join((self.participant.name, *numbers, peak, llf, self.remark))} |"


HEAD = (
    "| | again, ms (range) | times ours (range) | from process start to first, s | peak memory, MB | log-likelihood "
    "| does not count, because |\n|---|---|---|---|---|---|---|"
)


def spread(values: Iterable[float], unit: float = 1) -> str:
    """Median, and range where there is one."""
    scaled = [unit * value for value in values]
    middle, least, most = (f"{float(f'{pick(scaled):.3g}'):,g}" for pick in (median, min, max))
    return middle if len(scaled) == 1 else f"{middle} ({least} to {most})"


def compare(case: Case, folder: Path) -> list[Measured]:
    """Ours first, then the others, each in turn with ours, A B A B, so that only two processes hold memory."""
    data = case.write(folder)
    ours = Measured(OURS, ratios=[1.0])
    others = [Measured(participant) for participant in case.others]
    for its in others:
        try:
            in_turn(case, data, ours, its)
        except Failed as failure:
            its.answer, its.remark = None, str(failure)
    data.unlink()
    judge([ours, *others], case)
    return [ours, *others]


def in_turn(case: Case, data: Path, ours: Measured, its: Measured) -> None:
    """Start both and let them estimate again and again."""
    with Worker(OURS, case.name, data) as us, Worker(its.participant, case.name, data) as peer:
        pair = interleaved(its.participant.name, us.seconds, peer.seconds, None, case.repeats)
        for measured, worker, seconds in ((ours, us, pair.a), (its, peer, pair.b)):
            measured.cold.append(worker.cold)
            measured.seconds += seconds
            measured.answer = worker.last
        its.ratios += [b / a for a, b in zip(pair.a, pair.b, strict=True)]


def judge(measured: Sequence[Measured], case: Case) -> None:
    """Remark on those whose time does not count; the standard errors are held against the first one's."""
    answers = [m.answer for m in measured if m.answer]
    best = float(np.nanmax([answer.llf for answer in answers]))
    for m in measured:
        if m.answer:
            m.remark = remark(m.answer, best, answers[0].bse, case)


def remark(answer: Answer, best: float, bse: list[float], case: Case) -> str:
    """Whether an estimation missed the maximum, or gives other standard errors than ``bse``, in any order, if any."""
    if np.isnan(answer.llf):
        return "its log-likelihood is not a number"
    if not best - answer.llf <= 1e-3 + case.noise:
        return f"its log-likelihood is {best - answer.llf:.3g} below the maximum"
    if not bse:
        return ""
    if not answer.bse:
        return "it gives no standard errors"
    off = np.abs(np.sort(answer.bse) / np.sort(bse) - 1).max()
    return (
        ""
        if off < 1e-4 + case.errors_noise
        else f"its standard errors are not those of the Hessian: up to {off:.1%} off"
    )


def goals(case: Case, measured: Sequence[Measured]) -> list[str]:
    """The rows of the project's goals for a case."""
    rows = []
    for what, candidates, least in (
        ("fastest peer", case.peers, case.peers_goal),
        (BY_HAND.name, (BY_HAND,), case.by_hand_goal),
    ):
        if least is None:
            continue
        counted = [m for m in measured if m.participant in candidates and m.answer and not m.remark]
        if measured[0].remark or not counted:
            rows.append(f"| {case.title}: time of the {what}, to ours | none counts | at least {least:g} | MISSED |")
            continue
        nearest = min(counted, key=lambda m: median(m.ratios))
        name = f" ({nearest.participant.name})" * (len(candidates) > 1)
        rows.append(goal(f"{case.title}: time of the {what}{name}, to ours", median(nearest.ratios), least, np.inf))
    return rows


def goal(what: str, value: float, least: float, most: float) -> str:
    """One row: a number and the bounds that the project set itself."""
    bounds = [f"at least {least:g}"] * (least > -np.inf) + [f"at most {most:g}"] * (most < np.inf)
    return f"| {what} | {value:.3g} | {', '.join(bounds)} | {'met' if least <= value <= most else 'MISSED'} |"


GOALS_HEAD = "| goal | measured | wanted | |\n|---|---|---|---|"
