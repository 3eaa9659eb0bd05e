"""Parts that workers of a Dask cluster hold, prepared, while a model is estimated."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.engine.evaluator import Evaluator
from pycmtensor.engine.parts.kept import InMemory
from pycmtensor.engine.parts.prepared import Members, PreparedPart, Preparer, Shape
from pycmtensor.engine.parts.question import Question
from pycmtensor.engine.parts.sources import FromFile, Source, hash_of, sources_of
from pycmtensor.engine.parts.summed import SummedEvaluator
from pycmtensor.exceptions import ClusterError, OptimizerError, PyCMTensorError, checked_class, noted, whole
from pycmtensor.host.interruption import stop_if_asked
from pycmtensor.models.base import Model

__all__ = ["Cluster", "OnWorkers"]

#: Libraries that must be the same here and on workers.
LIBRARIES = ("pycmtensor", "jax", "pytensor", "numpy")

#: Seconds to wait for the first worker.
PATIENCE = 60


@checked_class(OptimizerError)
class Cluster:
    """A cluster of machines, as ``on=`` of estimations: any that Dask has a client for, or processes of this machine.

    Parts of the data live on the workers with their compiled programs: of scanned data each worker reads its own files,
    data in memory are sent once. An evaluation is one task for each worker. What a lost worker held is read again by
    others, and sums are in the order of the parts, so that results are the same to the bit.

    Args:
        client: A `distributed.Client`, of a local cluster, SLURM, Kubernetes, Coiled and so on.
        workers: Workers to start on this machine instead, each a process with one thread.

    Raises:
        ClusterError: Dask is not installed, there is no scheduler or worker, or libraries on workers are of other
            versions.

    Examples:
        >>> import pycmtensor as cmt
        >>> with cmt.Cluster(workers=2) as cluster:  # doctest: +SKIP
        ...     results = cmt.estimate(model, on=cluster)
    """

    def __init__(self, client: Any = None, workers: int | None = None) -> None:
        distributed = _distributed()
        if (client is None) == (workers is None):
            raise OptimizerError("Cluster: give a client of Dask or a number of workers, one of them.")
        self._own: Any = None
        if workers is not None:
            whole("Cluster", "workers", workers, least=1)
            local = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 40}
            self._own = distributed.LocalCluster(n_workers=workers, **local)
            client = distributed.Client(self._own)
        elif not isinstance(client, distributed.Client):
            raise OptimizerError(
                f"Cluster: client must be a distributed.Client, found {type(client).__name__}. Write for example "
                "Cluster(distributed.Client('scheduler:8786')), or Cluster(workers=4)."
            )
        self.client = client
        self.check()

    def __call__(self, model: Model, data: Dataset) -> Evaluator:
        """The evaluator of a model on data, whose parts are on the workers."""
        return SummedEvaluator(model, OnWorkers(model, data, self))

    def close(self) -> None:
        """Stop the workers that were started here; a client that was given stays as it is."""
        if self._own is not None:
            self.client.close()
            self._own.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cluster({self.client!r})"

    def workers(self) -> dict[str, int]:
        """Address of each worker -> its threads.

        Raises:
            ClusterError: The scheduler cannot be reached, or has no workers.
        """
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
            found = {address: int(threads) for address, threads in self.client.nthreads().items()}
        except Exception as error:  # of the network, of which Dask raises many kinds
            raise self.lost(error) from None
        return dict(sorted(found.items()))

    def check(self) -> None:
        """Raise a `ClusterError` unless workers have this library and the same versions of what computes."""
        self.workers()
        own = {name: version(name) for name in LIBRARIES}

        def versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:  # of no module, so that all can run it
            from importlib.metadata import PackageNotFoundError, version

            found = {}
            for name in names:
                try:
                    found[name] = version(name)
                except PackageNotFoundError:
                    found[name] = "none"
            return found

        try:
            everywhere = self.client.run(versions)
        except Exception as error:
            raise self.lost(error) from None
        for address, found in everywhere.items():
            wrong = [name for name in LIBRARIES if found[name] != own[name]]
            if wrong:
                told = ", ".join(f"{name} {found[name]} (here {own[name]})" for name in wrong)
                raise ClusterError(
                    f"The worker {address} has {told}. Results would not be the same: install the versions of this "
                    "machine there."
                )

    def lost(self, error: BaseException) -> ClusterError:
        """The error of a scheduler that cannot be reached."""
        where = getattr(getattr(self.client, "scheduler", None), "address", "unknown")
        return ClusterError(
            f"The scheduler of the cluster at {where} does not answer, or has no workers ({type(error).__name__}: "
            f"{error}). Start it and workers again, and estimate again; with checkpoint=... what was reached is kept."
        )


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ClusterError(
            "A cluster needs Dask, which is not installed. Install it with pip install distributed."
        ) from None
    return distributed


@dataclass
class _Plan:
    """Which worker holds which parts.

    Attributes:
        worker: Address of the worker of each part.
        held: Future of each part.
    """

    worker: list[str] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)

    def of(self, address: str) -> list[int]:
        """The parts of a worker."""
        return [i for i, own in enumerate(self.worker) if own == address]


def balanced(parts: int, workers: Iterable[str], before: Mapping[int, str] | None = None) -> list[str]:
    """The worker of each part: those that are there keep theirs, and the most of one is at most one above the least.

    Examples:
        >>> balanced(5, ["a", "b"])
        ['a', 'b', 'a', 'b', 'a']
        >>> balanced(5, ["a", "c"], dict(enumerate("ababa")))
        ['a', 'c', 'a', 'c', 'a']
    """
    loads = dict.fromkeys(workers, 0)
    most, further = divmod(parts, len(loads))
    found: dict[int, str] = {}
    for part, worker in (before or {}).items():
        if worker in loads and loads[worker] < most + (further > 0):
            further -= loads[worker] == most
            found[part] = worker
            loads[worker] += 1
    for part in range(parts):
        if part not in found:
            found[part] = min(loads, key=lambda worker: loads[worker])
            loads[found[part]] += 1
    return [found[part] for part in range(parts)]


class OnWorkers:
    """Holder of parts that are prepared in the memory of workers.

    Args:
        model: The model.
        data: The data of all parts.
        cluster: The workers.

    Raises:
        ClusterError: The model cannot be sent.
    """

    def __init__(self, model: Model, data: Dataset, cluster: Cluster) -> None:
        self.model, self.data, self._cluster, self._client = model, data, cluster, cluster.client
        self.watch: Callable[[int, int, int], None] = lambda *_: None
        self.passes = 0
        self._sources = list(sources_of(model, data))
        largest = max(source.individuals for source in self._sources)
        shape = Shape.of(model, largest, data.n_situations)
        scanned = data if isinstance(data, ScannedDataset) else None
        self._token, self._version = uuid4().hex[:12], 0
        sent = _pickled(model, scanned, shape)
        self._setup = self._client.submit(bytes, sent, key=f"pycmtensor-model-{self._token}")
        self._plan = _Plan()
        self._place()
        found = self._asked(Question("census", np.zeros(0), ()))
        counted = [i for i, members in enumerate(found) if members is not None]
        self._sources = [self._sources[i] for i in counted]
        self._plan = _Plan([self._plan.worker[i] for i in counted], [self._plan.held[i] for i in counted])
        self._members: list[Members] = [found[i] for i in counted]

    @property
    def members(self) -> list[Members]:
        """The members of each part."""
        return self._members

    @property
    def placement(self) -> dict[str, int]:
        """Address of each worker -> number of the parts that it holds."""
        return {worker: len(self._plan.of(worker)) for worker in dict.fromkeys(self._plan.worker)}

    def answers(self, questions: list[Question] | Question) -> list[Any]:
        """The answers of all parts, in their order: one task for each worker."""
        stop_if_asked()
        found = self._asked(questions)
        self.passes += 1
        self.watch(self.passes, self.data.nobs, self.data.nobs)
        return found

    def of(self, model: Model) -> OnWorkers:
        """The same parts, prepared for another model."""
        return OnWorkers(model, self.data, self._cluster)

    def hashes(self) -> list[str]:
        """SHA-256 of the numbers of each part."""
        return list(self._asked(Question("hash", np.zeros(0), ())))

    def _place(self) -> None:
        """Let each part be read by the worker that it is meant for; what is there already stays."""
        workers = self._cluster.workers()
        before = dict(enumerate(self._plan.worker))
        after = balanced(len(self._sources), workers, before)
        held = self._plan.held or [None] * len(after)
        self._version += 1
        for i, worker in enumerate(after):
            if before.get(i) != worker or held[i] is None:
                source = self._sources[i]
                held[i] = self._client.submit(
                    _load,
                    self._setup,
                    source.rows if isinstance(source, FromFile) else source,
                    source.columns if isinstance(source, FromFile) else (),
                    key=f"pycmtensor-part-{self._token}-{i}-{self._version}",
                    workers=[worker],
                    allow_other_workers=True,
                )
        self._plan = _Plan(after, held)

    def _asked(self, questions: list[Question] | Question) -> list[Any]:
        plan, tasks = self._plan, {}
        for worker in dict.fromkeys(plan.worker):
            own = plan.of(worker)
            asked = questions if isinstance(questions, Question) else [questions[i] for i in own]
            held = [plan.held[i] for i in own]
            where = {"workers": [worker], "allow_other_workers": True, "pure": False}
            tasks[worker] = self._client.submit(_answers, held, asked, **where)
        try:
            found = self._client.gather(list(tasks.values()))
        except PyCMTensorError:
            raise
        except Exception as error:
            if type(error).__module__.startswith(("distributed", "dask", "asyncio", "concurrent", "tornado")):
                raise self._cluster.lost(error) from None
            raise
        answers: list[Any] = [None] * len(plan.worker)
        strayed = False
        for worker, (by, own) in zip(tasks, found, strict=True):
            strayed |= by != worker
            for i, answer in zip(plan.of(worker), own, strict=True):
                answers[i] = answer
        if strayed:  # a worker was lost: what it held goes to the others, evenly
            self._place()
        return answers


def _pickled(model: Model, scanned: ScannedDataset | None, shape: Shape) -> bytes:
    """What workers make parts with.

    Raises:
        ClusterError: A part of the model cannot be pickled.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps((model, scanned, shape)))
    except Exception as error:  # of any class that an object of a user may be of
        for name, value in model.__getstate__().items():
            try:
                cloudpickle.dumps(value)
            except Exception as fault:
                raise ClusterError(
                    f"The model cannot be sent to workers: its '{name}' holds what cannot be pickled, {value!r:.200} "
                    f"({type(fault).__name__}: {fault}). Make it of modules that workers can import."
                ) from None
        raise ClusterError(f"The model cannot be sent to workers: {type(error).__name__}: {error}.") from None


# ---- on workers -----------------------------------------------------------------------------------------------------

#: SHA-256 of what was sent -> the scanned data set and the preparer, with the programs of the model.
_MADE: dict[str, tuple[ScannedDataset | None, Preparer]] = {}


class Held:
    """A part on a worker. What is sent elsewhere is how it is made, not its data."""

    def __init__(self, setup: bytes, rows: Any, columns: tuple[str, ...]) -> None:
        self._recipe = setup, rows, columns
        digest = hashlib.sha256(setup).hexdigest()
        if digest not in _MADE:
            model, scanned, shape = pickle.loads(setup)
            _MADE.clear()  # a worker works for one model at a time
            _MADE[digest] = scanned, Preparer(model, shape)
        scanned, prepare = _MADE[digest]
        self.model = prepare.model
        self.source: Source = rows if scanned is None else FromFile(scanned, rows, columns)
        data = self.source.data()
        self.part: PreparedPart | None = None
        if data is not None:
            self.part = prepare(self.source, data, InMemory)

    def answer(self, question: Question, cores: int) -> Any:
        """The answer of the part; None where nobody counts."""
        if question.what == "hash":
            return hash_of(self.model, self.source)
        if self.part is None:
            return None
        self.part.cores = cores
        return self.part.members if question.what == "census" else self.part.answer(question)

    def __reduce__(self) -> tuple[Callable[..., Held], tuple[Any, ...]]:
        return Held, self._recipe

    def __sizeof__(self) -> int:
        return 64 if self.part is None else sum(array.nbytes for array in self.part.kept.arrays())


def _load(setup: bytes, rows: Any, columns: tuple[str, ...]) -> Held:
    """A part, on the worker that holds it."""
    from distributed import get_worker

    with noted(f"On the worker {get_worker().address}."):
        return Held(setup, rows, columns)


def _answers(held: Sequence[Held], questions: Sequence[Question] | Question) -> tuple[str, list[Any]]:
    """The worker that this runs on, and what its parts answer."""
    from distributed import get_worker

    worker = get_worker()
    asked = [questions] * len(held) if isinstance(questions, Question) else questions
    cores = worker.state.nthreads
    return worker.address, [part.answer(one, cores) for part, one in zip(held, asked, strict=True)]
