"""Base class of optimizers: parameters, gradients, state, bounds and the list of updates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike, NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs
from pytensor.scalar.basic import autocast_float_as

from pycmtensor.exceptions import OptimizerError, UnusedParameterWarning, checked_class, in_range, whole
from pycmtensor.expressions import Parameter
from pycmtensor.host.escaping import printed
from pycmtensor.optimizers.options import (
    OPTIONS,
    Accumulator,
    Average,
    Gradients,
    Guard,
    Updates,
    by_name,
    clipped,
    decays,
)
from pycmtensor.optimizers.packed import Packed, Param, Slot, make_slots, shared_of
from pycmtensor.optimizers.state import restore, saved

__all__ = ["Optimizer", "Rate", "Updates", "ratio"]

#: A number, a symbolic scalar, or a schedule: number of steps taken -> rate.
Rate: TypeAlias = float | Variable | Callable[[Any], Any]


def ratio(numerator: Variable, denominator: Variable) -> Variable:
    """numerator / denominator, element by element, and 0 where the denominator is 0.

    The denominators of the rules are at least as large as a fraction of the numerator, so a denominator of 0
    means that the gradient was 0 (or too small for its square to be held) in every step so far.
    """
    zero = pt.eq(denominator, 0)
    return pt.switch(zero, 0, numerator / pt.switch(zero, 1, denominator))


@checked_class(OptimizerError)
class Optimizer:
    """Base class: an optimizer is the names of its state and one equation.

    A subclass lists its state in ``slots`` (one array per parameter and name, of the parameter's shape and type),
    sets ``counts_steps`` when its equation holds the number t of the step, and writes `step`. The base does the
    rest: ``p_t = project(p - lr * step)``. Options act in this order: guard, accumulation, clipping by value, clipping
    by norm, weight decay, the rule, bounds, averages.

    Args:
        params: Parameters (`Beta`, `Weight`, ...), `Packed` vectors of them, or plain PyTensor shared variables. One
            with ``status == 1`` is fixed: it has no state and is never updated.
        name: Prefix of the state's names.
        b1: Decay of the first moment, in [0, 1).
        b2: Decay of the second moment, in [0, 1).
        m: Momentum, in [0, 1).
        rho: Decay of the mean of squares, in [0, 1).
        epsilon: Added to denominators, at least 0.
        eps_in_sqrt: Denominators are ``sqrt(a + epsilon)`` instead of ``sqrt(a) + epsilon``, as in optax's
            ``rmsprop`` and ``adagrad``. Adam, its variants, RMSProp and AdaGrad take it.
        initial_accumulator: Start of the accumulator of AdaGrad and RMSProp, at least 0.
        clip_value: Gradients are clipped to [-clip_value, clip_value], element by element.
        clip_norm: Gradients are scaled so that their norm, over all parameters, is at most clip_norm.
        weight_decay: Adds ``weight_decay * p`` to the gradient after clipping (L2), as torch does; AdamW and Lion
            take it out of the parameter instead, ``p - lr * weight_decay * p``. A number is for every `Weight` that
            is not a `Bias`; a dict from names to numbers is for exactly those parameters.
        lr_factors: From names of parameters to factors of the learning rate, 1 for the others.
        average: ``"mean"``, or the decay in [0, 1) of an exponential average; read it with `averages`.
        accumulate: Number of calls whose mean gradient makes one step.
        guard: Calls with a cost or gradient that is not finite change nothing; `check` raises and says which.

    Raises:
        OptimizerError: A hyper-parameter is outside its range, or ``params`` is empty, holds one twice, or holds
            something that is neither a parameter nor a shared variable of a floating type.
        TypeError: A keyword is unknown, or belongs to another rule.

    Examples:
        A rule of one's own, descent by the sign of the gradient:

        >>> from pycmtensor.expressions import Beta
        >>> class SignDescent(Optimizer):
        ...     def step(self, g, t):
        ...         return pt.sign(g), ()
        >>> beta = Beta("beta", 1.0)
        >>> [(p, p_t)] = SignDescent([beta], "SignDescent").update(beta() ** 2, [beta], lr=0.25)
        >>> float(p_t.eval())
        0.75
    """

    slots: ClassVar[tuple[str, ...]] = ()
    counts_steps: ClassVar[bool] = False
    decoupled: ClassVar[bool] = False  #: weight decay acts on the parameter instead of the gradient
    options: ClassVar[tuple[str, ...]] = ()  #: options of the base that mean something to this rule only

    def __init__(
        self,
        params: Sequence[Param],
        name: str,
        b1: float = 0.0,
        b2: float = 0.0,
        m: float = 0.0,
        rho: float = 0.0,
        epsilon: float = 1e-08,
        *,
        eps_in_sqrt: bool = False,
        initial_accumulator: float = 0.0,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        weight_decay: float | Mapping[str, float] = 0.0,
        lr_factors: Mapping[str, float] | None = None,
        average: float | Literal["mean"] | None = None,
        accumulate: int = 1,
        guard: bool = False,
    ) -> None:
        self.name = name
        self.b1, self.b2 = in_range(name, "b1", b1, "[0, 1)"), in_range(name, "b2", b2, "[0, 1)")
        self.m = in_range(name, "m (momentum)", m, "[0, 1)")
        self.rho = in_range(name, "rho", rho, "[0, 1)")
        self.epsilon = in_range(name, "epsilon", epsilon, "[0, inf)")
        self.initial_accumulator = in_range(name, "initial_accumulator", initial_accumulator, "[0, inf)")
        self.eps_in_sqrt = bool(eps_in_sqrt)
        self.clip_value = None if clip_value is None else in_range(name, "clip_value", clip_value, "(0, inf)")
        self.clip_norm = None if clip_norm is None else in_range(name, "clip_norm", clip_norm, "(0, inf)")
        self._slots = make_slots(name, params)
        slots = list(self._slots.values())
        for slot in slots:
            slot.state.update({each: slot.like(each, self.start(each)) for each in self.slots})
        names = [each for slot in slots for each in slot.names]
        self.lr_factors = by_name(name, "lr_factors", lr_factors or {}, names)
        self.weight_decay = decays(name, weight_decay, slots)
        if average is not None and average != "mean":
            average = in_range(name, "average (unless 'mean')", average, "[0, 1)")
        self._average = None if average is None else Average(slots, average)
        k = whole(name, "accumulate", accumulate, least=1)
        self._accumulator = Accumulator(name, slots, k) if k > 1 else None
        self._guard = Guard(name, slots) if guard else None
        self.t = pytensor.shared(np.int64(0), name=f"{name}.t")

    def step(self, g: Variable, t: Variable, *state: Variable) -> tuple[Variable, tuple[Variable, ...]]:
        """The rule: what to subtract from the parameter, before the learning rate, and the new state.

        Args:
            g: Gradient of the cost, of the parameter's shape.
            t: Number of the step, from 1, in the parameter's type.
            state: One array per name in ``slots``.

        Returns:
            The step, and the new state in the order of ``slots``.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import SGD
            >>> float(SGD([Beta("beta")]).step(pt.as_tensor(2.0), pt.as_tensor(1.0))[0].eval())  # the gradient itself
            2.0
        """
        raise OptimizerError(f"{type(self).__name__} has no rule. Use Adam, SGD, ... or write `step` in a subclass.")

    def moved(
        self, p: Variable, g: Variable, lr: Variable, t: Variable, state: Sequence[Variable]
    ) -> tuple[Variable, tuple[Variable, ...]]:
        """p - lr * step and the new state; for rules whose step is not in proportion to the learning rate.

        Args:
            p: The parameter.
            g: Gradient of the cost, of the parameter's shape.
            lr: Learning rate.
            t: Number of the step, from 1.
            state: One array per name in ``slots``.

        Returns:
            The parameter after the step and before its bounds, and the new state.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import SGD
            >>> p, g, lr, t = (pt.as_tensor(value) for value in (1.0, 2.0, 0.25, 1.0))
            >>> float(SGD([Beta("beta")]).moved(p, g, lr, t, [])[0].eval())  # 1 - 0.25 * 2
            0.5
        """
        step, new_state = self.step(g, t, *state)
        return p - lr * step, new_state

    def start(self, slot: str) -> float:
        """The value that fills the array ``slot`` of the state before the first step.

        Args:
            slot: One of ``slots``.

        Returns:
            The value, 0 unless a rule says otherwise.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import AdaGrad
            >>> AdaGrad([Beta("beta")], initial_accumulator=0.1).start("a")
            0.1
        """
        return 0.0

    def root(self, a: Variable) -> Variable:
        """The denominator: sqrt(a) + epsilon, or sqrt(a + epsilon) with ``eps_in_sqrt``.

        Args:
            a: A mean of squares, at least 0.

        Returns:
            Its root, greater than 0 with an epsilon.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import RMSProp
            >>> round(float(RMSProp([Beta("beta")]).root(pt.as_tensor(4.0)).eval()), 6)
            2.0
        """
        return pt.sqrt(a + self.epsilon) if self.eps_in_sqrt else pt.sqrt(a) + self.epsilon

    def update(self, cost: Variable, params: Sequence[Param], lr: Rate = 0.001) -> Updates:
        """One step of the rule as symbolic updates.

        Args:
            cost: The scalar expression to minimise.
            params: The parameters given at construction, in the order that the updates shall have.
            lr: Learning rate: a number of at least 0, a shared variable, any symbolic scalar, or a schedule, which is
                called with the number of steps taken so far.

        Returns:
            Pairs (shared variable, its new expression): for each parameter itself and its state; then the state of
            the options, if any; then (t, t + 1) for rules, averages and learning rates that depend on t. Ready for
            ``pytensor.function(..., updates=...)``.

        Raises:
            OptimizerError: ``cost`` or ``lr`` is not a scalar, ``lr`` is negative, or ``params`` are not those
                given at construction.

        Warns:
            UnusedParameterWarning: The cost does not depend on a parameter; it gets no update.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import SGD
            >>> beta = Beta("beta", 1.0)
            >>> [(p, p_t)] = SGD([beta]).update(beta() ** 2, [beta], lr=0.25)
            >>> p is beta(), float(p_t.eval())
            (True, 0.5)
        """
        if not isinstance(cost, Variable) or getattr(cost, "ndim", None) != 0:
            found = getattr(cost, "type", None) or type(cost).__name__
            raise OptimizerError(
                f"{self.name}: cost must be a symbolic scalar, found {found}. Reduce it, for example with .sum()."
            )
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
                stacklevel=3,  # over `checked`
            )
        return self._updates([(s, g) for s, g in zip(slots, gradients, strict=True) if g is not None], lr, cost)

    def updates_from(
        self, gradients: Sequence[Variable], params: Sequence[Param], lr: Rate, cost: Variable | None = None
    ) -> Updates:
        """One step of the rule with gradients that are computed elsewhere.

        Args:
            gradients: One per entry of ``params``, of its shape; that of a fixed parameter is not used.
            params: The parameters given at construction, in the order that the updates shall have.
            lr: Learning rate, as in `update`.
            cost: The scalar cost, which ``guard`` watches with the gradients.

        Returns:
            The same pairs as `update`.

        Raises:
            OptimizerError: As `update`; also when a gradient is missing or has another shape than its parameter.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import SGD, Packed
            >>> packed = Packed([Beta("a", 1.0), Beta("b", 2.0, lb=1.5)])
            >>> g = pt.dvector("g")
            >>> [(theta, theta_t)] = SGD([packed]).updates_from([g], [packed], lr=0.5)
            >>> theta_t.eval({g: [1.0, 4.0]})
            array([0.5, 1.5])
        """
        slots = self._chosen(params)
        if len(gradients) != len(params):
            raise OptimizerError(
                f"{self.name}: {len(params)} parameters need as many gradients, found {len(gradients)}."
            )
        free = [g for param, g in zip(params, gradients, strict=True) if getattr(param, "status", 0) != 1]
        return self._updates([(s, s.matched(g)) for s, g in zip(slots, free, strict=True)], lr, cost)

    @property
    def state(self) -> dict[str, SharedVariable]:
        """The state by name: 'b_time.m', ..., that of the options, and the number of steps 'Adam.t'.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import RMSProp
            >>> list(RMSProp([Beta("beta")]).state)
            ['beta.a', 'RMSProp.t']
        """
        state = [shared for slot in self._slots.values() for shared in slot.state.values()]
        for option in (self._average, self._accumulator, self._guard):
            state += option.state if option else []
        return {shared.name: shared for shared in [*state, self.t]}

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """A copy of the state by name; the values of the parameters are not in it.

        Returns:
            Name -> array.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import RMSProp
            >>> RMSProp([Beta("beta")]).state_dict()
            {'beta.a': array(0.), 'RMSProp.t': array(0)}
        """
        return saved(self.state)

    def load_state_dict(self, values: Mapping[str, ArrayLike]) -> None:
        """Go back to a state that `state_dict` returned, bit for bit; raises as `restore` of `optimizers.state`.

        Args:
            values: Name -> array, all of those that `state_dict` returns.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import RMSProp
            >>> optimizer = RMSProp([Beta("beta")])
            >>> optimizer.load_state_dict(optimizer.state_dict() | {"beta.a": np.array(4.0)})
            >>> float(optimizer.state_dict()["beta.a"])
            4.0
        """
        restore(self.name, self.state, values)

    def averages(self) -> dict[str, NDArray[np.floating]]:
        """The averages of the parameters by name, each of its shape.

        Returns:
            Name of a parameter -> its average.

        Raises:
            OptimizerError: The optimizer was made without ``average``.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import SGD
            >>> SGD([Beta("beta", 1.0)], average=0.99).averages()
            {'beta': array(1.)}
        """
        if self._average is None:
            raise OptimizerError(f"{self.name} keeps no averages; make it with average='mean' or average=0.999.")
        return self._average.values()

    def check(self) -> None:
        """Raise when the guard left out a step; call it as often as a report is wanted.

        Raises:
            NonFiniteError: Names what was not finite, and in which step first.
            OptimizerError: The optimizer was made without ``guard``.

        Examples:
            >>> from pycmtensor.expressions import Beta
            >>> from pycmtensor.optimizers import SGD
            >>> g, beta = pt.dscalar("g"), Beta("beta")
            >>> optimizer = SGD([beta], guard=True)
            >>> step = pytensor.function([g], [], updates=optimizer.updates_from([g], [beta], lr=0.1))
            >>> step(1.0)
            []
            >>> optimizer.check()
        """
        if self._guard is None:
            raise OptimizerError(f"{self.name} watches nothing; make it with guard=True.")
        self._guard.check()

    def _updates(self, gradients: Gradients, lr: Rate, cost: Variable | None) -> Updates:
        rate, t_new = self._rate(lr), self.t + 1
        conditions, kept = [], []  # when the parameters move; state that changes also when they do not
        finite: Variable | None = None
        if self._guard and gradients:
            finite, pairs = self._guard.watch(gradients, cost)
            conditions.append(finite)
            kept += pairs
        if self._accumulator:
            gradients, last, pairs = self._accumulator.add(gradients)
            conditions.append(last)
            kept += pairs if finite is None else _only_if(finite, pairs)
        updates: Updates = []
        averages: Updates = []
        for slot, g in clipped(gradients, self.clip_value, self.clip_norm):
            new, state = self._moved(slot, g, rate, t_new)
            updates += [(slot.shared, new), *zip(slot.state.values(), state, strict=True)]
            averages += [self._average.follow(slot, new, t_new)] if self._average else []
        updates += averages
        counts = self.counts_steps or self._average or self.t in graph_inputs([pt.as_tensor(rate)])
        steps: Updates = [(self.t, t_new)] if counts else []
        if conditions:
            move = pt.all(pt.stack(conditions))
            updates, steps = _only_if(move, updates), _only_if(move, steps)
        return [*updates, *kept, *steps]

    def _moved(
        self, slot: Slot, g: Variable, rate: float | Variable, t: Variable
    ) -> tuple[Variable, tuple[Variable, ...]]:
        """The parameter, within its bounds, and its state after the step, all in the parameter's type."""
        p, dtype = slot.shared, slot.shared.dtype
        factor = slot.per_element(lambda name, _: self.lr_factors.get(name, 1.0))
        decay = slot.per_element(lambda name, _: self.weight_decay.get(name, 0.0))
        with autocast_float_as(dtype):  # a Python float takes the parameter's type
            g, lr = pt.cast(g, dtype), pt.cast(rate, dtype)
            if np.any(factor != 1):
                lr = lr * factor
            shrink = decay * p if np.any(decay) else None
            if shrink is not None and not self.decoupled:
                g = g + shrink
            new, state = self.moved(p, g, lr, pt.cast(t, dtype), tuple(slot.state.values()))
            if shrink is not None and self.decoupled:
                new = new - lr * shrink
        return slot.project(pt.cast(new, dtype)), tuple(pt.cast(s, dtype) for s in state)

    def _known(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The keywords that a rule hands to the base; anything else is an error that lists them."""
        known = (*OPTIONS, *self.options)
        unknown = [option for option in options if option not in known]
        if unknown:
            raise TypeError(
                f"{type(self).__name__} got an unexpected keyword {', '.join(map(repr, unknown))}; besides its own "
                f"arguments it takes {', '.join(known)}."
            )
        return {"name": type(self).__name__, **options}

    def _rate(self, lr: Rate) -> float | Variable:
        rate = lr(self.t) if callable(lr) else lr
        if isinstance(rate, Variable):
            if getattr(rate, "ndim", None) != 0:
                raise OptimizerError(f"{self.name}: a symbolic lr must be a scalar, found {rate.type}.")
            return rate
        return in_range(self.name, "lr", rate, "[0, inf)")

    def _chosen(self, params: Sequence[Param]) -> list[Slot]:
        if isinstance(params, (Parameter, Packed, Variable)):
            params = [params]
        free = [shared_of(param) for param in params if getattr(param, "status", 0) != 1]
        strangers = [shared for shared in free if shared not in self._slots]
        missing = [shared for shared in self._slots if shared not in free]
        if strangers or missing or len(set(free)) != len(free):
            raise OptimizerError(
                f"{self.name} was made for {', '.join(slot.name for slot in self._slots.values())}; update was "
                f"called with {', '.join(str(getattr(p, 'name', p)) for p in params)}. "
                "Call update with the parameters given at construction, each once."
            )
        return [self._slots[shared] for shared in free if shared is not None]

    @printed
    def __repr__(self) -> str:
        return f"{self.name}({', '.join(slot.name for slot in self._slots.values())})"


def _only_if(condition: Variable, updates: Updates) -> Updates:
    """The updates where the condition holds, and no change where it does not."""
    return [(old, pt.switch(condition, new, old)) for old, new in updates]
