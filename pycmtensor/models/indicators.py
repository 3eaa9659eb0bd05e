"""Indicators of latent variables: answers whose probability depends on what the utilities depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.dataset.symbols import columns_in
from pycmtensor.exceptions import DatasetError, ModelError, checked_class
from pycmtensor.expressions import Beta, Parameter
from pycmtensor.kernels.densities import normal
from pycmtensor.kernels.ordered import LINKS, between
from pycmtensor.terms.domains import Domain, within

__all__ = ["ContinuousIndicator", "Indicator", "OrderedIndicator"]

Expression: TypeAlias = Variable | Parameter | float

POSITIVE = "Give it a lower bound, lb=0.01."


@checked_class(ModelError)
@dataclass(frozen=True)
class Indicator:
    """What all indicators have.

    Attributes:
        column: The answer, a column of the data set, ``ds["Envir01"]``.
        mean: The latent answer, an expression of latent variables, columns and parameters.
        missing: Codes of answers that are not known, which count nothing.
    """

    column: Variable
    mean: Expression
    missing: Sequence[float] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.column, Variable) or self.column.ndim != 3 or not columns_in([self.column]):
            raise ModelError(f"An indicator's column is a column of wide data, ds['name'], found {self.column!r}.")
        if isinstance(self.missing, str) or not isinstance(self.missing, Sequence):
            raise ModelError(f"{self.name}: missing is a list of codes, found {self.missing!r}.")
        self._is_expression("mean", self.mean)

    @property
    def name(self) -> str:
        """Name of the column."""
        return str(self.column)

    def _is_expression(self, what: str, given: Expression) -> None:
        try:
            fits = given is not None and pt.as_tensor_variable(given).ndim in (0, 3)
        except (TypeError, NotImplementedError):
            fits = False
        if not fits:
            raise ModelError(f"{self.name}: {what} must be an expression of parameters and columns, found {given!r}.")

    @property
    def answered(self) -> Variable:
        """Whether the answer of each individual is known, (N, 1)."""
        known = pt.ones_like(self.answer, dtype=bool)
        for code in self.missing:
            known = known & pt.neq(self.answer, code)
        return known

    @property
    def answer(self) -> Variable:
        """The answer of each individual, (N, 1)."""
        return pt.cast(self.column[0], pytensor.config.floatX)

    def log_likelihood(self) -> Variable:
        """Log-likelihood of the answer of each individual at each draw (N, R), 0 where it is missing."""
        return pt.switch(self.answered, self.logprob() + within(self.domains()), 0.0)

    def logprob(self) -> Variable:
        """Log-probability of an answer, (N, R)."""
        raise ModelError(f"{type(self).__name__} has no probability. Use OrderedIndicator or ContinuousIndicator.")

    def terms(self) -> list[Variable]:
        """Everything that it depends on."""
        return [self.column, _number(self.mean)]

    def domains(self) -> list[Domain]:
        """Intervals in which its numbers mean something."""
        return []

    def check_start(self, at: dict[Variable, float]) -> None:
        """Raise a `ModelError` where the likelihood has no value at values of parameters."""

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when an answer changes within an individual."""
        for column in columns_in([self.column]):
            values = data.array(column)
            rows = data.rows_of((values != values[:1])[..., 0])
            if len(rows):
                raise DatasetError(
                    f"The indicator {self.name} changes within an individual ({rows_text(rows)}), who answers once. "
                    "Take one answer of each individual, or LogLikelihood and joint for answers in every situation."
                )

    @property
    def latent(self) -> Variable:
        """The mean without the axis of situations, (N or 1, R or 1)."""
        mean = _number(self.mean)
        return mean[0] if mean.ndim == 3 else pt.shape_padleft(mean, 2)


@checked_class(ModelError)
@dataclass(frozen=True)
class OrderedIndicator(Indicator):
    r"""An answer in ordered categories, such as agreement on a scale of five.

    .. math:: P(y = k) = F\Big(\frac{\tau_k - \mu}{\sigma}\Big) - F\Big(\frac{\tau_{k-1} - \mu}{\sigma}\Big), \quad
        \tau_0 = -\infty, \; \tau_K = \infty

    Args:
        column: As in `Indicator`.
        mean: :math:`\mu`, such as ``loading * attitude``. With free thresholds it has no constant.
        missing: As in `Indicator`.
        categories: Codes of the answers in their order.
        thresholds: "free" makes K - 1 parameters "column_1", ...; "symmetric" makes the distances of thresholds that
            are symmetric around 0, :math:`\pm \delta_1, \pm (\delta_1 + \delta_2), \dots`, with 0 in the middle of an
            even number of categories. Or K - 1 expressions in rising order.
        link: "probit" or "logit".
        scale: :math:`\sigma`, which differs between indicators only where thresholds are shared or symmetric.

    References:
        McKelvey & Zavoina (1975), doi:10.1080/0022250X.1975.9989847; Bierlaire (2018), Estimating choice models with
        latent variables with PandasBiogeme, for symmetric thresholds.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"agree": [1, 2, 3, 3, 5, 4]}))
        >>> attitude = cmt.coefficients.normal("attitude", 0.0, 1.0)
        >>> indicator = cmt.OrderedIndicator(ds["agree"], cmt.Beta("loading", 1.0) * attitude, thresholds="symmetric")
        >>> [round(float(tau.eval()), 2) for tau in indicator.taus]
        [-2.0, -1.0, 1.0, 2.0]
    """

    categories: Sequence[float] = (1, 2, 3, 4, 5)
    thresholds: str | Sequence[Expression] = "free"
    link: str = "probit"
    scale: Expression = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._is_expression("scale", self.scale)
        if self.link not in LINKS:
            raise ModelError(f"{self.name}: link must be one of {', '.join(map(repr, LINKS))}; found {self.link!r}.")
        needed = len(self.categories) - 1
        if needed < 1 or len(set(self.categories)) != needed + 1:
            raise ModelError(f"{self.name}: categories are two different codes or more, found {self.categories!r}.")
        if isinstance(self.thresholds, str):
            if self.thresholds not in ("free", "symmetric"):
                raise ModelError(
                    f"{self.name}: thresholds are 'free', 'symmetric' or a list, found {self.thresholds!r}."
                )
            made = self._free(needed) if self.thresholds == "free" else self._symmetric(needed)
            object.__setattr__(self, "thresholds", made)
        if len(self.thresholds) != needed:
            raise ModelError(
                f"{self.name}: {needed + 1} categories need {needed} thresholds, found {len(self.thresholds)}."
            )

    def _free(self, needed: int) -> list[Expression]:
        starts = np.linspace(-1.0, 1.0, needed) if needed > 1 else [0.0]
        return [Beta(f"{self.name}_{k}", float(start)) for k, start in enumerate(starts, start=1)]

    def _symmetric(self, needed: int) -> list[Expression]:
        deltas = [Beta(f"{self.name}_delta_{i}", 1.0, lb=1e-3) for i in range(1, (needed // 2) + 1)]
        above = [
            sum((delta() for delta in deltas[:i]), start=pt.as_tensor_variable(0.0)) for i in range(1, len(deltas) + 1)
        ]
        return [*(-tau for tau in reversed(above)), *([0.0] if needed % 2 else []), *above]

    @property
    def taus(self) -> list[Variable]:
        """The thresholds as scalars."""
        return [_number(tau) for tau in self.thresholds]

    def terms(self) -> list[Variable]:
        """Everything that it depends on."""
        return [*super().terms(), *self.taus, _number(self.scale)]

    def domains(self) -> list[Domain]:
        """The scale is positive, and thresholds rise."""
        rising = [
            Domain(
                f"Indicator {self.name}: threshold {k + 1} minus threshold {k}", high - low, "(0, inf)", "They rise."
            )
            for k, (low, high) in enumerate(pairwise(self.taus), start=1)
        ]
        return [Domain(f"Indicator {self.name}: the scale", self.scale, "(0, inf)", POSITIVE), *rising]

    def logprob(self) -> Variable:
        """Log-probability of the category, (N, R)."""
        place = sum(pt.switch(pt.eq(self.answer, code), k, 0) for k, code in enumerate(self.categories))
        scale = _number(self.scale)
        return between(self.latent / scale, [tau / scale for tau in self.taus], place, self.link)

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when an answer is no category."""
        super().check(data)
        values = data.evaluate(self.column)[..., 0]
        rows = data.rows_of(~np.isin(values, [*self.categories, *self.missing]))
        if len(rows):
            found = values.ravel()[~np.isin(values, [*self.categories, *self.missing]).ravel()][0]
            raise DatasetError(
                f"The indicator {self.name} is {found:g}, which is none of the categories "
                f"{', '.join(f'{code:g}' for code in self.categories)} ({rows_text(rows)}). Name what it stands for in "
                "categories, or in missing."
            )


@checked_class(ModelError)
@dataclass(frozen=True)
class ContinuousIndicator(Indicator):
    r"""An answer that is a number with a normal error.

    .. math:: y = \mu + \sigma \varepsilon, \quad \varepsilon \sim N(0, 1)

    Args:
        column: As in `Indicator`.
        mean: :math:`\mu`, such as ``constant + loading * attitude``.
        missing: As in `Indicator`.
        sd: :math:`\sigma`; None makes a parameter "sd_column".

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"income": [2.5, 4.0, 3.1]}))
        >>> wealth = cmt.coefficients.normal("wealth", 0.0, 1.0)
        >>> cmt.ContinuousIndicator(ds["income"], cmt.Beta("mean", 3.0) + cmt.Beta("loading", 1.0) * wealth).name
        'income'
    """

    sd: Expression | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sd is None:
            object.__setattr__(self, "sd", Beta(f"sd_{self.name}", 1.0, lb=1e-3))
        assert self.sd is not None
        self._is_expression("sd", self.sd)

    def terms(self) -> list[Variable]:
        """Everything that it depends on."""
        return [*super().terms(), _number(self.sd)]

    def domains(self) -> list[Domain]:
        """The standard deviation is positive."""
        assert self.sd is not None
        return [Domain(f"Indicator {self.name}: sd", self.sd, "(0, inf)", POSITIVE)]

    def logprob(self) -> Variable:
        """Log-density of the answer, (N, R)."""
        return normal(self.answer, self.latent, _number(self.sd))


def _number(value: Expression | None) -> Variable:
    """An expression in the precision of the library."""
    return pt.cast(pt.as_tensor_variable(value), pytensor.config.floatX)
