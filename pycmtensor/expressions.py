"""Parameters: small records that hold a PyTensor shared variable and mix with every PyTensor operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np
import pytensor
from numpy.typing import ArrayLike, NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.exceptions import ModelError, checked_class, seed_of
from pycmtensor.host.escaping import printed
from pycmtensor.terms.arithmetic import Arithmetic
from pycmtensor.terms.draws import Draws

__all__ = [
    "Beta",
    "Bias",
    "Draws",
    "Parameter",
    "TensorVariable",
    "Weight",
    "Weights",
    "bounds_of",
    "networks_in",
    "parameters_of",
]

_created = count()


@checked_class(ModelError)
class Parameter(Arithmetic):
    """A named unknown of a model: a PyTensor shared variable with bounds and a status.

    Calling a parameter without arguments gives the shared variable. Parameters mix with numbers, NumPy arrays
    and PyTensor variables on both sides of an operator, and every PyTensor function accepts them.

    Args:
        name: The name in tables and messages.
        value: Start value; its shape is the parameter's shape. A NumPy array of a floating type keeps its type,
            anything else becomes ``pytensor.config.floatX``.
        lb: Lower bound, or None.
        ub: Upper bound, or None.
        status: 0 when the parameter is estimated, 1 when it stays fixed at ``value``.

    Raises:
        ModelError: The name is empty, a value is not finite, ``lb > ub``, the value lies outside the bounds, or
            the status is neither 0 nor 1.

    Examples:
        >>> import numpy as np
        >>> w = Parameter("w", np.zeros(3), lb=0.0)
        >>> w.shape, w.labels()
        ((3,), ['w[0]', 'w[1]', 'w[2]'])
    """

    def __init__(
        self,
        name: str,
        value: ArrayLike,
        lb: float | None = None,
        ub: float | None = None,
        status: int = 0,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(
                f"A parameter needs a name that is a text of at least one letter, found {name!r}. "
                "Write for example Beta('b_time')."
            )
        self.name = name
        self.status = status
        self.lb, self.ub = _bound(name, "lb", lb), _bound(name, "ub", ub)
        if self.lb is not None and self.ub is not None and self.lb > self.ub:
            raise ModelError(
                f"Parameter '{name}': the lower bound {self.lb:g} is above the upper bound {self.ub:g}. "
                "Swap them, or use status=1 to fix the parameter."
            )
        start = self._checked(value)
        self._shared = pytensor.shared(start, name=name, shape=start.shape)
        self._shared.tag.parameter = self
        self._start = start
        self.order = next(_created)

    def __call__(self) -> Variable:
        """The PyTensor shared variable."""
        return self._shared

    @property
    def status(self) -> int:
        """0 when the parameter is estimated, 1 when it stays fixed at its value."""
        return self._status

    @status.setter
    def status(self, status: int) -> None:
        if isinstance(status, bool) or status not in (0, 1):
            raise ModelError(
                f"Parameter '{self.name}': status is 0 (estimated) or 1 (fixed at its value), found {status!r}."
            )
        self._status = int(status)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value, () for a Beta."""
        return self._start.shape

    @property
    def size(self) -> int:
        """Number of elements of the parameter."""
        return self._start.size

    def get_value(self) -> NDArray[np.floating]:
        """A copy of the current value."""
        return np.array(self._shared.get_value())

    def set_value(self, value: ArrayLike) -> None:
        """Replace the current value; the shape stays, and the value must lie within the bounds."""
        self._shared.set_value(self._checked(value, self._start.shape, self._start.dtype))

    def reset_value(self) -> None:
        """Go back to the value given at construction."""
        self._shared.set_value(self._start.copy())

    def labels(self) -> list[str]:
        """One name per number: 'b' for a scalar, 'w[0, 1]' for an element of an array."""
        if self.shape == ():
            return [self.name]
        return [f"{self.name}[{', '.join(map(str, index))}]" for index in np.ndindex(*self.shape)]

    def _checked(
        self, value: ArrayLike, shape: tuple[int, ...] | None = None, dtype: Any = None
    ) -> NDArray[np.floating]:
        given = _numbers(self.name, value)
        if dtype is None:
            keeps = isinstance(value, np.ndarray) and given.dtype.kind == "f"
            dtype = given.dtype if keeps else pytensor.config.floatX
        array = np.array(given, dtype=dtype)
        if shape is not None and array.shape != shape:
            raise ModelError(
                f"Parameter '{self.name}' has the shape {shape}, the new value has the shape {array.shape}."
            )
        if not np.all(np.isfinite(array)):
            raise ModelError(f"Parameter '{self.name}': the value must be finite, found {value!r}.")
        lb = -np.inf if self.lb is None else self.lb
        ub = np.inf if self.ub is None else self.ub
        if np.any((array < lb) | (array > ub)):
            raise ModelError(
                f"Parameter '{self.name}': the value {value!r} lies outside its bounds "
                f"[{lb:g}, {ub:g}]. Choose a value within them, or widen the bounds."
            )
        return array

    @printed
    def __repr__(self) -> str:
        bounds = "".join(f", {k}={v:g}" for k, v in (("lb", self.lb), ("ub", self.ub)) if v is not None)
        value = f"{self.get_value():g}" if self.shape == () else f"shape={self.shape}"
        return f"{type(self).__name__}('{self.name}', {value}{bounds}{', fixed' if self.status else ''})"


#: The base of `Beta`, `Weight` and `Bias`, by the name that the documentation of optimizers has for their parameters.
TensorVariable = Parameter


@checked_class(ModelError)
class Beta(Parameter):
    """A scalar coefficient of a utility function.

    Args:
        name: The name in tables and messages.
        value: Start value.
        lb: Lower bound, or None.
        ub: Upper bound, or None.
        status: 0 when estimated, 1 when fixed at ``value``.

    Raises:
        ModelError: As `Parameter`; also when the value is not a single number.

    Examples:
        >>> b_cost = Beta("b_cost", -0.5, ub=0.0)
        >>> b_cost
        Beta('b_cost', -0.5, ub=0)
        >>> utility = 2 * b_cost + 1
        >>> float(utility.eval())
        0.0
    """

    def __init__(
        self,
        name: str,
        value: float = 0.0,
        lb: float | None = None,
        ub: float | None = None,
        status: int = 0,
    ) -> None:
        shape = _numbers(name, value).shape
        if shape:
            raise ModelError(
                f"Beta '{name}' is a single number, found a value of shape {shape}. Use Weight for arrays."
            )
        super().__init__(name, value, lb, ub, status)


Initialiser = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.floating]]


def _fans(size: tuple[int, ...]) -> tuple[int, int]:
    """Inputs and outputs of a layer whose weights have this shape: (.., inputs, outputs)."""
    inputs = size[-2] if len(size) > 1 else size[0]
    return inputs, size[-1]


def _identity(rng: np.random.Generator, size: tuple[int, ...]) -> NDArray[np.floating]:
    if len(size) != 2:
        raise ModelError(f"init_type='identity' needs a matrix, found size={size}.")
    return np.eye(*size)


#: Start values of a `Weight`. He et al. (2015), arXiv:1502.01852; Glorot & Bengio (2010), PMLR 9:249-256.
INITIALISERS: dict[str, Initialiser] = {
    "zeros": lambda rng, size: np.zeros(size),
    "identity": _identity,
    "he_normal": lambda rng, size: rng.normal(0, np.sqrt(2 / _fans(size)[0]), size),
    "he_uniform": lambda rng, size: rng.uniform(-1, 1, size) * np.sqrt(6 / _fans(size)[0]),
    "glorot_normal": lambda rng, size: rng.normal(0, np.sqrt(2 / sum(_fans(size))), size),
    "glorot_uniform": lambda rng, size: rng.uniform(-1, 1, size) * np.sqrt(6 / sum(_fans(size))),
}


@checked_class(ModelError)
class Weight(Parameter):
    """An array of coefficients of a network.

    A name with a dot says of which network: those of 'tastes.weight1' and 'tastes.bias1' are told of together, and
    second derivatives are not taken with respect to them after a stochastic method; see `networks_in`.

    Args:
        name: The name in tables and messages.
        size: Shape, (inputs, outputs) for a dense layer.
        value: Start values of that shape; None draws them.
        init_type: How start values are drawn: one of ``INITIALISERS``.
        seed: Seed of the draw; the same seed gives the same weights.

    Raises:
        ModelError: As `Parameter`; also an unknown ``init_type`` or a value of another shape than ``size``.

    Examples:
        >>> w = Weight("w", (2, 3), init_type="he_normal", seed=1)
        >>> w.get_value().shape
        (2, 3)
    """

    def __init__(
        self,
        name: str,
        size: tuple[int, ...] | int,
        value: ArrayLike | None = None,
        init_type: str = "glorot_uniform",
        seed: int | None = None,
    ) -> None:
        shape = (size,) if isinstance(size, int) else tuple(size)
        if not shape or any(not isinstance(n, (int, np.integer)) or n < 1 for n in shape):
            raise ModelError(f"Weight '{name}': size must hold whole numbers of at least 1, found {size!r}.")
        if value is None:
            if init_type not in INITIALISERS:
                raise ModelError(
                    f"Weight '{name}': init_type must be one of {', '.join(INITIALISERS)}; found {init_type!r}."
                )
            known = None if seed is None else seed_of(f"Weight '{name}'", seed, ModelError)
            value = INITIALISERS[init_type](np.random.default_rng(known), shape).astype(pytensor.config.floatX)
        elif _numbers(name, value).shape != shape:
            raise ModelError(f"Weight '{name}': size={shape} was asked, the value has the shape {np.shape(value)}.")
        super().__init__(name, value)


Weights = Weight


@checked_class(ModelError)
class Bias(Weight):
    """An array of constants of a network, zero at the start.

    Args:
        name: The name in tables and messages.
        size: Shape, usually the number of outputs of a layer.
        value: Start values of that shape; None for zeros.

    Examples:
        >>> Bias("b", 3).get_value()
        array([0., 0., 0.])
    """

    def __init__(self, name: str, size: tuple[int, ...] | int, value: ArrayLike | None = None) -> None:
        super().__init__(name, size, value, init_type="zeros")


def networks_in(labels: Sequence[str]) -> dict[str, NDArray[np.integer]]:
    """Name of each network -> positions of its weights among the names of parameters.

    A weight of a network is an element of an array whose name begins with the network's and a dot.

    Args:
        labels: Names of parameters, as ``results.params.index`` has them.

    Returns:
        Name of a network -> positions.

    Examples:
        >>> networks_in(["b_time", "tastes.weight1[0, 0]", "asc[0]", "tastes.bias1[0]"])
        {'tastes': array([1, 3])}
    """
    found: dict[str, list[int]] = {}
    for k, label in enumerate(labels):
        network, dot, _ = label.partition("[")[0].partition(".")
        if dot and label.endswith("]"):
            found.setdefault(network, []).append(k)
    return {network: np.array(places) for network, places in found.items()}


def bounds_of(parameters: Sequence[Parameter]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Lower and upper bounds of all numbers that parameters hold, each (K,), infinite where there is none.

    Args:
        parameters: Parameters of any kind.

    Returns:
        Lower bounds (K,) and upper bounds (K,).

    Examples:
        >>> bounds_of([Beta("b", -1.0, ub=0.0), Weight("w", (2,))])
        (array([-inf, -inf, -inf]), array([ 0., inf, inf]))
    """
    sizes = [p.size for p in parameters]
    lb = np.repeat([-np.inf if p.lb is None else p.lb for p in parameters], sizes)
    return lb, np.repeat([np.inf if p.ub is None else p.ub for p in parameters], sizes)


def _numbers(name: str, value: ArrayLike) -> NDArray[Any]:
    """The value of a parameter as an array of real numbers."""
    try:
        given = np.asarray(value)
    except ValueError:  # rows of different lengths
        given = np.empty(0, object)
    if given.dtype.kind not in "fiu":
        raise ModelError(f"Parameter '{name}': the value must be a number, found {value!r}.")
    return given


def _bound(name: str, which: str, bound: float | None) -> float | None:
    if bound is None:
        return None
    if isinstance(bound, bool) or not isinstance(bound, (int, float, np.integer, np.floating)) or np.isnan(bound):
        raise ModelError(f"Parameter '{name}': {which} must be a number or None, found {bound!r}.")
    return None if np.isinf(bound) and (bound < 0) == (which == "lb") else float(bound)


def parameters_of(graph: Variable | Iterable[Variable]) -> list[Parameter]:
    """The parameters that an expression depends on, in the order in which they were created.

    Args:
        graph: A symbolic expression, or several.

    Returns:
        The parameters, each once.

    Raises:
        ModelError: Two different parameters have one name.

    Examples:
        >>> a, b = Beta("a"), Beta("b")
        >>> parameters_of(b() + 2 * a)
        [Beta('a', 0), Beta('b', 0)]
    """
    outputs = [graph] if isinstance(graph, Variable) else list(graph)
    found = {variable.tag.parameter for variable in graph_inputs(outputs) if hasattr(variable.tag, "parameter")}
    parameters = sorted(found, key=lambda parameter: parameter.order)
    names = [parameter.name for parameter in parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(
            f"{len(twice)} name(s) belong to more than one parameter: {', '.join(twice)}. "
            "Create each parameter once and use that object in every utility."
        )
    return parameters
