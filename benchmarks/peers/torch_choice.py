"""torch-choice: its L-BFGS on the whole sample, in float64, and standard errors from the Hessian, its default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch_choice import run
from torch_choice.data import ChoiceDataset
from torch_choice.model import ConditionalLogitModel

from benchmarks.data import Data, Table, as_arrays, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve

torch.set_default_dtype(torch.float64)

#: Each epoch is a call of L-BFGS, of up to twenty iterations; the maximum is reached before the last.
WHOLE: dict[str, Any] = {"model_optimizer": "LBFGS", "learning_rate": 1.0, "num_epochs": 10, "batch_size": -1}
BATCHES: dict[str, Any] = {"model_optimizer": "Adam", "learning_rate": 0.005, "num_epochs": 20, "batch_size": 256}
SILENT: dict[str, Any] = {
    "print_summary": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "logger": False,
    "enable_checkpointing": False,
}


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table))


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(as_arrays(table))


def training(table: Table, variant: str) -> Callable[[], Estimate]:
    """Its standard errors come with it."""
    return estimation(swissmetro_arrays(table), BATCHES)


def estimation(data: Data, options: dict[str, Any] = WHOLE) -> Callable[[], Estimate]:
    X, available, chosen = map(torch.as_tensor, data)
    dataset = ChoiceDataset(item_index=chosen, item_availability=available, itemsession_x=X)

    def estimate() -> Estimate:
        model = ConditionalLogitModel(formula="(itemsession_x|constant)", dataset=dataset, num_items=X.shape[1])
        found = run(model, dataset, compute_std=True, **options, **SILENT)
        (params,), (bse,) = found.mean_dict.values(), found.std_dict.values()
        return Estimate(found.train_ll, params.ravel(), bse.ravel())

    return estimate


LACKS = {
    "bootstrap": "it has no bootstrap",
    "swissmetro_mixed": "it has no mixed logit",
    "swissmetro_panel": "it has no mixed logit",
    "electricity": "it has no mixed logit",
    "res_logit": "it has no ResLogit",
    "taste_net": "it has no TasteNet",
}

if __name__ == "__main__":
    serve(swissmetro, synthetic, training, lacks=LACKS, many_alternatives=synthetic)
