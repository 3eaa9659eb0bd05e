"""Random regret: utilities that compare each alternative with all others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.coefficients import Expression
from pycmtensor.exceptions import ModelError, checked

__all__ = ["random_regret"]


@checked(ModelError)
def random_regret(
    attributes: Mapping[str, Mapping[str, Expression]],
    coefficients: Mapping[str, Expression],
    availability: Mapping[str, Expression | None] | None = None,
    scale: Expression = 1.0,
) -> dict[str, Variable]:
    r"""Utilities of random regret minimisation: the negative of the regret of each alternative.

    .. math::
        V_i = -R_i, \quad
        R_i = \sum_{j \neq i} a_j \sum_m \mu \log\Big(1 + \exp\Big(\frac{\beta_m}{\mu} (x_{jm} - x_{im})\Big)\Big)

    with errors of the regret whose scale is normalised to 1 by the model that takes these utilities; constants can be
    added to them. With two alternatives it is the model that is linear in the attributes. A large mu makes it linear
    with any number of them, and a small one lets attributes count where another alternative is better only.

    Args:
        attributes: Name of an alternative -> name of an attribute -> its column or an expression of columns; the same
            attributes for all alternatives.
        coefficients: Name of an attribute -> beta: a parameter, an expression, which may be random, or a number.
        availability: Name of an alternative -> 1 where it can be chosen, and else 0, where nobody regrets it. Give it
            to the model too. In long data it is ``{name: ds.available(name) for name in ds.alternatives}``.
        scale: mu > 0: a parameter, an expression of parameters, or a number.

    Returns:
        Name of an alternative -> its utility, for any model.

    Raises:
        ModelError: There are fewer than two alternatives, attributes and coefficients differ, availability names a
            stranger, or the scale is a number that is not positive.

    References:
        Chorus (2010), A new model of random regret minimization, doi:10.18757/ejtir.2010.10.2.2881; van Cranenburgh,
        Guevara & Chorus (2015), New insights on random regret minimization models, doi:10.1016/j.tra.2015.01.008, for
        mu.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 3], "t_car": [9.0, 4, 3], "t_bus": [5.0, 1, 4], "t_tram": [7.0, 2, 1]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3})
        >>> times = {name: {"time": ds[f"t_{name}"]} for name in ds.alternatives}
        >>> cmt.MNL(ds, cmt.random_regret(times, {"time": cmt.Beta("b_time", -0.1)}))
        MNL(car, bus, tram; b_time)
    """
    _check(attributes, coefficients, availability or {}, scale)
    available = {name: a for name, a in (availability or {}).items() if a is not None}

    def regret(i: str, j: str) -> Variable:
        """Regret of having i and not j."""
        x_i, x_j = attributes[i], attributes[j]
        terms = (scale * pt.softplus(beta / scale * (x_j[m] - x_i[m])) for m, beta in coefficients.items())
        total = sum(terms)
        return pt.switch(pt.neq(available[j], 0), total, 0.0) if j in available else total

    return {i: -sum(regret(i, j) for j in attributes if j != i) for i in attributes}


def _check(
    attributes: Mapping[str, Mapping[str, Expression]],
    coefficients: Mapping[str, Expression],
    availability: Mapping[str, Expression | None],
    scale: Expression,
) -> None:
    """Raise a `ModelError` when these do not belong together."""
    if len(attributes) < 2:
        raise ModelError(f"Regret compares alternatives, found {', '.join(attributes) or 'none'}. Give two or more.")
    for name, own in attributes.items():
        if set(own) != set(coefficients):
            raise ModelError(
                f"The attributes of '{name}' are {', '.join(own) or 'none'}, the coefficients those of "
                f"{', '.join(coefficients) or 'none'}. Give all alternatives the attributes that have coefficients."
            )
    strangers = [name for name in availability if name not in attributes]
    if strangers:
        raise ModelError(f"availability names {', '.join(strangers)}; attributes are given of {', '.join(attributes)}.")
    if isinstance(scale, (int, float, np.number)) and not scale > 0:
        raise ModelError(f"The scale of regret must be positive, found {scale}.")
