"""Fingerprint of a symbolic expression: a short text that is the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import io_toposort

from pycmtensor.models.base import Model

__all__ = ["fingerprint", "fingerprint_of"]


def fingerprint(inputs: Sequence[Variable], outputs: Sequence[Variable]) -> str:
    """SHA-256 of operations, constants and the places of inputs, whose names do not matter.

    Examples:
        >>> import pytensor.tensor as pt
        >>> x, y = pt.dscalar("x"), pt.dscalar("y")
        >>> fingerprint([x], [2 * x]) == fingerprint([y], [2 * y]) != fingerprint([x], [3 * x])
        True
    """
    digest, places = hashlib.sha256(), {variable: f"input {i}" for i, variable in enumerate(inputs)}

    def place(variable: Variable) -> str:
        if variable not in places:  # a constant, or a shared variable that is none of the inputs
            value = variable.data if isinstance(variable, Constant) else variable.get_value()
            array = np.asarray(value)
            numbers = value if array.dtype == object else array.tobytes().hex()
            places[variable] = f"{array.dtype} {array.shape} {numbers}"
        return places[variable]

    for i, node in enumerate(io_toposort(inputs, outputs)):
        digest.update(f"{node.op} {[place(variable) for variable in node.inputs]}\n".encode())
        places |= {output: f"{node.op} {i} {o}" for o, output in enumerate(node.outputs)}
    digest.update(str([place(variable) for variable in outputs]).encode())
    return digest.hexdigest()


def fingerprint_of(model: Model) -> str:
    """Text that tells a log-likelihood from others of the same parameters and data: of a sum that of all summands."""
    if model.summands:
        return " ".join(f"{name} {fingerprint_of(part)}" for name, part in model.summands.items())
    inputs = [*(parameter() for parameter in model.params), *model.inputs]
    free = [parameter in model.free for parameter in model.params]
    return f"{fingerprint(inputs, [model.logprob])} {free} {model.sampling}"
