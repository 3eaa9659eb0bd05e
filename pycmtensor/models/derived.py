"""Models that are made of another one: without an alternative, with fixed parameters, with other utilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from functools import cached_property
from types import FunctionType
from typing import Any, Self

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.long import LongDataset
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Beta, Parameter, parameters_of
from pycmtensor.models.specified import Expression, Specified
from pycmtensor.terms.domains import Domain, with_domains
from pycmtensor.terms.draws import Sampling

__all__ = ["Derived"]

#: Attributes that follow from the specification, or belong to no alternative.
SPECIFIED = {
    "dataset",
    "alternatives",
    "utilities",
    "availability",
    "utility",
    "available_where",
    "params",
    "draws",
    "logprob",
    "cost",
    "inputs",
    "held",
    "origins",
    "_given_availability",
    "_llnull",
}

#: Kinds of attributes that cannot hold something for each alternative.
OF_NO_ALTERNATIVE = (type(None), bool, int, float, str, np.generic, Parameter, Sampling, FunctionType)


@checked_class(ModelError)
class Derived(Specified):
    """A specified model that others are made of; options of subclasses are kept. See `ChoiceModel`."""

    def without(self, alternative: str, data: Dataset | None = None) -> Self:
        """This model of the choices among the other alternatives; parameters of this one alone vanish.

        Args:
            alternative: Its name.
            data: The data to take choices from; None for the model's own.

        Returns:
            A model of the same kind, of a data set without the alternative.

        Raises:
            DatasetError: As `Dataset.without`.
            ModelError: No free parameter is left, or one expression is the utility of all alternatives.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3]}), "mode", {"car": 1, "bus": 2, "tram": 3})
            >>> model = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": cmt.Beta("asc_bus"), "tram": 0})
            >>> model.without("bus")
            MNL(car, tram; asc_car)
        """
        if any(V.ndim == 4 for V in self.named_utilities.values()):
            raise ModelError(
                f"'{alternative}' cannot be taken out of one utility for all alternatives, which share its parameters. "
                "Write the utilities one by one, {'car': b_cost * ds['cost', 'car'], ...}."
            )
        data = (data or self.dataset).without(alternative)
        utilities = {name: utility for name, utility in self.utilities.items() if name != alternative}
        availability = {name: a for name, a in (self._given_availability or {}).items() if name != alternative}
        return self._respecified(data, utilities, availability)

    def with_fixed(self, values: Mapping[str, float]) -> Self:
        """This model with some scalar parameters fixed; the parameters of this one stay as they are.

        Args:
            values: Name of a parameter -> the value that it is fixed at.

        Returns:
            A model of the same kind.

        Raises:
            ModelError: A name belongs to no scalar parameter of the utilities, or no free parameter is left.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3]}), "mode", {"car": 1, "bus": 2, "tram": 3})
            >>> model = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": cmt.Beta("asc_bus"), "tram": 0})
            >>> model.with_fixed({"asc_bus": -1.0}).params
            [Beta('asc_car', 0), Beta('asc_bus', -1, fixed)]
        """
        used = parameters_of(list(self.named_utilities.values()))
        scalars = {parameter.name: parameter for parameter in used if parameter.shape == ()}
        unknown = [name for name in values if name not in scalars]
        if unknown:
            raise ModelError(
                f"{', '.join(unknown)} cannot be fixed: the scalar parameters of the utilities are "
                f"{', '.join(scalars) or 'none'}."
            )
        fixed = {scalars[name](): Beta(name, value, status=1)() for name, value in values.items()}
        for attribute, own in self._options().items():
            inside = set(graph_inputs(_symbols_in(own))) & fixed.keys()
            if inside:
                raise ModelError(
                    f"{', '.join(sorted(str(p.name) for p in inside))} stands in '{attribute}' of the "
                    f"{type(self).__name__} too, beside the utilities, where with_fixed does not reach. Make the model "
                    "with a parameter of status=1."
                )
        if self.utility is not None:
            utility = graph_replace(self.utility, fixed, strict=False)
            return self._respecified(self.dataset, utility, self._given_availability)
        utilities = graph_replace(list(self.utilities.values()), fixed, strict=False)
        replaced = dict(zip(self.utilities, utilities, strict=True))
        return self._respecified(self.dataset, replaced, self._given_availability)

    def with_terms(self, terms: Mapping[str, Variable]) -> Self:
        """This model with something added to the utilities of some alternatives, by name."""
        if self.utility is None:
            added = {n: V + terms[n] if n in terms else V for n, V in self.utilities.items()}
            return self._respecified(self.dataset, added, self._given_availability)
        assert isinstance(self.dataset, LongDataset)
        nothing = pt.zeros((1, 1, 1), self.utility.dtype)
        T_N = [terms.get(name, nothing)[None] for name in self.alternatives]
        shape = pt.broadcast_shape(*T_N)
        every = pt.concatenate([pt.broadcast_to(term, shape) for term in T_N])
        return self._respecified(self.dataset, self.utility + every, self._given_availability)

    def with_scale(self, scale: Parameter) -> Self:
        """This model with all utilities multiplied by a scale, such as that of one of several pooled data sets."""
        domain = Domain(
            "The scale of the utilities", scale, "(0, inf)", "Errors have a positive variance.", neutral=1.0
        )
        if self.utility is not None:
            utility = with_domains(scale * self.utility, [domain])
            return self._respecified(self.dataset, utility, self._given_availability)
        scaled = {name: with_domains(scale * utility, [domain]) for name, utility in self.utilities.items()}
        return self._respecified(self.dataset, scaled, self._given_availability)

    def _respecified(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Variable] | Variable,
        availability: Mapping[str, Expression] | Variable | None,
    ) -> Self:
        """This model, options of subclasses included, with another data set and other `named_utilities`."""
        return self._specified_anew(dataset, *self._as_given(dataset, utilities, availability))

    def _options(self) -> dict[str, Any]:
        """The attributes that a subclass has of its own, without what is cached."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in SPECIFIED and not isinstance(getattr(type(self), name, None), cached_property)
        }

    def _as_given(self, dataset: Dataset, utilities: Any, availability: Any) -> tuple[Any, Any]:
        """Utilities and availability as `_specify` takes them, made of `named_utilities`."""
        return utilities, availability

    def _specified_anew(self, dataset: Dataset, utilities: Any, availability: Any) -> Self:
        """A copy of this model with another specification."""
        other = copy(self)
        for name in vars(self).keys() - SPECIFIED - self._options().keys():
            del vars(other)[name]  # what is cached follows from the specification
        gone = [name for name in self.alternatives if name not in dataset.alternatives]
        if gone or dataset.n_alternatives != self.dataset.n_alternatives:
            kept = self.kept_among(tuple(dataset.alternatives))
            unknown = [
                f"'{name}'"
                for name, value in self._options().items()
                if name not in kept and not isinstance(value, OF_NO_ALTERNATIVE)
            ]
            if unknown:
                raise ModelError(
                    f"{type(self).__name__} holds {', '.join(unknown)}, and does not say what is left of that "
                    f"{f'without {gone[0]!r}' if gone else 'with other choice sets'}. Give it a method kept_among("
                    "alternatives) that returns these attributes by name, as they are among the alternatives that are "
                    "left."
                )
            vars(other).update(kept)
        other._specify(dataset, utilities, availability)
        return other

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """What is left of a subclass's attributes when alternatives are taken out, by name.

        Numbers, texts, parameters and functions stay as they are unless they are named here; of all else that it holds,
        a subclass must say so.

        Args:
            alternatives: Those that are left.
        """
        return {}


def _symbols_in(value: Any) -> list[Variable]:
    """The symbols in an attribute: a parameter, an expression, or a collection or record of them."""
    if isinstance(value, Variable):
        return [value]
    if isinstance(value, Parameter):
        return [value()]
    if isinstance(value, Mapping):
        parts: Iterable[Any] = value.values()
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in fields(value)]
    else:
        parts = value if isinstance(value, (list, tuple)) else []
    return [symbol for part in parts for symbol in _symbols_in(part)]
