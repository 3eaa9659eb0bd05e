"""The nested logit model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter
from pycmtensor.kernels import Node, inclusive_value, nested_logit
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.specified import Expression
from pycmtensor.terms.domains import Domain, within
from pycmtensor.terms.draws import Sampling, sampling_of
from pycmtensor.terms.relations import text_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pycmtensor.report.plots.nests import Branch

__all__ = ["Nest", "NestedLogit", "scale_domain"]

ADVICE = "Start at 1, where it changes nothing: Beta('mu', 1)."


def scale_domain(of: str, given: Expression, what: str = "the scale") -> Domain:
    """The domain of a scale, which must be one number.

    Raises:
        ModelError: It is an array, or not positive.
    """
    try:
        scale = pt.as_tensor_variable(given)
    except (TypeError, NotImplementedError):
        raise ModelError(f"{of}: {what} must be a number or an expression of parameters, found {given!r}.") from None
    if scale.ndim:
        raise ModelError(f"{of}: {what} must be one number, found {scale.type}.")
    domain = Domain(f"{of}: {what}", given, "(0, inf)", ADVICE, neutral=1.0)
    domain.check()
    return domain


@checked_class(ModelError)
@dataclass(frozen=True)
class Nest:
    """Alternatives whose errors are alike.

    Args:
        name: For messages and pictures.
        members: Names of alternatives, and nests within this one.
        scale: Scale mu of the errors within the nest, at least that of the nest around it (1 at the top): a
            parameter, an expression of parameters, or a number. The dissimilarity parameter is its inverse: with
            ``lambda_ = Beta("lambda", 0.5, lb=0.01, ub=1)`` write ``scale=1 / lambda_``.

    Raises:
        ModelError: There are no members, or the scale is not positive.

    Examples:
        >>> from pycmtensor.expressions import Beta
        >>> Nest("existing", ["train", "car"], Beta("mu", 1.5, lb=1.0))
        Nest(name='existing', members=['train', 'car'], scale=Beta('mu', 1.5, lb=1))
    """

    name: str
    members: Sequence[str | Nest]
    scale: Expression = 1.0

    def __post_init__(self) -> None:
        members = self.members if isinstance(self.members, list | tuple) else []
        if not members or not all(isinstance(member, str | Nest) for member in members):
            raise ModelError(
                f"Nest '{self.name}': members is a list of at least one name or nest, found {self.members!r}."
            )
        _ = self.domain

    @property
    def domain(self) -> Domain:
        """What the scale must be."""
        return scale_domain(f"Nest '{self.name}'", self.scale)

    def walk(self) -> Iterator[Nest]:
        """The nest itself and the nests within it."""
        yield self
        for member in self.members:
            if isinstance(member, Nest):
                yield from member.walk()

    def alternatives(self) -> list[str]:
        """Names of the alternatives in it, from left to right."""
        return [name for m in self.members for name in (m.alternatives() if isinstance(m, Nest) else [m])]

    def without(self, alternative: str) -> Nest | None:
        """The nest without an alternative; None when nothing is left."""
        kept = [m.without(alternative) if isinstance(m, Nest) else m for m in self.members if m != alternative]
        members = [m for m in kept if m is not None]
        return Nest(self.name, members, self.scale) if members else None


@checked_class(ModelError)
class NestedLogit(ChoiceModel):
    r"""Nested logit: errors that are alike within nests, and nests within nests.

    .. math::
        P_j = \prod_{m \ni j} P(c_m | m), \quad
        P(c | m) = \frac{\exp(\mu_m W_c)}{\sum_{d \in m} a_d \exp(\mu_m W_d)}, \quad
        W_m = \frac{1}{\mu_m} \log \sum_{c \in m} a_c \exp(\mu_m W_c)

    from the root down to j, with W the utility of an alternative and the inclusive value of a nest. The scale of the
    root is normalised to 1; the model agrees with utility maximisation when scales do not fall from the root
    downwards. With all scales 1, and in a nest of one alternative, it is the logit.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: As in `ChoiceModel`.
        availability: As in `ChoiceModel`.
        nests: Nests, and names of alternatives that stand alone: each alternative once.
        normalised: False leaves the utilities within nests unscaled, exp(W) in place of exp(mu W): the older
            non-normalised form, which depends on the unit of utility unless all scales are equal.
        draws: Of random coefficients, how many, or `Sampling` to say which; None when all coefficients are the same
            for everybody. The likelihood is then averaged over them as in `MixedLogit`.
        params: As in `ChoiceModel`.

    Raises:
        ModelError: As `ChoiceModel`; also when the nests leave an alternative out, name one twice, or name a stranger.

    References:
        McFadden (1978), Modelling the choice of residential location; Koppelman & Wen (1998),
        doi:10.1016/S0191-2615(98)00003-4, for the two forms.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3, 3]}), "mode", {"train": 1, "car": 2, "sm": 3})
        >>> asc, old = cmt.Beta("asc_sm"), cmt.Nest("old", ["train", "car"], scale=2)
        >>> model = cmt.NestedLogit(ds, {"train": 0, "car": 0, "sm": asc}, nests=[old, "sm"])
        >>> cmt.estimate(model).params.round(6).to_dict()  # the inclusive value of the nest, log(2) / 2
        {'asc_sm': 0.346574}
    """

    name = "Nested logit"
    takes_one_utility = True
    takes_draws = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        nests: Sequence[Nest | str],
        normalised: bool = True,
        draws: int | Sampling | None = None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        if isinstance(nests, (str, Nest)):
            raise ModelError(f"nests is a list of nests and of names that stand alone, found {nests!r}. Write [...].")
        self.root, self.normalised = Nest("root", list(nests), 1.0), normalised
        self.sampling = sampling_of(draws)
        super().__init__(dataset, utilities, availability, params)

    def structure(self) -> list[Variable]:
        """The scales of the nests."""
        named = self.root.alternatives()
        strangers = [str(name) for name in named if name not in self.alternatives]
        if strangers:
            raise ModelError(
                f"The nests name {', '.join(strangers)}; the alternatives are {', '.join(self.alternatives)}."
            )
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ModelError(
                f"The nests overlap: {', '.join(twice)} is in more than one. Use CrossNestedLogit for that."
            )
        missing = [name for name in self.alternatives if name not in named]
        if missing:
            raise ModelError(
                f"No nest holds {', '.join(missing)}. Name it in nests by itself to let it stand alone: "
                f"nests=[..., {missing[0]!r}]."
            )
        return [self.number(nest.scale) for nest in self.root.walk()]

    def domains(self) -> list[Domain]:
        """Those of the utilities, and of the scales."""
        return super().domains() + self._scale_domains()

    def _scale_domains(self) -> list[Domain]:
        return [nest.domain for nest in self.root.walk() if nest is not self.root]

    def plot(self, ax: Axes | None = None, text: Callable[[Expression], str] = text_of) -> Axes:
        """The tree of the nests with their scales; see `pycmtensor.report.plots.nests`.

        Args:
            ax: Where to draw; None makes a figure.
            text: What is written of a scale that is no number, such as its estimate.
        """
        from pycmtensor.report.plots import nests

        def branch(nest: Nest) -> Branch:
            label = nest.name
            if nest is not self.root:
                scale = nest.scale
                label += f"\nscale {scale:g}" if isinstance(scale, (int, float)) else f"\nscale {text(scale)}"
            return label, [branch(m) if isinstance(m, Nest) else (str(m), ()) for m in nest.members]

        return nests(branch(self.root), ax)

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """The nested logit kernel of the utilities."""
        V, available = self.one_by_one(V)
        logP = nested_logit(V, available, self.dataset.chosen, self._node(self.root), self.normalised)
        return logP + within(self._scale_domains())

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """The inclusive value of the root."""
        if not self.normalised:
            raise ModelError(
                "The form without normalisation follows from no maximisation of utility. Use normalised=True."
            )
        V, available = self.one_by_one(V)
        return inclusive_value(V, available, self._node(self.root))

    def _node(self, nest: Nest) -> Node:
        """A nest as the kernel sees it."""
        members = (self._node(m) if isinstance(m, Nest) else self.alternatives.index(m) for m in nest.members)
        return Node(tuple(members), self.number(nest.scale))

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The nests without the alternatives that are taken out."""
        root: Nest | None = self.root
        for name in self.alternatives:
            if root is not None and name not in alternatives:
                root = root.without(name)
        return super().kept_among(alternatives) | {"root": root}
