"""The cross-nested logit model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.kernels import cross_nested_logit, generating_log_sum
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.nested_logit import scale_domain
from pycmtensor.models.specified import Expression
from pycmtensor.terms.domains import Domain, within
from pycmtensor.terms.draws import Sampling, sampling_of
from pycmtensor.terms.relations import text_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CrossNest", "CrossNestedLogit"]

ALLOCATIONS = "The parts of an alternative lie in [0, 1] and add up to 1; give them values that do."


@checked_class(ModelError)
@dataclass(frozen=True)
class CrossNest:
    """A nest to which alternatives belong in part.

    Args:
        name: For messages and pictures.
        allocations: Name of an alternative -> the part of it, in [0, 1], that belongs here: a number, a parameter, an
            expression of parameters, or None for what the other nests leave. The parts of an alternative add up to 1.
        scale: Scale mu >= 1 of the errors within the nest: a parameter, an expression, or a number.

    Raises:
        ModelError: A number or a bound of an allocation lies outside [0, 1], the scale is not positive, or one of them
            is an array.

    Examples:
        >>> import pycmtensor as cmt
        >>> public = cmt.CrossNest("public", {"bus": cmt.Beta("alpha", 0.5, lb=0.0, ub=1.0), "train": 1.0}, scale=1.5)
        >>> public.name, public.scale
        ('public', 1.5)
    """

    name: str
    allocations: Mapping[str, Expression | None]
    scale: Expression = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.allocations, Mapping) or not self.allocations:
            raise ModelError(
                f"CrossNest '{self.name}': allocations maps names of alternatives to parts, found {self.allocations!r}."
            )
        _ = self.domain
        for alternative, part in self.allocations.items():
            if isinstance(part, Parameter):
                lb, ub = (-np.inf if part.lb is None else part.lb), (np.inf if part.ub is None else part.ub)
                found = f"a parameter with the bounds [{lb:g}, {ub:g}]"
            elif isinstance(part, (int, float, np.number)):
                lb, ub, found = float(part), float(part), f"{part:g}"
            else:
                symbol = pt.as_tensor_variable(0.0 if part is None else part)
                if symbol.ndim or symbol.dtype.startswith("complex"):
                    raise ModelError(
                        f"CrossNest '{self.name}': the allocation of '{alternative}' must be one number, found "
                        f"{symbol.type}."
                    )
                continue
            if not 0 <= lb <= ub <= 1:
                raise ModelError(
                    f"CrossNest '{self.name}': the allocation of '{alternative}' must lie in [0, 1], found {found}. "
                    "Write for example Beta('alpha', 0.5, lb=0, ub=1)."
                )

    @property
    def domain(self) -> Domain:
        """What the scale must be."""
        return scale_domain(f"CrossNest '{self.name}'", self.scale)


@checked_class(ModelError)
class CrossNestedLogit(ChoiceModel):
    r"""Cross-nested logit: an alternative can belong to several nests in part.

    .. math::
        P_j = \sum_m \frac{\alpha_{jm}^{\mu_m} \exp(\mu_m V_j)}{\sum_i a_i \alpha_{im}^{\mu_m} \exp(\mu_m V_i)} P(m),
        \quad P(m) \propto \Big(\sum_i a_i \alpha_{im}^{\mu_m} \exp(\mu_m V_i)\Big)^{1 / \mu_m}

    with allocations that add up to 1 over the nests of an alternative. The scale at the top is normalised to 1. With
    every alternative in one nest it is the nested logit, and with all scales 1 the logit.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`.
        availability: As in `ChoiceModel`.
        nests: The nests.
        draws: Of random coefficients, how many, or `Sampling` to say which; None when all coefficients are the same
            for everybody. The likelihood is then averaged over them as in `MixedLogit`.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when the allocations of an alternative do not add up to 1 by construction, or
            a nest names a stranger.

    References:
        Vovsha (1997), doi:10.3141/1607-02; Bierlaire (2006), doi:10.1007/s10479-006-0015-x.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3, 3]}), "mode", {"train": 1, "car": 2, "sm": 3})
        >>> V = {"train": cmt.Beta("asc_train"), "car": cmt.Beta("asc_car"), "sm": 0}
        >>> old = cmt.CrossNest("old", {"train": 0.5, "car": 1.0}, cmt.Beta("mu", 1.5, lb=1.0))
        >>> public = cmt.CrossNest("public", {"train": None, "sm": 1.0})
        >>> cmt.CrossNestedLogit(ds, V, nests=[old, public])
        CrossNestedLogit(train, car, sm; asc_train, asc_car, mu)
    """

    name = "Cross-nested logit"
    takes_one_utility = True
    takes_draws = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        nests: Sequence[CrossNest],
        draws: int | Sampling | None = None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        strangers = [nests] if isinstance(nests, CrossNest) else [n for n in nests if not isinstance(n, CrossNest)]
        if strangers:
            raise ModelError(
                f"nests is a list of CrossNest, found {strangers[0]!r}. An alternative that stands alone has a "
                "nest of its own: CrossNest('alone', {'sm': 1})."
            )
        self.nests = tuple(nests)
        self.sampling = sampling_of(draws)
        super().__init__(dataset, utilities, availability, params)

    def structure(self) -> list[Variable]:
        """The scales and allocations of the nests."""
        scales = [self.number(nest.scale) for nest in self.nests]
        return scales + [part for parts in self._parts() for part in parts.values()]

    def domains(self) -> list[Domain]:
        """Those of the utilities, of the scales, and of the allocations."""
        allocations = [
            Domain(f"CrossNest '{nest.name}': the allocation of '{name}'", part, "[0, 1]", ALLOCATIONS)
            for nest, parts in zip(self.nests, self._parts(), strict=True)
            for name, part in parts.items()
        ]
        return super().domains() + [nest.domain for nest in self.nests] + allocations

    def plot(self, ax: Axes | None = None, text: Callable[[Expression], str] = text_of) -> Axes:
        """The nests with their scales and allocations; see `pycmtensor.report.plots.cross_nests`.

        Args:
            ax: Where to draw; None makes a figure.
            text: What is written of a scale or a part that is no number, such as its estimate.
        """
        from pycmtensor.report.plots import cross_nests

        def shown(of: Expression | None) -> str:
            return "rest" if of is None else f"{of:g}" if isinstance(of, (int, float)) else text(of)

        labels = {
            f"{nest.name}\nscale {shown(nest.scale)}": {name: shown(part) for name, part in nest.allocations.items()}
            for nest in self.nests
        }
        return cross_nests(labels, self.alternatives, ax)

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The cross-nested logit kernel of the utilities."""
        V, available = self.one_by_one(V)
        logP = cross_nested_logit(V, available, self.dataset.chosen, self._scaled())
        return logP + within(nest.domain for nest in self.nests)

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """The logarithm of the generating function of the utilities."""
        V, available = self.one_by_one(V)
        return generating_log_sum(V, available, self._scaled())

    def _scaled(self) -> list[tuple[Variable, dict[int, Variable]]]:
        """The nests as the kernel sees them: scales, and allocations by position of the alternative."""
        position = {name: j for j, name in enumerate(self.alternatives)}
        return [
            (self.number(nest.scale), {position[name]: part for name, part in parts.items()})
            for nest, parts in zip(self.nests, self._parts(), strict=True)
        ]

    def _parts(self) -> list[dict[str, Variable]]:
        """Per nest, name of an alternative -> its part, with what is left over filled in."""
        strangers = [name for nest in self.nests for name in nest.allocations if name not in self.alternatives]
        if strangers:
            raise ModelError(
                f"The nests name {', '.join(strangers)}; the alternatives are {', '.join(self.alternatives)}."
            )
        rest = {name: self._rest(name) for name in self.alternatives}
        return [
            {name: self.number(rest[name] if part is None else part) for name, part in nest.allocations.items()}
            for nest in self.nests
        ]

    def _rest(self, name: str) -> Expression | None:
        """What the given allocations of an alternative leave; None when they are all given."""
        parts = [nest.allocations[name] for nest in self.nests if name in nest.allocations]
        given = [part for part in parts if part is not None]
        if not parts:
            raise ModelError(
                f"No nest holds '{name}'. Give it a nest of its own: CrossNest({name!r}, {{{name!r}: 1}})."
            )
        numbers = [float(part) for part in given if isinstance(part, (int, float, np.number))]
        if len(given) == len(parts):
            if len(numbers) < len(parts) or abs(sum(numbers) - 1) > 1e-12:
                raise ModelError(
                    f"The allocations of '{name}' do not add up to 1 by construction. Write None for one of them, "
                    "which then takes what the others leave."
                )
            return None
        if len(parts) - len(given) > 1:
            raise ModelError(f"'{name}' has {len(parts) - len(given)} allocations that are None; one takes the rest.")
        if len(numbers) == len(given) and not 0 <= sum(numbers) <= 1:
            raise ModelError(f"The allocations of '{name}' leave {1 - sum(numbers):g}; they must add up to at most 1.")
        return 1 - sum((self.number(part) for part in given), start=self.number(0.0))

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The nests without the alternatives that are taken out."""
        left = [
            replace(nest, allocations={name: part for name, part in nest.allocations.items() if name in alternatives})
            for nest in self.nests
            if any(name in alternatives for name in nest.allocations)
        ]
        return super().kept_among(alternatives) | {"nests": tuple(left)}
