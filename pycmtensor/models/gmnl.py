"""The generalised multinomial logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.kernels.alternatives import symbol
from pycmtensor.models.mixed_logit import MixedLogit
from pycmtensor.models.specified import Expression
from pycmtensor.terms.draws import Draws, Sampling, draws_of

__all__ = ["GMNL"]


@checked_class(ModelError)
class GMNL(MixedLogit):
    r"""Generalised multinomial logit: tastes and the scale of the errors differ between people.

    .. math::
        V_{nj} = \sigma_n \bar V_{nj} + (\gamma + \sigma_n (1 - \gamma)) \tilde V_{nj}, \quad
        \sigma_n = \exp(-\tau^2 / 2 + \tau z_n), \quad z_n \sim N(0, 1)

    with :math:`\bar V` the utility with all draws in their middle and :math:`\tilde V` what random coefficients add to
    it. The scale is normalised to the mean 1. Without random coefficients it is the scaled logit S-MNL; with gamma = 1
    (type I) the scale leaves deviations of tastes as they are, with gamma = 0 (type II) it multiplies them too. With
    tau = 0 it is the mixed logit, or the logit. The sign of tau means nothing.

    Constants of alternatives are scaled as all else; Fiebig et al. advise against that: name them in ``unscaled``.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `MixedLogit`; random coefficients are not needed.
        availability: As in `ChoiceModel`.
        tau: Deviation of the logarithm of the scale, a parameter, an expression of parameters and columns, or a number.
        gamma: How far the scale leaves deviations of tastes alone: a number or a parameter, often between 0 and 1.
        unscaled: Name of an alternative -> part of its utility that is added after the scale, such as its constant.
        draws: How many draws, or `Sampling` to say which.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `MixedLogit`; also when a random coefficient is called "scale".

    References:
        Fiebig, Keane, Louviere & Wasi (2010), The generalized multinomial logit model, doi:10.1287/mksc.1090.0508,
        equations 6 to 10; Keane & Wasi (2013), doi:10.1002/jae.2304, for gamma without bounds.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "t_car": [10.0, 20, 30], "t_bus": [15.0, 12, 20]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> b = cmt.Beta("b_time")
        >>> V = {"car": b * ds["t_car"], "bus": b * ds["t_bus"]}
        >>> cmt.GMNL(ds, V, tau=cmt.Beta("tau", 0.5), unscaled={"bus": cmt.Beta("asc_bus")}, draws=100)
        GMNL(car, bus; b_time, tau, asc_bus)
    """

    name = "Generalised multinomial logit"

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        tau: Expression,
        gamma: Expression = 0.0,
        unscaled: Mapping[str, Expression] | None = None,
        draws: int | Sampling = 500,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self._check_dataset(dataset)
        tau, gamma = _term("tau", tau), _term("gamma", gamma)
        if gamma.ndim:
            raise ModelError(f"GMNL: gamma must be one number or an expression of parameters, found {gamma.type}.")
        z = Draws("scale")
        sigma = pt.exp(-0.5 * tau**2 + tau * z())
        sigma.tag.coefficient = "scale"
        if isinstance(utilities, Mapping):
            scaled: Any = {name: self._scaled(_term("utility", V), sigma, gamma) for name, V in utilities.items()}
        else:
            scaled = self._scaled(_term("utility", utilities), sigma, gamma)
        super().__init__(dataset, self._with_unscaled(scaled, unscaled), availability, draws=draws, params=params)

    def _scaled(self, V: Variable, sigma: Variable, gamma: Variable) -> Variable:
        """The utility with a scale of its own for the mean and for the deviations of tastes."""
        random = draws_of([V])
        if any(draws.name == "scale" for draws in random):
            raise ModelError("GMNL: a random coefficient is called 'scale', as the scale of the errors. Rename it.")
        drawn = [v for v in graph_inputs([V]) if hasattr(v.tag, "draws")]
        symbols = {v: 0.0 * v + _middle(v.tag.draws, v) for v in drawn}
        if not symbols:
            return sigma * V
        [mean] = graph_replace([V], symbols, strict=False)
        deviation = V - mean
        return sigma * mean + (gamma + sigma * (1.0 - gamma)) * deviation

    def _with_unscaled(self, utilities: Any, unscaled: Any) -> Any:
        if unscaled is None:
            return utilities
        if not isinstance(utilities, Mapping):
            raise ModelError("GMNL: unscaled is by alternative; write utilities one by one, {'car': ..., ...}.")
        if not isinstance(unscaled, Mapping) or (strangers := set(unscaled) - set(utilities)):
            found = sorted(map(str, strangers)) if isinstance(unscaled, Mapping) else unscaled
            raise ModelError(f"GMNL: unscaled maps names of alternatives to parts of utilities, found {found!r}.")
        return {n: V + _term("unscaled", unscaled[n]) if n in unscaled else V for n, V in utilities.items()}


def _middle(draws: Draws, like: Variable) -> Variable:
    """The median of draws."""
    return pt.cast(0.5 if draws.distribution == "uniform" else 0.0, like.dtype)


def _term(what: str, given: Any) -> Variable:
    """A number, a parameter or an expression as a symbol."""
    try:
        return symbol(given)
    except (TypeError, NotImplementedError):
        raise ModelError(f"GMNL: {what} must be an expression of parameters and columns, found {given!r}.") from None
