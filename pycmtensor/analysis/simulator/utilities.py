"""Utilities that are linear in what moves: a constant and a coefficient for each attribute, at every draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Variable
from pytensor.graph.replace import clone_replace

from pycmtensor.dataset import Dataset, LongDataset
from pycmtensor.dataset.symbols import column_of, columns_in, name_of
from pycmtensor.exceptions import InferenceError
from pycmtensor.models import MNL, LatentClass, MixedLogit, Model, NestedLogit
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.nested_logit import Nest
from pycmtensor.terms.draws import Sampling, values_of
from pycmtensor.terms.relations import ParameterFunction

__all__ = ["Key", "LinearClass", "Tree", "attributes_of", "classes_of", "owners_of", "tree_of"]

Array = NDArray[np.floating]

#: A column as `Dataset.with_columns` names it.
Key: TypeAlias = str | tuple[str, str]

#: A nest: its scale, and its alternatives by their positions and further nests.
Tree: TypeAlias = dict[str, Any]

#: What a simulator can compute.
COVERED = (MNL, MixedLogit, NestedLogit)


@dataclass(frozen=True)
class LinearClass:
    """The utilities of one latent class, or of a model without classes, at any parameters and data.

    .. math:: V_{jnr} = a_{jnr}(\\theta) + \\sum_k b_{jknr}(\\theta) x_{kn}

    Attributes:
        model: The logit of the class.
        share: Log of the probability of the class before choices are seen, (1 or N, 1).
        whole: The model that the class belongs to.
        sampling: The draws.
    """

    model: ChoiceModel
    share: Variable
    whole: ChoiceModel
    sampling: Sampling | None

    @cached_property
    def _functions(self) -> list[tuple[list[Variable], Any]]:
        """Columns and the function of parameters, columns and draws, of each utility and, last, of the share."""
        V, params = self.model.V, self.whole.params
        symbols = {p(): p().type() for p in params}
        found = []
        for output in [*(V if isinstance(V, list) else [V]), self.share]:
            own = clone_replace(output, symbols, rebuild_strict=False)
            columns = columns_in([own])
            inputs = [*symbols.values(), *columns, *(draws() for draws in self.whole.draws)]
            run = pytensor.function(inputs, own, mode=Mode(linker="py", optimizer=None), on_unused_input="ignore")
            found.append((columns, run))
        return found

    def linear(self, data: Dataset, keys: Sequence[Key], values: Sequence[Array]) -> tuple[Array, list[Array], Array]:
        """Constants (J, S, R), coefficients of each attribute (J, S, R), and the probability of the class (S,).

        Constants are the utilities with 0 for what moves, coefficients what a 1 for one attribute adds.
        """
        constant, share = self._at(data, values, partial(_moved, data, keys, None))
        slopes: list[Array] = []
        for key in keys:
            held = key if isinstance(key, str) else key[0]
            moved, _ = self._at(data, values, partial(_moved, data, keys, key), held, constant)
            slopes.append(moved - constant)
        return constant, slopes, share

    def is_linear(self, data: Dataset, keys: Sequence[Key], values: Sequence[Array], x: Array) -> bool:
        """Whether utilities are the constants and the coefficients times today's attributes x (K, S)."""
        constant, slopes, _ = self.linear(data, keys, values)
        total, _ = self._at(data, values, data.array)
        found = constant + sum(b * own[:, None] for b, own in zip(slopes, x, strict=True))
        return bool(np.allclose(found, total, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(constant).max()))))

    def _at(
        self,
        data: Dataset,
        values: Sequence[Array],
        of: Callable[[Variable], Array],
        only: str | None = None,
        others: Array | None = None,
    ) -> tuple[Array, Array]:
        """Utilities (J, S, R) and the probability of the class (S,), of columns as a function gives them.

        Utilities without the column ``only``, if there is one, are ``others``.
        """
        T, N = data.array(data.observed).shape[:2]
        R = 1 if self.sampling is None else self.sampling.number
        drawn = [] if self.sampling is None else self._drawn(data, T)
        *utilities, (columns, run) = self._functions
        log_share = run(*values, *map(data.array, columns), *drawn)
        share = data.of_situations(np.broadcast_to(np.exp(log_share)[..., 0], (T, N)))
        found, J = [], len(self.model.alternatives)
        for j, (columns, run) in enumerate(utilities):
            if only is not None and others is not None and only not in map(name_of, columns):
                found.append(others[j : j + 1] if len(utilities) == J else others)
                continue
            V = np.asarray(run(*values, *map(of, columns), *drawn))
            wide = np.broadcast_to(V, (V.shape[0] if V.ndim == 4 else 1, T, N, R))
            found.append(np.stack([data.of_situations(np.moveaxis(own, -1, 0)).T for own in wide]))
        return np.broadcast_to(np.concatenate(found), (J, *found[0].shape[1:])).astype(float), share

    def _drawn(self, data: Dataset, T: int) -> list[Array]:
        """The draws of the individuals, each (1 or T, N, R)."""
        assert self.sampling is not None
        return values_of(self.whole.draws, self.sampling, data.individual_numbers, T, data.draw_situations)


def _moved(data: Dataset, keys: Sequence[Key], key: Key | None, column: Variable) -> Array:
    """A column with 0 in place of what moves, and 1 for one attribute."""
    name, values = column_of(column), data.array(column)
    if name in keys:
        return np.full_like(values, float(name == key))
    found = values
    for j, alternative in enumerate(data.alternatives):
        if (name, alternative) in keys:
            found = found.copy() if found is values else found
            found[j] = float((name, alternative) == key)
    return found


def classes_of(model: ChoiceModel, sampling: Sampling | None) -> list[LinearClass]:
    """The latent classes of a model, or the model itself.

    Raises:
        InferenceError: The kernel of the model is none that a simulator has.
    """
    parts = model.by_class()
    is_mixture = isinstance(model, LatentClass) and model.inherits_likelihood(LatentClass)
    if not (is_mixture or list(parts) == [None]) or not all(map(_is_covered, parts.values())):
        names = ", ".join(cls.__name__ for cls in (*COVERED, LatentClass))
        raise InferenceError(
            f"to_simulator: {model.name} is none of the models that a file can compute, {names}. Ask cmt.scenario, "
            "which answers for every model."
        )
    shares = model.log_shares()
    return [
        LinearClass(part, share, model, sampling)
        for part, share in zip(parts.values(), shares, strict=True)
        if isinstance(part, ChoiceModel)
    ]


def _is_covered(model: Model) -> bool:
    """Whether the likelihood is that of a kernel that a simulator has."""
    return isinstance(model, ChoiceModel) and any(
        isinstance(model, kind) and model.inherits_likelihood(kind) for kind in COVERED
    )


def attributes_of(model: ChoiceModel, ds: Dataset, asked: Sequence[str] | None) -> list[Key]:
    """The columns that move: those that are asked for, or else what differs between alternatives.

    Raises:
        InferenceError: A column that is asked for is in no utility, or there is none.
    """
    used = [name_of(symbol) for symbol in columns_in(list(model.named_utilities.values()))]
    known = [name for name in ds.columns if name in used]
    strangers = [name for name in asked or () if name not in known]
    if strangers:
        raise InferenceError(
            f"to_simulator: attributes names {', '.join(map(repr, strangers))}, in no utility; there are "
            f"{', '.join(known)}."
        )
    if isinstance(ds, LongDataset):
        names = list(asked) if asked else [name for name in known if np.ptp(ds.array(name), axis=0).any()]
        keys: list[Key] = [(name, alternative) for name in names for alternative in ds.alternatives]
    else:
        owners = owners_of(model, known)
        keys = list(asked) if asked else [name for name, owner in zip(known, owners, strict=True) if owner]
    if not keys:
        raise InferenceError("to_simulator: no attribute belongs to one alternative. Name columns in attributes=[...].")
    return keys


def owners_of(model: ChoiceModel, keys: Sequence[Key]) -> list[str]:
    """The only alternative that has each column in its utilities, "" where several have it."""
    of = {a: {name_of(s) for s in columns_in(V)} for a, V in _by_alternative(model).items()}
    found = []
    for key in keys:
        own = [a for a, names in of.items() if key in names] if isinstance(key, str) else [key[1]]
        found.append(own[0] if len(own) == 1 else "")
    return found


def _by_alternative(model: ChoiceModel) -> dict[str, list[Variable]]:
    """The utilities of each alternative in all classes."""
    found: dict[str, list[Variable]] = {}
    for part in model.by_class().values():
        if isinstance(part, ChoiceModel):
            for name, terms in part.terms_of_alternatives().items():
                found.setdefault(name, []).extend(terms)
    return found


def tree_of(model: ChoiceModel, labels: Sequence[str], theta: Array, fixed: Mapping[str, float]) -> Tree:
    """The nests with their scales at theta; of a logit one nest of all alternatives.

    Raises:
        ModelError: A scale depends on columns.
    """
    places = {name: j for j, name in enumerate(model.alternatives)}
    if not isinstance(model, NestedLogit):
        return {"scale": 1.0, "members": list(places.values())}

    def branch(nest: Nest) -> Tree:
        if isinstance(nest.scale, (int, float)):
            scale = float(nest.scale)
        else:
            scale = ParameterFunction.of(pt.as_tensor_variable(nest.scale), labels, fixed).at(theta)
        members = [branch(m) if isinstance(m, Nest) else places[m] for m in nest.members]
        return {"scale": scale, "members": members}

    return {**branch(model.root), "normalised": model.normalised}
