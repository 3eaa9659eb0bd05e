"""Marginal utilities: coefficients, expressions of them, or derivatives of utilities with respect to columns."""

from __future__ import annotations

from typing import Any

from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.engine import LocalEngine
from pycmtensor.engine.quantities import Term
from pycmtensor.exceptions import InferenceError
from pycmtensor.relations import Expression, in_parameters, text_of

__all__ = ["column_of", "marginal_utility", "owners"]


def column_of(symbol: Any) -> Any:
    """The key of the column that a symbol stands for, None when it is something else."""
    return getattr(symbol.tag, "column", None) if isinstance(symbol, Variable) else None


def owners(engine: LocalEngine, column: str) -> list[str]:
    """The alternatives whose utilities hold a column; ``["all"]`` when one expression is the utility of all.

    Raises:
        ModelError: The model does not use the column.
    """
    model, program = engine.model, engine.program
    symbols = {program.inputs[p] for p in program.places_of(column)}
    utilities = {"all": model.utility} if model.utility is not None else model.utilities
    return [name for name, V in utilities.items() if symbols & set(graph_inputs([V]))]


def marginal_utility(engine: LocalEngine, of: Expression) -> tuple[Term, str]:
    """A marginal utility at every choice situation and draw, and its name.

    Args:
        engine: The likelihood.
        of: Text or symbols of a coefficient, which may depend on draws and on columns; or a column itself,
            ``ds["TRAIN_TT"]`` and in long data ``ds["ivt", "train"]``, for the derivative of the utility that holds it.

    Raises:
        ModelError: A name, a column or draws are not of the model.
        InferenceError: The column is in no utility, or in several.
    """
    quantities, key = engine.program.quantities, column_of(of)
    if key is None:
        return quantities.expression(in_parameters(of, engine.model.params), key=of), text_of(of)
    column, alternative = key if isinstance(key, tuple) else (key, None)
    found = owners(engine, column)
    if alternative is None and (len(found) != 1 or found == ["all"]):
        where = f"in the utilities of {', '.join(found)}" if found else "in no utility"
        raise InferenceError(
            f"Column '{column}' is {where}, so that its marginal utility is not one number. Give the coefficient, or "
            f"in long data the column of one alternative, ds['{column}', 'name of the alternative']."
        )
    name = column if alternative is None else f"{column} of {alternative}"
    return quantities.marginal_utility(column, alternative or found[0]), name
