"""Formulas in text: the same numbers as Python's, for columns and for symbols; nothing else is understood."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycmtensor.command.formulas import NUMBERS, SYMBOLS, Formula
from pycmtensor.exceptions import ModelError
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
    ("text", "truth"),
    [
        ("not a", [0, 0, 0]),
        ("a and b", [1, 0, 1]),
        ("b or not (a > 1)", [1, 0, 1]),
        ("a > 1 and b", [0, 0, 1]),
        ("not a in [1, 3]", [0, 1, 0]),
        ("(a > 1) + (b > 1)", [0, 1, 2]),
        ("-(a > 1) * 2", [0, -2, -2]),
        ("(a > 1) - (b > 1)", [0, 1, 0]),
        ("where(b, a > 1, 5)", [0, 5, 1]),
        ("a * 100 * (b + 1)", [200, 200, 900]),
        ("a ** -1", [1, 1 / 2, 1 / 3]),
        ("b == True", [1, 0, 0]),
        ("1 / 2 * a", [0.5, 1, 1.5]),
        ("µ * a", [2, 4, 6]),
    ],
)
def test_truth_counts_as_one_and_integers_as_numbers(text: str, truth: list[float]) -> None:
    """By hand, for columns of small integers and for symbols."""
    columns = {"a": np.array([1, 2, 3], "int8"), "b": np.array([1, 0, 2], "int8"), "µ": 2}
    assert np.asarray(Formula(text).value(columns, NUMBERS), float).tolist() == pytest.approx(truth)
    symbols = {name: pt.constant(values, dtype="float64") for name, values in columns.items()}
    found = pt.as_tensor(Formula(text).value(symbols, SYMBOLS)).eval(mode=INTERPRETED)
    assert found.astype(float).tolist() == pytest.approx(truth)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a + 'x'", "cannot be computed"),
        ("+".join("a" * 3000), "too long"),
        ("(" * 3000 + "a" + ")" * 3000, "too long"),
    ],
    ids=["text", "long", "deep"],
)
def test_what_cannot_be_computed_is_said(text: str, message: str) -> None:
    for algebra in (NUMBERS, SYMBOLS):
        with pytest.raises(ModelError, match=f"{message}|cannot be read"):
            Formula(text).value({"a": pt.constant(1.0) if algebra is SYMBOLS else 1.0}, algebra)


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
