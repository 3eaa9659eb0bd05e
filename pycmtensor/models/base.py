"""What all models share: utilities by alternative, availability, parameters, inputs and their checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cached_property
from types import FunctionType
from typing import Any, ClassVar, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset, check_alike, rows_text
from pycmtensor.dataset.symbols import Origin, check_origin, columns_in, is_column
from pycmtensor.draws import Sampling, draws_of, sampling_of, values_of
from pycmtensor.exceptions import DatasetError, ModelError
from pycmtensor.expressions import Beta, Parameter, parameters_of
from pycmtensor.kernels.mixture import log_mean_exp
from pycmtensor.models.operations import check_operations
from pycmtensor.utilities import check_segments

__all__ = ["Model"]

Expression: TypeAlias = Variable | Parameter | float

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
    "compiled",
    "held",
    "origins",
    "_given_availability",
    "_llnull",
}

#: Kinds of attributes that cannot hold something for each alternative.
OF_NO_ALTERNATIVE = (type(None), bool, int, float, str, np.generic, Parameter, Sampling, FunctionType)


class Model:
    """Base class of choice models.

    A subclass gives `log_probability`, and `structure` if it has parameters beside the utilities. The base checks the
    specification, collects parameters and inputs, and forms the likelihood. Options of a subclass are attributes that
    it sets before it calls ``super().__init__``, such as ``sampling`` if the kernel holds `Draws` of its own. Models
    that are made of it, by `with_fixed` and `without`, keep them, and `kept_among` says what is left of them when an
    alternative is taken out.

    Args:
        dataset: The data that the utilities are written with.
        utilities: Name of every alternative -> its utility, an expression of parameters and columns. Or one expression
            for all alternatives with the axes (J, T, N, R), as columns of long data have.
        availability: Name of an alternative -> 1 where it can be chosen, 0 where not: a column or an expression of
            columns. Alternatives that are not named are always available. Or one expression, when ``utilities`` is one.
            What long data say themselves about availability holds in addition.
        params: The parameters that you mean to estimate. Optional; when given, a parameter that no utility uses,
            or one that is used and not listed, is an error.

    Attributes:
        utilities: By alternative; empty when one expression was given for all.
        utility: That one expression (J, T, N, R), or None.
        availability: What can be chosen, in the form of the utilities: by alternative, or empty.
        available_where: One expression (J, T, N, 1) of what can be chosen, or None.
        params: Parameters of the utilities, fixed ones too, in the order in which they were created.
        inputs: The symbolic columns and draws that `cost` needs; `arrays` gives their numbers.
        draws: The random variables of the likelihood: those of the utilities, and of a kernel.
        logprob: Log-likelihood of each individual, (N,).
        cost: Negative log-likelihood, weighted and summed over individuals, a scalar.

    Raises:
        ModelError: An alternative has no utility, a name is no alternative, an expression has the wrong axes or
            holds an unknown input, the parameters contradict each other, or nothing is left to estimate.
        DatasetError: A chosen alternative is unavailable, or a used column holds missing values.
    """

    name: str = "Choice model"
    sampling: Sampling | None = None  #: how draws are made, in models that have them
    takes_one_utility: ClassVar[bool] = False  #: whether `log_probability` takes V as one array (J, T, N, R) too
    takes_draws: ClassVar[bool] = False  #: whether ``draws`` is an argument, for random coefficients
    held: frozenset[Parameter] = frozenset()  #: parameters that are not estimated though they are not fixed
    origins: frozenset[Origin] = frozenset()  #: of the data sets whose columns may stand in the specification

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None = None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise ModelError(
                f"The first argument of {type(self).__name__} is a Dataset, found {type(dataset).__name__}. Make one "
                "with Dataset(frame, choice=..., alternatives=...)."
            )
        self._specify(dataset, utilities, availability, params)

    def _specify(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Expression] | Variable,
        availability: Mapping[str, Expression] | Variable | None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        """Set and check everything that follows from a specification; options of a subclass are set before."""
        self.dataset = dataset
        self.origins = self.origins | {dataset.origin}
        self.alternatives = tuple(dataset.alternatives)
        self.utilities: dict[str, Variable] = {}
        self.availability: dict[str, Variable] = {}
        self.utility: Variable | None = None
        self.available_where: Variable | None = None
        self._given_availability = availability
        if isinstance(utilities, Variable) and utilities.ndim == 4:
            self._specify_at_once(utilities, availability)
        else:
            self._specify_one_by_one(utilities, availability)
        self.params = self._parameters(params)
        self.logprob = self.logprob_given(self.V)
        self.draws = draws_of([self.logprob, *self._utilities(), *self.structure()])
        self._check_unknowns()
        check_operations(f"The log-likelihood of the {type(self).__name__}", [self.logprob])
        self.cost = -pt.sum(dataset.weight[0, :, 0] * self.logprob)
        self.inputs = self._inputs()
        check_origin(f"The {type(self).__name__}", self.inputs, self.origins, dataset)
        self.compiled: dict[Any, Any] = {}  # programs that the engine made; they live as long as the model
        self._llnull: WeakKeyDictionary[Dataset, float] = WeakKeyDictionary()
        self.check(dataset)

    def structure(self) -> list[Variable]:
        """Expressions of parameters beside the utilities, such as the scales of nests, after a check of them."""
        return []

    @property
    def V(self) -> list[Variable] | Variable:
        """Utilities as kernels take them: one for each alternative in their order, or one array (J, T, N, R)."""
        return list(self.utilities.values()) if self.utility is None else self.utility

    @property
    def named_utilities(self) -> dict[str, Variable]:
        """The utilities by what they are called in messages: their alternative, or "all alternatives"."""
        return self.utilities if self.utility is None else {"all alternatives": self.utility}

    def _utilities(self) -> list[Variable]:
        return list(self.named_utilities.values())

    @property
    def choice_set(self) -> list[Variable | None] | Variable | None:
        """Availability as kernels take it, in the form of `V`; None stands for always available."""
        if self.utility is not None:
            return self.available_where
        return [self.availability.get(name) for name in self.alternatives]

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-probability of the chosen alternative (T, N, R), given utilities in the form of `V`."""
        raise ModelError(f"{type(self).__name__} has no kernel. Use MNL, or write `log_probability` in a subclass.")

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """Expected utility of the best available alternative up to a constant, (T, N, R), given utilities as `V`."""
        raise ModelError(f"{type(self).__name__} does not say what the expected maximum utility is.")

    def expected_maximum_utilities(self, V: Sequence[Variable] | Variable) -> list[Variable]:
        """The `expected_maximum_utility` of each latent class."""
        return [self.expected_maximum_utility(V)]

    def log_shares(self) -> list[Variable]:
        """By latent class the log of its probability before choices are seen, (1 or N, 1)."""
        return [pt.zeros((1, 1))]

    def mixture(self, V: Sequence[Variable] | Variable) -> list[tuple[Variable, Variable]]:
        """By latent class the log of its weight times the likelihood (N, R), and the log-probability (T, N, R)."""
        return [(self.over_situations(V), self.log_probability(V))]

    @property
    def free(self) -> list[Parameter]:
        """The parameters that are estimated."""
        return [parameter for parameter in self.params if parameter.status == 0 and parameter not in self.held]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the free parameters, one per element of theta (K,)."""
        return tuple(label for parameter in self.free for label in parameter.labels())

    def arrays(self, data: Dataset | None = None) -> list[NDArray[Any]]:
        """The numbers of `inputs`, each (T, N, 1) or (J, T, N, 1), ready for a compiled function of them.

        Args:
            data: A data set with the same columns; None for the model's own.
        """
        data = data or self.dataset
        columns = [data.array(symbol) for symbol in self.inputs if is_column(symbol)]
        if self.sampling is None:
            return columns
        return columns + self._draw_values(self.sampling, data)

    def at_one_draw(self, expressions: Sequence[Variable], data: Dataset) -> list[Variable]:
        """Expressions of columns and draws, each with one number for each individual in place of the draws."""
        numbers = self._draw_values(Sampling(1), data)
        drawn = dict(zip((draws() for draws in self.draws), map(pt.constant, numbers), strict=True))
        return graph_replace(list(expressions), drawn, strict=False)

    def _draw_values(self, sampling: Sampling, data: Dataset) -> list[NDArray[Any]]:
        """The numbers of the draws, each (1 or T, N, R)."""
        return values_of(self.draws, sampling, data.individual_numbers, data.n_situations, data.draw_situations)

    def available(self, data: Dataset | None = None) -> NDArray[np.bool_]:
        """Which alternatives can be chosen, (J, T, N)."""
        data = data or self.dataset
        T, N, _ = data.array(data.chosen).shape
        if self.utility is not None:
            where = [self.available_where]
            shape = data.n_alternatives, T, N, 1
        else:
            where = [self.availability.get(name) for name in self.alternatives]
            shape = 1, T, N, 1
        given = [np.True_ if a is None else data.evaluate(a) != 0 for a in where]
        return np.concatenate([np.broadcast_to(a, shape) for a in given])[..., 0]

    def llnull(self, data: Dataset | None = None) -> float:
        """Log-likelihood when every available alternative is equally likely."""
        data = data or self.dataset
        if data not in self._llnull:
            choices = self.available(data).sum(axis=0)
            observed = data.array(data.observed)[..., 0]
            self._llnull[data] = -float((np.log(choices) * observed).sum(axis=0) @ data.individual_weights)
        return self._llnull[data]

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when this model cannot be estimated with ``data``."""
        self.check_to_predict(data)
        place = data.array(data.chosen)[None, ..., 0].astype(int)
        unavailable = ~np.take_along_axis(self.available(data), place, axis=0)[0]
        chosen = data.chosen_alternatives
        rows = data.rows_of(unavailable)
        if len(rows):
            name = self.alternatives[chosen[unavailable][0]]
            rows = data.rows_of(unavailable & (chosen == self.alternatives.index(name)))
            raise DatasetError(
                f"'{name}' is chosen where it is unavailable ({rows_text(rows)}). Correct the availability, "
                "or drop these rows."
            )

    def check_to_predict(self, data: Dataset) -> None:
        """Raise a `DatasetError` when this model cannot say what will be chosen in ``data``."""
        check_alike(self.dataset, data)
        for symbol in self.inputs:
            if is_column(symbol):
                data.array(symbol)
        check_segments([*self._utilities(), *self.structure()], data)
        rows = data.rows_of(np.logical_not(self.available(data).any(axis=0)))
        if len(rows):
            raise DatasetError(f"No alternative is available in {rows_text(rows)}. Correct the availability.")

    def without(self, alternative: str, data: Dataset | None = None) -> Model:
        """This model of the choices among the other alternatives; parameters of this one alone vanish.

        Args:
            alternative: Its name.
            data: The data to take choices from; None for the model's own.

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
        if any(V.ndim == 4 for V in self._utilities()):
            raise ModelError(
                f"'{alternative}' cannot be taken out of one utility for all alternatives, which share its parameters. "
                "Write the utilities one by one, {'car': b_cost * ds['cost', 'car'], ...}."
            )
        data = (data or self.dataset).without(alternative)
        utilities = {name: utility for name, utility in self.utilities.items() if name != alternative}
        availability = {name: a for name, a in (self._given_availability or {}).items() if name != alternative}
        return self._respecified(data, utilities, availability)

    def with_fixed(self, values: Mapping[str, float]) -> Model:
        """This model with some scalar parameters fixed; the parameters of this one stay as they are.

        Args:
            values: Name of a parameter -> the value that it is fixed at.

        Raises:
            ModelError: A name belongs to no scalar parameter of the utilities, or no free parameter is left.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3]}), "mode", {"car": 1, "bus": 2, "tram": 3})
            >>> model = cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": cmt.Beta("asc_bus"), "tram": 0})
            >>> model.with_fixed({"asc_bus": -1.0}).params
            [Beta('asc_car', 0), Beta('asc_bus', -1, fixed)]
        """
        used = parameters_of(self._utilities())
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

    def holding(self, parameters: Iterable[Parameter]) -> Model:
        """This model with some parameters held, as if they were fixed; the parameters themselves stay as they are."""
        other = copy(self)
        other.held, other.compiled = self.held | frozenset(parameters), {}
        return other

    def with_draws(self, draws: int | Sampling) -> Model:
        """This model with other draws; parameters stay as they are.

        Args:
            draws: How many draws, or `Sampling` to say which.

        Raises:
            ModelError: The model has no random coefficients.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 1]}), "mode", {"car": 1, "bus": 2})
            >>> taste = cmt.coefficients.normal("taste", cmt.Beta("mean"), cmt.Beta("sd", 1.0))
            >>> cmt.MixedLogit(ds, {"car": taste, "bus": 0}, draws=100).with_draws(200).sampling
            Sampling(number=200, kind='sobol', seed=0, antithetic=False)
        """
        if self.sampling is None:
            raise ModelError(f"The {type(self).__name__} has no draws to be changed: no coefficient is random.")
        other = copy(self)
        other.sampling = sampling_of(draws)
        return other

    def _respecified(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Variable] | Variable,
        availability: Mapping[str, Expression] | Variable | None,
    ) -> Model:
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

    def _specified_anew(self, dataset: Dataset, utilities: Any, availability: Any) -> Model:
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

    def logprob_given(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual (N,), given utilities; with draws, of the average over them."""
        return self.averaged(self.over_situations(V))

    def averaged(self, logL: Variable) -> Variable:
        """Logarithm of the average over draws of likelihoods that are given as logarithms, (N, R) -> (N,)."""
        return logL[:, 0] if self.sampling is None else log_mean_exp(logL)

    def over_situations(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual at each draw (N, R): a sum over situations, padding counts nothing."""
        logP = self.log_probability(V)
        if self.dataset.is_panel:
            logP = logP * self.dataset.observed
        return pt.sum(logP, axis=0)

    def _specify_one_by_one(self, utilities: Any, availability: Any) -> None:
        self.utilities = self._by_alternative("utilities", utilities)
        missing = [name for name in self.alternatives if name not in utilities]
        if missing:
            raise ModelError(
                f"No utility is given for {', '.join(missing)}. Give each alternative one; 0 is a utility too."
            )
        given = self._by_alternative("availability", {} if availability is None else availability)
        for name in self.alternatives:
            both = _both(self.dataset.available(name), given.get(name))
            if both is not None:
                self.availability[name] = both

    def _specify_at_once(self, utility: Variable, availability: Any) -> None:
        if not self.takes_one_utility:
            raise ModelError(
                f"{type(self).__name__} takes a utility for each alternative, found one for all. Write a dict, "
                "{'car': b_cost * ds['cost', 'car'], ...}."
            )
        if availability is not None and not (isinstance(availability, Variable) and availability.ndim == 4):
            raise ModelError(
                f"With one utility for all alternatives, availability is one expression with the axes (J, T, N, 1), "
                f"found {availability!r}. Use a column of long data, ds['name']."
            )
        self.utility = self._checked("The utility", utility)
        if self.utility.type.shape[0] != self.dataset.n_alternatives:
            raise ModelError(
                f"The utility must have the {self.dataset.n_alternatives} alternatives on its first axis, found "
                f"{self.utility.type}. Use columns of long data, ds['name'], and ds.per_alternative for constants."
            )
        given = None if availability is None else self._checked("The availability", availability)
        self.available_where = _both(self.dataset.available(), given)

    def _by_alternative(self, what: str, given: Mapping[str, Expression]) -> dict[str, Variable]:
        if not isinstance(given, Mapping):
            raise ModelError(
                f"{what} must map names of alternatives to expressions, or be one expression of columns of long data "
                f"with the axes (J, T, N, R), found {given if isinstance(given, Variable) else type(given).__name__}."
            )
        for name in given:
            if name not in self.alternatives:
                near = get_close_matches(str(name), self.alternatives, n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise ModelError(
                    f"{what} names '{name}', which is no alternative of the data set "
                    f"({', '.join(self.alternatives)}).{hint}"
                )
        return {name: self._expression(what, name, given[name]) for name in self.alternatives if name in given}

    def _expression(self, what: str, name: str, given: Expression) -> Variable:
        try:
            expression = pt.as_tensor_variable(given)
        except (TypeError, NotImplementedError):
            raise ModelError(
                f"{what} of '{name}' must be an expression of parameters and columns, found {given!r}."
            ) from None
        if expression.ndim not in (0, 3):
            raise ModelError(
                f"{what} of '{name}' must be a scalar or have the axes (T, N, R) of the columns, found "
                f"{expression.type}. Use the data set's columns, ds['name'], instead of arrays."
            )
        return self._checked(f"{what} of '{name}'", expression)

    def _checked(self, what: str, expression: Variable) -> Variable:
        """The expression, which must depend on parameters and columns of the model's data set only."""
        check_origin(what, [expression], self.origins, self.dataset)
        for variable in graph_inputs([expression]):
            if isinstance(variable, Constant) and any(size != 1 for size in getattr(variable.type, "shape", ())):
                raise ModelError(
                    f"{what} holds an array of shape {variable.type.shape}. Add it to the frame as a "
                    "column and use ds['name'], so that it goes with its rows."
                )
            known = is_column(variable) or any(hasattr(variable.tag, kind) for kind in ("parameter", "draws"))
            if not known and not isinstance(variable, Constant):
                raise ModelError(
                    f"{what} depends on '{variable}', which is neither a parameter nor a column. "
                    "Use Beta or Weight for unknowns and ds['name'] for data."
                )
        return expression

    def number(self, given: Expression) -> Variable:
        """A parameter, an expression of parameters or a number as a scalar of the model's precision."""
        return pt.cast(pt.as_tensor_variable(given), pytensor.config.floatX)

    def _parameters(self, listed: Sequence[Parameter] | None) -> list[Parameter]:
        used = parameters_of([*self._utilities(), *self.structure()])
        available = [a for a in (*self.availability.values(), self.available_where) if a is not None]
        in_availability = parameters_of(available)
        if in_availability:
            raise ModelError(f"Availability depends on {', '.join(p.name for p in in_availability)}; it must be data.")
        if listed is not None:
            listed = list(listed)
            strangers = [p for p in listed if not isinstance(p, Parameter)]
            if strangers:
                raise ModelError(f"params must be a list of Beta, Weight or Bias, found {strangers[0]!r} in it.")
            unused = [p.name for p in listed if p not in used]
            if unused:
                raise ModelError(
                    f"{', '.join(unused)}: used in no utility, so the data say nothing about it. "
                    "Put it into a utility or take it out of params."
                )
            unlisted = [p.name for p in used if p not in listed]
            if unlisted:
                raise ModelError(f"The utilities use {', '.join(unlisted)}, which params does not list.")
        return used

    def _check_unknowns(self) -> None:
        """Raise a `ModelError` when nothing is left to estimate, or what the likelihood holds does not fit together."""
        unnamed = [p.name for p in parameters_of([self.logprob]) if p not in self.params]
        if unnamed:
            raise ModelError(
                f"The kernel of the {type(self).__name__} depends on {', '.join(unnamed)}. Name what it depends on "
                "beside the utilities in its method structure(), which returns expressions of these parameters."
            )
        if not self.free:
            raise ModelError("No utility holds a parameter that is free to be estimated.")
        if self.draws and self.sampling is None:
            raise ModelError(
                f"{type(self).__name__} has random coefficients, {self.draws[0]}. {self._instead_of_draws()}"
            )
        if self.sampling is not None and not self.draws:
            raise ModelError(
                f"No utility of the {type(self).__name__} holds draws. Write a random coefficient, such as "
                "normal('b', mean, sd) of pycmtensor.coefficients, or use a model without draws."
            )

    def _instead_of_draws(self) -> str:
        """What to do about random coefficients when there is no ``draws``."""
        if self.takes_draws:
            return "Say how many draws to take: draws=500."
        return (
            f"{type(self).__name__} has no draws. Write coefficients as parameters, or by_segment(...) where they "
            "differ between groups, or models of classes for LatentClass; MixedLogit, NestedLogit and CrossNestedLogit "
            "take draws."
        )

    def _inputs(self) -> list[Variable]:
        return [*columns_in([self.cost]), *(draws() for draws in self.draws)]

    def __getstate__(self) -> dict[str, Any]:
        """Without compiled programs, which a copy makes anew."""
        return {**self.__dict__, "compiled": {}, "_llnull": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _llnull=WeakKeyDictionary())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.alternatives)}; {', '.join(p.name for p in self.params)})"


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


def _both(own: Variable | None, given: Variable | None) -> Variable | None:
    """Nonzero where both are."""
    if own is None or given is None:
        return given if own is None else own
    return own * pt.neq(given, 0)
