"""Effects of parameters on utilities, which say what a large value of a parameter is."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.arguments import Arguments
from pycmtensor.engine.likelihood import unflattened
from pycmtensor.engine.xla import ONCE, compile_with_xla
from pycmtensor.models.base import Model
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.terms.draws import Sampling, words_of

__all__ = ["Effects", "effects"]

Array = NDArray[np.floating]

#: Individuals who are looked at, and draws of each.
INDIVIDUALS, DRAWS = 1000, 16


class Effects(NamedTuple):
    """What a change of each parameter by 1 does to utilities, (K,) each."""

    spread: Array  #: typical size of the change of a difference of utilities
    mean: Array  #: its mean, not 0 only where one utility stands for all alternatives
    curved: NDArray[np.bool_]  #: whether utilities are no linear function of the parameter


def effects(model: Model, fixed: list[Array], theta: Array) -> Effects | None:
    r"""The effects of parameters at theta, None of a model that is no choice among alternatives.

    With :math:`d_{jk} = \partial V_j / \partial \theta_k` the spread is the root of the mean square of
    :math:`d_{ik} - d_{jk}` over pairs of alternatives that can be chosen, situations and draws. Where one utility
    stands for all alternatives, as in an ordered logit, spread and mean are the standard deviation and mean of
    :math:`d_k`.

    Args:
        model: The model; some of its individuals are looked at.
        fixed: Values of the fixed parameters.
        theta: Parameters (K,).
    """
    if not isinstance(model, ChoiceModel) or model.by_class() != {None: model}:
        return None
    some = np.unique(np.linspace(0, model.dataset.n_individuals - 1, INDIVIDUALS).astype(int))
    data = model.dataset.take(some)
    own = model.with_draws(Sampling(DRAWS)) if model.sampling is not None else model
    arguments = Arguments(own)
    V = own.V if isinstance(own.V, list) else [own.V]
    lowered = arguments.lowered(V)
    columns = [data.array(symbol) for symbol in arguments.inputs]
    if arguments.draws is not None:
        within = any(draws.within for draws in own.draws)
        shape = 2, data.draw_situations if within else 1, data.n_individuals
        columns.append(np.broadcast_to(words_of(data.individual_numbers)[:, None], shape)[..., None])
    available = np.broadcast_to(own.available(data), (len(own.alternatives), *data.array(data.chosen).shape[:2]))
    seen = np.asarray(data.array(data.observed)[..., 0] != 0)
    observed = np.stack([seen & a for a in available])

    def utilities(theta: Any) -> Any:
        found = [jnp.asarray(v) for v in lowered(*unflattened(theta, arguments.free), *fixed, *columns)]
        if len(found) == 1 and found[0].ndim == 4:
            return found[0]
        shape = jnp.broadcast_shapes((*observed.shape[1:], 1), *(v.shape for v in found))
        return jnp.stack([jnp.broadcast_to(v, shape) for v in found])

    def slope(theta: Any, direction: Any) -> Any:
        d = jax.jvp(utilities, (theta,), (direction,))[1]
        return _moments(d, observed)

    program = compile_with_xla(slope, ONCE)
    theta, unit = np.asarray(theta, float), np.eye(len(theta))
    here = np.array([program(theta, e) for e in unit])
    moved = np.array([program(theta + e, e) for e in unit])
    curved = ~np.isclose(here[:, 0], moved[:, 0], rtol=1e-6, atol=0)
    return Effects(here[:, 0], here[:, 1], curved)


def _moments(d: Any, observed: NDArray[np.bool_]) -> Any:
    """Spread and mean of effects (J, T, N, R), or of one utility for all (1, T, N, R)."""
    J, weight = len(d), observed.reshape(*observed.shape, 1)
    d = jnp.broadcast_to(d, (J, *jnp.broadcast_shapes(d.shape[1:], weight.shape[1:])))
    if J == 1 and len(observed) > 1:
        seen = jnp.broadcast_to(weight.any(axis=0, keepdims=True), d.shape)
        mean = jnp.mean(d, where=seen)
        return jnp.stack([jnp.sqrt(jnp.mean((d - mean) ** 2, where=seen)), mean])
    count = weight.sum(axis=0)
    sums, squares = (d * weight).sum(axis=0), (d**2 * weight).sum(axis=0)
    pairs = count * (count - 1) * jnp.ones_like(sums)  # of i and j, both ways
    total = 2 * (count * squares - sums**2)  # sum_ij (d_i - d_j)^2
    return jnp.stack([jnp.sqrt(jnp.maximum(total.sum(), 0) / jnp.maximum(pairs.sum(), 1)), jnp.zeros(())])
