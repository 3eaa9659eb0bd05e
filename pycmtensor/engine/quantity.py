"""Requests for what a model says of choice situations besides the likelihood; an evaluator computes them.

A request names what is asked for and holds no program, so that one request can be put to several evaluators: those of
parts of the data, or of the data before and after a change.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset

__all__ = [
    "Averages",
    "Demands",
    "Expression",
    "LikelihoodsAtDraws",
    "MarginalUtility",
    "MeanRatios",
    "Observed",
    "Posterior",
    "Probabilities",
    "ProbabilitiesAtDraws",
    "ProbabilitiesGivenChoices",
    "Quantity",
    "Ratio",
    "Ratios",
    "RatiosGivenChoices",
    "Slopes",
    "Surplus",
    "Term",
]


@dataclass(frozen=True)
class Expression:
    """An expression of parameters, draws and columns that the model uses, (1 or T, 1 or N, 1 or R).

    Attributes:
        key: The same for the same expression, whose compiled program is kept under it.
        symbol: The expression. Columns can be those of any data set that the model fits; a column with the axis of
            alternatives must be the same for all of them, such as an income.
    """

    key: Hashable
    symbol: Variable = field(compare=False)


@dataclass(frozen=True)
class MarginalUtility:
    """dV_j / dx of the utility of an alternative with respect to one of its columns, (T, N, 1 or R).

    Attributes:
        column: Name of the column.
        alternative: Name of the alternative.
        of_class: The latent class whose utility it is; None in models without classes.
    """

    column: str
    alternative: str
    of_class: str | None = None

    @property
    def key(self) -> Hashable:
        """The request itself, for messages."""
        return self


#: A number at every choice situation and draw.
Term: TypeAlias = Expression | MarginalUtility

#: Numerator and denominator of a ratio in each latent class.
Ratio: TypeAlias = tuple[tuple[Term, Term], ...]


@dataclass(frozen=True, eq=False)
class Observed:
    """Choices of other data that a quantity depends on.

    Attributes:
        data: The data set that holds them.
        individuals: Position in ``data`` of each individual of the evaluator, (N,); None when both have the same ones.
    """

    data: Dataset
    individuals: NDArray[np.integer] | None = None


@dataclass(frozen=True)
class Quantity:
    """A request for Q numbers of each choice situation at theta; the axes of the answer are (Q, T, N).

    Attributes:
        beside: Other data whose columns the quantity takes too; no part of what tells requests apart.
    """

    beside: Observed | None = field(default=None, compare=False, kw_only=True)

    @property
    def key(self) -> Quantity:
        """The request without data, under which its compiled program is kept."""
        return self if self.beside is None else replace(self, beside=None)

    def of_part(self, individuals: NDArray[np.integer]) -> Self:
        """The request to an evaluator of some of the individuals, given by their positions."""
        if self.beside is None:
            return self
        position = self.beside.individuals
        own = individuals if position is None else position[individuals]
        return replace(self, beside=Observed(self.beside.data, own))


@dataclass(frozen=True)
class Probabilities(Quantity):
    """Choice probabilities P_j, averages over draws; 0 where an alternative is unavailable, (J, T, N)."""


@dataclass(frozen=True)
class Demands(Quantity):
    """Quantities of the goods of a `Forecast`, averages over draws, and shares of draws that buy them, (2 J, T, N).

    The budget is that of ``beside``, data of before a change, where the model has none of its own.
    """


@dataclass(frozen=True)
class ProbabilitiesAtDraws(Quantity):
    """Choice probabilities at every draw in every latent class, (C J, T, N, R)."""


@dataclass(frozen=True)
class LikelihoodsAtDraws(Quantity):
    """Log of the probability of each latent class times its likelihood at every draw, (C, 1, N, R)."""


@dataclass(frozen=True)
class ProbabilitiesGivenChoices(Quantity):
    """Choice probabilities averaged with the likelihood of other choices of the same individuals, (J, T, N).

    Those choices are ``beside``.
    """


@dataclass(frozen=True)
class Slopes(Quantity):
    r"""Probabilities P_j (J), and with a column's values x_i the derivatives dP_j / dx_i and x_i dP_j / dx_i (I J).

    Of a `Forecast`, quantities in place of probabilities.

    Attributes:
        column: Name of the column.
        alternatives: In long data the alternatives i whose attribute moves, each by itself; None moves the column of
            all alternatives together, and that of wide data.
    """

    column: str
    alternatives: tuple[str | None, ...]


@dataclass(frozen=True)
class Averages(Quantity):
    """The mean of each term over the draws, (terms, T, N)."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Posterior(Quantity):
    """Mean, standard deviation and quantiles of each term given the choices, and its mean and mean square.

    The axes are (terms * (4 + quantiles), 1, N). A term that varies between situations raises an `InferenceError`.
    """

    terms: tuple[Term, ...]
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Ratios(Quantity):
    """A ratio that means nothing where its denominator is 0, the denominator, and their weight, (3, T, N, C R).

    Weights are the probabilities of the latent classes divided by R.
    """

    of_classes: Ratio


@dataclass(frozen=True)
class MeanRatios(Quantity):
    """Sum of a ratio over the draws at which it is defined, and the number of these draws, by class, (C 2, T, N).

    Both are divided by R and multiplied by the probability of the class.
    """

    of_classes: Ratio


@dataclass(frozen=True)
class RatiosGivenChoices(Quantity):
    """Mean, standard deviation and quantiles of a ratio given the choices of each individual, (2 + Q, 1, N).

    Over the individual's situations, draws and classes; NaN where the ratio is nowhere defined.
    """

    of_classes: Ratio
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Surplus(Quantity):
    r"""Expected maximum utility in money, and of each class the share of draws without a value, (1 + C, T, N).

    .. math:: \sum_c \pi_{nc} \frac{1}{R} \sum_r \frac{1}{- \beta^{cost}_{cnr}} E \max_j U_{jncr}

    Marginal utilities of cost and probabilities of classes are evaluated with the columns ``beside``, those of before
    a change.

    Attributes:
        costs: The marginal utility of cost of each class, which is negative.
    """

    costs: tuple[Term, ...]
