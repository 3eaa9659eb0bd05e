"""One model trained several times: how much of a result is the luck of start values and batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytensor.graph.basic import Variable, equal_computations

from pycmtensor.analysis import compare_held_out
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Cluster, asked_of, evaluator_of
from pycmtensor.estimation import Fit, Options, Stochastic, maximise, maximise_together, start_values
from pycmtensor.exceptions import OptimizerError, checked, whole
from pycmtensor.host.files import beside
from pycmtensor.kernels.layers import dropped_in
from pycmtensor.models import LatentClass, Model
from pycmtensor.report.answer import Answer, Part
from pycmtensor.results.results import Results, start_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SeedRuns", "estimate_seeds"]


@dataclass(frozen=True, eq=False)
class SeedRuns(Answer):
    """The results of one model by seed.

    Attributes:
        results: Seed -> results.
        table: One row per seed, as `compare_held_out` gives it.
        together: Whether one program trained all of them. They then are results of one model, that of the first seed,
            with whose networks expressions for ``results.tastes`` and the like are written.
    """

    results: dict[int, Results]
    table: pd.DataFrame
    together: bool

    @property
    def spread(self) -> pd.DataFrame:
        """Mean and standard deviation over seeds of each column of the table."""
        return self.table.agg(["mean", "std"])

    def spread_of(self, figure: Callable[[Results], float | Mapping[Any, float] | pd.Series]) -> pd.DataFrame:
        """Mean and standard deviation over seeds of any figure of the results.

        Args:
            figure: Results -> a number or several by name, such as ``lambda results: results.predict().shares``.

        Returns:
            One row per number, "figure" for one that has no name, with the columns 'mean' and 'std'.
        """
        import pandas as pd

        found = {seed: figure(one) for seed, one in self.results.items()}
        named = {seed: n if isinstance(n, (Mapping, pd.Series)) else {"figure": n} for seed, n in found.items()}
        return pd.DataFrame(named).T.agg(["mean", "std"]).T

    def _shown(self) -> list[Part]:
        return [self.table, self.spread]


@checked(OptimizerError)
def estimate_seeds(
    make: Callable[[int], Model],
    held_out: Any,
    method: Stochastic,
    seeds: int | Sequence[int] = 5,
    start: Results | None = None,
    on: Cluster | None = None,
) -> SeedRuns:
    """Train a model from several seeds and judge each run by data that none has seen.

    Models that differ in their start values only, as they should, are trained as one program, each with its own order
    of individuals, patience and best epoch, and to the same numbers up to rounding as a run by itself.
    Where the models or their data differ, or the method has a share of individuals for validation, which each seed
    draws anew, or a time limit, they are trained one after the other.

    Args:
        make: Seed -> the model, whose networks take their start values from that seed.
        held_out: The data to judge with, as in `compare_held_out`.
        method: How to train; its seed is replaced. Its ``checkpoint`` is that of all runs, from which they go on; seeds
            that are trained one after the other have a file each beside it.
        seeds: How many, from 0 on, or which.
        start: As in `estimate`.
        on: A cluster, on whose workers each seed is trained by itself; None trains here.

    Returns:
        The runs: a ``table`` with one row per seed, and ``spread_of`` any figure.

    Raises:
        OptimizerError: The method is not stochastic, or there are fewer than two seeds.
        CheckpointError: The checkpoint is damaged, belongs to other runs, or others use it now.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> from pycmtensor.optimizers import SGD
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> sgd, asc = cmt.Stochastic(SGD, lr=1.0), cmt.Beta("asc")
        >>> runs = cmt.estimate_seeds(lambda seed: cmt.MNL(ds, {"car": asc, "bus": 0}), ds, sgd, seeds=2)
        >>> runs.together, runs.table["accuracy"].to_dict()
        (True, {0: 0.75, 1: 0.75})
        >>> runs.spread_of(lambda results: results.predict().shares).round(6)["mean"].to_dict()
        {'car': 0.75, 'bus': 0.25}
    """
    if not isinstance(method, Stochastic):
        raise OptimizerError(f"estimate_seeds takes a Stochastic(...), found {method!r}.")
    numbers = list(range(whole("estimate_seeds", "seeds", seeds, least=2))) if isinstance(seeds, int) else list(seeds)
    if len(set(numbers)) < 2:
        raise OptimizerError(f"estimate_seeds: a spread needs two different seeds, found {numbers}.")
    models = {seed: make(seed) for seed in numbers}
    first, *others = models.values()
    on_one_validation = method.validation is None or isinstance(method.validation, Dataset)
    alone = on is not None or not on_one_validation or method.time_limit is not None
    together = not alone and all(_is_alike(first, other) for other in others)
    if together:
        starts = {seed: start_values(model, start_of(model, start) or {}) for seed, model in models.items()}
        fits, problem = maximise_together(first, starts, method, Options())
        results = {seed: Results(fit, *problem) for seed, fit in zip(numbers, fits, strict=True)}
    else:
        results = {}
        progress = None if on is None else False
        tasks = [(model, _of_seed(method, seed), start_of(model, start), progress) for seed, model in models.items()]
        for (seed, model), fit in zip(models.items(), asked_of(on, _trained, tasks), strict=True):
            data = model.dataset.whole
            results[seed] = Results(fit(), model, data, evaluator_of(model, data))
            results[seed].outcome.must_have_ended()
    table = compare_held_out({str(seed): one for seed, one in results.items()}, held_out)
    return SeedRuns(results, table.set_axis(numbers), together)


def _trained(model: Model, method: Stochastic, start: Mapping[str, Any] | None, progress: bool | None) -> Fit:
    """The estimates of one seed."""
    return maximise(model, None, method, Options(start=start, progress=progress))[0]


def _of_seed(method: Stochastic, seed: int) -> Stochastic:
    """The method with a seed, and a checkpoint of its own."""
    file = None if method.checkpoint is None else beside(Path(method.checkpoint), f"seed{seed}")
    return replace(method, seed=seed, checkpoint=file)


def _is_alike(one: Model, other: Model) -> bool:
    """Whether two models differ in nothing but the values of their free parameters."""
    if isinstance(one, LatentClass) or one.dataset is not other.dataset or one.sampling != other.sampling:
        return False  # classes that are alike at the start are an error, which `estimate` raises
    facts, symbols = zip(*(_unknowns(model) for model in (one, other)), strict=True)
    return facts[0] == facts[1] and equal_computations([one.cost], [other.cost], *symbols)


def _unknowns(model: Model) -> tuple[list[Any], list[Variable]]:
    """Facts about parameters, draws and dropout of a model, and their symbols; columns are those of the data set."""
    parameters = [(p.name, p.shape, p.lb, p.ub, p.get_value().tolist() if p.status else None) for p in model.params]
    draws = [(d.name, d.distribution, d.within) for d in model.draws]
    dropout = [x.tag.dropout for x in dropped_in(model.cost)]
    return [parameters, draws, dropout], [*(p() for p in model.params), *(d() for d in model.draws)]
