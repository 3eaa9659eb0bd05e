"""choice-learn: in float32, which it computes in; its L-BFGS with standard errors from its report, or Adam."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from choice_learn.data import ChoiceDataset
from choice_learn.models import SimpleMNL
from choice_learn.models.base_model import ChoiceModel
from choice_learn.models.reslogit import ResLogit
from choice_learn.models.tastenet import TasteNet

from benchmarks.data import Data, Table, as_arrays, standardised_people, swissmetro_arrays
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(swissmetro_arrays(table))


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    return estimation(as_arrays(table))


def estimation(data: Data) -> Callable[[], Estimate]:
    dataset, chosen = as_dataset(data), data[2]

    def estimate() -> Estimate:
        model = SimpleMNL(intercept=None, optimizer="lbfgs")
        model.fit(dataset, get_report=True, verbose=0)
        report = model.report
        llf = -float(model.evaluate(dataset)) * len(chosen)
        return Estimate(llf, report["Coefficient Estimation"], report["Std. Err"])

    return estimate


def training(table: Table, variant: str) -> Callable[[], Estimate]:
    dataset = as_dataset(swissmetro_arrays(table))
    model = SimpleMNL(intercept=None, optimizer="Adam", lr=0.005, epochs=20, batch_size=256)
    sizes = dataset.get_n_items(), dataset.get_n_shared_features(), dataset.get_n_items_features()
    model.indexes, model._trainable_weights = model.instantiate(*sizes)  # as its fit does
    model.instantiated = True
    return trained(model, dataset)


def res_logit(table: Table, variant: str) -> Callable[[], Estimate]:
    X, available, chosen = swissmetro_arrays(table)
    dataset = as_dataset((X[:, :, 2:], available, chosen), np.zeros((len(X), 1)))
    model = ResLogit(intercept="item", n_layers=16, optimizer="Adam", lr=0.005, epochs=20, batch_size=128)
    model.instantiate(dataset.get_n_items(), dataset.get_n_shared_features(), dataset.get_n_items_features())
    return trained(model, dataset)


def taste_net(table: Table, variant: str) -> Callable[[], Estimate]:
    """Attributes are two constants, time and cost; a number stands for a coefficient that is known."""
    dataset = as_dataset(swissmetro_arrays(table), standardised_people(table))
    tastes = [["linear", 0.0, "linear", -1.0], [0.0, 0.0, "linear", -1.0], [0.0, "linear", "linear", -1.0]]
    model = TasteNet([16], "relu", tastes, optimizer="Adam", lr=0.005, epochs=20, batch_size=128)
    model.instantiate(dataset.get_n_shared_features())
    return trained(model, dataset)


def trained(model: ChoiceModel, dataset: ChoiceDataset) -> Callable[[], Estimate]:
    """The model is kept, so that TensorFlow compiles its step once, and begins again from its first weights."""
    start = [weight.numpy() for weight in model.trainable_weights]

    def estimate() -> Estimate:
        for weight, value in zip(model.trainable_weights, start, strict=True):
            weight.assign(value)
        model.fit(dataset, verbose=0)
        llf = -float(model.evaluate(dataset)) * len(dataset)
        return Estimate(llf, np.concatenate([weight.numpy().ravel() for weight in model.trainable_weights]))

    return estimate


def as_dataset(data: Data, people: np.ndarray | None = None) -> ChoiceDataset:
    X, available, chosen = data
    return ChoiceDataset(
        items_features_by_choice=X.astype(np.float32),
        shared_features_by_choice=None if people is None else people.astype(np.float32),
        available_items_by_choice=available.astype(np.float32),
        choices=chosen,
    )


LACKS = {
    "bootstrap": "it has no bootstrap",
    "swissmetro_mixed": "it has no mixed logit",
    "swissmetro_panel": "it has no mixed logit",
    "electricity": "it has no mixed logit",
}

if __name__ == "__main__":
    serve(swissmetro, synthetic, training, res_logit, taste_net, lacks=LACKS, many_alternatives=synthetic)
