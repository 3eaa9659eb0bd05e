r"""NUTS: chains of draws from a density, by blackjax, a few steps at a time in one program.

The step size and the metric of a chain are adapted in the windows that Stan has: dual averaging towards an average
probability of acceptance, and the covariance of the draws of a window, regularised.

References:
    Hoffman & Gelman (2014), The No-U-Turn sampler, Journal of Machine Learning Research 15:1593-1623; Betancourt
    (2017), A conceptual introduction to Hamiltonian Monte Carlo, arXiv:1701.02434.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.density import Traceable
from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import PyCMTensorError

__all__ = ["NUTS", "Chain", "Steps"]

#: Average probability of acceptance that the step size is adapted to.
ACCEPTANCE = 0.8

#: A trajectory is doubled this often at most, to 2^10 steps.
DOUBLINGS = 10

#: Steps of a chain in one run of its program.
AT_ONCE = 25


class Chain(NamedTuple):
    """The state of a chain between two steps: where it is, and what its adaptation knows."""

    position: Any  #: (D,)
    averaging: Any  #: of dual averaging
    metric: Any  #: of the adaptation of the inverse mass matrix, with that matrix
    step_size: Any


class Steps(NamedTuple):
    """What some steps of a chain leave behind, an element a step."""

    position: Any  #: (S, D)
    log_density: Any
    divergent: Any
    acceptance: Any
    gradients: Any  #: evaluated for the step


class NUTS:
    """The sampler of a density: `start`, and then `advance` through the warm-up and the draws.

    Args:
        log_density: Of a position (D,) and data; JAX traces it.
        likelihood: That is a part of the density, with its data.
        warmup: Steps of the warm-up.
        dense: Whether the metric knows correlations; else the variances only.

    Raises:
        PyCMTensorError: The library blackjax is not installed.
    """

    def __init__(self, log_density: Callable[[Any, Any], Any], likelihood: Traceable, warmup: int, dense: bool) -> None:
        blackjax = _blackjax()
        self._nuts, self._log_density, self._data = blackjax.nuts, log_density, likelihood.data
        self._averaging = blackjax.adaptation.step_size.dual_averaging_adaptation(ACCEPTANCE)
        self._metric = blackjax.adaptation.mass_matrix.mass_matrix_adaptation(is_diagonal_matrix=not dense)
        self._schedule = _schedule(blackjax, warmup)
        self._program = likelihood.compile(self._steps)
        self._value = likelihood.compile(jax.value_and_grad(log_density))

    def at(self, position: Any) -> tuple[float, NDArray[Any]]:
        """The log-density and its gradient at a position (D,)."""
        value, gradient = self._value(np.asarray(position, dtype=float), self._data)
        return float(value), np.asarray(gradient)

    @in_64_bits
    def start(self, position: Any) -> Chain:
        """A chain at a position (D,), before its first step."""
        averaging, metric = self._averaging[0](1.0), self._metric[0](len(position))
        return self.restored(jax.tree.leaves(Chain(np.asarray(position, float), averaging, metric, 1.0)))

    @in_64_bits
    def restored(self, leaves: Any) -> Chain:
        """A chain of the arrays in it, ``jax.tree.leaves(chain)``."""
        D = len(leaves[0])
        kinds = jax.eval_shape(lambda: Chain(jnp.zeros(D), self._averaging[0](1.0), self._metric[0](D), jnp.ones(())))
        arrays = [np.asarray(leaf, kind.dtype) for leaf, kind in zip(leaves, jax.tree.leaves(kinds), strict=True)]
        made: Chain = jax.tree.unflatten(jax.tree.structure(kinds), arrays)
        return made

    def advance(self, chain: Chain, seed: int, number: int, first: int, count: int) -> tuple[Chain, Steps]:
        """The chain after up to `AT_ONCE` steps, and what they leave behind.

        Args:
            chain: The state before.
            seed: Of all chains.
            number: Of the chain, from 0.
            first: Number of the first step; those of the warm-up come first.
            count: Of steps.
        """
        stages = np.full((AT_ONCE, 2), -1)
        known = self._schedule[first : first + count]
        stages[: len(known)] = known
        given = np.uint32(seed >> 32), np.uint32(seed % 2**32), np.uint32(number), np.int64(first), np.int64(count)
        chain, steps = self._program(chain, given, stages, self._data)
        chain = jax.tree.map(np.asarray, chain)
        return chain, Steps(*(np.asarray(part)[:count] for part in steps))

    def _steps(self, chain: Chain, given: Any, stages: Any, data: Any) -> tuple[Chain, Steps]:
        """The program: steps of a chain one after the other."""
        high, low, number, first, count = given
        key = jax.random.key(0)
        for part in (high, low, number):
            key = jax.random.fold_in(key, part)

        def log_density(position: Any) -> Any:
            return self._log_density(position, data)

        kernel = self._nuts.build_kernel()

        def one(s: Any, carry: Any) -> Any:
            state, averaging, metric, step_size, kept = carry
            state, info = kernel(
                jax.random.fold_in(key, first + s),
                state,
                log_density,
                step_size,
                metric.inverse_mass_matrix,
                max_num_doublings=DOUBLINGS,
            )
            of_step = state.position, state.logdensity, info.is_divergent, info.acceptance_rate
            kept = Steps(
                *(all_.at[s].set(own) for all_, own in zip(kept, (*of_step, info.num_integration_steps), strict=True))
            )
            adapted = self._adapted(stages[s], state.position, info.acceptance_rate, averaging, metric, step_size)
            return state, *adapted, kept

        state = self._nuts.init(chain.position, log_density)
        shape, D = (AT_ONCE,), len(chain.position)
        kept = Steps(
            jnp.zeros((AT_ONCE, D)), jnp.zeros(shape), jnp.zeros(shape, bool), jnp.zeros(shape), jnp.zeros(shape, int)
        )
        start = state, chain.averaging, chain.metric, chain.step_size, kept
        state, averaging, metric, step_size, kept = jax.lax.fori_loop(0, count, one, start)
        return Chain(state.position, averaging, metric, step_size), kept

    def _adapted(
        self, stage: Any, position: Any, acceptance: Any, averaging: Any, metric: Any, step_size: Any
    ) -> tuple[Any, Any, Any]:
        """Dual averaging, metric and step size after a step.

        Stage: -1 after the warm-up, where all stay; 0 adapts the step size, 1 the metric too, which is taken into use
        where a window ends; the warm-up itself ends with the average step size.
        """
        kind, ends = stage[0], stage[1]
        begin, update, average = self._averaging
        _, learn, use = self._metric

        def adapt(_: Any) -> Any:
            averaged = update(averaging, acceptance)
            learned = jax.lax.cond(kind == 1, lambda m: learn(m, position), lambda m: m, metric)
            window_ends = (kind == 1) & (ends == 1)
            learned = jax.lax.cond(window_ends, use, lambda m: m, learned)
            anew = jax.tree.map(lambda x, old: jnp.asarray(x, old.dtype), begin(average(averaged)), averaged)
            averaged = jax.tree.map(lambda x, y: jnp.where(window_ends, x, y), anew, averaged)
            step = jnp.where((kind == 0) & (ends == 1), average(averaged), jnp.exp(averaged.log_step_size))
            return averaged, learned, step

        found: tuple[Any, Any, Any] = jax.lax.cond(kind >= 0, adapt, lambda _: (averaging, metric, step_size), None)
        return found


def _schedule(blackjax: Any, warmup: int) -> NDArray[Any]:
    """Stages of the steps of the warm-up and whether one ends there, (W, 2)."""
    found = blackjax.adaptation.window_adaptation.build_schedule(warmup)
    stages = np.array([(kind, bool(ends)) for kind, ends in np.asarray(found).tolist()], dtype=int).reshape(-1, 2)
    if len(stages):
        stages[-1] = 0, 1  # the step size of the draws is the average of the last window
    return stages


def _blackjax() -> Any:
    try:
        import blackjax
        import blackjax.adaptation.mass_matrix
        import blackjax.adaptation.step_size
        import blackjax.adaptation.window_adaptation
    except ImportError:
        raise PyCMTensorError(
            "Sampling from a posterior needs the libraries blackjax and arviz. Install them with: "
            "pip install blackjax arviz"
        ) from None
    return blackjax
