"""Models that were made with samples of alternatives, for data sets that have all of them."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace

from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.sampling import CORRECTION
from pycmtensor.dataset.symbols import column_of, columns_in
from pycmtensor.exceptions import ModelError
from pycmtensor.models.base import Model
from pycmtensor.models.latent_class import LatentClass
from pycmtensor.models.res_logit import ResLogit

__all__ = ["with_all_alternatives"]


def with_all_alternatives(model: Model, dataset: LongDataset) -> Model:
    r"""The model of choices among all alternatives that a model of choices among samples stands for.

    .. math:: P(i | D) = \frac{\exp(V_i - \log(q_i / k_i))}{\sum_{j \in D} \exp(V_j - \log(q_j / k_j))}
        \quad \rightarrow \quad P(i) = \frac{\exp V_i}{\sum_j \exp V_j}

    Utilities and parameters are the same, columns are those of the data set, and the correction is 0.

    Args:
        model: A model of a `SampledDataset`, whose one utility is that of all alternatives.
        dataset: A data set with the same columns, but for the correction.

    Raises:
        DatasetError: A column does not exist.
        ModelError: The model belongs to the places of a sample.

    References:
        McFadden (1978), Modelling the choice of residential location; Frejinger, Bierlaire & Ben-Akiva (2009),
        doi:10.1016/j.trb.2009.03.001, equation 5.
    """
    if isinstance(model, ResLogit):
        raise ModelError(
            "The residual layers of a ResLogit that was made with samples belong to places of a sample, not to "
            "alternatives. Make it with the data set that has all alternatives."
        )
    if isinstance(model, LatentClass):
        classes = {name: with_all_alternatives(of_class, dataset) for name, of_class in model.classes.items()}
        return model._specified_anew(dataset, classes, None)
    assert model.utility is not None
    given = [model.utility] if model._given_availability is None else [model.utility, model._given_availability]
    columns = {symbol: _of_all(symbol, dataset) for symbol in columns_in(given)}
    utility, *availability = clone_replace(given, columns, rebuild_strict=False)
    return model._respecified(dataset, utility, *(availability or [None]))


def _of_all(symbol: Variable, dataset: LongDataset) -> Variable:
    """What stands in place of a column of samples."""
    if column_of(symbol) == CORRECTION:
        return pt.constant(np.zeros((1, 1, 1, 1), pytensor.config.floatX))
    return dataset.counterpart(symbol)
