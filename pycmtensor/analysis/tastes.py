"""Tastes that follow from who chooses, and whether they have the signs that theory gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pycmtensor.analysis.marginal import marginal_utility
from pycmtensor.analysis.predict import problem_on
from pycmtensor.engine.quantity import Averages
from pycmtensor.exceptions import InferenceError
from pycmtensor.inference.protocol import Estimated
from pycmtensor.terms.relations import Expression

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["regularity", "tastes"]


def tastes(results: Estimated, expressions: Mapping[str, Expression], data: Any = None) -> pd.DataFrame:
    """Expressions of estimates and columns in every choice situation, averaged over draws.

    Args:
        results: The estimates.
        expressions: Name -> an expression such as ``network["b_time"] / b_cost``, or a column for the derivative of the
            utility that holds it.
        data: A frame, a path or a `Dataset`, also without choices; None for the data of the estimation.

    Returns:
        One row per choice situation, one column per expression.

    Raises:
        ModelError: An expression is not of the model.
        InferenceError: There is no expression, or a column is in no utility or in several.
        DatasetError: The data do not fit the model.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10, "old": [1] * 10 + [0] * 30})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> asc = cmt.Beta("asc") + cmt.Beta("b_old", 0.5, status=1) * ds["old"]
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": asc, "bus": 0}))
        >>> found = results.tastes({"constant": asc})["constant"]
        >>> round(float(found[0] - found[39]), 6)
        0.5
    """
    import pandas as pd

    if not expressions:
        raise InferenceError("There is no expression. Write for example {'value of time': b_time / b_cost}.")
    asked = problem_on(results, data, "tastes")
    ds, evaluator = asked.data, asked.evaluator
    terms = tuple(marginal_utility(asked, expression)[0] for expression in expressions.values())
    values = ds.of_situations(evaluator.by_situation(Averages(terms), results.fit.theta))
    return pd.DataFrame(values.T, index=ds.situation_labels, columns=list(expressions))


def regularity(results: Estimated, time: Expression, cost: Expression, data: Any = None) -> pd.Series:
    """Shares of individuals whose marginal utilities have a sign that theory excludes in some choice situation.

    Args:
        results: The estimates.
        time: The marginal utility of time, as in `tastes`: a coefficient, an expression or a column.
        cost: That of cost.
        data: As in `tastes`.

    Returns:
        Weighted shares of individuals for whom more time is no loss, more cost is no loss, and the value of time is
        negative or not defined.

    Raises:
        ModelError: As `tastes`.
        InferenceError: As `tastes`.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 2, 2], "min": [9.0, 6, 4, 8], "chf": [2.0, 5, 1, 4]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> V = {"car": 0, "bus": cmt.Beta("b_time") * ds["min"] / 60 + cmt.Beta("b_cost") * ds["chf"]}
        >>> cmt.estimate(cmt.MNL(ds, V)).regularity(ds["min"], ds["chf"]).to_dict()
        {'time is no loss': 1.0, 'cost is no loss': 0.0, 'value of time is not positive': 1.0}
    """
    import pandas as pd

    asked = problem_on(results, data, "marginal utilities")
    ds, evaluator = asked.data, asked.evaluator
    terms = tuple(marginal_utility(asked, expression)[0] for expression in (time, cost))
    of_time, of_cost = evaluator.by_situation(Averages(terms), results.fit.theta)
    wrong = {
        "time is no loss": of_time >= 0,
        "cost is no loss": of_cost >= 0,
        "value of time is not positive": of_time * of_cost <= 0,
    }
    observed, w = ds.array(ds.observed)[..., 0] != 0, ds.individual_weights
    shares = {name: float(np.average((where & observed).any(axis=0), weights=w)) for name, where in wrong.items()}
    return pd.Series(shares, name="share of individuals")
