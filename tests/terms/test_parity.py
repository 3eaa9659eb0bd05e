"""Parameters whose size alone means something, against values of the expressions with mirrored draws."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor import Beta, coefficients
from pycmtensor.expressions import parameters_of
from pycmtensor.terms.draws import Draws, draws_of
from pycmtensor.terms.parity import deviations_in


def shared_draws() -> list[Variable]:
    z = Draws("z")()
    return [Beta("m") + Beta("s", 0.4) * z, Beta("other", 0.3) * z]


def one_size_of_two() -> list[Variable]:
    s = Beta("s", 0.4)
    return [Beta("a", 1.0) + s * Draws("x"), s * Draws("y")]


def mean_and_size() -> list[Variable]:
    m = Beta("m", 0.4)
    return [m + m * Draws("z")]


def nonlinear() -> list[Variable]:
    z = Draws("z")()
    return [pt.exp(Beta("s", 0.4) * z) + z]


def of(kind: str, *further: float, **options: Any) -> Callable[[], list[Variable]]:
    make = getattr(coefficients, kind)
    return lambda: [make("b", Beta("m", 0.3), Beta("s", 0.4), *further, **options)]


# What is made, and the parameters whose sign means nothing.
TABLE: dict[str, tuple[Callable[[], list[Variable]], set[str]]] = {
    "normal": (of("normal"), {"s"}),
    "lognormal": (of("lognormal", sign=-1), {"s"}),
    "uniform": (of("uniform"), {"s"}),
    "triangular": (of("triangular"), {"s"}),
    "truncated": (of("truncated_normal", lower=-1.0), {"s"}),
    "johnson": (of("johnson_sb"), {"s"}),
    "student": (of("student_t", df=5.0), {"s"}),
    "correlated": (
        lambda: list(coefficients.correlated({"x": Beta("mx"), "y": Beta("my")})[0].values()),
        {"chol_y_y"},
    ),
    "shared draws": (shared_draws, set()),
    "one size of two": (one_size_of_two, {"s"}),
    "mean and size": (mean_and_size, set()),
    "square": (lambda: [Beta("b", 0.4) ** 2 * Draws("z")], {"b"}),
    "nonlinear": (nonlinear, set()),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_sign_means_nothing_where_mirrored_draws_undo_it(case: str) -> None:
    make, expected = TABLE[case]
    expressions = make()
    found = {parameter.name for parameter in deviations_in(expressions, parameters_of(expressions))}
    assert found == expected


@pytest.mark.parametrize("case", TABLE)
def test_what_is_found_has_the_same_distribution_with_either_sign(case: str) -> None:
    """Sorted values at evenly spaced draws are those of the negative size: a distribution, whatever mirrors it."""
    make, expected = TABLE[case]
    expressions = make()
    rng = np.random.default_rng(0)
    grid = {}
    for draws in draws_of(expressions):
        z = np.sort(rng.normal(size=50)) if draws.distribution == "normal" else (np.arange(100) + 0.5) / 100
        grid[draws()] = np.concatenate([z, -z]) if draws.distribution == "normal" else z
    points = np.meshgrid(*grid.values(), indexing="ij")
    given = {symbol: z.reshape(1, 1, -1) for symbol, z in zip(grid, points, strict=True)}

    def values() -> NDArray[np.floating]:
        found = [np.ravel(e.eval(given, on_unused_input="ignore")) for e in expressions]
        return np.sort(found[0] + 0.7 * found[-1])

    parameters = parameters_of(expressions)
    for parameter in parameters:
        parameter.set_value(parameter.get_value() or 0.2)
    before = values()
    for parameter in parameters:
        own = parameter.get_value()
        parameter.set_value(-own)
        same = np.allclose(values(), before, rtol=1e-9, atol=1e-9)
        parameter.set_value(own)
        if parameter.name in expected:
            assert same
        else:
            assert not same
