"""Consumer surplus: expected maximum utility in money."""

from __future__ import annotations

import numpy as np

from pycmtensor.analysis.marginal import Marginal, marginal_utilities
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Observed, Surplus
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated

__all__ = ["surplus_quantity"]


def surplus_quantity(results: Estimated, before: Problem, cost: Marginal) -> Surplus:
    r"""Expected maximum utility divided by the marginal utility of money, the average over draws, up to a constant.

    .. math::
        CS_n = \sum_c \pi_{nc} \frac{1}{R} \sum_r \frac{1}{\alpha_{ncr}} E \max_j U_{jncr}, \quad
        \alpha = -\beta_{cost}

    with the classes c of a latent class model, each with its own marginal utility of money; other models are of one
    class. That and the probabilities of classes are those of the data before a change, also where the quantity is
    evaluated on others, so that differences are free of the constant.

    Args:
        results: The estimates.
        before: The question about the data before a change.
        cost: As in `scenario`.

    Raises:
        ModelError: ``cost`` is not of the model, or the model has no expected maximum utility.
        InferenceError: The coefficient of cost is not negative in every choice situation and at every draw.

    References:
        Small & Rosen (1981), Applied welfare economics with discrete choice models, doi:10.2307/1911129; McFadden
        (1999), Computing willingness-to-pay in random utility models, chapter 15 of Trade, Theory and Econometrics;
        Boxall & Adamowicz (2002), doi:10.1023/A:1021351721619, for latent classes.
    """
    found = marginal_utilities(before, cost)
    quantity = Surplus(tuple(term for term, _ in found), beside=Observed(before.data))
    _, *meaningless = before.evaluator.by_situation(quantity, results.fit.theta)
    for (_, name), where in zip(found, meaningless, strict=True):
        share = float(np.mean(before.data.of_situations(where)))
        if share > 0:
            raise InferenceError(
                f"The marginal utility of cost, {name}, is not negative at {share:.2%} of choice situations and draws, "
                "where utility has no value in money. Give the coefficient of cost; a random one needs a distribution "
                "that is negative everywhere, such as lognormal(..., sign=-1)."
            )
    return quantity
