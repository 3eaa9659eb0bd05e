"""Functions whose exponentials are kept have the values that they have without."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pycmtensor.engine.staged import staged
from pycmtensor.engine.xla import in_64_bits


@pytest.mark.parametrize("first", [0.5, 0.0, np.inf, -np.inf, np.nan])
@in_64_bits
def test_values_are_those_of_the_function_whatever_the_numbers(first: float) -> None:
    """By NumPy; the first number decides nothing."""
    x, y = np.array([first, 1.0, -2.0]), np.array([3.0, 0.5, 1.5])

    def function(x: jax.Array, y: jax.Array) -> list[jax.Array]:
        e = jnp.exp(x) / y
        return [e, jnp.log1p(e), jnp.where(x > 0, e, jnp.tanh(y))]

    found = jax.jit(lambda x, y: staged(function, x, y))(x, y)
    with np.errstate(all="ignore"):
        e = np.exp(x) / y
        truth = [e, np.log1p(e), np.where(x > 0, e, np.tanh(y))]
    for one, other in zip(found, truth, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


@in_64_bits
def test_a_long_chain_of_operations() -> None:
    """3,000 additions and an exponential, which is computed once for both that use it."""

    def function(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = jnp.exp(-x)
        for _ in range(3000):
            total = total + x
        return total, jnp.exp(-x) * 2

    x = np.array([0.1, 0.2])
    total, twice = staged(function, x)
    np.testing.assert_allclose(total, np.exp(-x) + 3000 * x, rtol=1e-12)
    np.testing.assert_allclose(twice, 2 * np.exp(-x), rtol=1e-15)
