"""Ordered logit and probit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import is_column
from pycmtensor.exceptions import DatasetError, ModelError, checked_class
from pycmtensor.expressions import Beta, Parameter, parameters_of
from pycmtensor.kernels import ordered
from pycmtensor.kernels.ordered import LINKS
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.specified import Expression
from pycmtensor.terms.linearity import nonlinear_term
from pycmtensor.terms.relations import ParameterFunction

__all__ = ["OrderedLogit"]


@checked_class(ModelError)
class OrderedLogit(ChoiceModel):
    r"""Ordered logit or probit: categories in an order, such as ratings, between thresholds of one latent utility.

    .. math::
        P_j = F(\tau_j - V) - F(\tau_{j-1} - V), \quad
        \tau_0 = -\infty < \tau_1 < \dots < \tau_{J-1} < \tau_J = \infty

    with F the logistic or the normal distribution function. The scale of the error is normalised to that of F, and its
    place by V having no constant: thresholds take its place. With two categories it is the binary logit or probit with
    the constant :math:`-\tau_1` of the second.

    Args:
        dataset: Wide data whose alternatives are the categories, in their order.
        utilities: The latent utility V, one expression (T, N, R) of parameters and columns without a constant.
        availability: None: every category can be observed.
        thresholds: J - 1 parameters, expressions of them, or numbers, in rising order. None makes parameters
            "threshold_1", "threshold_2", ... that start where the categories have their shares in the data with V = 0.
        link: "logit" or "probit".
        params: As in `ChoiceModel`.

    Attributes:
        thresholds: As the likelihood takes them, J - 1 scalars.

    Raises:
        ModelError: As `ChoiceModel`; also when thresholds are too few or too many, or do not rise at the start, when
            the link is unknown, or when availability is given.
        DatasetError: The data are long; without thresholds, a category is never observed.

    References:
        McKelvey & Zavoina (1975), doi:10.1080/0022250X.1975.9989847; McCullagh (1980), Regression models for ordinal
        data, doi:10.1111/j.2517-6161.1980.tb01109.x; Train (2009), Discrete Choice Methods with Simulation,
        doi:10.1017/CBO9780511805271, section 7.4.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"rating": [1, 2, 3, 3, 2, 1, 3, 2], "wait": [9, 5, 2, 4, 6, 7, 8, 1]})
        >>> ds = cmt.Dataset(frame, "rating", {"poor": 1, "fair": 2, "good": 3})
        >>> model = cmt.OrderedLogit(ds, cmt.Beta("b_wait") * ds["wait"])
        >>> model
        OrderedLogit(poor, fair, good; b_wait, threshold_1, threshold_2)
        >>> cmt.estimate(model).params.round(3).to_dict()
        {'b_wait': -0.341, 'threshold_1': -2.955, 'threshold_2': -1.062}
    """

    name = "Ordered logit"

    def __init__(
        self,
        dataset: Dataset,
        utilities: Expression,
        availability: None = None,
        *,
        thresholds: Sequence[Expression] | None = None,
        link: str = "logit",
        params: Sequence[Parameter] | None = None,
    ) -> None:
        if link not in LINKS:
            raise ModelError(f"link must be one of {', '.join(map(repr, LINKS))}; found {link!r}.")
        self.link, self._given_thresholds = link, thresholds
        if link == "probit":
            self.name = "Ordered probit"
        super().__init__(dataset, utilities, availability, params)

    def structure(self) -> list[Variable]:
        """The thresholds."""
        return self.thresholds

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The ordered kernel of the latent utility, ``V[0]``."""
        return ordered(V[0], self.thresholds, self.dataset.chosen, self.link)

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """There is none.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "Categories of an ordered model have no utilities of their own, so that there is no maximum of them and no "
            "consumer surplus. Ask for shares, or for results.wtp of two columns."
        )

    def constraints(self, data: Dataset) -> list[Variable]:
        """Thresholds around a category that nobody is observed in are equal: its probability only takes from others."""
        counts = self._counts(data)
        around = [pair for count, pair in zip(counts[1:-1], pairwise(self.thresholds), strict=True) if not count]
        return [pt.eq(low, high) for low, high in around if self._is_linear(high - low)]

    def check_start(self, theta: Mapping[str, float]) -> None:
        """Thresholds rise."""
        functions = [ParameterFunction.of(threshold, list(theta), {}) for threshold in self.thresholds]
        _check_order([function.at(np.array(list(theta.values()))) for function in functions])

    def without(self, alternative: str, data: Dataset | None = None) -> Self:
        """There is no such model.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            f"'{alternative}' cannot be taken out of ordered categories, which share one latent utility. Merge it with "
            "the category beside it in the data."
        )

    def _specify_one_by_one(self, utilities: Any, availability: Any) -> None:
        if self.dataset.is_long:
            raise DatasetError(
                "Ordered categories have no attributes, the data set is long. Make one with a row per observation, "
                "Dataset(frame, choice=..., alternatives=...)."
            )
        if availability is not None:
            raise ModelError("Every category of an ordered model can be observed. Leave availability out.")
        if isinstance(utilities, Mapping):
            raise ModelError(
                f"{type(self).__name__} takes one latent utility for all categories, found a utility for each of "
                f"{', '.join(map(str, utilities))}. Write one expression, b_wait * ds['wait']."
            )
        self.utilities = {"latent": self.number(self._expression("The utility", "latent", utilities))}
        given = self._thresholds_of_shares() if self._given_thresholds is None else self._given_thresholds
        self.thresholds = self._given_thresholds = self._checked_thresholds(given)

    def _specify_at_once(self, utility: Variable, availability: Any) -> None:
        self._specify_one_by_one(utility, availability)

    def _thresholds_of_shares(self) -> list[Beta]:
        """Parameters that start at the quantiles of the shares of the categories."""
        from scipy.special import logit, ndtri

        counts = self._counts(self.dataset)
        never = [name for name, count in zip(self.alternatives, counts, strict=True) if not count]
        if never:
            raise DatasetError(
                f"Nobody is observed in {', '.join(never)}, so that the data say nothing of its thresholds. Leave it "
                "out of the alternatives, or give thresholds."
            )
        quantile = logit if self.link == "logit" else ndtri
        starts = quantile(np.cumsum(counts)[:-1] / counts.sum())
        return [Beta(f"threshold_{j}", float(start)) for j, start in enumerate(starts, start=1)]

    def _is_linear(self, expression: Variable) -> bool:
        """Whether an expression holds free parameters, and is linear in them."""
        free = [p() for p in parameters_of([expression]) if p in self.free]
        return bool(free) and nonlinear_term(expression, free) is None

    def _counts(self, data: Dataset) -> NDArray[Any]:
        """Sum of weights of the observations in each category, (J,)."""
        weights = data.array(data.observed)[..., 0] * data.individual_weights
        return np.bincount(data.chosen_alternatives.ravel(), weights.ravel(), minlength=len(self.alternatives))

    def _checked_thresholds(self, given: Sequence[Expression]) -> list[Variable]:
        needed = len(self.alternatives) - 1
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != needed:
            found = f"{len(given)}" if isinstance(given, Sequence) else repr(given)
            raise ModelError(
                f"{needed + 1} categories need a list of {needed} threshold(s) between them, found {found}."
            )
        thresholds = [self.number(threshold) for threshold in given]
        for threshold in thresholds:
            data = [v for v in graph_inputs([threshold]) if is_column(v) or hasattr(v.tag, "draws")]
            if threshold.ndim or data:
                raise ModelError(
                    f"A threshold must be one number, a parameter or an expression of parameters, found "
                    f"{data[0] if data else threshold.type}. Put columns into the utility."
                )
        _check_order([float(self.dataset.evaluate(threshold)) for threshold in thresholds])
        return thresholds

    def _as_given(self, dataset: Dataset, utilities: Any, availability: Any) -> tuple[Any, Any]:
        return utilities["latent"], None


def _check_order(thresholds: Sequence[float]) -> None:
    if not (np.diff(thresholds) > 0).all():
        raise ModelError(
            f"Thresholds must rise, found the start values {', '.join(f'{value:g}' for value in thresholds)}. Give "
            "their parameters start values in the order of the categories."
        )
