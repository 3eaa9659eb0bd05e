"""Chains of draws, side by side on the cores, that can be interrupted and go on from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.nuts import AT_ONCE, NUTS, Chain, Steps
from pycmtensor.engine.parallel import at_the_same_time
from pycmtensor.estimation.checkpoint import load_checkpoint, save_checkpoint
from pycmtensor.estimation.lock import only_user
from pycmtensor.estimation.progress import CountBar

__all__ = ["Schedule", "run_chains"]

#: Seconds after which a checkpoint is written again.
SECONDS = 10.0


@dataclass(frozen=True)
class Schedule:
    """What is asked for.

    Attributes:
        chains: How many.
        warmup: Steps of each before its draws.
        draws: Of each.
        seed: Of all.
        progress: Whether to show a bar; None when standard error is a terminal.
        checkpoint: File that chains are kept in, and go on from.
    """

    chains: int = 4
    warmup: int = 500
    draws: int = 1000
    seed: int = 1
    progress: bool | None = None
    checkpoint: str | PathLike[str] | None = None


@dataclass(frozen=True, eq=False)
class _Chains:
    """All chains after the same number of steps, and their draws so far, some at a time."""

    states: list[Chain]
    done: int = 0
    kept: tuple[Steps, ...] = ()  #: each with the axes (chain, draw) first

    @property
    def steps(self) -> Steps:
        """The draws so far, with the axes (chain, draw) first."""
        return Steps(*(np.concatenate(parts, axis=1) for parts in zip(*self.kept, strict=True)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint holds."""
        found: dict[str, NDArray[Any]] = {"done": np.array(self.done)}
        for c, state in enumerate(self.states):
            found |= {f"chain.{c}.{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        return found | {f"draws.{name}": part for name, part in (self.steps._asdict() if self.kept else {}).items()}

    @classmethod
    def of_arrays(cls, sampler: NUTS, arrays: Mapping[str, NDArray[Any]]) -> _Chains:
        """The chains that a checkpoint holds."""
        leaves: dict[int, dict[int, NDArray[Any]]] = {}
        for name, array in arrays.items():
            if name.startswith("chain."):
                c, i = map(int, name.split(".")[1:])
                leaves.setdefault(c, {})[i] = array
        states = [sampler.restored([own[i] for i in range(len(own))]) for _, own in sorted(leaves.items())]
        has_draws = "draws.position" in arrays
        kept = (Steps(*(arrays[f"draws.{name}"] for name in Steps._fields)),) if has_draws else ()
        return cls(states, int(arrays["done"]), kept)


def run_chains(sampler: NUTS, starts: NDArray[Any], schedule: Schedule, run: Mapping[str, str]) -> Steps:
    """Draws of all chains, with the axes (chain, draw) first.

    Ctrl-C after the warm-up ends the chains with the draws so far.

    Args:
        sampler: Of the posterior.
        starts: Where chains begin, (C, D).
        schedule: What is asked for.
        run: What makes the run what it is, for its checkpoint.

    Raises:
        CheckpointError: The checkpoint is damaged, belongs to another run, or another run uses it now.
        KeyboardInterrupt: Ctrl-C in the warm-up.
    """
    with only_user(schedule.checkpoint):
        path = None if schedule.checkpoint is None else Path(schedule.checkpoint)
        known = None if path is None else load_checkpoint(path, run)
        chains = _Chains([sampler.start(q) for q in starts]) if known is None else _Chains.of_arrays(sampler, known)
        total, saved = schedule.warmup + schedule.draws, perf_counter()
        try:
            with CountBar("steps of each chain", total, schedule.progress) as bar:
                bar.advance(chains.done)
                for later in _advanced(sampler, chains, schedule):
                    bar.advance(later.done - chains.done)
                    chains = later
                    bar.tell(_told(chains))
                    if path is not None and perf_counter() - saved > SECONDS:
                        save_checkpoint(path, run, chains.arrays())
                        saved = perf_counter()
        except KeyboardInterrupt:
            if not chains.kept:
                raise
        finally:
            if path is not None and chains.done:
                save_checkpoint(path, run, chains.arrays())
    return Steps(*(part[:, : schedule.draws] for part in chains.steps))


def _advanced(sampler: NUTS, chains: _Chains, schedule: Schedule) -> Iterator[_Chains]:
    """The chains after some more steps of each, again and again."""
    total, number = schedule.warmup + schedule.draws, range(len(chains.states))
    while chains.done < total:
        is_warm, now = chains.done >= schedule.warmup, chains
        count = min(AT_ONCE, (total if is_warm else schedule.warmup) - now.done)
        run = partial(_some, sampler, now, schedule.seed, count)
        states, steps = zip(*at_the_same_time(run, number), strict=True)
        kept = (*now.kept, Steps(*map(np.stack, zip(*steps, strict=True)))) if is_warm else ()
        chains = _Chains(list(states), now.done + count, kept)
        yield chains


def _some(sampler: NUTS, chains: _Chains, seed: int, count: int, c: int) -> tuple[Chain, Steps]:
    """Some steps of one chain."""
    return sampler.advance(chains.states[c], seed, c, chains.done, count)


def _told(chains: _Chains) -> str:
    """What to show beside the bar."""
    divergent = sum(int(steps.divergent.sum()) for steps in chains.kept)
    return f"{divergent} divergences" if chains.kept else "warm-up"
