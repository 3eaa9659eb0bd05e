"""Formulas in text: the same numbers as Python's, for columns and for symbols; nothing else is understood."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycmtensor.exceptions import ModelError
from pycmtensor.formulas import NUMBERS, SYMBOLS, Formula
from tests.engine.test_linear import INTERPRETED

TEXTS = st.recursive(
    st.sampled_from(["a", "b", "2", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        st.tuples(inner, st.sampled_from(["<", ">=", "!="]), inner).map(lambda p: f"where({p[0]} {p[1]} {p[2]}, a, b)"),
        inner.map(lambda i: f"-exp(-abs({i}))"),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_a_formula_is_what_python_computes(text: str, a: float, b: float) -> None:
    names = {"exp": np.exp, "abs": abs, "min": min, "max": max, "where": lambda c, x, y: x if c else y}
    truth = eval(text, {"__builtins__": {}}, {"a": a, "b": b, **names})  # the test's own text
    assert Formula(text).value({"a": a, "b": b}, NUMBERS) == pytest.approx(truth, rel=1e-12)
    symbols = Formula(text).value({"a": pt.constant(a, dtype="float64"), "b": pt.constant(b, dtype="float64")}, SYMBOLS)
    assert pt.as_tensor(symbols).eval(mode=INTERPRETED) == pytest.approx(truth, rel=1e-12)


def test_logic() -> None:
    a, b = np.array([1, 2, 3, 4]), np.array([0, 1, 0, 1])
    found = Formula("a in [1, 3, 4] and not (b == 1) or 3 < a <= 4").value({"a": a, "b": b}, NUMBERS)
    assert found.tolist() == [True, False, True, True]
    assert Formula("a not in (1, 2)").value({"a": a}, NUMBERS).tolist() == [False, False, True, True]
    assert Formula("max(a, b) + c").names == ["a", "b", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.__class__",
        "a[0]",
        "lambda: 1",
        "[a for a in b]",
        "exp(a, b)",
        "where(a)",
        "a is b",
        "a in b",
        "a := 1",
        "a if b else 1",
        "f'{a}'",
        "a @ b",
        "2 +",
        "",
    ],
)
def test_nothing_else_is_understood(text: str) -> None:
    with pytest.raises(ModelError, match="not understood|cannot be read|takes .* argument"):
        Formula(text).value({"a": 1.0, "b": 2.0}, NUMBERS)
