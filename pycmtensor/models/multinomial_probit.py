"""The multinomial probit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Beta, Parameter, parameters_of
from pycmtensor.kernels.probit import probit
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.specified import Expression
from pycmtensor.terms.draws import Draws, Sampling, sampling_of
from pycmtensor.terms.relations import ParameterFunction

__all__ = ["MultinomialProbit"]


@checked_class(ModelError)
class MultinomialProbit(ChoiceModel):
    r"""Multinomial probit: normal errors that may be correlated, simulated by the GHK simulator.

    .. math::
        P_i = P(V_i + \varepsilon_i > V_j + \varepsilon_j \; \forall j \neq i), \quad \varepsilon \sim N(0, \Sigma)

    Only the covariance of differences of errors matters, up to the scale of utility. "full" estimates that of the
    differences to the first alternative, C C' with the lower triangle C whose first element is 1, the normalisation.

    Args:
        dataset: Wide or long data.
        utilities: As in `ChoiceModel`, by alternative, three or more.
        availability: As in `ChoiceModel`.
        covariance: "full", "independent" (the identity), or J rows of J numbers, parameters or expressions, symmetric,
            of which the user fixes what is not identified.
        draws: How many draws, or `Sampling` to say which.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when the covariance has another size, is not symmetric or, at start values,
            not positive definite in differences.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, chapter 5; Hajivassiliou,
        McFadden & Ruud (1996), doi:10.1016/0304-4076(94)01716-6.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 1, 2, 3]}), "mode", {"train": 1, "bus": 2, "car": 3})
        >>> V = {"train": cmt.Beta("asc_train"), "bus": cmt.Beta("asc_bus"), "car": 0}
        >>> cmt.MultinomialProbit(ds, V, covariance="full", draws=100)
        MultinomialProbit(train, bus, car; asc_train, asc_bus, chol_car_bus, chol_car_car)
    """

    name = "Multinomial probit"
    takes_draws = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression],
        availability: Mapping[str, Expression] | None = None,
        *,
        covariance: str | Sequence[Sequence[Expression]] = "full",
        draws: int | Sampling = 300,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self._check_dataset(dataset)
        self.sampling, names = sampling_of(draws), list(dataset.alternatives)
        if len(names) < 3:
            raise ModelError("A multinomial probit has three alternatives or more. Two are an OrderedLogit by probit.")
        self.covariance = _covariance(covariance, names)
        self.uniforms = [Draws(f"GHK {k + 1}", "uniform", within=dataset.is_panel) for k in range(len(names) - 2)]
        super().__init__(dataset, utilities, availability, params)

    def structure(self) -> list[Variable]:
        """The elements of the covariance."""
        return [self.number(element) for row in self.covariance for element in row]

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The simulated kernel of the utilities."""
        V, available = self.one_by_one(V)
        covariance = [[self.number(element) for element in row] for row in self.covariance]
        return probit(V, available, self.dataset.chosen, covariance, [u() for u in self.uniforms])

    def check_start(self, theta: Mapping[str, float]) -> None:
        """The covariance of differences is positive definite."""
        at = np.array(list(theta.values()))
        functions = [[ParameterFunction.of(self.number(e), list(theta), {}) for e in row] for row in self.covariance]
        _check_definite(np.array([[float(function.at(at)) for function in row] for row in functions]))

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The covariance of the errors that are left."""
        kept = [j for j, name in enumerate(self.alternatives) if name in alternatives]
        return super().kept_among(alternatives) | {
            "covariance": [[self.covariance[i][j] for j in kept] for i in kept],
            "uniforms": self.uniforms[: len(kept) - 2],
        }


def _covariance(given: Any, names: Sequence[str]) -> list[list[Any]]:
    """J rows of J elements."""
    J = len(names)
    if isinstance(given, str):
        if given == "independent":
            return [[float(i == j) for j in range(J)] for i in range(J)]
        if given != "full":
            raise ModelError(f"covariance is 'full', 'independent' or a list of {J} rows, found {given!r}.")
        C = [
            [1.0 if i == k == 1 else Beta(f"chol_{names[i]}_{names[k]}", float(i == k)) for k in range(1, i + 1)]
            for i in range(1, J)
        ]
        S = [
            [sum((a * b for a, b in zip(row, other, strict=False)), start=pt.as_tensor(np.float64(0))) for other in C]
            for row in C
        ]
        return [[0.0] * J, *([0.0, *row] for row in S)]
    if (
        not isinstance(given, Sequence)
        or len(given) != J
        or any(not isinstance(r, Sequence) or len(r) != J for r in given)
    ):
        raise ModelError(
            f"covariance must have {J} rows of {J} elements, those of {', '.join(names)}, found {given!r}."
        )
    symbols = [[pt.as_tensor_variable(element) for element in row] for row in given]
    if not parameters_of([e for row in symbols for e in row]):
        _check_definite(np.array([[float(e.eval()) for e in row] for row in symbols]))
    return [list(row) for row in given]


def _check_definite(S: Any) -> None:
    if not np.allclose(S, S.T):
        raise ModelError(f"The covariance must be symmetric, found {S.round(4).tolist()}.")
    D = np.column_stack([-np.ones(len(S) - 1), np.eye(len(S) - 1)])
    if not (np.linalg.eigvalsh(D @ S @ D.T) > 0).all():
        raise ModelError(
            f"The covariance of differences of errors must be positive definite, found {S.round(4).tolist()}. Start at "
            "variances that are larger than covariances."
        )
