"""Learning rates as functions of the step: a number for a number, a symbolic expression for a symbolic scalar.

``schedule(0)`` is the rate of the first step. An optimizer takes a schedule as it is, ``update(cost, params,
lr=schedule)``, and calls it with the number of steps taken so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

from pycmtensor.exceptions import OptimizerError, checked_class, in_range, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Constant",
    "Cosine",
    "Cyclic",
    "Exponential",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "WarmUp",
]


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Schedule:
    """Base class: a schedule is its equation, written once for numbers and symbols in `at`.

    Examples:
        >>> class Root(Schedule):
        ...     def at(self, s, xp):
        ...         return 1 / xp.sqrt(s + 1)
        >>> float(Root()(3))
        0.5
    """

    def at(self, s: Any, xp: Any) -> Any:
        """The rate at step s, a floating number; ``xp`` is ``numpy`` or ``pytensor.tensor``.

        Args:
            s: Number of the step, from 0.
            xp: ``numpy`` or ``pytensor.tensor``, whose functions the equation is written with.

        Returns:
            The rate, a number or a symbol.

        Examples:
            >>> import numpy
            >>> float(Exponential(1.0, factor=0.5).at(3.0, numpy))
            0.125
        """
        raise OptimizerError(f"{type(self).__name__} has no equation; use Cosine, ... or write `at` in a subclass.")

    def __call__(self, step: int | Variable) -> Any:
        """The rate of a step.

        Args:
            step: Number of steps taken before it, from 0: a whole number, or a symbolic scalar.

        Returns:
            A float, or a symbolic scalar.

        Raises:
            OptimizerError: The step is negative, not whole, or not a scalar.
        """
        if isinstance(step, Variable):
            if getattr(step, "ndim", None) != 0:
                raise OptimizerError(f"{self}: a symbolic step must be a scalar, found {step.type}.")
            return pt.as_tensor(self.at(pt.cast(step, pytensor.config.floatX), pt))
        return float(self.at(float(whole(str(self), "the step", step, least=0)), np))

    def plot(self, steps: int, ax: Axes | None = None) -> Axes:
        """Draw the rates of the first steps.

        Args:
            steps: How many steps, at least 1.
            ax: Where to draw; None makes a new figure.

        Returns:
            The matplotlib Axes.

        Examples:
            >>> ax = Exponential(1.0, factor=0.5).plot(4)
            >>> ax.lines[0].get_ydata().tolist()
            [1.0, 0.5, 0.25, 0.125]
        """
        from pycmtensor.report.plots.style import DARK, axes

        ax = axes(ax)
        ax.plot(range(steps), [self(step) for step in range(steps)], color=DARK)
        ax.set(xlabel="step", ylabel="learning rate", title=str(self))
        return ax

    def _in(self, interval: str, *fields: str) -> None:
        for field in fields:
            in_range(type(self).__name__, field, getattr(self, field), interval)

    def _whole(self, *fields: str) -> None:
        for field in fields:
            whole(type(self).__name__, field, getattr(self, field), least=1)


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step: lr(s) = rate.

    Args:
        rate: At least 0.

    References:
        Robbins & Monro (1951), doi:10.1214/aoms/1177729586, with a constant step.

    Examples:
        >>> Constant(0.1)(7)
        0.1
    """

    rate: float

    def __post_init__(self) -> None:
        self._in("[0, inf)", "rate")

    def at(self, s: Any, xp: Any) -> Any:
        """rate."""
        return self.rate + 0 * s


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Step(Schedule):
    """A rate that falls at once every so many steps: lr(s) = rate factor^floor(s / every).

    Equal to ``torch.optim.lr_scheduler.StepLR``.

    Args:
        rate: At the first step, at least 0.
        every: Steps between falls.
        factor: Of each fall.

    References:
        He, Zhang, Ren & Sun (2016), doi:10.1109/CVPR.2016.90, section 3.4.

    Examples:
        >>> halved = Step(1.0, every=10, factor=0.5)
        >>> halved(9), halved(10), halved(25)
        (1.0, 0.5, 0.25)
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._in("[0, inf)", "rate")
        self._whole("every")
        self._in("(0, inf)", "factor")

    def at(self, s: Any, xp: Any) -> Any:
        """rate factor^floor(s / every)."""
        return self.rate * self.factor ** xp.floor(s / self.every)


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Exponential(Schedule):
    """A rate that falls by the same factor at every step: lr(s) = rate factor^s.

    Equal to ``torch.optim.lr_scheduler.ExponentialLR``.

    Args:
        rate: At the first step, at least 0.
        factor: Of each step.

    References:
        Bottou (2012), doi:10.1007/978-3-642-35289-8_25, on falling rates.

    Examples:
        >>> Exponential(1.0, factor=0.5)(3)
        0.125
    """

    rate: float
    factor: float

    def __post_init__(self) -> None:
        self._in("[0, inf)", "rate")
        self._in("(0, inf)", "factor")

    def at(self, s: Any, xp: Any) -> Any:
        """rate factor^s."""
        return self.rate * self.factor**s


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Polynomial(Schedule):
    """A rate that falls to ``end`` in a number of steps: lr(s) = end + (rate - end) (1 - min(s, steps) / steps)^power.

    Equal to ``torch.optim.lr_scheduler.PolynomialLR``, where ``end`` is 0; ``power=1`` is a straight line.

    Args:
        rate: At the first step, at least 0.
        steps: After how many ``end`` is reached.
        power: 1 for a straight line.
        end: Rate from then on.

    References:
        Chen et al. (2018), doi:10.1109/TPAMI.2017.2699184, section 4.1 ("poly").

    Examples:
        >>> Polynomial(1.0, steps=10, power=2.0)(5)
        0.25
    """

    rate: float
    steps: int
    power: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        self._in("[0, inf)", "rate", "end")
        self._whole("steps")
        self._in("(0, inf)", "power")

    def at(self, s: Any, xp: Any) -> Any:
        """end + (rate - end) (1 - min(s, steps) / steps)^power."""
        return self.end + (self.rate - self.end) * (1 - xp.minimum(s, self.steps) / self.steps) ** self.power


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from ``rate`` to ``end``: lr(s) = end + (rate - end) (1 + cos(pi min(s, steps) / steps)) / 2.

    Equal to ``torch.optim.lr_scheduler.CosineAnnealingLR(T_max=steps)`` up to there; afterwards the rate stays.

    Args:
        rate: At the first step, at least 0.
        steps: After how many ``end`` is reached.
        end: Rate from then on.

    References:
        Loshchilov & Hutter (2017), arXiv:1608.03983, equation 5 (without restarts).

    Examples:
        >>> fall = Cosine(1.0, steps=10, end=0.5)
        >>> fall(0), fall(5), fall(10), fall(99)
        (1.0, 0.75, 0.5, 0.5)
    """

    rate: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        self._in("[0, inf)", "rate", "end")
        self._whole("steps")

    def at(self, s: Any, xp: Any) -> Any:
        """end + (rate - end) (1 + cos(pi min(s, steps) / steps)) / 2."""
        return _half_cosine(self.rate, self.end, xp.minimum(s, self.steps) / self.steps, xp)


@checked_class(OptimizerError)
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to a peak and down to almost nothing, each half a cosine.

    low = peak / start_factor rises to peak at the step rise steps - 1, and falls to low / end_factor at steps - 1.

    Equal to ``torch.optim.lr_scheduler.OneCycleLR(pct_start=rise, div_factor=start_factor,
    final_div_factor=end_factor)``; afterwards the rate stays.

    Args:
        peak: Highest rate.
        steps: Of the whole cycle.
        rise: Share of the steps until the peak, in (0, 1).
        start_factor: The first rate is the peak divided by it.
        end_factor: The last rate is the first one divided by it.

    References:
        Smith & Topin (2018), arXiv:1708.07120.

    Examples:
        >>> cycle = OneCycle(1.0, steps=21, rise=0.5, start_factor=4.0, end_factor=1.0)
        >>> cycle(0), round(cycle(10), 3), cycle(20), cycle(99)
        (0.25, 0.996, 0.25, 0.25)
    """

    peak: float
    steps: int
    rise: float = 0.3
    start_factor: float = 25.0
    end_factor: float = 1e4

    def __post_init__(self) -> None:
        self._in("[0, inf)", "peak")
        self._whole("steps")
        self._in(f"({1 / self.steps!r}, 1)", "rise")
        self._in("[1, inf)", "start_factor", "end_factor")

    def at(self, s: Any, xp: Any) -> Any:
        """The rising half cosine up to the step rise steps - 1, then the falling one."""
        low, top, last = self.peak / self.start_factor, self.rise * self.steps - 1, self.steps - 1
        up = _half_cosine(low, self.peak, s / top, xp)
        down = _half_cosine(self.peak, low / self.end_factor, (xp.minimum(s, last) - top) / (last - top), xp)
        return xp.where(s <= top, up, down)


@checked_class(OptimizerError)
@dataclass(frozen=True)
class Cyclic(Schedule):
    """Up and down in straight lines: lr(s) = low + (high - low) (1 - abs(s / half - 2 c - 1)) shrink^c factor^s.

    c = floor(s / (2 half)) counts the cycles. As it is by default it is the paper's triangular policy, with
    ``shrink=0.5`` triangular2, and with ``factor`` below 1 exp_range.
    Equal to ``torch.optim.lr_scheduler.CyclicLR(step_size_up=half)`` with that mode and ``gamma=factor``.

    Args:
        low: Lowest rate.
        high: Highest rate.
        half: Steps from low to high, half a cycle.
        shrink: Factor of the height of each cycle after the first.
        factor: Factor of the height of each step.

    References:
        Smith (2017), doi:10.1109/WACV.2017.58, section 3.2.

    Examples:
        >>> cycle = Cyclic(0.0, 1.0, half=4, shrink=0.5)
        >>> [cycle(s) for s in (0, 2, 4, 8, 12)]
        [0.0, 0.5, 1.0, 0.0, 0.5]
    """

    low: float
    high: float
    half: int
    shrink: float = 1.0
    factor: float = 1.0

    def __post_init__(self) -> None:
        self._in("[0, inf)", "low")
        self._in(f"[{self.low!r}, inf)", "high")
        self._whole("half")
        self._in("(0, 1]", "shrink", "factor")

    def at(self, s: Any, xp: Any) -> Any:
        """low + (high - low) (1 - abs(s / half - 2 c - 1)) shrink^c factor^s."""
        c = xp.floor(s / (2 * self.half))
        height = 1 - xp.abs(s / self.half - 2 * c - 1)
        return self.low + (self.high - self.low) * height * self.shrink**c * self.factor**s


@checked_class(OptimizerError)
@dataclass(frozen=True)
class WarmUp(Schedule):
    """A straight line up to the first rate of another schedule, then that schedule.

    lr(s) = then(0) (start + (1 - start) s / steps) for s < steps, else then(s - steps).
    Equal to ``torch.optim.lr_scheduler.SequentialLR`` of ``LinearLR(start, total_iters=steps)`` and ``then``.

    Args:
        steps: Of the straight line.
        then: The schedule after it.
        start: Of the line, as a share of the first rate of ``then``.

    References:
        Goyal et al. (2017), arXiv:1706.02677, section 2.2.

    Examples:
        >>> warm = WarmUp(4, Exponential(1.0, 0.5))
        >>> [warm(s) for s in (0, 2, 4, 5)]
        [0.0, 0.5, 1.0, 0.5]
    """

    steps: int
    then: Schedule
    start: float = 0.0

    def __post_init__(self) -> None:
        self._whole("steps")
        self._in("[0, 1]", "start")
        if not isinstance(self.then, Schedule):
            raise OptimizerError(f"WarmUp: then must be a schedule, found {self.then!r}. Use Constant for a number.")

    def at(self, s: Any, xp: Any) -> Any:
        """then(0) (start + (1 - start) s / steps), or then(s - steps)."""
        rising = self.then(0) * (self.start + (1 - self.start) * s / self.steps)
        return xp.where(s < self.steps, rising, self.then.at(xp.maximum(s - self.steps, 0.0), xp))


@checked_class(OptimizerError)
class ReduceOnPlateau:
    """A rate that is multiplied by ``factor`` when an observed value has stopped falling.

    An observation is better when it is below best (1 - threshold), with the sign of best respected. After more than
    ``patience`` observations in a row that are not, the rate falls; then ``cooldown`` observations do not count.
    Equal to ``torch.optim.lr_scheduler.ReduceLROnPlateau``, but for a best value below 0, where torch's test moves
    the wrong way.

    Args:
        rate: Rate at the start, at least 0.
        factor: In (0, 1).
        patience: Observations without improvement that are put up with, at least 0.
        threshold: Relative improvement that counts, in [0, 1).
        cooldown: Observations left out after a fall, at least 0.
        smallest: The rate does not fall below it, at least 0.

    Attributes:
        lr: The rate as a shared variable, for ``update(cost, params, lr=plateau.lr)``.

    References:
        Bottou (2012), doi:10.1007/978-3-642-35289-8_25, on watching a validation error.

    Examples:
        >>> plateau = ReduceOnPlateau(1.0, factor=0.5, patience=1)
        >>> [plateau.observe(value) for value in (3.0, 2.0, 2.0, 2.0)]
        [1.0, 1.0, 1.0, 0.5]
    """

    def __init__(
        self,
        rate: float,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        smallest: float = 0.0,
    ) -> None:
        name = type(self).__name__
        in_range(name, "rate", rate, "[0, inf)")
        self.factor = in_range(name, "factor", factor, "(0, 1)")
        self.patience = whole(name, "patience", patience, least=0)
        self.threshold = in_range(name, "threshold", threshold, "[0, 1)")
        self.cooldown = whole(name, "cooldown", cooldown, least=0)
        self.smallest = in_range(name, "smallest", smallest, "[0, inf)")
        self.best, self.bad, self.resting = np.inf, 0, 0
        self.lr: SharedVariable = pytensor.shared(np.asarray(rate, pytensor.config.floatX), name="lr")

    def observe(self, value: float) -> float:
        """Take in a value that ought to fall, and return the rate from now on.

        A value that is not a number counts as no improvement.
        """
        margin = self.threshold * abs(self.best) if np.isfinite(self.best) else 0.0
        if value < self.best - margin:
            self.best, self.bad = float(value), 0
        else:
            self.bad += 1
        if self.resting > 0:
            self.resting, self.bad = self.resting - 1, 0
        if self.bad > self.patience:
            self.lr.set_value(np.maximum(self.lr.get_value() * self.factor, self.smallest).astype(self.lr.dtype))
            self.resting, self.bad = self.cooldown, 0
        return float(self.lr.get_value())


def _half_cosine(start: float, end: float, x: Any, xp: Any) -> Any:
    """Value between start at x = 0 and end at x = 1."""
    return end + (start - end) * (1 + xp.cos(np.pi * x)) / 2
