"""Marginal utilities: coefficients, expressions of them, or derivatives of utilities with respect to columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import check_origin, column_of, name_of
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Expression as ExpressionTerm
from pycmtensor.engine.quantity import MarginalUtility, Term
from pycmtensor.exceptions import InferenceError
from pycmtensor.models import Model
from pycmtensor.models.choice import choice_of
from pycmtensor.models.mdcev import Forecast
from pycmtensor.models.specified import Specified
from pycmtensor.terms.relations import Expression, in_parameters, text_of

__all__ = [
    "Marginal",
    "coefficients_of",
    "column_of",
    "expressed",
    "marginal_utilities",
    "marginal_utility",
    "owners",
    "unit_of",
]

#: Argument of marginal utilities: a coefficient, an expression or a column, also one for each latent class.
Marginal: TypeAlias = Expression | Mapping[str, Expression]


def unit_of(ds: Dataset, symbol: Any) -> str:
    """The unit of the column that a symbol or a name stands for, as far as the data set knows it; empty otherwise."""
    name = symbol if isinstance(symbol, str) else name_of(symbol)
    return re.split(r"[;:(,]", ds.units.get(name, ""))[0].strip()


def owners(model: Model, column: str) -> list[str]:
    """The alternatives whose utilities hold a column, in any class; ``["all"]`` when one expression is that of all.

    Raises:
        ModelError: The model does not use the column.
    """
    symbols = model.symbols_of(column)
    found = dict.fromkeys(
        name
        for of_class in model.by_class().values()
        for name in _owners(
            of_class if isinstance(of_class, Forecast) else choice_of(of_class, "marginal utilities"), symbols
        )
    )
    return ["all"] if "all" in found else list(found)


def coefficients_of(model: Model) -> dict[str, Variable]:
    """The random coefficients in the utilities that `pycmtensor.coefficients` made, by name."""
    found: dict[str, Variable] = {}
    seen: set[Variable] = set()

    def search(symbols: Iterable[Variable]) -> None:
        for symbol in symbols:
            if symbol in seen:
                continue
            seen.add(symbol)
            if hasattr(symbol.tag, "coefficient"):
                found.setdefault(symbol.tag.coefficient, symbol)
            elif symbol.owner is not None:
                search(symbol.owner.inputs)

    search(model.expressions())
    return dict(sorted(found.items()))


def expressed(model: Model, of: Expression) -> Variable:
    """Text or symbols as an expression of the model's parameters and random coefficients.

    Raises:
        ModelError: The text cannot be read, or a name is unknown.
    """
    return in_parameters(of, model.params, coefficients_of(model))


def marginal_utilities(problem: Problem, of: Marginal) -> list[tuple[Term, str]]:
    """A marginal utility at every choice situation and draw, and its name, in each latent class.

    Args:
        problem: Model and data; without latent classes there is one marginal utility.
        of: Name of a class -> as in `marginal_utility`; or that of all classes, where a column stands for the
            derivatives of their own utilities.

    Raises:
        ModelError: As `marginal_utility`.
        InferenceError: As `marginal_utility`; also when what is given does not name the classes.
    """
    model, classes = problem.model, problem.model.by_class()
    if not isinstance(of, Mapping):
        return [marginal_utility(problem, of, name) for name in classes]
    if list(classes) == [None]:
        raise InferenceError(f"{model.name} has no classes, found marginal utilities of {', '.join(of)}.")
    if set(of) != set(classes):
        raise InferenceError(
            f"Marginal utilities are given of {', '.join(of) or 'no class'}, the classes are "
            f"{', '.join(map(str, classes))}. Give one for each."
        )
    return [marginal_utility(problem, of[name], name) for name in classes if name is not None]


def marginal_utility(problem: Problem, of: Expression, of_class: str | None = None) -> tuple[Term, str]:
    """A marginal utility at every choice situation and draw, and its name.

    Args:
        problem: Model and data.
        of: Text or symbols of a coefficient, which may depend on draws and on columns, or text with names of
            random coefficients; or a column itself, ``ds["TRAIN_TT"]`` and in long data ``ds["ivt", "train"]``, for the
            derivative of the utility that holds it.
        of_class: The latent class whose utility it is; None in models without classes.

    Raises:
        ModelError: A name, a column or draws are not of the model.
        InferenceError: The column is in no utility, or in several.
    """
    model, key = problem.model, column_of(of)
    if isinstance(of, Variable):
        origins = model.origins | {problem.data.origin}
        check_origin(f"The marginal utility {text_of(of)}", [of], origins, problem.data)
    if key is None:
        return ExpressionTerm(of, expressed(model, of)), text_of(of)
    column, alternative = key if isinstance(key, tuple) else (key, None)
    symbols, classes = model.symbols_of(column), model.by_class()
    if of_class not in classes:
        raise InferenceError(
            f"Column '{column}' has a marginal utility in each class, {', '.join(map(str, classes))}. Give a "
            "coefficient of one class here; results.wtp and cmt.scenario take columns for all."
        )
    found = _owners(choice_of(classes[of_class], "marginal utilities"), symbols)
    if not found or (alternative is None and (len(found) != 1 or found == ["all"])):
        where = f"in the utilities of {', '.join(found)}" if found else "in no utility"
        where += "" if of_class is None else f" of class '{of_class}'"
        raise InferenceError(
            f"Column '{column}' is {where}, so that its marginal utility is not one number. Give the coefficient, or "
            f"in long data the column of one alternative, ds['{column}', 'name of the alternative']."
        )
    name = column if alternative is None else f"{column} of {alternative}"
    return MarginalUtility(column, alternative or found[0], of_class), name


def _owners(model: Specified | Forecast, symbols: Collection[Variable]) -> list[str]:
    """The alternatives whose utilities in a model hold some symbols, or "all"."""
    terms = model.terms_of_alternatives()
    return [name for name, held in terms.items() if any(v in symbols for v in graph_inputs(held))]
