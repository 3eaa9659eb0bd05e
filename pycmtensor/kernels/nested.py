"""The nested logit probability of the chosen alternative, for any tree of nests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.kernels.applied import of_utilities
from pycmtensor.kernels.logsum import log_sum_exp, picked

__all__ = ["Node", "inclusive_value", "nested_logit"]


@dataclass(frozen=True)
class Node:
    """A nest as the kernel sees it: positions of alternatives and further nodes, and the scale of their errors.

    Args:
        members: Positions of alternatives, and nodes.
        scale: mu of the errors within, a scalar.

    Examples:
        >>> import pytensor.tensor as pt
        >>> public = Node((0, 1), pt.as_tensor(2.0))
        >>> Node((public, 2), pt.as_tensor(1.0)).members[1]
        2
    """

    members: tuple[int | Node, ...]
    scale: Variable


@of_utilities
def nested_logit(
    V: Sequence[Variable],
    available: Sequence[Variable | None],
    chosen: Variable,
    root: Node,
    normalised: bool = True,
) -> Variable:
    r"""Log-probability of the chosen alternative: the sum of those of the branches that lead to it.

    .. math::
        \log P(c | m) = \mu_m W_c - L_m, \quad L_m = \log \sum_{c \in m} a_c \exp(\mu_m W_c), \quad
        W_m = L_m / \mu_m

    W_c is the utility V_j of an alternative and the inclusive value of a nest. Without normalisation, exp(W_c) takes
    the place of exp(mu W_c), so that the utilities of a nest are not scaled with it (Koppelman & Wen 1998,
    doi:10.1016/S0191-2615(98)00003-4).

    Args:
        V: Utilities, J expressions that broadcast to (T, N, R).
        available: Per alternative nonzero or 0, or None when always available.
        chosen: Position of the chosen alternative in ``V``, (T, N, 1).
        root: The tree.
        normalised: Whether utilities are scaled within nests.

    Returns:
        Log-probability (T, N, R).

    References:
        McFadden (1978), Modelling the choice of residential location; Train (2009), Discrete Choice Methods with
        Simulation, doi:10.1017/CBO9780511805271, equations 4.2 to 4.5, with lambda = 1 / mu.

    Examples:
        >>> import pytensor.tensor as pt
        >>> from pycmtensor.kernels import Node
        >>> old = Node((0, 1), pt.as_tensor(2.0))
        >>> root = Node((old, 2), pt.as_tensor(1.0))
        >>> P = pt.exp(nested_logit([pt.as_tensor(0.0)] * 3, [None] * 3, pt.zeros((1, 1, 1), dtype=int), root))
        >>> round(float(P.eval().squeeze()), 6)  # half of sqrt(2) / (sqrt(2) + 1)
        0.292893
    """
    _, logP = _walked(V, available, root, normalised)
    return picked([logP[j] for j in range(len(V))], chosen)


def inclusive_value(V: Sequence[Variable], available: Sequence[Variable | None], root: Node) -> Variable:
    """Expected maximum utility of the nested logit up to a constant, the inclusive value of the root, (T, N, R).

    Args:
        V: As in `nested_logit`.
        available: As in `nested_logit`; at least one alternative must be available.
        root: The tree.

    Returns:
        (T, N, R), in the unit of utility.

    References:
        McFadden (1978), Modelling the choice of residential location.

    Examples:
        >>> import numpy as np, pytensor.tensor as pt
        >>> from pycmtensor.kernels import Node
        >>> root = Node((0, 1), pt.as_tensor(1.0))
        >>> bool(np.isclose(inclusive_value([pt.as_tensor(0.0)] * 2, [None] * 2, root).eval().squeeze(), np.log(2)))
        True
    """
    return _walked(V, available, root, normalised=True)[0]


def _walked(
    V: Sequence[Variable], available: Sequence[Variable | None], root: Node, normalised: bool
) -> tuple[Variable, dict[int, Variable]]:
    """The inclusive value of the root, and the log-probability of each alternative."""
    logP: dict[int, Variable] = {}

    def walked(node: Node) -> tuple[Variable, Variable | None, list[int]]:
        """The inclusive value of a node, whether anything in it is available, and its alternatives."""
        branches = [(V[c], available[c], [c]) if isinstance(c, int) else walked(c) for c in node.members]
        e = [node.scale * W if normalised else W for W, _, _ in branches]
        present = [a for _, a, _ in branches]
        L = log_sum_exp(e, present)
        for e_c, (_, _, below) in zip(e, branches, strict=True):
            for j in below:
                logP[j] = logP.get(j, 0.0) + (e_c - L)
        some = None if any(a is None for a in present) else reduce(pt.or_, (pt.neq(a, 0) for a in present))
        return L / node.scale, some, [j for _, _, below in branches for j in below]

    return walked(root)[0], logP
