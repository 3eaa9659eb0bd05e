"""Options of every rule: clipping, averaging, accumulation of gradients, a guard against NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import NonFiniteError, OptimizerError, in_range
from pycmtensor.expressions import Bias, Weight
from pycmtensor.optimizers.packed import Slot

Updates: TypeAlias = list[tuple[SharedVariable, Variable]]
Gradients: TypeAlias = list[tuple[Slot, Variable]]  #: free parameters, each with its gradient


#: Keywords that every rule takes; the rules add their own.
OPTIONS = ("name", "epsilon", "clip_value", "clip_norm", "weight_decay", "lr_factors", "average", "accumulate", "guard")


def clipped(gradients: Gradients, value: float | None, norm: float | None) -> Gradients:
    """Gradients within [-value, value], then scaled by min(1, norm / ||g||), ||g|| over all of them together.

    The first is ``torch.nn.utils.clip_grad_value_``; the second is ``optax.clip_by_global_norm``
    (``torch.nn.utils.clip_grad_norm_`` divides by ||g|| + 1e-6).

    References:
        Pascanu, Mikolov & Bengio (2013), arXiv:1211.5063, algorithm 1.
    """
    if value is not None:
        gradients = [(slot, pt.clip(g, -value, value)) for slot, g in gradients]
    if norm is not None:
        length = pt.sqrt(sum(pt.sum(g**2) for _, g in gradients))
        scale = norm / pt.maximum(length, norm)
        gradients = [(slot, g * scale) for slot, g in gradients]
    return gradients


class Guard:
    """Keeps what is not finite out of the parameters, and remembers where and when it first came.

    Symbolic updates cannot raise. A call whose cost or gradient is not finite changes neither parameters nor state;
    the number of that call is kept for the cost and for every element of every parameter. A gradient whose square
    is not finite counts too, because most rules square it.

    Args:
        name: Name of the optimizer.
        slots: Its free parameters.
    """

    def __init__(self, name: str, slots: Sequence[Slot]) -> None:
        self.name = name
        self.calls = pytensor.shared(np.int64(0), name=f"{name}.calls")
        self.skipped = pytensor.shared(np.int64(0), name=f"{name}.skipped")
        self.cost = pytensor.shared(np.int64(0), name=f"{name}.nonfinite_cost")
        self.first = {slot: slot.like("nonfinite", dtype="int64") for slot in slots}

    @property
    def state(self) -> list[SharedVariable]:
        """Calls so far, calls left out, and the first bad call of the cost and of each element (0 for never)."""
        return [self.calls, self.skipped, self.cost, *self.first.values()]

    def watch(self, gradients: Gradients, cost: Variable | None) -> tuple[Variable, Updates]:
        """Whether cost and gradients are finite, and the updates of the guard's own state."""
        call = self.calls + 1
        watched = [(self.first[slot], pt.isfinite(g**2)) for slot, g in gradients]
        if cost is not None:
            watched.append((self.cost, pt.isfinite(cost)))
        ok = pt.all(pt.stack([pt.all(finite) for _, finite in watched]))
        updates = [(first, pt.switch(pt.or_(finite, first > 0), first, call)) for first, finite in watched]
        return ok, [*updates, (self.calls, call), (self.skipped, pt.switch(ok, self.skipped, self.skipped + 1))]

    def check(self) -> None:
        """Raise when a call was left out.

        Raises:
            NonFiniteError: Names what was not finite, and in which call first.
        """
        skipped = int(self.skipped.get_value())
        if not skipped:
            return
        first = {} if not self.cost.get_value() else {"the cost": int(self.cost.get_value())}
        for slot, shared in self.first.items():
            calls = zip(slot.labels(), shared.get_value().ravel().tolist(), strict=True)
            first |= {f"the gradient of {label}": call for label, call in calls if call}
        start = min(first.values())
        causes = [what for what, call in first.items() if call == start]
        shown = ", ".join(causes[:5]) + (f" and {len(causes) - 5} more" if len(causes) > 5 else "")
        raise NonFiniteError(
            f"{self.name}: {skipped} of {int(self.calls.get_value())} steps were left out because something was not "
            f"finite; first in step {start}: {shown}. The parameters hold the values of the last finite step. "
            "Lower the learning rate, set clip_norm, scale the data to about 1, or change the start values."
        )


class Accumulator:
    """Adds up the gradients of k calls; the parameters move in every k-th, by their mean.

    Equal to ``optax.MultiSteps(every_k_schedule=k)`` with an accumulator of the parameter's type (float32 there).

    Args:
        name: Name of the optimizer.
        slots: Its free parameters.
        k: Calls per step.
    """

    def __init__(self, name: str, slots: Sequence[Slot], k: int) -> None:
        self.k = k
        self.count = pytensor.shared(np.int64(0), name=f"{name}.count")
        self.sums = {slot: slot.like("sum") for slot in slots}

    @property
    def state(self) -> list[SharedVariable]:
        """Gradients added up since the last step: how many, and their sums."""
        return [self.count, *self.sums.values()]

    def add(self, gradients: Gradients) -> tuple[Gradients, Variable, Updates]:
        """The mean gradients, whether this call is a k-th, and the updates of the sums."""
        last = pt.eq(self.count + 1, self.k)
        sums = [(slot, self.sums[slot] + g) for slot, g in gradients]
        updates = [(self.sums[slot], pt.switch(last, pt.zeros_like(s), s)) for slot, s in sums]
        updates.append((self.count, pt.switch(last, 0, self.count + 1)))
        return [(slot, s / self.k) for slot, s in sums], last, updates


class Average:
    """A running average of each parameter: of all its values, or exponentially weighted.

    average = average + w (p - average), with w = 1 / t for the mean and w = 1 - decay, 1 at t = 1, for a decay.
    Equal to ``torch.optim.swa_utils.AveragedModel``, alone or with ``get_ema_multi_avg_fn(decay)``.

    Args:
        slots: The free parameters.
        decay: ``"mean"``, or a number in [0, 1).

    References:
        Polyak & Juditsky (1992), doi:10.1137/0330046.
    """

    def __init__(self, slots: Sequence[Slot], decay: float | Literal["mean"]) -> None:
        self.decay = decay
        self.averages = {slot: slot.like("average") for slot in slots}
        for slot, average in self.averages.items():
            average.set_value(slot.shared.get_value())

    @property
    def state(self) -> list[SharedVariable]:
        """One average per parameter, of its shape."""
        return list(self.averages.values())

    def follow(self, slot: Slot, new: Variable, t: Variable) -> tuple[SharedVariable, Variable]:
        """The update of one average after the t-th step to ``new``."""
        average, dtype = self.averages[slot], slot.shared.dtype
        weight = 1 / pt.cast(t, dtype) if self.decay == "mean" else pt.switch(pt.eq(t, 1), 1.0, 1 - self.decay)
        return average, average + pt.cast(weight, dtype) * (new - average)

    def values(self) -> dict[str, NDArray[np.floating]]:
        """The averages by name of parameter, each of its shape."""
        found: dict[str, NDArray[np.floating]] = {}
        for slot, average in self.averages.items():
            found |= slot.by_parameter(average.get_value())
        return found


def decays(name: str, decay: float | Mapping[str, float], slots: Sequence[Slot]) -> Mapping[str, float]:
    """Weight decay by name of parameter: as given, or the same for every `Weight` that is not a `Bias`."""
    if isinstance(decay, Mapping):
        return by_name(name, "weight_decay", decay, [each for slot in slots for each in slot.names])
    value = in_range(name, "weight_decay", decay, "[0, inf)")
    parts = [part for slot in slots for part in zip(slot.names, slot.parts, strict=True)]
    return {each: value for each, (p, _) in parts if isinstance(p, Weight) and not isinstance(p, Bias)}


def by_name(name: str, option: str, values: Any, names: Sequence[str]) -> Mapping[str, float]:
    """Check an option that maps names of parameters to numbers of at least 0."""
    if not isinstance(values, Mapping):
        raise OptimizerError(f"{name}: {option} must be a dict from names of parameters to numbers, found {values!r}.")
    unknown = [key for key in values if key not in names]
    if unknown:
        raise OptimizerError(
            f"{name}: {option} names {', '.join(map(repr, unknown))}, which are not among the free parameters "
            f"{', '.join(names)}."
        )
    for key, value in values.items():
        in_range(name, f"{option}[{key!r}]", value, "[0, inf)")
    return values
