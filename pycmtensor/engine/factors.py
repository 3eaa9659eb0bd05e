"""Log-likelihoods taken apart into functions of a few arguments, such as utilities, at each choice situation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedGrad
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.traversal import io_toposort
from pytensor.scalar import Add
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.shape import Shape
from pytensor.tensor.subtensor import Subtensor, get_idx_list

from pycmtensor.dataset.symbols import is_column
from pycmtensor.engine.separation import Separated, row_of, same, separate
from pycmtensor.kernels.logsum import log_sum_exp
from pycmtensor.models.base import Model
from pycmtensor.models.forms import KernelOfUtilities

__all__ = ["SITUATIONS", "Argument", "Factor", "mixture_of"]

#: Axes (T, N, R) of what belongs to choice situations; what belongs to individuals has (N, R).
SITUATIONS = 3


@dataclass
class Argument:
    """A sum of coefficients times data, on which a factor depends.

    Attributes:
        terms: Coefficient -> data; None -> data that stand alone.
        places: The expressions in the factor that it is the value of.
    """

    terms: Separated
    places: list[Variable]


@dataclass(frozen=True)
class Factor:
    """A term of the log-likelihood of an individual at a draw: a function of arguments, of each situation by itself.

    Attributes:
        logprob: The term, (T, N, R) to be added over situations, or (N, R).
        arguments: What it depends on beside columns and numbers.
    """

    logprob: Variable
    arguments: tuple[Argument, ...]


def mixture_of(model: Model) -> list[list[Factor]] | None:
    """The factors of each latent class, whose sum is the log of the share of the class times its likelihood at a draw.

    A model without classes is one class.

    Returns:
        None when the likelihood is no such mixture, or depends on unknowns in another way.
    """
    if type(model).log_likelihood is Model.log_likelihood:  # what it has is no likelihood of draws
        return None
    classes = model.class_likelihoods()
    joint = classes[0] if len(classes) == 1 else log_sum_exp(classes, [None] * len(classes))
    if not same(model.logprob, model.averaged(joint)):
        return None
    form = model.form()
    utilities = form.utilities if isinstance(form, KernelOfUtilities) else []
    known = [utilities] if isinstance(utilities, Variable) else list(utilities)
    mixture = []
    for logL in classes:
        factors = [_Search(term, known).factor() for term in _terms(logL)]
        if any(factor is None for factor in factors):
            return None
        mixture.append([factor for factor in factors if factor is not None])
    return mixture


def _terms(logL: Variable) -> list[Variable]:
    """What is added up to a log-likelihood (N, R): terms (T, N, R), whose sum over situations it is, and (N, R)."""
    node = logL.owner
    if node is not None and isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, Add):
        return [term for part in node.inputs for term in _terms(part)]
    if node is not None and isinstance(node.op, Sum) and node.op.axis == (0,) and node.inputs[0].ndim == SITUATIONS:
        return [node.inputs[0]]
    return [logL]


class _Search:
    """The search for the arguments of a term: its utilities, and what else is a sum of coefficients times data.

    Args:
        logprob: The term.
        utilities: Those of the model.
    """

    def __init__(self, logprob: Variable, utilities: Sequence[Variable]) -> None:
        self._logprob, self._ndim = logprob, logprob.ndim
        self._arguments: list[Argument] = []
        self._found: set[Variable] = set()
        order = io_toposort([], [logprob])
        leaves = {v for node in order for v in node.inputs if v.owner is None}
        unknown = {v for v in leaves if not isinstance(v, Constant) and not is_column(v)}
        own = {v for v in utilities if not isinstance(v, Constant)}
        self._utilities = own
        self._unknown = _downstream(order, unknown)
        self._moving = _downstream(order, {v for v in unknown if hasattr(v.tag, "parameter")}, by_derivative=True)
        self._beyond = _downstream(order, own) - own
        self._drawn = _downstream(order, {v for v in unknown if hasattr(v.tag, "draws")})

    def factor(self) -> Factor | None:
        """The term as a function of arguments, or None where it depends on unknowns in another way."""
        if self._logprob.ndim not in (2, SITUATIONS) or not self._visit(self._logprob):
            return None
        return Factor(self._logprob, tuple(self._arguments))

    def _visit(self, v: Variable) -> bool:
        """Whether all that v depends on is data, an argument, or has no derivative."""
        if v in self._found or v not in self._unknown:
            return True
        if v not in self._moving | self._beyond | self._drawn:  # steps of parameters, such as whether one is positive
            return True
        terms = None if v in self._beyond else self._terms_of(v)
        if terms is not None:
            self._add(v, terms)
            return True
        if v.owner is None:
            return False
        return self._is_pointwise(v.owner) and all(map(self._visit, v.owner.inputs))

    def _terms_of(self, v: Variable) -> Separated | None:
        """The coefficients and data that v is the sum of; None when it is no such sum, or has other axes."""
        node = v.owner
        if node is not None and isinstance(node.op, Subtensor) and v.ndim == self._ndim:
            whole, row = separate(node.inputs[0]), _only_index(node)
            if whole is None or row is None:
                return None
            terms = row_of(whole, row, node.inputs[0].ndim)
        elif v.ndim == self._ndim:
            found = separate(v)
            if found is None:
                return None
            terms = found
        elif node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0:
            terms = {node.inputs[0]: _ONE}
        else:
            return None
        return None if any(c is not None and c.ndim > SITUATIONS for c in terms) else terms

    def _add(self, v: Variable, terms: Separated) -> None:
        """Let v be the value of an earlier argument with the same terms, or of a new one."""
        self._found.add(v)
        terms = {None if c is None else _scalar(c): x for c, x in terms.items()}
        same_as = [a for a in self._arguments if _are_same(a.terms, terms)]
        if same_as:
            same_as[0].places.append(v)
        else:
            self._arguments.append(Argument(terms, [v]))

    def _is_pointwise(self, node: Apply) -> bool:
        """Whether an operation computes of each situation, individual and draw by itself."""
        axes = tuple(range(self._ndim))
        if isinstance(node.op, Elemwise | DisconnectedGrad):
            return True
        if isinstance(node.op, DimShuffle):
            return node.inputs[0].ndim == 0 or tuple(node.op.new_order[: self._ndim]) == axes
        if isinstance(node.op, CAReduce):
            reduced = range(node.inputs[0].ndim) if node.op.axis is None else node.op.axis
            return min(reduced, default=self._ndim) >= self._ndim
        if isinstance(node.op, Subtensor):
            kept = get_idx_list(node.inputs, node.op.idx_list)[: self._ndim]
            return len(kept) == self._ndim and all(index == slice(None) for index in kept)
        return False


_ONE = pt.constant(1.0, dtype="float64")


def _downstream(order: Sequence[Apply], of: set[Variable], by_derivative: bool = False) -> set[Variable]:
    """Variables and all that is computed of their values; by derivative: without what has none, such as comparisons."""
    found = set(of)
    for node in order:
        passes = not (isinstance(node.op, Shape) or (by_derivative and _is_step(node)))
        if passes and found.intersection(node.inputs):
            found.update(node.outputs)
    return found


def _is_step(node: Apply) -> bool:
    """Whether an operation has no derivative: numbers that are not continuous, or those that are held."""
    if isinstance(node.op, DisconnectedGrad):
        return True
    return all(getattr(output, "dtype", "") not in ("float64", "float32") for output in node.outputs)


def _only_index(node: Apply) -> int | None:
    """The number of the row that an operation takes; None when it takes something else."""
    indices = get_idx_list(node.inputs, node.op.idx_list)
    if len(indices) != 1 or isinstance(indices[0], slice):
        return None
    row = pt.get_underlying_scalar_constant_value(indices[0], raise_not_constant=False)
    return int(row) if isinstance(row, int | np.integer | np.ndarray) else None


def _scalar(coefficient: Variable) -> Variable:
    """A coefficient without the axes that it was given."""
    node = coefficient.owner
    given_axes = node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0
    return node.inputs[0] if given_axes else coefficient


def _are_same(a: Separated, b: Separated) -> bool:
    """Whether two sums have the same terms in the same order."""
    if len(a) != len(b):
        return False
    pairs = [pair for both in zip(a.items(), b.items(), strict=True) for pair in zip(*both, strict=True)]
    return all(p is q or (p is not None and q is not None and same(p, q)) for p, q in pairs)
