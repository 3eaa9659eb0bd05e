"""Utilities of formulas in three parts, as mlogit writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset, LongDataset
from pycmtensor.exceptions import ModelError
from pycmtensor.expressions import Beta

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["of_formula"]

#: What the parts of a formula hold, for messages.
PARTS = ("coefficients of their own", "columns of people", "coefficients that differ between alternatives")

INTERCEPT = "Intercept"


def of_formula(formula: str, frame: Any, reference: str | None, **columns: Any) -> tuple[LongDataset, Variable]:
    r"""A long data set and the utility of all alternatives that a formula stands for.

    .. math:: V_j = \alpha_j + \beta' x_j + \gamma_j' z + \delta_j' w_j, \quad \alpha_r = 0, \gamma_r = 0

    Args:
        formula: ``"choice ~ x | z | w"``, of columns and functions of them.
        frame: One row per choice situation and alternative.
        reference: The alternative r; None for the first.
        columns: The other arguments of `Dataset.from_long`.

    Raises:
        ModelError: The formula cannot be read, or names what is not there.
    """
    import narwhals as nw

    try:
        table = nw.from_native(frame, eager_only=True).to_pandas()
    except TypeError:
        raise ModelError(f"from_formula: frame must be a table, found {type(frame).__name__}.") from None
    chosen, parts = _parts(formula)
    matrices = [_matrix(part, table, formula) for part in parts]
    new = {name: m[name] for m in matrices for name in m.columns if name not in table and name != INTERCEPT}
    ds: LongDataset = Dataset.from_long(table.assign(**new), choice=chosen, **columns)
    reference = next(iter(ds.alternatives)) if reference is None else reference
    if reference not in ds.alternatives:
        known = ", ".join(ds.alternatives)
        raise ModelError(f"from_formula: reference must be an alternative, {known}, found {reference!r}.")
    return ds, _utility(ds, [list(m.columns) for m in matrices], reference)


def _utility(ds: LongDataset, names: Sequence[Sequence[str]], reference: str) -> Variable:
    generic, people, own = names
    others = [name for name in ds.alternatives if name != reference]
    terms = [Beta(name) * ds[name] for name in generic if name != INTERCEPT]
    for name in people:
        called = f"({name})" if name == INTERCEPT else name
        coefficients = ds.per_alternative({j: Beta(f"{called}:{j}") for j in others})
        if name != INTERCEPT and ds.varies(name):
            raise ModelError(
                f"from_formula: '{name}' in the second part differs between alternatives. Put it into the first part, "
                "for one coefficient, or the third, for one of each alternative."
            )
        terms.append(coefficients if name == INTERCEPT else coefficients * ds[name])
    by_alternative = {name: {j: Beta(f"{name}:{j}") for j in ds.alternatives} for name in own if name != INTERCEPT}
    terms += [ds.per_alternative(coefficients) * ds[name] for name, coefficients in by_alternative.items()]
    if not terms:
        raise ModelError("from_formula: the formula has no terms, so that there is nothing to estimate.")
    return sum(terms[1:], start=terms[0])


def _parts(formula: str) -> tuple[str, list[Any]]:
    """The column of the choice, and the three parts; constants are in the second unless it says 0."""
    try:
        import formulaic
    except ModuleNotFoundError:
        raise ModelError("from_formula needs formulaic. Install it: pip install formulaic") from None
    from formulaic.errors import FormulaicError

    try:
        parsed = formulaic.Formula(formula)
        left = list(parsed.lhs)
        right = list(parsed.rhs) if isinstance(parsed.rhs, tuple) else [parsed.rhs]
    except (FormulaicError, AttributeError, TypeError):
        left, right = [], []
    if len(left) != 1 or not 1 <= len(right) <= 3:
        raise ModelError(
            f"from_formula: formula must be text such as 'choice ~ time + cost | income | wait', found {formula!r}. "
            f"The parts are {'; '.join(PARTS)}."
        )
    empty = formulaic.Formula("0")
    defaults = [empty, formulaic.Formula("1"), empty]
    return str(left[0]), right + defaults[len(right) :]


def _matrix(part: Any, table: pd.DataFrame, formula: str) -> pd.DataFrame:
    """The columns of a part of a formula."""
    from formulaic.errors import FormulaicError

    try:
        matrix = part.get_model_matrix(table, context={}, na_action="raise")
    except (FormulaicError, ValueError) as fault:
        raise ModelError(f"from_formula: {formula!r} cannot be computed of the frame: {fault}") from None
    import pandas as pd

    return pd.DataFrame(matrix)
