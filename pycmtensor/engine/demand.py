"""Quantities of goods that a budget buys at draws of the errors of an MDCEV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.likelihood import unflattened
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.types import Columns, Fixed, Theta
from pycmtensor.models.mdcev import Forecast

__all__ = ["demands"]

#: Halvings of the interval of the marginal utility of money; a Newton step makes the rest exact.
BISECTIONS = 50


def demands(arguments: Arguments) -> Callable[[Any, Any, Any], Any]:
    r"""The function that computes the quantities of a `Forecast`, averages over draws, and who buys, (2 J, T, B).

    .. math:: \sum_k p_k x_k(\lambda) = E, \quad
        \lambda = \lambda_0 - \frac{\sum_k p_k x_k(\lambda_0) - E}{\sum_k p_k x_k'(\lambda_0)}

    The marginal utility of money lies between two values in closed form and is found by bisection, as expenditure falls
    in it; goods whose first unit is worth less are not bought. No derivative passes through the search: the Newton step
    has that of the solution, by the implicit function theorem.

    References:
        Pinjari & Bhat (2011), Computationally efficient forecasting procedures for Kuhn-Tucker consumer demand model
        systems, section 3.
    """
    model, simulation = arguments.model, arguments.draws
    assert isinstance(model, Forecast)
    assert simulation is not None
    free, given, size = arguments.free, model.budget_is_given, len(arguments.inputs)
    symbols = [*arguments.symbols, *(draws() for draws in simulation.draws)]
    ends, spent = lower(symbols, model.ends), lower([model.marginal, *symbols], [model.spent])
    bought, budget = lower([model.marginal, *symbols], model.quantities), lower(arguments.symbols, [model.budget])

    def of(theta: Theta, fixed: Fixed, columns: Columns) -> Any:
        *own, words = columns[: size + 1]
        before = columns[size + 1 :][:size] or own
        parameters = [*unflattened(theta, free), *fixed]
        (E,) = budget(*parameters, *(own if given else before))
        E = E if given else jax.lax.stop_gradient(E)
        shape = *arguments.shape(own), simulation.number
        values = [*parameters, *own, *simulation.values(words, shape[0])]
        known, E_known = jax.lax.stop_gradient((values, E))

        def halved(_: Any, interval: Any) -> Any:
            low, high = interval
            middle = 0.5 * (low + high)
            more = spent(middle, *known)[0] > E_known
            return jnp.where(more, middle, low), jnp.where(more, high, middle)

        interval = tuple(jnp.broadcast_to(end, shape) for end in ends(*known))
        low, high = jax.lax.fori_loop(0, BISECTIONS, halved, interval)
        found = 0.5 * (low + high)
        slope = jax.jvp(lambda marginal: spent(marginal, *known)[0], (found,), (jnp.ones_like(found),))[1]
        marginal = found - (spent(found, *values)[0] - E) / slope
        x = jnp.stack([jnp.broadcast_to(x_k, shape) for x_k in bought(marginal, *values)])
        return jnp.concatenate([x.mean(axis=-1), (x > 0).mean(axis=-1)])

    return of
