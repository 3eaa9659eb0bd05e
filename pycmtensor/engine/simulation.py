"""Draws of random coefficients, made anew in every block of individuals inside the program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pycmtensor.models.base import Model
from pycmtensor.terms.draws import uniforms

__all__ = ["Simulation"]


class Simulation:
    """The random variables of a model and how their draws are made; holds the points that individuals share."""

    def __init__(self, model: Model) -> None:
        assert model.sampling is not None
        self.draws, self.sampling = model.draws, model.sampling
        self._dtype = self.draws[0]().dtype if self.draws else None
        self._base: dict[int, Any] = {}

    @property
    def number(self) -> int:
        """Draws R of each individual."""
        return self.sampling.number

    def values(self, individuals: Any, situations: int) -> list[Any]:
        """The draws of some individuals, arrays (1 or T, B, R).

        Args:
            individuals: The `words_of` their numbers (2, L, B, 1). Draws that vary within individuals are laid out for
                L situations, so that they do not depend on the longest panel of a part of the data.
            situations: T, at most L if any draws vary so.
        """
        sizes = [individuals.shape[1] if draws.within else 1 for draws in self.draws]
        dimensions = sum(sizes)
        if dimensions not in self._base:
            self._base[dimensions] = np.asarray(self.sampling.base(dimensions))
        base, words = self._base[dimensions], individuals[:, 0, :, 0]

        def made() -> list[Any]:
            values, dimension = [], 0
            for draws, size in zip(self.draws, sizes, strict=True):
                rows = range(dimension, dimension + min(size, situations))
                u = jnp.stack([uniforms(self.sampling, base[k], k, words, jnp) for k in rows])
                values.append(_standard(u, draws.distribution).astype(self._dtype))
                dimension += size
            return values

        def none() -> list[Any]:
            return [jnp.zeros(shape.shape, shape.dtype) for shape in jax.eval_shape(made)]

        # Always true, as numbers are below 2^63. XLA computes what comes out of a branch once, and not wherever it is
        # used.
        return jax.lax.cond(words[1, 0] < np.uint32(2**31), made, none)


def _standard(u: Any, distribution: str) -> Any:
    """Numbers between 0 and 1 as draws of the distribution; single precision is finer than any integral needs."""
    return u if distribution == "uniform" else np.float32(np.sqrt(2)) * jax.scipy.special.erfinv(2 * u - 1)
