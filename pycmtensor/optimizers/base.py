"""What all optimizers share: parameters, gradients, state, bounds and the list of updates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.scalar.basic import autocast_float_as

from pycmtensor.exceptions import OptimizerError, UnusedParameterWarning
from pycmtensor.expressions import Parameter

__all__ = ["Optimizer", "ratio"]

Updates = list[tuple[SharedVariable, Variable]]


def ratio(numerator: Variable, denominator: Variable) -> Variable:
    """numerator / denominator, element by element, and 0 where both are 0.

    The denominators of the rules are at least as large as a fraction of the numerator, so a denominator of 0
    means that the gradient was 0 (or too small for its square to be held) in every step so far.
    """
    zero = pt.eq(denominator, 0)
    return pt.switch(zero, 0, numerator / pt.switch(zero, 1, denominator))


@dataclass(frozen=True)
class _Slot:
    """A parameter as the optimizer sees it, with its state."""

    name: str
    shared: SharedVariable
    lb: float | NDArray[np.floating] | None
    ub: float | NDArray[np.floating] | None
    state: dict[str, SharedVariable]

    def project(self, value: Variable) -> Variable:
        """The nearest value within the bounds."""
        if self.lb is not None:
            value = pt.maximum(value, np.asarray(self.lb, dtype=self.shared.dtype))
        if self.ub is not None:
            value = pt.minimum(value, np.asarray(self.ub, dtype=self.shared.dtype))
        return value


class Optimizer:
    """Base class: an optimizer is the names of its state and one equation.

    A subclass lists its state in ``slots`` (one array per parameter and name, of the parameter's shape and type),
    sets ``counts_steps`` when its equation holds the number t of the step, and writes `step`. The base does the
    rest: ``p_t = project(p - lr * step)``.

    Args:
        params: Parameters (`Beta`, `Weight`, ...) or plain PyTensor shared variables. One with ``status == 1`` is
            fixed: it has no state and is never updated.
        name: Prefix of the state's names.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        m: Momentum, in [0, 1).
        rho: Decay of the mean of squares, in [0, 1).
        epsilon: Added to denominators, at least 0.
        eps_in_sqrt: Denominators are ``sqrt(a + epsilon)`` instead of ``sqrt(a) + epsilon``, as in optax's
            ``rmsprop`` and ``adagrad``.
        initial_accumulator: Start of the accumulator of AdaGrad and RMSProp, at least 0.

    Raises:
        OptimizerError: A hyper-parameter is outside its range, or ``params`` is empty, holds one twice, or holds
            something that is neither a parameter nor a shared variable of a floating type.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    counts_steps: ClassVar[bool] = False
    initial: ClassVar[Mapping[str, str]] = {}  #: state -> the option that holds its start value, 0 without one

    def __init__(
        self,
        params: Sequence[Parameter | SharedVariable],
        name: str,
        b1: float = 0.0,
        b2: float = 0.0,
        m: float = 0.0,
        rho: float = 0.0,
        epsilon: float = 1e-08,
        *,
        eps_in_sqrt: bool = False,
        initial_accumulator: float = 0.0,
    ) -> None:
        self.name = name
        self.b1, self.b2 = self._fraction("b1", b1), self._fraction("b2", b2)
        self.m, self.rho = self._fraction("m", m), self._fraction("rho", rho)
        self.epsilon = self._at_least_0("epsilon", epsilon)
        self.initial_accumulator = self._at_least_0("initial_accumulator", initial_accumulator)
        self.eps_in_sqrt = bool(eps_in_sqrt)
        self._slots = self._make_slots(params)
        self.t = pytensor.shared(np.int64(0), name=f"{name}.t")

    # ---- what a subclass writes -------------------------------------------------------------------------------

    def step(self, g: Variable, t: Variable, *state: Variable) -> tuple[Variable, tuple[Variable, ...]]:
        """The rule: what to subtract from the parameter, before the learning rate, and the new state.

        Args:
            g: Gradient of the cost, of the parameter's shape.
            t: Number of the step, from 1, in the parameter's type.
            state: One array per name in ``slots``.

        Returns:
            The step, and the new state in the order of ``slots``.
        """
        raise OptimizerError(f"{type(self).__name__} has no rule. Use Adam, SGD, ... or write `step` in a subclass.")

    def root(self, a: Variable) -> Variable:
        """The denominator: sqrt(a) + epsilon, or sqrt(a + epsilon) with ``eps_in_sqrt``."""
        return pt.sqrt(a + self.epsilon) if self.eps_in_sqrt else pt.sqrt(a) + self.epsilon

    # ---- what everybody calls ---------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, SharedVariable]:
        """The state by name: 'b_time.m', ..., and 'Adam.t' for rules that count their steps."""
        state = {s.name: s for slot in self._slots.values() for s in slot.state.values()}
        return {**state, self.t.name: self.t} if self.counts_steps else state

    def update(
        self,
        cost: Variable,
        params: Sequence[Parameter | SharedVariable],
        lr: float | Variable = 0.001,
    ) -> Updates:
        """One step of the rule as symbolic updates.

        Args:
            cost: The scalar expression to minimise.
            params: The parameters given at construction, in the order that the updates shall have.
            lr: Learning rate: a number of at least 0, a shared variable, or any symbolic scalar.

        Returns:
            Pairs (shared variable, its new expression): for each parameter itself and its state, then (t, t + 1)
            for rules that count their steps. Ready for ``pytensor.function(..., updates=...)``.

        Raises:
            OptimizerError: ``cost`` or ``lr`` is not a scalar, ``lr`` is negative, or ``params`` are not those
                given at construction.

        Warns:
            UnusedParameterWarning: The cost does not depend on a parameter; it gets no update.
        """
        cost = self._scalar(cost)
        rate = self._rate(lr)
        slots = self._chosen(params)
        gradients = pytensor.grad(
            cost,
            [slot.shared for slot in slots],
            disconnected_inputs="ignore",
            return_disconnected="none",
        )
        unused = [slot.name for slot, g in zip(slots, gradients, strict=True) if g is None]
        if unused:
            warnings.warn(
                f"The cost does not depend on {', '.join(unused)}, which {self.name} leaves unchanged. "
                "Use it in the cost or drop it from params.",
                UnusedParameterWarning,
                stacklevel=2,
            )
        t_new = self.t + 1
        updates: Updates = []
        for slot, g in zip(slots, gradients, strict=True):
            if g is not None:
                new, state = self.moved(slot.shared, g, rate, t_new, tuple(slot.state.values()))
                updates.append((slot.shared, slot.project(new)))
                updates.extend(zip(slot.state.values(), state, strict=True))
        if self.counts_steps:
            updates.append((self.t, t_new))
        return updates

    def moved(
        self, p: Variable, g: Variable, lr: float | Variable, t: Variable, state: Sequence[Variable]
    ) -> tuple[Variable, tuple[Variable, ...]]:
        """p - lr * step and the new state, before bounds, all in the type of ``p``."""
        with autocast_float_as(p.dtype):  # a Python float takes the parameter's type
            step, new_state = self.step(g, pt.cast(t, p.dtype), *state)
            new = p - pt.cast(lr, p.dtype) * step
        return pt.cast(new, p.dtype), tuple(pt.cast(s, p.dtype) for s in new_state)

    def start(self, slot: str) -> float:
        """The value that fills the array ``slot`` of the state before the first step."""
        return float(getattr(self, self.initial[slot])) if slot in self.initial else 0.0

    # ---- checks -----------------------------------------------------------------------------------------------

    def _fraction(self, name: str, value: float) -> float:
        if not _is_number(value) or not 0 <= value < 1:
            raise OptimizerError(
                f"{self.name}: {name} must be a number in [0, 1), found {value!r}. Usual values: 0.9 to 0.999."
            )
        return float(value)

    def _at_least_0(self, name: str, value: float) -> float:
        if not _is_number(value) or not 0 <= value < np.inf:
            raise OptimizerError(f"{self.name}: {name} must be a finite number of at least 0, found {value!r}.")
        return float(value)

    def _make_slots(self, params: Sequence[Parameter | SharedVariable]) -> dict[SharedVariable, _Slot]:
        if isinstance(params, (Parameter, Variable)) or not params:
            raise OptimizerError(f"{self.name}: params must be a list of at least one parameter, found {params!r}.")
        slots: dict[SharedVariable, _Slot] = {}
        for i, param in enumerate(params):
            shared = _shared(param)
            if shared is None:
                raise OptimizerError(
                    f"{self.name}: params[{i}] must be a Beta, a Weight or a PyTensor shared variable of a "
                    f"floating type, found {param!r}."
                )
            if getattr(param, "status", 0) == 1:
                continue
            if shared in slots:
                raise OptimizerError(f"{self.name}: parameter '{shared.name}' is in params twice; list it once.")
            name = shared.name or f"params[{i}]"
            value = shared.get_value(borrow=True)
            state = {
                s: pytensor.shared(
                    np.full(value.shape, self.start(s), value.dtype),
                    name=f"{name}.{s}",
                    shape=shared.type.shape,
                )
                for s in self.slots
            }
            lb, ub = getattr(param, "lb", None), getattr(param, "ub", None)
            slots[shared] = _Slot(name, shared, lb, ub, state)
        return slots

    def _scalar(self, cost: Variable) -> Variable:
        if not isinstance(cost, Variable) or getattr(cost, "ndim", None) != 0:
            found = getattr(cost, "type", None) or type(cost).__name__
            raise OptimizerError(
                f"{self.name}: cost must be a symbolic scalar, found {found}. Reduce it, for example with .sum()."
            )
        return cost

    def _rate(self, lr: float | Variable) -> float | Variable:
        if isinstance(lr, Variable):
            if getattr(lr, "ndim", None) != 0:
                raise OptimizerError(f"{self.name}: a symbolic lr must be a scalar, found {lr.type}.")
            return lr
        return self._at_least_0("lr", lr)

    def _chosen(self, params: Sequence[Parameter | SharedVariable]) -> list[_Slot]:
        if isinstance(params, (Parameter, Variable)):
            params = [params]
        free = [_shared(param) for param in params if getattr(param, "status", 0) != 1]
        strangers = [str(p) for p, s in zip(params, free, strict=False) if s not in self._slots]
        missing = [slot.name for shared, slot in self._slots.items() if shared not in free]
        if strangers or missing or len(set(free)) != len(free):
            raise OptimizerError(
                f"{self.name} was made for {', '.join(slot.name for slot in self._slots.values())}; update was "
                f"called with {', '.join(str(getattr(p, 'name', p)) for p in params)}. "
                "Call update with the parameters given at construction, each once."
            )
        return [self._slots[shared] for shared in free if shared is not None]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(slot.name for slot in self._slots.values())})"


def known_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that every optimizer takes; anything else is an error that lists them."""
    known = ("name", "epsilon", "eps_in_sqrt", "initial_accumulator")
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(
            f"{name} got an unexpected keyword {', '.join(map(repr, unknown))}; besides its own arguments it "
            f"takes {', '.join(known)}."
        )
    return {"name": name, **options}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _shared(param: object) -> SharedVariable | None:
    """The shared variable of a parameter, or None when it is none of a floating type."""
    shared = param() if isinstance(param, Parameter) else param
    if isinstance(shared, SharedVariable) and np.dtype(getattr(shared, "dtype", int)).kind == "f":
        return shared
    return None
