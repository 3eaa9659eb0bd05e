"""Program of many ascents: from several starts, or with several weightings of the individuals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pycmtensor.engine.climb import climb
from pycmtensor.engine.program import Program
from pycmtensor.engine.types import Fixed, Parts, Theta

__all__ = ["ascents"]


def ascents(program: Program) -> Callable[..., Any]:
    """The program of ascents of a log-likelihood.

    It takes (start values, factors of weights, what is known at the starts) with an axis of ascents, then the values of
    fixed parameters, the bounds, and weights and data of each core.
    """
    return program.compile(partial(_ascents, program))


def _ascents(program: Program, starts: Any, fixed: Fixed, bounds: Any, parts: Parts) -> Any:
    ends = np.cumsum([weights.size for weights, _ in parts])

    def ascent(start: tuple[Any, Any, Any]) -> Any:
        theta, factors, known = start
        everyone = jnp.ones(ends[-1], theta.dtype)
        if factors is not None:
            everyone = jnp.pad(factors.astype(theta.dtype), (0, ends[-1] - len(factors)))
        own = [
            (weights * everyone[end - weights.size : end].reshape(weights.shape), columns)
            for end, (weights, columns) in zip(ends, parts, strict=True)
        ]

        def summed(function: Callable[..., Any], theta: Theta) -> Any:
            of_parts = [function(theta, fixed, *part)[0] for part in own]
            return jax.tree.map(lambda *terms: sum(terms), *of_parts)

        derivatives = (
            lambda theta: summed(program.summed_gradient, theta),
            lambda theta: summed(program.summed_hessian, theta)[:3],
        )
        return climb(derivatives, theta, bounds, known, jax.lax.while_loop)

    return jax.lax.map(ascent, starts)
