"""Functions of estimates, and hypotheses about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, overload

from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.inference import (
    DerivedQuantities,
    DerivedQuantity,
    HypothesisTest,
    Kind,
    SimulatedQuantity,
    delta,
    krinsky_robb,
    wald,
)
from pycmtensor.results.report import Report
from pycmtensor.terms.relations import Expression, Relation, text_of

if TYPE_CHECKING:
    from pytensor.graph.basic import Variable

__all__ = ["Hypotheses"]


@checked_class(InferenceError)
class Hypotheses(Report):
    """The methods of `pycmtensor.Results` about functions of parameters."""

    @overload
    def delta(
        self, expression: Mapping[str, Expression], alpha: float = 0.05, kind: Kind = "classical"
    ) -> DerivedQuantities: ...

    @overload
    def delta(self, expression: Expression, alpha: float = 0.05, kind: Kind = "classical") -> DerivedQuantity: ...

    def delta(
        self, expression: Expression | Mapping[str, Expression], alpha: float = 0.05, kind: Kind = "classical"
    ) -> DerivedQuantity | DerivedQuantities:
        """A function of parameters with its standard error; see `pycmtensor.inference.delta`.

        Args:
            expression: Symbols such as ``b_time / b_cost``, text such as "b_time / b_cost", or a dict of several.
            alpha: One minus the coverage of the interval.
            kind: Kind of the covariance.

        Returns:
            The function; several, with their joint covariance and a ``table``, when ``expression`` is a dict.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10})
            >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
            >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
            >>> print(results.delta("exp(asc_car)"))  # the odds are 3, with the variance 3**2 (1 / 30 + 1 / 10)
            exp(asc_car): 3, classical std err 1.095, z 2.74, p 0.0062, 0.95 interval [0.852967, 5.14703]
        """
        if isinstance(expression, Mapping):
            if not expression:
                raise InferenceError("delta: expression is a dict without entries. Write {'ratio': 'b_time / b_cost'}.")
            return delta(self, expression, alpha, kind)
        name = text_of(expression)
        return delta(self, {name: expression}, alpha, kind)[name]

    def krinsky_robb(
        self,
        expression: Expression,
        draws: int = 10_000,
        seed: int = 0,
        alpha: float = 0.05,
        kind: Kind = "classical",
    ) -> SimulatedQuantity:
        """The simulated distribution of a function of parameters; see `pycmtensor.inference.krinsky_robb`.

        Args:
            expression: As in `delta`, one function.
            draws: How many.
            seed: Of the draws.
            alpha: One minus the coverage of the interval, in (0, 1).
            kind: Kind of the covariance.

        Returns:
            Draws of the function, with their quantiles.

        Examples:
            >>> ratio = results.krinsky_robb("b_wait / b_cost", draws=1000)
            >>> bool(ratio.lower < ratio.estimate < ratio.upper)
            True
        """
        return krinsky_robb(self, expression, draws, seed, alpha, kind)

    def wald(
        self, hypotheses: str | Variable | Relation | Sequence[str | Variable | Relation], kind: Kind = "classical"
    ) -> HypothesisTest:
        """Test linear hypotheses such as "b_time = b_cost, asc_car = 0"; see `pycmtensor.inference.wald`.

        Args:
            hypotheses: As in `pycmtensor.inference.wald`.
            kind: Kind of the covariance of the estimates.

        Returns:
            The test.

        Examples:
            >>> print(results.wald("b_cost = 0"))
            Wald test
            H0: b_cost = 0
            statistic 12.9694, chi-squared(1), p = 0.0003166
            With the classical covariance.
        """
        return wald(self, hypotheses, kind)
