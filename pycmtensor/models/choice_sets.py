"""Expressions that were made with samples of alternatives, for data sets that have all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.sampling import CORRECTION, SampledDataset
from pycmtensor.dataset.symbols import column_of, columns_in

__all__ = ["are_all_of", "of_all_alternatives"]


def are_all_of(sample: Dataset, data: Dataset) -> bool:
    """Whether one data set holds samples of alternatives and the other one all of them."""
    return isinstance(sample, SampledDataset) and isinstance(data, LongDataset) and not isinstance(data, SampledDataset)


def of_all_alternatives(expressions: Sequence[Variable], data: LongDataset) -> list[Variable]:
    r"""The expressions with columns of all alternatives in place of columns of samples.

    .. math:: P(i | D) = \frac{\exp(V_i - \log(q_i / k_i))}{\sum_{j \in D} \exp(V_j - \log(q_j / k_j))}
        \quad \rightarrow \quad P(i) = \frac{\exp V_i}{\sum_j \exp V_j}

    Utilities and parameters stay the same, and the correction for sampling is 0.

    Args:
        expressions: Utilities or availability of all alternatives, (J, T, N, R).
        data: A data set with the same columns, but for the correction.

    Raises:
        DatasetError: A column does not exist.

    References:
        McFadden (1978), Modelling the choice of residential location; Frejinger, Bierlaire & Ben-Akiva (2009),
        doi:10.1016/j.trb.2009.03.001, equation 5.
    """
    columns = {symbol: _of_all(symbol, data) for symbol in columns_in(expressions)}
    return clone_replace(list(expressions), columns, rebuild_strict=False)


def _of_all(symbol: Variable, data: LongDataset) -> Variable:
    """The column of all alternatives that stands in place of a column of samples."""
    if column_of(symbol) == CORRECTION:
        return pt.constant(np.zeros((1, 1, 1, 1), pytensor.config.floatX))
    return data.counterpart(symbol)
