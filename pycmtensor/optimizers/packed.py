"""Parameters as an optimizer sees them: one shared variable each, or many scalars packed in one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import OptimizerError
from pycmtensor.expressions import Parameter, bounds_of
from pycmtensor.host.escaping import printed

__all__ = ["Packed", "Param"]


class Packed:
    """The free parameters of a model in one shared vector theta (K,).

    An optimizer moves the vector as it would move the parameters one by one: bounds, learning-rate factors and
    weight decay keep their meaning element by element. Fixed parameters (``status == 1``) are left out.

    Args:
        params: Parameters; each value is raveled in C order, one after the other.
        name: Name of the vector.

    Attributes:
        parts: For each parameter, itself and its slice of theta.
        lb: Lower bounds (K,), -inf where there is none.
        ub: Upper bounds (K,), inf where there is none.

    Raises:
        OptimizerError: Nothing is free, a parameter is listed twice, or the types of the values differ.

    Examples:
        >>> from pycmtensor.expressions import Beta, Weight
        >>> packed = Packed([Beta("b", 0.5, ub=1.0), Weight("w", 2, value=[3.0, 4.0])])
        >>> packed.get_value()
        array([0.5, 3. , 4. ])
        >>> packed.labels(), packed.ub
        (['b', 'w[0]', 'w[1]'], array([ 1., inf, inf]))
        >>> packed().set_value(packed.get_value() / 2)
        >>> packed.store()
        >>> [param.get_value().tolist() for param, _ in packed.parts]
        [0.25, [1.5, 2.0]]
    """

    status = 0

    def __init__(self, params: Sequence[Parameter], name: str = "theta") -> None:
        strangers = [param for param in params if not isinstance(param, Parameter)]
        if strangers:
            raise OptimizerError(f"{name}: only a Beta, Weight or Bias can be packed, found {strangers[0]!r}.")
        free = [param for param in params if param.status == 0]
        if not free:
            raise OptimizerError(f"{name}: no parameter is free; give at least one with status=0, found {params!r}.")
        if len(set(free)) != len(free):
            raise OptimizerError(f"{name}: a parameter is packed twice in {', '.join(p.name for p in free)}.")
        types = {param.get_value().dtype for param in free}
        if len(types) > 1:
            raise OptimizerError(
                f"{name}: the parameters have the types {', '.join(sorted(map(str, types)))}; pack one type at a time."
            )
        self.name = name
        ends = np.cumsum([param.size for param in free]).tolist()
        self.parts = [(p, slice(end - p.size, end)) for p, end in zip(free, ends, strict=True)]
        self.lb, self.ub = bounds_of(free)
        self._shared = pytensor.shared(self._collected(), name=name, shape=(ends[-1],))

    def __call__(self) -> SharedVariable:
        """The shared vector theta (K,)."""
        return self._shared

    @property
    def size(self) -> int:
        """K, how many numbers theta holds.

        Examples:
            >>> from pycmtensor.expressions import Beta, Weight
            >>> Packed([Beta("a"), Weight("w", (2, 3))]).size
            7
        """
        return int(self.lb.size)

    def get_value(self) -> NDArray[np.floating]:
        """A copy of theta (K,).

        Returns:
            Numbers (K,).

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> Packed([Beta("a", 1.0), Beta("b", 2.0)]).get_value()
            array([1., 2.])
        """
        return np.array(self._shared.get_value())

    def labels(self) -> list[str]:
        """One name per element of theta.

        Returns:
            K names.

        Examples:
            >>> from pycmtensor.expressions import Beta, Weight
            >>> Packed([Beta("a"), Weight("w", 2, value=[0.0, 1.0])]).labels()
            ['a', 'w[0]', 'w[1]']
        """
        return [label for param, _ in self.parts for label in param.labels()]

    def load(self) -> None:
        """Set theta from the values of the parameters.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> a = Beta("a", 1.0)
            >>> packed = Packed([a])
            >>> a.set_value(3.0)
            >>> packed.load()
            >>> packed.get_value()
            array([3.])
        """
        self._shared.set_value(self._collected())

    def store(self) -> None:
        """Set the values of the parameters from theta.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> a = Beta("a", 1.0)
            >>> packed = Packed([a])
            >>> packed().set_value([3.0])
            >>> packed.store()
            >>> float(a.get_value())
            3.0
        """
        theta = self.get_value()
        for param, part in self.parts:
            param.set_value(theta[part].reshape(param.shape))

    def _collected(self) -> NDArray[np.floating]:
        return np.concatenate([param.get_value().ravel() for param, _ in self.parts])

    @printed
    def __repr__(self) -> str:
        return f"Packed({self.name}: {', '.join(param.name for param, _ in self.parts)})"


Param: TypeAlias = Parameter | Packed | SharedVariable


@dataclass(frozen=True, eq=False)
class Slot:
    """A free entry of an optimizer's ``params``: its shared variable, bounds, and the state of the rule."""

    name: str
    param: Param
    shared: SharedVariable
    state: dict[str, SharedVariable] = field(default_factory=dict)

    @property
    def parts(self) -> list[tuple[Param, slice]]:
        """The parameters in it, each with its elements; itself unless it is `Packed`."""
        return [*self.param.parts] if isinstance(self.param, Packed) else [(self.param, slice(None))]

    @property
    def names(self) -> list[str]:
        """The names of the parameters in it."""
        return [part.name for part, _ in self.param.parts] if isinstance(self.param, Packed) else [self.name]

    def labels(self) -> list[str]:
        """One name per element."""
        if isinstance(self.param, (Parameter, Packed)):
            return self.param.labels()
        shape = self.shared.get_value(borrow=True).shape
        return [f"{self.name}{list(index)}" if shape else self.name for index in np.ndindex(*shape)]

    def per_element(self, value_of: Callable[[str, Param], float]) -> NDArray[np.floating]:
        """A number per parameter as an array to multiply with: () for one parameter, (K,) when packed."""
        values = [value_of(name, part) for name, (part, _) in zip(self.names, self.parts, strict=True)]
        if not isinstance(self.param, Packed):
            return np.asarray(values[0], dtype=self.shared.dtype)
        return np.repeat(np.asarray(values), [part.size for part, _ in self.param.parts]).astype(self.shared.dtype)

    def by_parameter(self, values: NDArray[np.floating]) -> dict[str, NDArray[np.floating]]:
        """Values of this entry's shape as an array per parameter in it, by name."""
        if isinstance(self.param, Packed):
            return {part.name: values[where].reshape(part.shape) for part, where in self.param.parts}
        return {self.name: values}

    def project(self, value: Variable) -> Variable:
        """The nearest value within the bounds."""
        lb, ub = getattr(self.param, "lb", None), getattr(self.param, "ub", None)
        if lb is not None and np.any(lb > -np.inf):
            value = pt.maximum(value, np.asarray(lb, dtype=self.shared.dtype))
        if ub is not None and np.any(ub < np.inf):
            value = pt.minimum(value, np.asarray(ub, dtype=self.shared.dtype))
        return value

    def matched(self, gradient: Variable) -> Variable:
        """The gradient, or an error when its shape is another than the parameter's."""
        g, own = pt.as_tensor(gradient), self.shared.type.shape
        if g.ndim != len(own) or any(None not in (a, b) and a != b for a, b in zip(g.type.shape, own, strict=True)):
            raise OptimizerError(
                f"The gradient of {self.name} must have the shape {own}, found {g.type.shape}. "
                "Give one gradient per parameter, in the order of params."
            )
        return g

    def like(self, suffix: str, fill: float = 0.0, dtype: str | None = None) -> SharedVariable:
        """A new shared variable of the parameter's shape, named 'parameter.suffix'."""
        shape = self.shared.get_value(borrow=True).shape
        start = np.full(shape, fill, dtype or self.shared.dtype)
        return pytensor.shared(start, name=f"{self.name}.{suffix}", shape=self.shared.type.shape)


def shared_of(param: object) -> SharedVariable | None:
    """The shared variable of a parameter, or None when it is none of a floating type."""
    shared = param() if isinstance(param, (Parameter, Packed)) else param
    if isinstance(shared, SharedVariable) and np.dtype(getattr(shared, "dtype", int)).kind == "f":
        return shared
    return None


def make_slots(name: str, params: Sequence[Param]) -> dict[SharedVariable, Slot]:
    """The free entries of ``params`` by shared variable, without state; ``name`` is the optimizer's."""
    if isinstance(params, (Parameter, Packed, Variable)) or not params:
        raise OptimizerError(f"{name}: params must be a list of at least one parameter, found {params!r}.")
    slots: dict[SharedVariable, Slot] = {}
    names: set[str] = set()
    for i, param in enumerate(params):
        shared = shared_of(param)
        if shared is None:
            raise OptimizerError(
                f"{name}: params[{i}] must be a Beta, a Weight or a PyTensor shared variable of a "
                f"floating type, found {param!r}."
            )
        if getattr(param, "status", 0) == 1:
            continue
        slot = Slot(shared.name or f"params[{i}]", param, shared)
        if shared in slots or not names.isdisjoint(slot.names):
            raise OptimizerError(
                f"{name}: parameter '{slot.name}' is in params twice; list it once, under a name of its own."
            )
        names.update(slot.names)
        slots[shared] = slot
    return slots
