"""The hybrid choice model: choices and indicators of latent variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import columns_in, name_of
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.indicators import Indicator
from pycmtensor.models.mixed_logit import MixedLogit
from pycmtensor.models.specified import Expression
from pycmtensor.terms.domains import Domain
from pycmtensor.terms.draws import Sampling

__all__ = ["HybridChoice"]


@checked_class(ModelError)
class HybridChoice(MixedLogit):
    r"""Hybrid choice model, or integrated choice and latent variable model (ICLV).

    .. math::
        L_n = \frac{1}{R} \sum_r \prod_t P_{y_{nt}}(\eta_{nr}) \prod_m f_m(I_{nm} \mid \eta_{nr}), \quad
        \eta = \gamma' x + \sigma z

    Latent variables :math:`\eta`, such as attitudes, are random coefficients, expressions of columns, parameters and
    `Draws`, which is their structural equation: ``coefficients.normal("attitude", b_age * ds["age"], 1.0)``. They
    stand in utilities and in the means of `OrderedIndicator` and `ContinuousIndicator`. Normalisation: each latent
    variable has a unit and a place, the standard deviation 1 and a mean without constant, or an indicator with the
    loading 1 and without free thresholds or constant. The scale of logits and probits is 1.

    Predictions and elasticities are of choices, and need no indicators; `results.conditional_estimates` and conditional
    predictions know answers as well as choices.

    Args:
        dataset: As in `ChoiceModel`; panels too, whose individuals answer once.
        utilities: As in `MixedLogit`.
        availability: As in `ChoiceModel`.
        indicators: The indicators; without any it is the mixed logit.
        draws: How many draws, or `Sampling` to say which.
        params: As in `ChoiceModel`.

    Attributes:
        choice: The model of choices alone, with the parameters of all.

    Raises:
        ModelError: As `MixedLogit`; also when thresholds do not rise, or a deviation is not positive.
        DatasetError: An answer is no category, or changes within an individual.

    References:
        Walker (2001), Extended discrete choice models, dissertation, Massachusetts Institute of Technology; Ben-Akiva,
        McFadden, Train et al. (2002), Hybrid choice models: progress and challenges, doi:10.1023/A:1020254301302.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2, 1], "age": [0.3, 0.6, 0.5, 0.2], "agree": [1, 3, 2, 1]})
        >>> ds = cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})
        >>> green = cmt.coefficients.normal("green", cmt.Beta("green_age") * ds["age"], 1.0)
        >>> answer = cmt.OrderedIndicator(ds["agree"], cmt.Beta("loading", 1.0) * green, categories=(1, 2, 3))
        >>> V = {"car": 0, "bus": cmt.Beta("asc_bus") + cmt.Beta("b_green") * green}
        >>> cmt.HybridChoice(ds, V, indicators=[answer], draws=100)
        HybridChoice(car, bus; green_age, loading, agree_1, agree_2, asc_bus, b_green)
    """

    name = "Hybrid choice model"
    method = "bfgs"

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        indicators: Sequence[Indicator],
        draws: int | Sampling = 1000,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        strangers = [one for one in indicators if not isinstance(one, Indicator)]
        if strangers:
            raise ModelError(
                "indicators are a list of OrderedIndicator and ContinuousIndicator, found "
                f"{type(strangers[0]).__name__} in it."
            )
        self.indicators = tuple(indicators)
        super().__init__(dataset, utilities, availability, draws=draws, params=params)

    def structure(self) -> list[Variable]:
        """What the indicators depend on."""
        return [*super().structure(), *(term for indicator in self.indicators for term in indicator.terms())]

    def over_situations(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of choices and answers of each individual at each draw, (N, R)."""
        return super().over_situations(V) + sum(indicator.log_likelihood() for indicator in self.indicators)

    def domains(self) -> list[Domain]:
        """Those of the utilities, and of the indicators."""
        return super().domains() + [domain for indicator in self.indicators for domain in indicator.domains()]

    def llnull(self, data: Dataset | None = None) -> float:
        """NaN: answers have no likelihood without information, unless there are none."""
        return float("nan") if self.indicators else super().llnull(data)

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when choices or answers in ``data`` cannot be."""
        super().check(data)
        for indicator in self.indicators:
            indicator.check(data)

    @property
    def choice(self) -> MixedLogit:
        """The model of choices alone, with the parameters of all."""
        utilities = self.utilities if self.utility is None else self.utility
        alone = MixedLogit(self.dataset, utilities, self._given_availability, draws=self.sampling)
        return alone.as_part_of(self)

    def on(self, data: Dataset) -> ChoiceModel:
        """The model for other data, that of choices alone where answers are not in them."""
        columns = {name_of(column) for indicator in self.indicators for column in columns_in([indicator.column])}
        return super().on(data) if columns <= set(data.columns) else self.choice.on(data)

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The indicators, which hold no alternatives."""
        return super().kept_among(alternatives) | {"indicators": self.indicators}
