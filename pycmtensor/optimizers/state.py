"""Saving and restoring named shared variables, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pytensor.compile.sharedvalue import SharedVariable

from pycmtensor.exceptions import OptimizerError

__all__ = ["restore", "saved"]


def saved(state: Mapping[str, SharedVariable]) -> dict[str, NDArray[Any]]:
    """A copy of every value by name.

    Examples:
        >>> import pytensor
        >>> saved({"x": pytensor.shared(np.zeros(2))})
        {'x': array([0., 0.])}
    """
    return {name: np.array(shared.get_value()) for name, shared in state.items()}


def restore(owner: str, state: Mapping[str, SharedVariable], values: Mapping[str, ArrayLike]) -> None:
    """Set every shared variable to the value of its name.

    Args:
        owner: What the state belongs to, for messages.
        state: Shared variables by name.
        values: Arrays of the same names, shapes and types.

    Raises:
        OptimizerError: A name is missing or unknown, or an array has another shape or type; nothing is changed.

    Examples:
        >>> import pytensor
        >>> x = pytensor.shared(np.zeros(2))
        >>> restore("mine", {"x": x}, {"x": np.ones(2)})
        >>> x.get_value()
        array([1., 1.])
    """
    arrays = {name: np.array(value) for name, value in values.items()}
    missing, unknown = sorted(state.keys() - arrays), sorted(arrays.keys() - state)
    if missing or unknown:
        raise OptimizerError(
            f"{owner}: the state does not fit; missing: {', '.join(missing) or 'none'}; unknown: "
            f"{', '.join(unknown) or 'none'}. Make the optimizer with the parameters and options it had."
        )
    for name, shared in state.items():
        own, new = shared.get_value(borrow=True), arrays[name]
        if (own.shape, own.dtype) != (new.shape, new.dtype):
            raise OptimizerError(
                f"{owner}: {name} must have the shape {own.shape} and the type {own.dtype}, found {new.shape} "
                f"and {new.dtype}. Make the optimizer with the parameters it had."
            )
    for name, shared in state.items():
        shared.set_value(arrays[name])
