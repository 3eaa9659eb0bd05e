"""Prior distributions of parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy import stats
from numpy.typing import NDArray

from pycmtensor.engine.xla import in_64_bits
from pycmtensor.exceptions import ModelError, checked_class, in_range

__all__ = [
    "Exponential",
    "Flat",
    "Gamma",
    "HalfNormal",
    "LogNormal",
    "Normal",
    "Prior",
    "StudentT",
    "Uniform",
]

Array = NDArray[np.floating]


class Prior(ABC):
    """Prior distribution of one number; a subclass gives `log_density`, `draw` and its ``support``.

    Examples:
        >>> import jax.numpy as jnp
        >>> class Laplace(Prior):
        ...     def log_density(self, x):
        ...         return -abs(x) - float(np.log(2.0))
        ...     def draw(self, rng, size):
        ...         return rng.laplace(size=size)
        >>> round(float(Laplace().log_density(0.0)), 6)
        -0.693147
    """

    @property
    def support(self) -> tuple[float, float]:
        """The interval outside which the density is 0."""
        return -np.inf, np.inf

    @property
    def proper(self) -> bool:
        """Whether the density integrates to 1."""
        return True

    @abstractmethod
    def log_density(self, x: Any) -> Any:
        """Logarithm of the density at numbers within the support; JAX can trace it."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""

    @in_64_bits
    def density(self, x: Any) -> Array:
        """The density at numbers, 0 outside the support.

        Examples:
            >>> round(float(Normal().density(0.0)), 6)  # 1 / sqrt(2 pi)
            0.398942
            >>> float(HalfNormal().density(-1.0))
            0.0
        """
        low, high = self.support
        x = np.asarray(x, float)
        inside = (x >= low) & (x <= high)
        middle = low + 1 if np.isfinite(low) and not np.isfinite(high) else high - 1 if np.isfinite(high) else 0.0
        within = np.where(inside, x, (low + high) / 2 if np.isfinite(high - low) else middle)
        return np.where(inside, np.exp(np.asarray(self.log_density(jnp.asarray(within)))), 0.0)


@checked_class(ModelError)
@dataclass(frozen=True)
class Normal(Prior):
    r"""Normal distribution, :math:`p(x) \propto \exp(-(x - \mu)^2 / 2 \sigma^2)`.

    Args:
        mean: The mean.
        sd: The standard deviation.

    Raises:
        ModelError: A number is not finite, or ``sd`` is not positive.

    Examples:
        >>> Normal(0, 10)
        Normal(mean=0, sd=10)
    """

    mean: float = 0.0
    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self, mean="(-inf, inf)", sd="(0, inf)")

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return stats.norm.logpdf(x, self.mean, self.sd)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return rng.normal(self.mean, self.sd, size)


@checked_class(ModelError)
@dataclass(frozen=True)
class HalfNormal(Prior):
    r"""The size of a normal, :math:`p(x) \propto \exp(-x^2 / 2 \sigma^2)` for :math:`x \ge 0`; of deviations.

    Args:
        sd: The standard deviation of the normal.

    Raises:
        ModelError: ``sd`` is not positive.

    Examples:
        >>> round(float(HalfNormal(1.0).density(0.0)), 6)  # 2 / sqrt(2 pi)
        0.797885
    """

    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self, sd="(0, inf)")

    @property
    def support(self) -> tuple[float, float]:
        """[0, inf)."""
        return 0.0, np.inf

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return jnp.log(2.0) + stats.norm.logpdf(x, 0.0, self.sd)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return np.abs(rng.normal(0.0, self.sd, size))


@checked_class(ModelError)
@dataclass(frozen=True)
class LogNormal(Prior):
    r"""Lognormal distribution: :math:`\log x` is normal.

    Args:
        mean: Mean of the logarithm.
        sd: Standard deviation of the logarithm.

    Raises:
        ModelError: A number is not finite, or ``sd`` is not positive.

    Examples:
        >>> round(float(LogNormal(0.0, 1.0).density(1.0)), 6)  # 1 / sqrt(2 pi)
        0.398942
    """

    mean: float = 0.0
    sd: float = 1.0

    def __post_init__(self) -> None:
        _check(self, mean="(-inf, inf)", sd="(0, inf)")

    @property
    def support(self) -> tuple[float, float]:
        """(0, inf)."""
        return 0.0, np.inf

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return stats.norm.logpdf(jnp.log(x), self.mean, self.sd) - jnp.log(x)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return rng.lognormal(self.mean, self.sd, size)


@checked_class(ModelError)
@dataclass(frozen=True)
class StudentT(Prior):
    r"""Student's t distribution, with heavier tails than the normal.

    Args:
        df: Degrees of freedom.
        mean: The centre.
        scale: The scale.

    Raises:
        ModelError: A number is not finite, or ``df`` or ``scale`` is not positive.

    Examples:
        >>> round(float(StudentT(1.0).density(0.0)), 6)  # 1 / pi
        0.31831
    """

    df: float = 3.0
    mean: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check(self, df="(0, inf)", mean="(-inf, inf)", scale="(0, inf)")

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return stats.t.logpdf(x, self.df, self.mean, self.scale)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return self.mean + self.scale * rng.standard_t(self.df, size)


@checked_class(ModelError)
@dataclass(frozen=True)
class Uniform(Prior):
    """Uniform distribution on [lower, upper].

    Args:
        lower: The lower end.
        upper: The upper end.

    Raises:
        ModelError: A number is not finite, or ``lower`` is not below ``upper``.

    Examples:
        >>> float(Uniform(0.0, 2.0).density(1.0))
        0.5
    """

    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        _check(self, lower="(-inf, inf)", upper="(-inf, inf)")
        if not self.lower < self.upper:
            raise ModelError(f"Uniform: lower must be below upper, found {self.lower!r} and {self.upper!r}.")

    @property
    def support(self) -> tuple[float, float]:
        """[lower, upper]."""
        return float(self.lower), float(self.upper)

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return jnp.zeros_like(x) - np.log(self.upper - self.lower)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return rng.uniform(self.lower, self.upper, size)


@checked_class(ModelError)
@dataclass(frozen=True)
class Gamma(Prior):
    r"""Gamma distribution, :math:`p(x) \propto x^{a - 1} e^{-b x}` for :math:`x > 0`, with the mean a / b.

    Args:
        shape: a.
        rate: b.

    Raises:
        ModelError: A number is not positive.

    Examples:
        >>> round(float(Gamma(2.0, 1.0).density(1.0)), 6)  # exp(-1)
        0.367879
    """

    shape: float = 2.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        _check(self, shape="(0, inf)", rate="(0, inf)")

    @property
    def support(self) -> tuple[float, float]:
        """(0, inf)."""
        return 0.0, np.inf

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return stats.gamma.logpdf(x, self.shape, scale=1 / self.rate)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return rng.gamma(self.shape, 1 / self.rate, size)


@checked_class(ModelError)
@dataclass(frozen=True)
class Exponential(Prior):
    r"""Exponential distribution, :math:`p(x) = b e^{-b x}` for :math:`x \ge 0`, with the mean 1 / b.

    Args:
        rate: b.

    Raises:
        ModelError: ``rate`` is not positive.

    Examples:
        >>> float(Exponential(2.0).density(0.0))
        2.0
    """

    rate: float = 1.0

    def __post_init__(self) -> None:
        _check(self, rate="(0, inf)")

    @property
    def support(self) -> tuple[float, float]:
        """[0, inf)."""
        return 0.0, np.inf

    def log_density(self, x: Any) -> Any:
        """Logarithm of the density."""
        return jnp.log(self.rate) - self.rate * x

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Random numbers (size,)."""
        return rng.exponential(1 / self.rate, size)


@checked_class(ModelError)
@dataclass(frozen=True)
class Flat(Prior):
    """The improper prior with the same density everywhere: the posterior is proportional to the likelihood.

    The posterior is proper only where the likelihood has a maximum, which is asked before it is sampled.

    Examples:
        >>> Flat().proper
        False
    """

    @property
    def proper(self) -> bool:
        """No."""
        return False

    def log_density(self, x: Any) -> Any:
        """0."""
        return jnp.zeros_like(x)

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """There are none.

        Raises:
            ModelError: Always.
        """
        raise ModelError("A Flat prior is no distribution, of which numbers could be drawn. Give a proper one.")


def _check(prior: Prior, **intervals: str) -> None:
    """Raise a `ModelError` when a number of a prior lies outside its interval."""
    for name, interval in intervals.items():
        in_range(type(prior).__name__, name, getattr(prior, name), interval, "", ModelError)
