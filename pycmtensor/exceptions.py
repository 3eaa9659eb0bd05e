"""Errors and warnings: each says which thing, what was expected, what was found, and what to do.

The checks of numbers that users give stand at the end.
"""

from __future__ import annotations

import numpy as np

from pycmtensor.host.escaping import printed


class _Printed(Exception):
    """What names of users in a message would do to a terminal is shown in place of done."""

    @printed
    def __str__(self) -> str:
        return super().__str__()


class PyCMTensorError(_Printed):
    """Base class of every error that the library raises on purpose."""


class DatasetError(PyCMTensorError, ValueError):
    """The data cannot be used as given: a column, a code or a value is missing or wrong."""


class ModelError(PyCMTensorError, ValueError):
    """The specification of a model or of a parameter is incomplete or contradicts itself."""


class IdentificationError(ModelError):
    """The data cannot tell some parameters apart; the message names them."""


class OptimizerError(PyCMTensorError, ValueError):
    """An optimizer or a method of estimation was given something outside its range."""


class InferenceError(PyCMTensorError, ValueError):
    """A question about estimates that they cannot answer."""


class NonFiniteError(PyCMTensorError, ArithmeticError):
    """A cost or a gradient was not finite; the message names the parameters and the step."""


class UnusedParameterWarning(_Printed, UserWarning):
    """The cost does not depend on a parameter, which is therefore left unchanged."""


class NotConvergedWarning(_Printed, UserWarning):
    """An estimation ended before it reached a maximum; the estimates are not maximum likelihood."""


class FileError(PyCMTensorError):
    """A file cannot be written or read; what stood there before is unchanged."""


class CheckpointError(PyCMTensorError):
    """A checkpoint is damaged, or belongs to another run or version."""


class CheckpointWarning(_Printed, UserWarning):
    """The newest checkpoint was damaged; an earlier one is used."""


class ForkError(PyCMTensorError):
    """A process was forked after JAX had started, which cannot compute in it."""


class CacheWarning(_Printed, UserWarning):
    """Compiled programs cannot be kept, or one that was kept is of no use; results are the same."""


class ResamplingWarning(_Printed, UserWarning):
    """Some samples of a bootstrap or jackknife have no maximum of the likelihood; the rest is reported."""


def in_range(
    owner: str,
    option: str,
    value: object,
    interval: str,
    remedy: str = "Choose a value within it.",
    error: type[PyCMTensorError] = OptimizerError,
) -> float:
    """A finite number within an interval.

    Args:
        owner: What the option belongs to.
        option: Its name.
        value: What was given; True and False are not numbers.
        interval: Such as ``"[0, 1)"`` or ``"(0, inf)"``.
        remedy: The last sentence of the error.
        error: The kind of error to raise.

    Returns:
        The value as a float.

    Raises:
        PyCMTensorError: The value is not a number, or outside.

    Examples:
        >>> in_range("Adam", "b1", 0.9, "[0, 1)")
        0.9
        >>> in_range("Adam", "b1", 1.0, "[0, 1)")
        Traceback (most recent call last):
            ...
        pycmtensor.exceptions.OptimizerError: Adam: b1 must be a finite number in [0, 1), found 1.0. Choose a value ...
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and np.isfinite(value):
        above = value >= low if interval[0] == "[" else value > low
        below = value <= high if interval[-1] == "]" else value < high
        if above and below:
            return float(value)
    raise error(f"{owner}: {option} must be a finite number in {interval}, found {value!r}. {remedy}")


def whole(owner: str, option: str, value: object, least: int, error: type[PyCMTensorError] = OptimizerError) -> int:
    """A whole number of at least ``least``.

    Raises:
        PyCMTensorError: The value is not whole, or too small; of the kind that is given.

    Examples:
        >>> whole("Adam", "accumulate", 4, least=1)
        4
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise error(f"{owner}: {option} must be a whole number of at least {least}, found {value!r}.")
    return int(value)
