"""The heteroscedastic extreme value model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class, whole
from pycmtensor.expressions import Parameter
from pycmtensor.kernels import heteroscedastic_logit
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.nested_logit import scale_domain
from pycmtensor.models.specified import Expression
from pycmtensor.terms.domains import Domain, within

__all__ = ["HeteroscedasticLogit"]


@checked_class(ModelError)
class HeteroscedasticLogit(ChoiceModel):
    r"""Heteroscedastic extreme value model: independent errors whose scale differs between alternatives.

    .. math::
        P_i = \int_0^\infty \prod_{j \neq i}
        \exp\Big(-a_j \exp\Big(-\frac{V_i - V_j - \theta_i \log u}{\theta_j}\Big)\Big) e^{-u} du

    with errors of the variance :math:`\pi^2 \theta_j^2 / 6`. The scale of utility is normalised by the scales that are
    numbers, 1 where none is given; one at least must be one. With all scales 1 it is the logit.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`.
        availability: As in `ChoiceModel`.
        scales: Name of an alternative -> the scale theta > 0 of its error: a parameter with a lower bound,
            ``Beta("theta", 1, lb=0.05)``, an expression of parameters, or a number; 1 for those that are not named.
        nodes: Points at which the integral is evaluated. With 64 the logarithm of a probability is exact to 1e-10 when
            the largest scale is up to 250 times the smallest.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when scales name a stranger, or one is no positive number.
        ModelError: ``nodes`` is not a whole number of at least 16.

    References:
        Bhat (1995), A heteroscedastic extreme value model of intercity travel mode choice,
        doi:10.1016/0191-2615(95)00015-6.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 1, 2, 3]}), "mode", {"train": 1, "bus": 2, "car": 3})
        >>> V = {"train": cmt.Beta("asc_train"), "bus": cmt.Beta("asc_bus"), "car": 0}
        >>> model = cmt.HeteroscedasticLogit(ds, V, scales={"train": 2})
        >>> results = cmt.estimate(model)
        >>> results.predict().shares.round(6).to_dict()
        {'train': 0.5, 'bus': 0.25, 'car': 0.25}
    """

    name = "Heteroscedastic extreme value model"
    takes_one_utility = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        scales: Mapping[str, Expression],
        nodes: int = 64,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        if not isinstance(scales, Mapping):
            raise ModelError(f"scales maps names of alternatives to scales, found {scales!r}.")
        for name, scale in scales.items():
            scale_domain(f"scales of '{name}'", scale)
        self.scales = dict(scales)
        self.nodes = whole("HeteroscedasticLogit", "nodes", nodes, least=16, error=ModelError)
        super().__init__(dataset, utilities, availability, params)

    def structure(self) -> list[Variable]:
        """The scales of the errors."""
        strangers = [str(name) for name in self.scales if name not in self.alternatives]
        if strangers:
            raise ModelError(
                f"scales names {', '.join(strangers)}; the alternatives are {', '.join(self.alternatives)}."
            )
        return [self.number(self.scales.get(name, 1.0)) for name in self.alternatives]

    def domains(self) -> list[Domain]:
        """Those of the utilities, and of the scales."""
        return super().domains() + list(self._domains().values())

    def _domains(self) -> dict[str, Domain]:
        return {name: scale_domain(f"scales of '{name}'", scale) for name, scale in self.scales.items()}

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The heteroscedastic kernel of the utilities."""
        V, available = self.one_by_one(V)
        logP = heteroscedastic_logit(V, available, self.dataset.chosen, self.structure(), self.nodes)
        return logP + within(self._domains().values())

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The scales of the alternatives that are left."""
        left = {name: scale for name, scale in self.scales.items() if name in alternatives}
        return super().kept_among(alternatives) | {"scales": left}
