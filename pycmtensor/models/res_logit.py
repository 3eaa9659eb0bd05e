"""The residual logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class, whole
from pycmtensor.expressions import Parameter, Weight
from pycmtensor.kernels.layers import residual_logit
from pycmtensor.kernels.logit import logit
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.specified import Expression

__all__ = ["ResLogit"]


@checked_class(ModelError)
class ResLogit(ChoiceModel):
    r"""Residual logit: layers of residuals let the utilities of alternatives act on each other.

    .. math::
        h_0 = V, \quad h_m = h_{m-1} - \log(1 + \exp(W_m (a \odot h_{m-1}))), \quad
        P_j = \frac{a_j \exp h_{Mj}}{\sum_i a_i \exp h_{Mi}}

    The residual matrices start at 0, where each layer takes log 2 from all utilities alike and the model is the logit.
    Unavailable alternatives, a = 0, enter the products with 0. Without all W being 0, the independence of irrelevant
    alternatives no longer holds. Coefficients are those of V; standard errors after a stochastic method are conditional
    on the residual matrices.

    There is no consumer surplus: where :math:`\partial P_i / \partial V_j \ne \partial P_j / \partial V_i`,
    probabilities are the derivatives of no expected maximum utility (Williams 1977), and what is gained by several
    changes depends on the order in which they are added up. The log sum of :math:`h_M` is no way out, as its derivative
    with V is not P.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`.
        availability: As in `ChoiceModel`.
        layers: Number of residual layers, M.
        params: As in `ChoiceModel`, without the residual matrices.

    Attributes:
        residuals: The matrices W_1 to W_M, each (J, J): row j is what alternative j's utility loses with those of the
            columns.

    Raises:
        ModelError: As `ChoiceModel`.
        ModelError: ``layers`` is no whole number of at least 1.

    References:
        Wong & Farooq (2021), ResLogit: A residual neural network logit model for data-driven choice modelling,
        doi:10.1016/j.trc.2021.103050; Williams (1977), On the formation of travel demand models and economic
        evaluation measures of user benefit, doi:10.1068/a090285.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> b_time = cmt.Beta("b_time", -0.1)
        >>> cmt.ResLogit(ds, {"car": b_time * ds["t_car"], "bus": b_time * ds["t_bus"]}, layers=2)
        ResLogit(car, bus; b_time, residual.1, residual.2)
    """

    name = "Residual logit"
    takes_one_utility = True
    takes_places = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        layers: int = 16,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self.layers = whole("ResLogit", "layers", layers, least=1, error=ModelError)
        self.residuals: tuple[Weight, ...] = ()
        super().__init__(dataset, utilities, availability, params)

    def _specify(self, dataset: Dataset, *specification: Any) -> None:
        if not self.residuals:
            size = dataset.n_alternatives, dataset.n_alternatives
            names = [f"residual.{m}" for m in range(1, self.layers + 1)]
            self.residuals = tuple(Weight(name, size, init_type="zeros") for name in names)
        super()._specify(dataset, *specification)

    def structure(self) -> list[Variable]:
        """The residual matrices."""
        return [W() for W in self.residuals]

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The logit kernel of what the residual layers leave of the utilities."""
        chosen = self.dataset.chosen
        if isinstance(V, Variable):
            h, available = V, self.available_where
        else:
            h = _stacked(V, chosen)
            given = [self.availability.get(name, 1.0) for name in self.alternatives]
            available = _stacked([pt.neq(a, 0) for a in given], chosen) if self.availability else None
        return logit(residual_logit(h, available, self.structure()), available, chosen)

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """Raises a `ModelError`: there is none."""
        raise ModelError(
            "The residual logit has no expected maximum utility, and so no consumer surplus: alternatives act on each "
            "other, so that probabilities are not its derivatives. Ask for shares only, without cost, or estimate an "
            "LMNL or a TasteNet, which have one."
        )

    def _among_all(self, data: Dataset) -> ChoiceModel:
        """Raises a `ModelError`: there is none."""
        raise ModelError(
            "The residual layers of a ResLogit that was made with samples belong to places of a sample, not to "
            "alternatives. Make it with the data set that has all alternatives."
        )

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """No residual matrices: those of fewer alternatives are made anew and start at 0."""
        return super().kept_among(alternatives) | {"residuals": ()}


def _stacked(terms: Sequence[Variable], like: Variable) -> Variable:
    """J expressions as one array (J, T, N, R)."""
    return pt.stack(pt.broadcast_arrays(*terms, like)[:-1])
