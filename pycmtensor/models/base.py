"""Models: a log-likelihood of individuals as symbols, with its parameters, inputs and draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset, check_alike
from pycmtensor.dataset.symbols import Origin, check_origin, columns_in, is_column, name_of
from pycmtensor.exceptions import ModelError, checked_class
from pycmtensor.expressions import Parameter, bounds_of, parameters_of
from pycmtensor.host.escaping import printed
from pycmtensor.kernels.mixture import log_mean_exp
from pycmtensor.models.forms import Form
from pycmtensor.models.operations import check_operations
from pycmtensor.terms.domains import Domain, Values, domains_in, neutral_values
from pycmtensor.terms.draws import Sampling, draws_of, sampling_of, values_of
from pycmtensor.terms.parity import deviations_in
from pycmtensor.terms.segments import check_segments

__all__ = ["Model"]


@checked_class(ModelError)
class Model:
    r"""Base class of models: the log-likelihood of individuals, whatever it is a likelihood of.

    .. math:: \log L = \sum_n w_n \log \frac{1}{R} \sum_r L_n(\theta, z_{nr})

    A subclass writes `log_likelihood` with columns of its data set, parameters and draws. Everything that needs only a
    likelihood works then: all methods of estimation, covariances, tests and intervals. Models of a choice among
    alternatives subclass `ChoiceModel`, which knows probabilities too.

    Args:
        dataset: The data whose columns the likelihood is written with.
        params: The parameters that you mean to estimate. Optional; when given, a parameter that the likelihood does not
            use, or one that is used and not listed, is an error.

    Attributes:
        params: Parameters of the likelihood, fixed ones too, in the order in which they were created.
        inputs: The symbolic columns and draws that `cost` needs; `arrays` gives their numbers.
        draws: The random variables of the likelihood.
        logprob: Log-likelihood of each individual, (N,).
        cost: Negative log-likelihood, weighted and summed over individuals, a scalar.

    Raises:
        ModelError: An expression holds an unknown input, the parameters contradict each other, or nothing is left to
            estimate.
        DatasetError: A used column holds missing values.

    Examples:
        The number of trips of a person is Poisson distributed:

        >>> import numpy as np, pandas as pd, pycmtensor as cmt, pytensor.tensor as pt
        >>> class Trips(cmt.Model):
        ...     name = "Poisson regression"
        ...     def log_likelihood(self):
        ...         log_mean = cmt.Beta("constant") + cmt.Beta("b_car") * self.dataset["car"]
        ...         y = self.dataset["trips"]
        ...         return self.over_time(y * log_mean - pt.exp(log_mean) - pt.gammaln(y + 1))
        >>> frame = pd.DataFrame({"mode": [1, 2] * 3, "trips": [1, 2, 3, 4, 4, 4], "car": [0, 0, 0, 1, 1, 1]})
        >>> results = cmt.estimate(Trips(cmt.Dataset(frame, "mode", {"car": 1, "bus": 2})))
        >>> np.exp(results.params.cumsum()).round(6).tolist()  # the mean without and with a car
        [2.0, 4.0]
    """

    name: str = "Model"
    sampling: Sampling | None = None  #: how draws are made, in models that have them
    held: frozenset[Parameter] = frozenset()  #: parameters that are not estimated though they are not fixed
    summands: Mapping[str, Model] = MappingProxyType({})  #: of a sum of log-likelihoods of different people
    origins: frozenset[Origin] = frozenset()  #: of the data sets whose columns may stand in the specification

    part: ClassVar[str] = "part of the likelihood"  #: name of what holds parameters, for messages
    parts: ClassVar[str] = "parts of the likelihood"  #: its plural

    #: The method of maximum likelihood that suits the model.
    method: ClassVar[str] = "trust-region"

    #: What results of the model answer, for messages about other questions.
    answers: ClassVar[tuple[str, ...]] = (
        "estimates",
        "covariances",
        "tests of hypotheses",
        "intervals",
        "functions of parameters",
        "cross-validation",
    )

    def __init__(self, dataset: Dataset, params: Sequence[Parameter] | None = None) -> None:
        self._check_dataset(dataset)
        self._set_up(dataset, params)

    def log_likelihood(self) -> Variable:
        """Log-likelihood of each individual at each draw, (N, R), with R = 1 in models without draws."""
        raise ModelError(
            f"{type(self).__name__} has no likelihood. Write `log_likelihood` in the subclass; a choice among "
            "alternatives subclasses ChoiceModel and writes `log_probability`."
        )

    def expressions(self) -> list[Variable]:
        """Expressions that hold all parameters and draws of the likelihood."""
        return [self.logprob]

    def domains(self) -> list[Domain]:
        """The intervals in which numbers of the likelihood mean something; a subclass adds its own to these."""
        return domains_in(self.expressions())

    def check_domains(self, values: Values | None = None, data: Dataset | None = None) -> None:
        """Raise a `ModelError` when a number lies outside its domain.

        Args:
            values: Name of a parameter -> its value; others have their own.
            data: The data; None for the model's own.
        """
        own = {parameter.name: parameter.get_value() for parameter in self.params} if self._known_domains() else {}
        for domain in self._known_domains():
            domain.check(own | dict(values or {}), data or self.dataset)

    def neutral_values(self) -> dict[str, float]:
        """Label of a free parameter -> the value at which it changes nothing, where that is not 0, such as a scale."""
        domains = self._known_domains()
        found = neutral_values(domains, self.dataset) if domains else {}
        return {label: found[label] for label in self.labels if label in found}

    def _known_domains(self) -> list[Domain]:
        """The domains, which are looked up in the expressions once."""
        if self not in _DOMAINS:
            _DOMAINS[self] = self.domains()
        return _DOMAINS[self]

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when this model cannot be estimated with ``data``."""
        self.check_to_predict(data)

    def check_to_predict(self, data: Dataset) -> None:
        """Raise a `DatasetError` when the columns of the model are not those of ``data``."""
        check_alike(self.dataset, data)
        for symbol in columns_in(self.inputs):
            data.array(symbol)
        check_segments(self.expressions(), data)

    def llnull(self, data: Dataset | None = None) -> float:
        """Log-likelihood of a model without information, NaN where there is none.

        Args:
            data: A data set with the model's columns; None for the model's own.

        Returns:
            The log-likelihood, or NaN.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"y": [1.0, 2.0]}))
            >>> cmt.LogLikelihood(ds, -((ds["y"] - cmt.Beta("mean")) ** 2)).llnull()
            nan
        """
        return float("nan")

    def form(self) -> Form | None:
        """Facts about the likelihood, from which the engine chooses a fast program; None for no facts."""
        return None

    def constraints(self, data: Dataset) -> list[Variable]:
        """Linear relations between parameters that every maximum with ``data`` fulfils, ``pt.eq(a, b)``; none."""
        return []

    def check_start(self, theta: Mapping[str, float]) -> None:
        """Raise a `ModelError` where the likelihood has no value at start values, by name of all parameters."""

    def on(self, data: Dataset) -> Model:
        """The model for other data: the model itself."""
        return self

    def by_class(self) -> Mapping[str | None, Model]:
        """The models of the latent classes by name; {None: this model} in a model without classes."""
        return {None: self}

    def log_shares(self) -> list[Variable]:
        """Log-probability of each latent class before choices are seen, (1 or N, 1)."""
        return [pt.zeros((1, 1))]

    def class_likelihoods(self) -> list[Variable]:
        """Log of the probability of each latent class times its likelihood, (N, R)."""
        return [self.log_likelihood()]

    def over_time(self, log_density: Variable) -> Variable:
        """Sum (N, R) of log-densities (T, N, R) over the situations that were observed."""
        if self.dataset.is_panel:
            log_density = log_density * self.dataset.observed
        return pt.sum(log_density, axis=0)

    def averaged(self, logL: Variable) -> Variable:
        """Logarithm of the average over draws of likelihoods that are given as logarithms, (N, R) -> (N,)."""
        return logL[:, 0] if self.sampling is None else log_mean_exp(logL)

    def individual_logprob(self) -> Variable:
        """Log-likelihood of each individual, (N,)."""
        return self.averaged(self.log_likelihood())

    @property
    def free(self) -> list[Parameter]:
        """The parameters that are estimated."""
        return [parameter for parameter in self.params if parameter.status == 0 and parameter not in self.held]

    def deviations(self) -> list[Parameter]:
        """Free parameters whose size alone means something, such as standard deviations of random coefficients."""
        if self.sampling is None:
            return []
        if self not in _DEVIATIONS:
            _DEVIATIONS[self] = deviations_in([self.logprob], [p for p in self.params if p.shape == ()])
        return [parameter for parameter in _DEVIATIONS[self] if parameter in self.free]

    def bounds(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Lower and upper bounds of the free parameters, each (K,); a deviation without any is held at 0 or more."""
        lb, ub = bounds_of(self.free)
        return np.where(self._held_positive(), 0.0, lb), ub

    def with_positive(self, theta: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values of the free parameters (K,), with deviations that have no bounds by their size."""
        return np.where(self._held_positive(), np.abs(theta), theta)

    def _held_positive(self) -> NDArray[np.bool_]:
        """Which free parameters are deviations without bounds of their own, (K,)."""
        own = {p for p in self.deviations() if p.lb is None and p.ub is None}
        return np.repeat([p in own for p in self.free], [p.size for p in self.free])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the free parameters, one per element of theta (K,)."""
        return tuple(label for parameter in self.free for label in parameter.labels())

    def arrays(self, data: Dataset | None = None) -> list[NDArray[Any]]:
        """The numbers of `inputs`, each (T, N, 1) or (J, T, N, 1), ready for a compiled function of them.

        Args:
            data: A data set with the same columns; None for the model's own.

        Returns:
            One array for each of `inputs`, in their order.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2], "time": [20.0, 30.0]}), "mode", {"car": 1, "bus": 2})
            >>> model = cmt.MNL(ds, {"car": cmt.Beta("b") * ds["time"], "bus": 0})
            >>> {str(symbol): array.shape for symbol, array in zip(model.inputs, model.arrays(), strict=True)}["time"]
            (1, 2, 1)
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

    def symbols_of(self, column: str) -> list[Variable]:
        """The inputs that stand for a column, of all alternatives or of one.

        Raises:
            ModelError: The model does not use the column.
        """
        names = {symbol: name_of(symbol) for symbol in columns_in(self.inputs)}
        found = [symbol for symbol, name in names.items() if name == column]
        if not found:
            known = sorted({name for name in names.values() if isinstance(name, str)})
            near = get_close_matches(str(column), known, n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It uses {', '.join(known)}."
            raise ModelError(f"The model does not use a column {column!r}. {hint}")
        return found

    def holding(self, parameters: Iterable[Parameter]) -> Self:
        """This model with some parameters held, as if they were fixed; the parameters themselves stay as they are."""
        other = copy(self)
        other.held = self.held | frozenset(parameters)
        return other

    def as_part_of(self, whole: Model) -> Self:
        """This model with the parameters of a larger one, so that it answers for estimates of all of them."""
        part = copy(self)
        part.params = whole.params
        return part

    def with_draws(self, draws: int | Sampling) -> Self:
        """This model with other draws; parameters stay as they are.

        Args:
            draws: How many draws, or `Sampling` to say which.

        Returns:
            A model of the same kind.

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
        if draws is None:
            raise ModelError("with_draws: draws must be a number of draws or a Sampling, found None.")
        other.sampling = sampling_of(draws)
        return other

    def number(self, value: Variable | Parameter | float) -> Variable:
        """A parameter, an expression of parameters or a number as a scalar of the model's precision."""
        return pt.cast(pt.as_tensor_variable(value), pytensor.config.floatX)

    def _check_dataset(self, dataset: Any) -> None:
        if not isinstance(dataset, Dataset):
            raise ModelError(
                f"The first argument of {type(self).__name__} is a Dataset, found {type(dataset).__name__}. Make one "
                "with Dataset(frame, choice=..., alternatives=...)."
            )

    def _set_up(self, dataset: Dataset, params: Sequence[Parameter] | None) -> None:
        """Form the likelihood, collect parameters, draws and inputs, and check them."""
        dataset = dataset.specimen
        self.dataset, self.origins = dataset, self.origins | {dataset.origin}
        self.logprob = self.individual_logprob()
        self.params = self._parameters(params)
        self.draws = draws_of([self.logprob, *self.expressions()])
        self._check_unknowns()
        check_operations(f"The log-likelihood of the {type(self).__name__}", [self.logprob])
        self.cost = -pt.sum(dataset.weight[0, :, 0] * self.logprob)
        self.inputs = self._inputs()
        if not columns_in([self.logprob]):
            raise ModelError(f"The likelihood of the {type(self).__name__} depends on no column of the data set.")
        check_origin(f"The {type(self).__name__}", self.inputs, self.origins, dataset)
        self._llnull: WeakKeyDictionary[Dataset, float] = WeakKeyDictionary()
        self.check(dataset)
        self.check_domains()

    def _parameters(self, listed: Sequence[Parameter] | None) -> list[Parameter]:
        """Parameters of the likelihood, which must be the listed ones, if any are listed."""
        used = parameters_of(self.expressions())
        if listed is not None:
            listed = list(listed)
            strangers = [p for p in listed if not isinstance(p, Parameter)]
            if strangers:
                raise ModelError(f"params must be a list of Beta, Weight or Bias, found {strangers[0]!r} in it.")
            unused = [p.name for p in listed if p not in used]
            if unused:
                raise ModelError(
                    f"{', '.join(unused)}: used in no {self.part}, so the data say nothing about it. "
                    f"Put it into a {self.part} or take it out of params."
                )
            unlisted = [p.name for p in used if p not in listed]
            if unlisted:
                raise ModelError(f"The {self.parts} use {', '.join(unlisted)}, which params does not list.")
        return used

    def _check_unknowns(self) -> None:
        """Raise a `ModelError` when nothing is left to estimate, or parts of the likelihood do not fit together."""
        for variable in graph_inputs([self.logprob]):
            known = is_column(variable) or any(hasattr(variable.tag, kind) for kind in ("parameter", "draws"))
            if not known and not isinstance(variable, Constant | SharedVariable):
                raise ModelError(
                    f"The log-likelihood of the {type(self).__name__} depends on '{variable}', which is neither a "
                    "parameter nor a column. Use Beta or Weight for unknowns and ds['name'] for data."
                )
        unnamed = [p.name for p in parameters_of([self.logprob]) if p not in self.params]
        if unnamed:
            raise ModelError(
                f"The kernel of the {type(self).__name__} depends on {', '.join(unnamed)}. Name what it depends on "
                "beside the utilities in its method structure(), which returns expressions of these parameters."
            )
        if str(self.logprob.dtype).startswith("complex"):
            raise ModelError(f"The {self.parts} of the {type(self).__name__} hold complex numbers; they must be real.")
        if not self.free:
            raise ModelError(f"No {self.part} holds a parameter that is free to be estimated.")
        if self.draws and self.sampling is None:
            raise ModelError(
                f"{type(self).__name__} has random coefficients, {self.draws[0]}. {self._instead_of_draws()}"
            )
        if self.sampling is not None and not self.draws:
            raise ModelError(
                f"No {self.part} of the {type(self).__name__} holds draws. Write a random coefficient, such as "
                "normal('b', mean, sd) of pycmtensor.coefficients, or use a model without draws."
            )

    def _instead_of_draws(self) -> str:
        """Advice about random coefficients when there is no ``sampling``."""
        return "Set `sampling` before super().__init__, such as sampling_of(500)."

    def _inputs(self) -> list[Variable]:
        return [*columns_in([self.cost]), *(draws() for draws in self.draws)]

    def __getstate__(self) -> dict[str, Any]:
        """Without log-likelihoods of data sets, which a copy computes anew."""
        return {**self.__dict__, "_llnull": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _llnull=WeakKeyDictionary())

    @printed
    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(p.name for p in self.params)})"


#: Parameters of models whose size alone means something.
_DEVIATIONS: WeakKeyDictionary[Model, list[Parameter]] = WeakKeyDictionary()

#: The domains of models.
_DOMAINS: WeakKeyDictionary[Model, list[Domain]] = WeakKeyDictionary()
