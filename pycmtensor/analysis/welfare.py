"""Consumer surplus: expected maximum utility in money."""

from __future__ import annotations

import numpy as np

from pycmtensor.analysis.marginal import marginal_utility
from pycmtensor.engine import LocalEngine
from pycmtensor.engine.quantities import Quantity
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated
from pycmtensor.relations import Expression

__all__ = ["surplus_quantity"]


def surplus_quantity(results: Estimated, engine: LocalEngine, cost: Expression) -> Quantity:
    r"""Expected maximum utility divided by the marginal utility of money, the average over draws, up to a constant.

    .. math:: CS_n = \frac{1}{R} \sum_r \frac{1}{\alpha_{nr}} E \max_j U_{jnr}, \quad \alpha = -\beta_{cost}

    The marginal utility of money is that of the data of the engine, also where the quantity is evaluated on others, so
    that differences are free of it.

    Args:
        results: The estimates.
        engine: The likelihood on the data before a change.
        cost: As in `scenario`.

    Raises:
        ModelError: ``cost`` is not of the model, or the model has no expected maximum utility.
        InferenceError: The coefficient of cost is not negative in every choice situation and at every draw.

    References:
        Small & Rosen (1981), Applied welfare economics with discrete choice models, doi:10.2307/1911129; McFadden
        (1999), Computing willingness-to-pay in random utility models, chapter 15 of Trade, Theory and Econometrics.
    """
    term, name = marginal_utility(engine, cost)
    quantity = engine.program.quantities.surplus(term, engine.columns())
    _, meaningless = engine.by_situation(quantity, results.fit.theta)
    share = float(np.mean(engine.dataset.of_situations(meaningless)))
    if share > 0:
        raise InferenceError(
            f"The marginal utility of cost, {name}, is not negative at {share:.2%} of choice situations and draws, "
            "where utility has no value in money. Give the coefficient of cost; a random one needs a distribution that "
            "is negative everywhere, such as lognormal(..., sign=-1)."
        )
    return quantity
