r"""The density that is sampled: likelihood, priors, and the transforms of bounds.

A position of a chain is :math:`q = (v, z)`: parameters on the whole line in units of a scale,
:math:`u = c + S v, x = x(u)`, and in a hierarchical posterior what is latent of each individual, standard normals z:

.. math::
    \log p(q) = \log L(x, z) + \sum_k \left(\log p_k(x_k) + \log \left|\frac{d x_k}{d u_k}\right|\right)
    - \frac{1}{2} z^\top z
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.density import Traceable
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import ModelError
from pycmtensor.inference.posterior.bounds import Bounds
from pycmtensor.inference.posterior.priors import Prior
from pycmtensor.models import Model

__all__ = ["Target", "bounds_with"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Target:
    """The log-density of a posterior at a position of a chain.

    Attributes:
        likelihood: The log-likelihood.
        priors: Of each of the K parameters.
        bounds: Of the parameters.
        centre: c (K,).
        scale: S (K, K).
    """

    likelihood: Traceable
    priors: tuple[Prior, ...]
    bounds: Bounds
    centre: Array
    scale: Array

    @property
    def parameters(self) -> int:
        """K."""
        return len(self.priors)

    @property
    def dimensions(self) -> int:
        """D of a position."""
        return self.parameters + sum(math.prod(shape) for shape in self.likelihood.latent)

    def log_density(self, q: Any, data: Any) -> Any:
        """The log-density at a position (D,); JAX traces it."""
        u = self.centre + self.scale @ q[: self.parameters]
        x, log_slope = self.bounds.constrained(u)
        z = q[self.parameters :]
        return self.likelihood.loglike(x, self.latent(z), data) + self.log_prior(x) + log_slope.sum() - 0.5 * z @ z

    def log_prior(self, x: Any) -> Any:
        """Log-density of the priors at parameters (K,); JAX traces it."""
        alike: dict[Prior, list[int]] = {}
        for k, prior in enumerate(self.priors):
            alike.setdefault(prior, []).append(k)
        return sum((prior.log_density(x[np.array(own)]).sum() for prior, own in alike.items()), jnp.zeros(()))

    def latent(self, z: Any) -> list[Any]:
        """The latent variables, each (..., 1 or T, N), of their numbers in one row (..., D - K)."""
        sizes = [math.prod(shape) for shape in self.likelihood.latent]
        ends = np.cumsum(sizes)
        return [
            z[..., end - size : end].reshape(*z.shape[:-1], *shape)
            for end, size, shape in zip(ends, sizes, self.likelihood.latent, strict=True)
        ]

    @in_64_bits
    def theta(self, q: Array) -> Array:
        """The parameters (S, K) at positions (S, D)."""
        u = self.centre + q[:, : self.parameters] @ self.scale.T
        x, _ = jax.vmap(self.bounds.constrained)(jnp.asarray(u))
        return np.asarray(x)

    def position(self, theta: Array) -> Array:
        """The position (D,) with parameters (K,) and latent variables at 0."""
        v = np.linalg.solve(self.scale, self.bounds.unconstrained(theta) - self.centre)
        return np.concatenate([v, np.zeros(self.dimensions - self.parameters)])


def bounds_with(model: Model, priors: Sequence[Prior]) -> Bounds:
    """The bounds of the parameters and of the supports of their priors together.

    Raises:
        ModelError: A prior has no density within the bounds of its parameter.
    """
    own = np.array(model.bounds()).T
    supports = np.array([prior.support for prior in priors]).reshape(-1, 2)
    lower, upper = np.maximum(own[:, 0], supports[:, 0]), np.minimum(own[:, 1], supports[:, 1])
    for k in np.flatnonzero(~(lower < upper)).tolist():
        raise ModelError(
            f"The prior {priors[k]!r} of '{model.labels[k]}' has no density within its bounds [{own[k, 0]:g}, "
            f"{own[k, 1]:g}]. Choose another, or widen the bounds."
        )
    return Bounds(lower, upper)
