"""Log-likelihoods that JAX can trace, as parts of larger programs such as samplers of posteriors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.engine.likelihood import unflattened
from pycmtensor.engine.lowering import lower
from pycmtensor.engine.program import Program
from pycmtensor.engine.types import Theta
from pycmtensor.engine.xla import ONCE, compile_plainly, compile_with_xla, in_64_bits

__all__ = ["GivenDraws", "Traceable", "given_draws", "summed", "traceable"]

#: Axis of columns and draws that is 1 beside the individuals: that of draws after them, or their own, with the
#: individuals in the place of draws. Loops over the last axis are fast, which has the individuals then.
ALONG, ACROSS = -1, -2


@dataclass(frozen=True, eq=False)
class Traceable:
    """A log-likelihood as a function that JAX can trace.

    Attributes:
        loglike: Of theta (K,), what is latent of each individual, and data; summed with the sample weights.
        data: Arrays that the function takes, placed before any trace.
        compile: Compiles a program that the function is a part of.
        latent: Shape of each latent variable, (1 or T, N); none where the likelihood is an average over draws.
    """

    loglike: Callable[[Theta, Sequence[Any], Any], Any]
    data: Any
    compile: Callable[[Callable[..., Any]], Callable[..., Any]] = compile_with_xla
    latent: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class GivenDraws(Traceable):
    r"""The log-likelihood given the random variables of each individual, which are standard normals z.

    .. math:: \log L(\theta, z) = \sum_n w_n \log L_n(\theta, z_n)

    A uniform random variable is :math:`\Phi(z)`.

    Attributes:
        at: Makes a function of draws of theta (S, K) and z, each (S, 1 or T, N), of an expression.
    """

    at: Callable[[Variable], Callable[..., Any]] = field(kw_only=True)

    @in_64_bits
    def values(self, expression: Variable, theta: Any, z: Sequence[Any]) -> Any:
        """An expression of parameters, columns and draws of each individual, at S draws of theta and z.

        Args:
            expression: Symbols of the model, (1, 1 or N, 1 or R).
            theta: Parameters (S, K).
            z: Latent variables, each (S, 1 or T, N).

        Returns:
            Its values (S, N).
        """
        return np.asarray(self.at(expression)(np.asarray(theta), [np.asarray(one) for one in z]))


def traceable(program: Program, fixed: Sequence[Any], parts: Any) -> Traceable:
    """The log-likelihood of a program, with the gradient that it knows, as a part of larger programs.

    Args:
        program: Of the model.
        fixed: Values of the fixed parameters.
        parts: Weights and data of the likelihood of each core.
    """

    def loglike(theta: Theta, latent: Sequence[Any], data: Any) -> Any:
        fixed, parts = data

        @jax.custom_vjp
        def total(theta: Theta) -> Any:
            return forward(theta)[0]

        def forward(theta: Theta) -> Any:
            found = [program.summed_gradient(theta, fixed, *part)[0] for part in parts]
            return sum(value for value, _ in found), sum(gradient for _, gradient in found)

        total.defvjp(forward, lambda gradient, change: (change * gradient,))
        return total(theta)

    return Traceable(loglike, (_placed(fixed), parts), program.compile)


def given_draws(program: Program, data: Dataset, fixed: Sequence[Any], weights: Any) -> GivenDraws:
    """The log-likelihood given the draws of each individual.

    Args:
        program: Of the model.
        data: The data.
        fixed: Values of the fixed parameters.
        weights: Sample weight of each individual, (N,).
    """
    model, N = program.model, data.n_individuals
    shapes = tuple((data.n_situations if draws.within else 1, N) for draws in model.draws)
    columns = [data.array(symbol) for symbol in program.inputs]
    along, across = (_loglike(program, axis) for axis in (ALONG, ACROSS))
    given = [_placed([fixed, [put(c) for c in columns], weights]) for put in (np.asarray, _swapped)]
    loglike, placed = (across, given[1]) if _are_same(program, (along, across), given, shapes) else (along, given[0])

    def at(expression: Variable) -> Callable[..., Any]:
        of = _function_of(program, [expression])

        def at_one(theta: Any, z: Any, data: Any) -> Any:
            return jnp.broadcast_to(of(theta, z, data)[0].reshape(-1), (N,))

        def at_all(theta: Any, z: Any, data: Any) -> Any:
            return jax.lax.map(lambda draw: at_one(draw[0], draw[1], data), (theta, z))

        compiled = compile_with_xla(at_all)
        return lambda theta, z: compiled(theta, z, [list(fixed), columns, weights])

    return GivenDraws(loglike, placed, compile_plainly, shapes, at=at)


def _loglike(program: Program, axis: int) -> Callable[..., Any]:
    """The log-likelihood given latent variables, with the individuals along an axis of columns and draws."""
    function = _function_of(program, [program.model.log_likelihood()], axis)

    def loglike(theta: Theta, latent: Sequence[Any], data: Any) -> Any:
        (by_individual,) = function(theta, latent, data)
        return data[2] @ by_individual.ravel()

    return loglike


def _swapped(column: Any) -> Any:
    """A column (.., N, 1) with the individuals on the axis of draws, (.., 1, N)."""
    return np.ascontiguousarray(np.swapaxes(column, -1, -2))


def _are_same(program: Program, functions: Any, data: Any, shapes: tuple[tuple[int, int], ...]) -> bool:
    """Whether a likelihood is the same with the individuals on the axis of draws, at a point.

    It is wherever individuals are only added up in the end, as axes broadcast alike.
    """
    rng = np.random.default_rng(0)
    theta = np.concatenate([p.get_value().ravel() for p in program.free]).astype(float)
    theta, latent = theta + 0.01 * rng.standard_normal(len(theta)), [rng.standard_normal(shape) for shape in shapes]
    try:
        along, across = (compile_with_xla(f, ONCE)(theta, latent, own) for f, own in zip(functions, data, strict=True))
    except (TypeError, ValueError, IndexError):  # of an operation that knows the length of an axis
        return False
    return bool(np.allclose(along, across, rtol=1e-9, equal_nan=True))


def summed(parts: Sequence[Traceable]) -> Traceable:
    """The sum of log-likelihoods of the same parameters."""

    def loglike(theta: Theta, latent: Sequence[Any], data: Any) -> Any:
        return sum(part.loglike(theta, (), own) for part, own in zip(parts, data, strict=True))

    return Traceable(loglike, [part.data for part in parts])


def _function_of(program: Program, expressions: Sequence[Variable], axis: int = ALONG) -> Callable[..., Any]:
    """Expressions as a function of theta, standard normals in place of the draws, and (fixed, columns, weights)."""
    draws = program.model.draws
    lowered = lower([*program.symbols, *(one() for one in draws)], list(expressions))

    def function(theta: Theta, latent: Sequence[Any], data: Any) -> Any:
        fixed, columns, _ = data
        values = [ndtr(z) if one.distribution == "uniform" else z for one, z in zip(draws, latent, strict=True)]
        drawn = [jnp.expand_dims(value, axis).astype(one().dtype) for one, value in zip(draws, values, strict=True)]
        return lowered(*unflattened(theta, program.free), *fixed, *columns, *drawn)

    return function


@in_64_bits
def _placed(arrays: Any) -> Any:
    return jax.device_put(arrays)
