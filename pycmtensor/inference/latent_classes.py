"""Membership of individuals in latent classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pycmtensor.dataset import Dataset
from pycmtensor.engine import Evaluator
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated, problem_of
from pycmtensor.models import LatentClass

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["class_shares", "membership"]


def membership(results: Estimated) -> pd.DataFrame:
    r"""The probability of each class given all choices of an individual, at the estimates.

    .. math:: P(c | y_n) = \frac{\pi_{nc} L_{nc}}{\sum_d \pi_{nd} L_{nd}}

    Args:
        results: Results of a latent class model, with the likelihood at hand.

    Returns:
        One row per individual, under the name that the column ``individual`` gives it, and one column per class.

    Raises:
        InferenceError: The model has no classes, or is not at hand.

    References:
        Greene & Hensher (2003), doi:10.1016/S0191-2615(02)00046-2.

    Examples:
        >>> membership(classes).sum(axis=1).round(6).unique().tolist()
        [1.0]
    """
    import pandas as pd

    model, data, evaluator = _of_classes(results)
    _, joint = evaluator.membership(results.fit.theta)
    h = np.exp(joint - joint.max(axis=1, keepdims=True))
    index = pd.Index(data.individuals, name=data.individual)
    return pd.DataFrame(h / h.sum(axis=1, keepdims=True), index=index, columns=list(model.classes))


def class_shares(results: Estimated) -> pd.Series:
    """The share of each class: probabilities before any choice is seen, averaged over individuals by weight.

    Args:
        results: As in `membership`.

    Returns:
        Name of a class -> its share; they add up to 1.

    Raises:
        InferenceError: As `membership`.

    Examples:
        >>> class_shares(classes).index.tolist()
        ['a', 'b']
    """
    import pandas as pd

    model, _, evaluator = _of_classes(results)
    prior, _ = evaluator.membership(results.fit.theta)
    shares = np.average(np.exp(prior), axis=0, weights=results.fit.weights)
    return pd.Series(shares, index=list(model.classes), name="share")


def _of_classes(results: Estimated) -> tuple[LatentClass, Dataset, Evaluator]:
    """The model, the data and the evaluator of the estimation."""
    model, data, evaluator = problem_of(results, "latent classes")
    if not isinstance(model, LatentClass):
        raise InferenceError(f"A {type(model).__name__} has no classes. Give the results of a LatentClass.")
    if model.labels != results.fit.labels:
        raise InferenceError("Parameters of the model were fixed or freed since. Estimate it again.")
    return model, data, evaluator
