"""Arithmetic of objects that stand for a symbol: parameters and draws."""

from __future__ import annotations

from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

__all__ = ["Arithmetic"]


class Arithmetic:
    """Base of objects that stand for the symbol that calling them gives, in every operation of PyTensor.

    They mix with numbers, NumPy arrays and PyTensor variables on both sides of an operator, and every PyTensor function
    takes them.
    """

    __array_ufunc__ = None  # so that `array * parameter` is one symbolic product, not an array of products

    def __call__(self) -> Variable:
        """The symbol."""
        raise TypeError(f"{type(self).__name__} stands for no symbol.")

    # Python looks operators up on the class; each is PyTensor's own, applied to the symbol.
    def __add__(self, other: Any) -> Variable:
        return pt.add(self(), other)

    def __radd__(self, other: Any) -> Variable:
        return pt.add(other, self())

    def __sub__(self, other: Any) -> Variable:
        return pt.sub(self(), other)

    def __rsub__(self, other: Any) -> Variable:
        return pt.sub(other, self())

    def __mul__(self, other: Any) -> Variable:
        return pt.mul(self(), other)

    def __rmul__(self, other: Any) -> Variable:
        return pt.mul(other, self())

    def __truediv__(self, other: Any) -> Variable:
        return pt.true_div(self(), other)

    def __rtruediv__(self, other: Any) -> Variable:
        return pt.true_div(other, self())

    def __pow__(self, other: Any) -> Variable:
        return pt.power(self(), other)

    def __rpow__(self, other: Any) -> Variable:
        return pt.power(other, self())

    def __matmul__(self, other: Any) -> Variable:
        return pt.matmul(self(), other)

    def __rmatmul__(self, other: Any) -> Variable:
        return pt.matmul(other, self())

    def __neg__(self) -> Variable:
        return pt.neg(self())

    def __pos__(self) -> Variable:
        return self()

    def __abs__(self) -> Variable:
        return pt.abs(self())

    # Comparisons are symbols too; == stays Python's question whether two objects are the same.
    def __le__(self, other: Any) -> Variable:
        return pt.le(self(), other)

    def __ge__(self, other: Any) -> Variable:
        return pt.ge(self(), other)

    def __lt__(self, other: Any) -> Variable:
        return pt.lt(self(), other)

    def __gt__(self, other: Any) -> Variable:
        return pt.gt(self(), other)

    def __getitem__(self, index: Any) -> Variable:
        return self()[index]

    __iter__ = None  # a scalar has no elements; without this, __getitem__ would make every parameter iterable


@pt._as_tensor_variable.register(Arithmetic)
def _(x: Arithmetic, name: str | None = None, ndim: int | None = None, **kwargs: Any) -> Variable:
    return pt.as_tensor_variable(x(), name=name, ndim=ndim, **kwargs)
