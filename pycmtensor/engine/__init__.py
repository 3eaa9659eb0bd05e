"""The only place that compiles: a model and data become functions of a flat theta.

`Evaluator` is what the rest of the library asks; `evaluator_of` makes the one for data in the memory of this machine.
"""

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.pooled import PooledDataset
from pycmtensor.dataset.scanned import ScannedDataset
from pycmtensor.engine.evaluator import (
    Array,
    Ascents,
    Differentiable,
    Evaluator,
    FirstOrder,
    MakesEvaluator,
    Objective,
    Problem,
    Sample,
    SecondOrder,
    Trainer,
    TrainingSettings,
)
from pycmtensor.engine.individuals import ByIndividual, Individuals, KnownIndividuals
from pycmtensor.engine.local import LocalEvaluator
from pycmtensor.engine.parts.cluster import Cluster
from pycmtensor.engine.parts.question import PoissonWeights
from pycmtensor.engine.parts.streamed import Streaming
from pycmtensor.engine.parts.tasks import asked_of
from pycmtensor.engine.pooled import PooledEvaluator
from pycmtensor.models.base import Model

__all__ = [
    "Array",
    "Ascents",
    "ByIndividual",
    "Cluster",
    "Differentiable",
    "Evaluator",
    "FirstOrder",
    "Individuals",
    "KnownIndividuals",
    "MakesEvaluator",
    "Objective",
    "PoissonWeights",
    "Problem",
    "Sample",
    "SecondOrder",
    "Streaming",
    "Trainer",
    "TrainingSettings",
    "asked_of",
    "evaluator_of",
]


def evaluator_of(model: Model, data: Dataset | None = None, block: int | None = None) -> Evaluator:
    """The evaluator of a model on this machine: of data in memory, or of scanned data part by part.

    Args:
        model: The model.
        data: The data; None for the model's own.
        block: Individuals that are evaluated together; None chooses as many as stay in the processor's cache.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2]}), "mode", {"car": 1, "bus": 2})
        >>> evaluator = evaluator_of(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> round(evaluator.value([0.0]), 6)  # 3 log(1 / 2)
        -2.079442
    """
    data = model.dataset.whole if data is None else data
    if isinstance(data, ScannedDataset):
        return Streaming()(model, data)
    if isinstance(data, PooledDataset):
        return PooledEvaluator(
            {name: evaluator_of(m, data.parts[name], block) for name, m in model.summands.items()}, data
        )
    return LocalEvaluator(model, data, block)
