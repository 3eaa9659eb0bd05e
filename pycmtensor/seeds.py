"""One model trained several times: how much of a result is the luck of start values and batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pycmtensor.analysis import compare_held_out
from pycmtensor.checks import whole
from pycmtensor.estimation import Stochastic
from pycmtensor.exceptions import OptimizerError
from pycmtensor.models import Model
from pycmtensor.results import Results, estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SeedRuns", "estimate_seeds"]


@dataclass(frozen=True, eq=False)
class SeedRuns:
    """The results of one model by seed.

    Attributes:
        results: Seed -> results.
        table: One row per seed, as `compare_held_out` gives it.
    """

    results: dict[int, Results]
    table: pd.DataFrame

    @property
    def spread(self) -> pd.DataFrame:
        """Mean and standard deviation over seeds of each column of the table."""
        return self.table.agg(["mean", "std"])

    def __str__(self) -> str:
        return f"{self.table.to_string()}\n{self.spread.to_string()}"


def estimate_seeds(
    make: Callable[[int], Model],
    held_out: Any,
    method: Stochastic,
    seeds: int | Sequence[int] = 5,
    start: Results | None = None,
) -> SeedRuns:
    """Train a model from several seeds, one after the other, and judge each run by data that none has seen.

    Args:
        make: Seed -> the model, whose networks take their start values from that seed.
        held_out: The data to judge with, as in `compare_held_out`.
        method: How to train; its seed is replaced.
        seeds: How many, from 0 on, or which.
        start: As in `estimate`.

    Raises:
        OptimizerError: The method is not stochastic, it has a checkpoint, which belongs to one run, or there are fewer
            than two seeds.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> from pycmtensor.optimizers import SGD
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> sgd = cmt.Stochastic(SGD, lr=1.0)
        >>> runs = cmt.estimate_seeds(lambda seed: cmt.MNL(ds, {"car": cmt.Beta("asc"), "bus": 0}), ds, sgd, seeds=2)
        >>> runs.table["accuracy"].to_dict()
        {0: 0.75, 1: 0.75}
    """
    if not isinstance(method, Stochastic) or method.checkpoint is not None:
        raise OptimizerError(f"estimate_seeds takes a Stochastic(...) without a checkpoint, found {method!r}.")
    numbers = list(range(whole("estimate_seeds", "seeds", seeds, least=2))) if isinstance(seeds, int) else list(seeds)
    if len(set(numbers)) < 2:
        raise OptimizerError(f"estimate_seeds: a spread needs two different seeds, found {numbers}.")
    results = {seed: estimate(make(seed), method=replace(method, seed=seed), start=start) for seed in numbers}
    table = compare_held_out({str(seed): one for seed, one in results.items()}, held_out)
    return SeedRuns(results, table.set_axis(numbers))
