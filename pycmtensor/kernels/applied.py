"""Marks on log-probabilities: the kernel and the utilities that they were made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.alternatives import Terms

__all__ = ["Applied", "applied_in", "of_utilities"]


@dataclass(frozen=True)
class Applied:
    """A kernel with its arguments.

    Attributes:
        kernel: Function of utilities and of ``args`` and ``options``.
        utilities: As the kernel took them.
        args: Further positional arguments.
        options: Further arguments by name.
    """

    kernel: Callable[..., Variable]
    utilities: Terms
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    def again(self, utilities: Terms) -> Variable:
        """The log-probability of other utilities."""
        return self.kernel(utilities, *self.args, **self.options)


def of_utilities(kernel: Callable[..., Variable]) -> Callable[..., Variable]:
    """A kernel whose log-probabilities know what they were made of, from which the engine makes a fast program.

    Utilities may be parameters and numbers too.
    """

    @wraps(kernel)
    def marked(V: Terms, *args: Any, **options: Any) -> Variable:
        V = V if isinstance(V, Variable) else [pt.as_tensor_variable(V_j) for V_j in V]
        logprob = kernel(V, *args, **options)
        logprob.tag.applied = Applied(marked, V, args, options)
        return logprob

    return marked


def applied_in(expression: Variable) -> Applied | None:
    """The kernel that an expression is the log-probability of; None where there is none."""
    return getattr(expression.tag, "applied", None)
