"""Random coefficients: the usual distributions as expressions of standard draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant, Variable

from pycmtensor.exceptions import ModelError, checked, in_range
from pycmtensor.expressions import Beta, Parameter
from pycmtensor.terms.domains import Domain, with_domains
from pycmtensor.terms.draws import Draws
from pycmtensor.terms.parity import antisymmetric

__all__ = [
    "correlated",
    "johnson_sb",
    "lognormal",
    "normal",
    "student_t",
    "triangular",
    "truncated_normal",
    "uniform",
]

Expression: TypeAlias = Variable | Parameter | float

#: A lognormal coefficient that starts beyond exp of this is 0 or infinite to the likelihood.
LARGEST_LOGARITHM = 50.0


@checked(ModelError)
def normal(name: str, mean: Expression, sd: Expression, within: bool = False) -> Variable:
    """mean + sd z with z standard normal; the sign of sd means nothing.

    Args:
        name: Of the draws.
        mean: A parameter, an expression, or a number.
        sd: Standard deviation, likewise. An estimated one may pass 0; a number or a fixed parameter is 0 or more.
        within: Whether it is drawn anew in every choice situation.

    Returns:
        The coefficient, (1, N, R), or (T, N, R) with ``within``.

    Raises:
        ModelError: The standard deviation is a negative number.

    Examples:
        >>> b_time = normal("b_time", Beta("mean", -1.0), Beta("sd", 0.5))
        >>> b_time.type.ndim
        3
    """
    return _named(
        name, _scalar("normal", name, "mean", mean) + _size("normal", name, "sd", sd) * Draws(name, within=within)()
    )


@checked(ModelError)
def lognormal(name: str, mean: Expression, sd: Expression, sign: int = 1, within: bool = False) -> Variable:
    """sign exp(mean + sd z): always positive, or with sign=-1 always negative.

    ``mean`` and ``sd`` are those of the logarithm; the coefficient's mean is exp(mean + sd^2 / 2) and its median
    exp(mean).

    Args:
        name: As in `normal`.
        mean: Of the logarithm.
        sd: Of the logarithm.
        sign: 1 or -1.
        within: As in `normal`.

    Returns:
        The coefficient, (1 or T, N, R).

    Raises:
        ModelError: The sign is neither 1 nor -1, or the coefficient starts so near to 0 or infinity that the likelihood
            does not depend on it.

    Examples:
        >>> from pycmtensor.expressions import parameters_of
        >>> b_cost = lognormal("b_cost", Beta("mean", -1.0), Beta("sd", 0.5), sign=-1)
        >>> [parameter.name for parameter in parameters_of(b_cost)]
        ['mean', 'sd']
    """
    if sign not in (1, -1):
        raise ModelError(f"lognormal '{name}': sign is 1 or -1, found {sign!r}.")
    if isinstance(mean, Beta) and abs(float(mean.get_value())) > LARGEST_LOGARITHM:
        start = float(mean.get_value())
        raise ModelError(
            f"lognormal '{name}': the logarithm '{mean.name}' starts at {start:g}, the coefficient at exp({start:g}), "
            "where nothing depends on it. Start at the logarithm of its size: -4.6 for a coefficient of about 0.01."
        )
    return _named(name, sign * pt.exp(normal(name, mean, sd, within)))


@checked(ModelError)
def uniform(name: str, centre: Expression, spread: Expression, within: bool = False) -> Variable:
    """Uniform between centre - spread and centre + spread; the sign of spread means nothing.

    Args:
        name: As in `normal`.
        centre: A parameter, an expression, or a number; the mean.
        spread: Likewise; the standard deviation is spread / sqrt(3).
        within: As in `normal`.

    Returns:
        The coefficient, (1 or T, N, R).

    Examples:
        >>> from pycmtensor.expressions import parameters_of
        >>> b = uniform("b", Beta("centre", -1.0), Beta("spread", 0.5))
        >>> [parameter.name for parameter in parameters_of(b)]
        ['centre', 'spread']
    """
    centre, spread = _scalar("uniform", name, "centre", centre), _size("uniform", name, "spread", spread)
    return _named(name, centre + spread * antisymmetric(2.0 * Draws(name, "uniform", within)() - 1.0))


@checked(ModelError)
def triangular(name: str, centre: Expression, spread: Expression, within: bool = False) -> Variable:
    """Symmetric triangular between centre - spread and centre + spread; the sign of spread means nothing.

    Args:
        name: As in `normal`.
        centre: A parameter, an expression, or a number; the mean.
        spread: Likewise; the standard deviation is spread / sqrt(6).
        within: As in `normal`.

    Returns:
        The coefficient, (1 or T, N, R).

    Examples:
        >>> from pycmtensor.expressions import parameters_of
        >>> b = triangular("b", Beta("centre", -1.0), 1.0)
        >>> [parameter.name for parameter in parameters_of(b)]
        ['centre']
    """
    u = Draws(name, "uniform", within)()
    t = antisymmetric(pt.switch(pt.lt(u, 0.5), pt.sqrt(2.0 * u) - 1.0, 1.0 - pt.sqrt(2.0 * (1.0 - u))))
    return _named(name, _scalar("triangular", name, "centre", centre) + _size("triangular", name, "spread", spread) * t)


@checked(ModelError)
def truncated_normal(
    name: str, mean: Expression, sd: Expression, lower: float = -np.inf, upper: float = np.inf, within: bool = False
) -> Variable:
    """Normal with this mean and standard deviation before everything outside [lower, upper] is cut off.

    Args:
        name: As in `normal`.
        mean: Of the normal before it is cut.
        sd: Of the normal before it is cut.
        lower: Lower end, a number.
        upper: Upper end, a number.
        within: As in `normal`.

    Returns:
        The coefficient, (1 or T, N, R).

    Raises:
        ModelError: ``lower`` is not below ``upper``, or the standard deviation is 0.

    Examples:
        >>> from pycmtensor.expressions import parameters_of
        >>> b_cost = truncated_normal("b_cost", Beta("mean", -1.0), Beta("sd", 0.5), upper=0.0)
        >>> [parameter.name for parameter in parameters_of(b_cost)]
        ['mean', 'sd']
    """
    if not lower < upper:
        raise ModelError(f"truncated_normal '{name}': lower must be below upper, found {lower} and {upper}.")
    size, advice = pt.abs(_size("truncated_normal", name, "sd", sd)), "Start at the size that you expect."
    positive = Domain(f"truncated_normal '{name}': the size of sd", size, "(0, inf)", advice)
    positive.check()
    low = _share_below((lower - mean) / size) if np.isfinite(lower) else 0.0
    high = _share_below((upper - mean) / size) if np.isfinite(upper) else 1.0
    u = low + (high - low) * Draws(name, "uniform", within)()
    return _named(name, mean + size * np.sqrt(2.0) * pt.erfinv(2.0 * u - 1.0), positive)


@checked(ModelError)
def johnson_sb(
    name: str, mean: Expression, sd: Expression, lower: Expression = 0.0, upper: Expression = 1.0, within: bool = False
) -> Variable:
    """lower + (upper - lower) / (1 + exp(-(mean + sd z))): bounded, with one peak or two (Johnson 1949,
    doi:10.1093/biomet/36.1-2.149).

    Args:
        name: As in `normal`.
        mean: Of the normal number within.
        sd: Of the normal number within; the larger, the more of the population is near the ends.
        lower: Lower end.
        upper: Upper end.
        within: As in `normal`.

    Returns:
        The coefficient, (1 or T, N, R).

    Raises:
        ModelError: ``lower`` is not below ``upper``.

    Examples:
        >>> from pycmtensor.expressions import parameters_of
        >>> b = johnson_sb("b", 0.0, Beta("sd", 1.0), lower=-2.0, upper=0.0)
        >>> [parameter.name for parameter in parameters_of(b)]
        ['sd']
    """
    width = upper - lower
    rising = Domain(f"johnson_sb '{name}': upper - lower", width, "(0, inf)", "Choose a lower below the upper.")
    return _named(name, lower + width * pt.sigmoid(normal(name, mean, sd, within)), rising)


@checked(ModelError)
def student_t(name: str, centre: Expression, scale: Expression, df: float, within: bool = False) -> Variable:
    """centre + scale t with t of Student's distribution with df degrees of freedom.

    t = sqrt(df (u^(-2 / df) - 1)) cos(2 pi v) with u and v uniform (Bailey 1994,
    doi:10.1090/S0025-5718-1994-1219703-0).

    Args:
        name: As in `normal`.
        centre: A parameter, an expression, or a number; the mean, where df is above 1.
        scale: Likewise; its sign means nothing.
        df: Degrees of freedom, a number.
        within: As in `normal`.

    Returns:
        The coefficient, (1 or T, N, R).

    Raises:
        ModelError: ``df`` is not positive.

    Examples:
        >>> from pycmtensor.expressions import parameters_of
        >>> b = student_t("b", Beta("centre"), Beta("scale", 0.5), df=5.0)
        >>> [parameter.name for parameter in parameters_of(b)]
        ['centre', 'scale']
    """
    if not df > 0:
        raise ModelError(f"student_t '{name}': df must be positive, found {df!r}.")
    u, v = Draws(f"{name}.radius", "uniform", within)(), Draws(f"{name}.angle", "uniform", within)()
    centre = _scalar("student_t", name, "centre", centre)
    scale = _size("student_t", name, "scale", scale)
    return _named(name, centre + scale * pt.sqrt(df * (u ** (-2.0 / df) - 1.0)) * antisymmetric(pt.cos(2 * np.pi * v)))


@checked(ModelError)
def correlated(
    means: Mapping[str, Expression], prefix: str = "chol", start: float = 0.1, within: bool = False
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    r"""Normal coefficients with a full covariance matrix.

    .. math:: \beta = m + C z, \quad \operatorname{Cov}(\beta) = C C^\top

    Args:
        means: Name of a coefficient -> its mean.
        prefix: The elements of the lower triangle C become parameters ``prefix_row_column`` by names.
        start: Start value of the diagonal of C; the others start at 0.
        within: Whether they are drawn anew in every choice situation.

    Returns:
        Name -> coefficient, and name of an implied variance, covariance or correlation -> its expression, for
        ``results.delta``.

    Examples:
        >>> b, implied = correlated({"time": Beta("m_time"), "cost": Beta("m_cost")})
        >>> b["cost"].type.ndim  # m_cost + chol_cost_time z_time + chol_cost_cost z_cost
        3
        >>> list(implied)
        ['var(time)', 'cov(cost, time)', 'var(cost)', 'corr(cost, time)']
    """
    names: Sequence[str] = list(means)
    unnamed = [name for name in names if not isinstance(name, str)]
    if unnamed:
        raise ModelError(f"correlated: means maps names, which are text, to means, found the name {unnamed[0]!r}.")
    for name in names:
        _scalar("correlated", name, "mean", means[name])
    in_range("correlated", "start", start, "(-inf, inf)", error=ModelError)
    z = {name: Draws(f"{prefix}.{name}", within=within)() for name in names}
    C = {
        (i, k): Beta(f"{prefix}_{names[i]}_{names[k]}", start if i == k else 0.0)
        for i in range(len(names))
        for k in range(i + 1)
    }
    coefficients = {}
    for i, name in enumerate(names):
        deviation = sum((C[i, k] * z[names[k]] for k in range(i + 1)), start=pt.as_tensor_variable(0.0))
        coefficients[name] = _named(name, means[name] + deviation)

    def covariance(i: int, j: int) -> Variable:
        return sum((C[i, k] * C[j, k]() for k in range(min(i, j) + 1)), start=pt.as_tensor_variable(0.0))

    implied = {
        f"var({names[i]})" if i == j else f"cov({names[i]}, {names[j]})": covariance(i, j)
        for i in range(len(names))
        for j in range(i + 1)
    }
    implied |= {
        f"corr({names[i]}, {names[j]})": covariance(i, j) / pt.sqrt(covariance(i, i) * covariance(j, j))
        for i in range(len(names))
        for j in range(i)
    }
    return coefficients, implied


def _share_below(x: Variable) -> Variable:
    """Phi(x)."""
    return 0.5 * pt.erfc(-x / np.sqrt(2.0))


def _scalar(kind: str, name: str, what: str, given: Expression) -> Expression:
    """A number, a parameter or an expression of them and of columns; no array."""
    try:
        symbol = pt.as_tensor_variable(given)
    except (TypeError, NotImplementedError):
        symbol = None
    if symbol is None or symbol.ndim not in (0, 3, 4) or isinstance(given, list | tuple):
        raise ModelError(f"{kind} '{name}': {what} must be a number or an expression of parameters, found {given!r}.")
    return given


def _size(kind: str, name: str, what: str, given: Expression) -> Expression:
    """A deviation whose size alone means something. An estimated one passes 0 on its way; others are not negative."""
    _scalar(kind, name, what, given)
    if not isinstance(given, Parameter) or given.status:
        own = pt.as_tensor_variable(given)
        if isinstance(given, Parameter) or isinstance(own, Constant):
            advice = "Its sign means nothing: write its size."
            Domain(f"{kind} '{name}': {what}", given, "[0, inf)", advice).check()
    return given


def _named(name: str, coefficient: Variable, *domains: Domain) -> Variable:
    """The coefficient, which knows its name, for tables of individuals' tastes, and domains of what it is made of."""
    coefficient.tag.coefficient = name
    return with_domains(coefficient, domains)
