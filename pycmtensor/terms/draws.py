"""Points at which an integral over random coefficients is evaluated: as few numbers as make them, not the points."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.exceptions import ModelError, checked_class, whole
from pycmtensor.terms.arithmetic import Arithmetic

__all__ = [
    "KINDS",
    "Draws",
    "Sampling",
    "draws_of",
    "mixed_bits",
    "sampling_of",
    "uniforms",
    "values_of",
    "words_of",
]

#: Kinds of draws. All are numbers of 32 bits, base points shared by all individuals and a shift of each individual.
KINDS = ("sobol", "halton", "mlhs", "pseudo")


@checked_class(ModelError)
@dataclass(frozen=True)
class Sampling:
    """Number and kind of the draws of a simulated likelihood.

    Every individual has its own random shift of the same well-spread points, so that errors of simulation average out
    over individuals, and nothing has to be stored for individuals times draws.

    Args:
        number: Draws R of each individual.
        kind: "sobol" (scrambled Sobol points with a digital shift), "halton" (Halton points with a rotation), "mlhs"
            (one point in each of R intervals, in an order of its own for each individual and dimension), or "pseudo"
            (independent random numbers).
        seed: Seed of shifts and scrambles.
        antithetic: The second half of the draws mirrors the first, u -> 1 - u.

    Raises:
        ModelError: A number is not whole or too small, the kind is unknown, or half of an odd number is asked for.

    References:
        Owen (1997), doi:10.1214/aos/1031594731; L'Ecuyer & Lemieux (2002), doi:10.1007/0-306-48102-2_20, for shifts;
        Hess, Train & Polak (2006), doi:10.1016/j.trb.2004.10.005, for mlhs.

    Examples:
        >>> Sampling(1000, kind="halton", seed=1)
        Sampling(number=1000, kind='halton', seed=1, antithetic=False)
    """

    number: int = 500
    kind: str = "sobol"
    seed: int = 0
    antithetic: bool = False

    def __post_init__(self) -> None:
        whole("Sampling", "number", self.number, least=1, error=ModelError)
        whole("Sampling", "seed", self.seed, least=0, error=ModelError)
        if self.kind not in KINDS:
            raise ModelError(f"Sampling: kind must be one of {', '.join(KINDS)}; found {self.kind!r}.")
        if self.kind == "mlhs" and self.points >= 2**15:
            raise ModelError(f"Sampling: mlhs takes fewer than 32,768 points, found {self.points:,}. Use sobol.")
        if self.antithetic and self.number % 2:
            raise ModelError(f"Sampling: antithetic draws come in pairs, found the odd number {self.number}.")

    @property
    def points(self) -> int:
        """Draws that are not mirrors of others."""
        return self.number // 2 if self.antithetic else self.number

    def base(self, dimensions: int) -> NDArray[np.uint32]:
        """The points that individuals share, (dimensions, points), in units of 2^-32."""
        from scipy.stats import qmc

        if self.kind == "sobol":
            size = 1 << max(0, math.ceil(math.log2(self.points)))
            engine = qmc.Sobol(dimensions, scramble=True, bits=32, rng=np.random.default_rng(self.seed))
            unit = engine.random(size)[: self.points]
        elif self.kind == "halton":
            unit = qmc.Halton(dimensions, scramble=False).random(self.points + 1)[1:]
        else:
            return np.broadcast_to(np.arange(self.points, dtype=np.uint32), (dimensions, self.points))
        return np.minimum(unit.T * 2.0**32, 2.0**32 - 1).astype(np.uint32)


def sampling_of(draws: int | Sampling | None) -> Sampling | None:
    """The `Sampling` that the argument ``draws`` of a model stands for: a number of draws, or the record itself."""
    return draws if draws is None or isinstance(draws, Sampling) else Sampling(draws)


def words_of(individuals: NDArray[np.integer]) -> NDArray[np.uint32]:
    """Numbers of individuals (N,) as their low and high 32 bits, (2, N): exact where there are no 64-bit integers.

    Examples:
        >>> words_of(np.array([7, 2**32 + 7])).tolist()
        [[7, 7], [0, 1]]
    """
    numbers = np.asarray(individuals).astype(np.uint64)
    return np.stack([numbers & 0xFFFFFFFF, numbers >> 32]).astype(np.uint32)


def uniforms(sampling: Sampling, base: Any, dimension: int, individuals: Any, xp: Any = np) -> Any:
    """Draws of one dimension, numbers in (0, 1) of 23 bits, (individuals, R).

    They depend on all 64 bits of the number of an individual, so that a person has the same draws in every part of
    the data.

    Args:
        sampling: How they are made.
        base: The row of `Sampling.base` that belongs to the dimension, (points,).
        dimension: Its number.
        individuals: Numbers of the individuals, whole (B,), or their `words_of` (2, B).
        xp: ``numpy``, or ``jax.numpy`` inside a program, which takes the words.
    """
    low, high = individuals if individuals.ndim == 2 else words_of(individuals)
    key = xp.uint32((sampling.seed * 0x9E3779B9 + dimension * 0x85EBCA6B + 0x27D4EB2F) & 0xFFFFFFFF)
    with np.errstate(over="ignore"):
        beyond = mixed_bits(high * (key | xp.uint32(1)), xp)  # 0 below 2^32
        shift = mixed_bits(mixed_bits(low ^ key, xp) + key + beyond, xp)[..., None]
    if sampling.kind == "sobol":
        bits = base ^ shift
    elif sampling.kind == "halton":
        bits = base + shift  # modulo 2^32
    elif sampling.kind == "pseudo":
        bits = mixed_bits(mixed_bits(base ^ shift, xp) + shift, xp)
    else:
        bits = _strata(base, shift, len(base), xp)
    if sampling.antithetic:
        bits = xp.concatenate([bits, ~bits], axis=-1)
    return ((bits >> 9).astype(xp.float32) + xp.float32(0.5)) * xp.float32(2.0**-23)  # never 0 or 1


def _strata(base: Any, shift: Any, points: int, xp: Any) -> Any:
    """One point in each of R intervals, their order a multiple and a shift modulo R of 0 to R - 1."""
    coprime = np.array([a for a in range(1, points + 1) if math.gcd(a, points) == 1], dtype=np.uint32)
    width = xp.uint32(min(2**32 // points, 2**32 - 1))
    factor = xp.asarray(coprime)[mixed_bits(shift + xp.uint32(1), xp) % xp.uint32(len(coprime))]
    order = (factor * base + shift % xp.uint32(points)) % xp.uint32(points)
    return order * width + mixed_bits(shift ^ xp.uint32(0xA5A5A5A5), xp) % width


def mixed_bits(x: Any, xp: Any = np) -> Any:
    """32 bits that depend on all 32 bits of x: multiplications and shifts of Murmur3."""
    with np.errstate(over="ignore"):
        x = (x ^ x >> 16) * xp.uint32(0x85EBCA6B)
        x = (x ^ x >> 13) * xp.uint32(0xC2B2AE35)
    return x ^ x >> 16


@checked_class(ModelError)
class Draws(Arithmetic):
    """A random variable of standard form, symbolic like a column: standard normal, or uniform on (0, 1).

    It stands for the axis R of an expression: (1, N, R) for a taste that an individual keeps in all choice situations,
    (T, N, R) for one that is drawn anew in each.

    Args:
        name: Its name; draws of one name and model are one variable.
        distribution: "normal" or "uniform".
        within: Whether it varies between the choice situations of an individual.

    Raises:
        ModelError: The distribution is unknown.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> b_time = Beta("mean", -1.0) + Beta("sd", 0.5) * Draws("time")
        >>> b_time.type.ndim
        3
    """

    def __init__(self, name: str, distribution: str = "normal", within: bool = False) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"Draws: name must be a text of at least one letter, found {name!r}.")
        if distribution not in ("normal", "uniform"):
            raise ModelError(
                f"Draws '{name}': distribution is 'normal' or 'uniform', found {distribution!r}. Other distributions "
                "are functions of these; see pycmtensor.coefficients."
            )
        self.name, self.distribution, self.within = name, distribution, within
        self.symbol = pt.TensorType(pytensor.config.floatX, (None if within else 1, None, None))(name)
        self.symbol.tag.draws = self

    def __call__(self) -> Variable:
        """The symbol, (1 or T, N, R)."""
        return self.symbol

    def __repr__(self) -> str:
        return f"Draws({self.name!r}, {self.distribution!r}{', within=True' if self.within else ''})"


def draws_of(graph: Iterable[Variable]) -> list[Draws]:
    """The random variables that expressions depend on, in the order of their names.

    Raises:
        ModelError: Two of them have one name.
    """
    found = {v.tag.draws for v in graph_inputs(list(graph)) if hasattr(v.tag, "draws")}
    draws = sorted(found, key=lambda d: d.name)
    twice = sorted({a.name for a, b in pairwise(draws) if a.name == b.name})
    if twice:
        raise ModelError(f"Two random variables are called {', '.join(twice)}. Make each once and use that object.")
    return draws


def standard(u: Any, distribution: str) -> NDArray[np.floating]:
    """Uniform numbers as draws of the distribution."""
    from scipy.special import ndtri

    return ndtri(u.astype(float)) if distribution == "normal" else u.astype(float)


def values_of(
    draws: list[Draws],
    sampling: Sampling,
    individuals: int | NDArray[np.integer],
    n_situations: int,
    draw_situations: int | None = None,
) -> list[NDArray[Any]]:
    """The numbers of random variables, each (1 or T, N, R).

    Args:
        draws: The random variables.
        sampling: How their draws are made.
        individuals: Numbers of the individuals (N,), or how many there are, numbered from 0.
        n_situations: T.
        draw_situations: For how many situations, T or more, the data set lays draws out; None for T.
    """
    sizes = [(draw_situations or n_situations) if d.within else 1 for d in draws]
    base, values, dimension = sampling.base(max(1, sum(sizes))), [], 0
    words = words_of(np.arange(individuals) if isinstance(individuals, int) else individuals)
    for d, size in zip(draws, sizes, strict=True):
        u = [uniforms(sampling, base[k], k, words) for k in range(dimension, dimension + min(size, n_situations))]
        values.append(standard(np.stack(u), d.distribution).astype(pytensor.config.floatX))
        dimension += size
    return values
