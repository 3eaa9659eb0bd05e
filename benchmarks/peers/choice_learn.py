"""choice-learn: its L-BFGS, in float32, which it computes in, and standard errors from its report."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from choice_learn.data import ChoiceDataset
from choice_learn.models import SimpleMNL

from benchmarks.data import Data, Table, as_arrays, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table))


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(as_arrays(table))


def estimation(data: Data) -> Callable[[], Estimate]:
    X, available, chosen = data
    dataset = ChoiceDataset(
        items_features_by_choice=(X.astype(np.float32),),
        available_items_by_choice=available.astype(np.float32),
        choices=chosen,
    )

    def estimate() -> Estimate:
        model = SimpleMNL(intercept=None, optimizer="lbfgs")
        model.fit(dataset, get_report=True, verbose=0)
        report = model.report
        llf = -float(model.evaluate(dataset)) * len(chosen)
        return Estimate(llf, report["Coefficient Estimation"], report["Std. Err"])

    return estimate


LACKS = {
    "bootstrap": "it has no bootstrap",
    "swissmetro_mixed": "it has no mixed logit",
    "swissmetro_panel": "it has no mixed logit",
    "electricity": "it has no mixed logit",
}

if __name__ == "__main__":
    serve(swissmetro, synthetic, lacks=LACKS, many_alternatives=synthetic)
