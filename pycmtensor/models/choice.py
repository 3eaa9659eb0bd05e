"""Choice models: utilities and a kernel; probabilities, the null model, and models of fewer alternatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.dataset.long import LongDataset
from pycmtensor.dataset.symbols import columns_in, name_of
from pycmtensor.exceptions import DatasetError, InferenceError, ModelError, checked_class
from pycmtensor.models.base import Model
from pycmtensor.models.choice_sets import are_all_of, of_all_alternatives
from pycmtensor.models.derived import Derived
from pycmtensor.models.forms import Form, KernelOfUtilities
from pycmtensor.models.specified import Expression, Specified
from pycmtensor.terms.sizes import check_sizes

__all__ = ["ChoiceModel", "choice_of", "needed_columns"]

#: The methods that make the likelihood of utilities.
LIKELIHOOD = ("log_probability", "over_situations", "over_time", "averaged", "logprob_given", "log_likelihood")


@checked_class(ModelError)
class ChoiceModel(Derived):
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
        params: Parameters of the utilities and of the structure. Further attributes are those of `Model`.

    Raises:
        ModelError: An alternative has no utility, a name is no alternative, an expression has the wrong axes or
            holds an unknown input, the parameters contradict each other, or nothing is left to estimate.
        DatasetError: A chosen alternative is unavailable, or a used column holds missing values.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> from pycmtensor.kernels import logit
        >>> class Logit(cmt.ChoiceModel):
        ...     name = "Logit"
        ...     def log_probability(self, V):
        ...         return logit(V, self.choice_set, self.dataset.chosen)
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(Logit(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> round(float(results.params["asc_car"]), 6)  # log(30 / 10)
        1.098612
    """

    name: str = "Choice model"
    answers: ClassVar[tuple[str, ...]] = (
        *Specified.answers,
        "predictions",
        "elasticities",
        "willingness to pay",
        "scenarios",
    )

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-probability of the chosen alternative (T, N, R), given utilities in the form of `V`."""
        raise ModelError(f"{type(self).__name__} has no kernel. Use MNL, or write `log_probability` in a subclass.")

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """Expected utility of the best available alternative up to a constant, (T, N, R), given utilities as `V`."""
        raise ModelError(f"{type(self).__name__} does not say what the expected maximum utility is.")

    def expected_maximum_utilities(self, V: Sequence[Variable] | Variable) -> list[Variable]:
        """The `expected_maximum_utility` of each latent class."""
        return [self.expected_maximum_utility(V)]

    def mixture(self, V: Sequence[Variable] | Variable) -> list[tuple[Variable, Variable]]:
        """Log of weight times likelihood (N, R), and log-probability (T, N, R), of each latent class."""
        return [(self.over_situations(V), self.log_probability(V))]

    def log_likelihood(self) -> Variable:
        """Log-likelihood of each individual at each draw, (N, R)."""
        return self.over_situations(self.V)

    def class_likelihoods(self) -> list[Variable]:
        """Log of the probability of each latent class times its likelihood, (N, R)."""
        return [logL for logL, _ in self.mixture(self.V)]

    def individual_logprob(self) -> Variable:
        """Log-likelihood of each individual, (N,)."""
        return self.logprob_given(self.V)

    def logprob_given(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual (N,), given utilities; with draws, of the average over them."""
        return self.averaged(self.over_situations(V))

    def over_situations(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual at each draw (N, R): a sum over situations, padding counts nothing."""
        return self.over_time(self.log_probability(V))

    def form(self) -> Form | None:
        """Facts about the likelihood, from which the engine chooses a fast program.

        A subclass inherits the form; `inherits_likelihood` tells whether it still holds.
        """
        return KernelOfUtilities(self.V, self.logprob_given)

    def inherits_likelihood(self, of: type[ChoiceModel]) -> bool:
        """Whether this class leaves the likelihood as a base class has it."""
        return all(getattr(type(self), name) is getattr(of, name) for name in LIKELIHOOD)

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

    def given_availability(self) -> dict[str, Expression]:
        """Availability as it was given, without that of long data, by what it is called in messages."""
        given = self._given_availability
        if given is None or isinstance(given, Mapping):
            return {f"The availability of '{name}'": one for name, one in (given or {}).items()}
        return {"The availability": given}

    def llnull(self, data: Dataset | None = None) -> float:
        """Log-likelihood when every available alternative is equally likely.

        Args:
            data: A data set with the model's columns; None for the model's own.

        Returns:
            LL(0), a negative number.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 1]}), "mode", {"car": 1, "bus": 2})
            >>> round(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}).llnull(), 6)  # 3 log(1 / 2)
            -2.079442
        """
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
        super().check_to_predict(data)
        for what, given in self.given_availability().items():
            data.zero_or_one(what, given)
        rows = data.rows_of(np.logical_not(self.available(data).any(axis=0)))
        if len(rows):
            raise DatasetError(f"No alternative is available in {rows_text(rows)}. Correct the availability.")
        for model in self.by_class().values():
            if isinstance(model, ChoiceModel):
                check_sizes(model.named_utilities, model.available(data), data)

    def on(self, data: Dataset) -> ChoiceModel:
        """The model for other data: this one, or that of all alternatives where it was made with samples of them.

        Raises:
            DatasetError: A column does not exist among all alternatives.
            ModelError: The model belongs to the places of a sample.
        """
        if not are_all_of(self.dataset, data):
            return self
        if self not in _AMONG_ALL:
            _AMONG_ALL[self] = self._among_all(data)
        return _AMONG_ALL[self]

    def _among_all(self, data: Dataset) -> ChoiceModel:
        """The model of choices among all alternatives that this one of choices among samples stands for."""
        assert self.utility is not None
        assert isinstance(data, LongDataset)
        given = [] if self._given_availability is None else [self._given_availability]
        utility, *availability = of_all_alternatives([self.utility, *given], data)
        return self._respecified(data, utility, *(availability or [None]))


def choice_of(model: Model, what: str) -> ChoiceModel:
    """The model, which must be a choice among alternatives.

    Args:
        model: A model.
        what: The question that is about alternatives, in the plural, for the error.

    Raises:
        InferenceError: The model is no choice; the message names what its results answer.
    """
    if not isinstance(model, ChoiceModel):
        raise InferenceError(
            f"{model.name} is no choice among alternatives, which {what} are about. Results of a "
            f"{type(model).__name__} answer: {', '.join(model.answers)}."
        )
    return model


#: Models of samples of alternatives -> those of all alternatives.
_AMONG_ALL: WeakKeyDictionary[ChoiceModel, ChoiceModel] = WeakKeyDictionary()


def needed_columns(model: Model) -> tuple[str, ...]:
    """Names of the columns that a model is made of and checked with."""
    expressions = [*model.inputs, *model.expressions()]
    if isinstance(model, ChoiceModel):
        given = [a for a in model.given_availability().values() if hasattr(a, "owner")]
        expressions += [*given, *([] if model.available_where is None else [model.available_where])]
    names = {name_of(symbol) for symbol in columns_in(expressions)}
    return tuple(sorted(name for name in names if isinstance(name, str)))
