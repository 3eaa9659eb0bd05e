"""The latent class model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import islice
from typing import Any, Self, TypeAlias

import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.graph.basic import Variable

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.dataset.symbols import columns_in
from pycmtensor.exceptions import DatasetError, ModelError, checked_class
from pycmtensor.expressions import Beta, Parameter
from pycmtensor.kernels.logsum import log_sum_exp
from pycmtensor.models.choice import ChoiceModel
from pycmtensor.models.forms import Form, MixtureOfClasses
from pycmtensor.models.mnl import MNL
from pycmtensor.models.specified import Expression
from pycmtensor.report.equations import Equations
from pycmtensor.terms.domains import Domain, domains_in
from pycmtensor.terms.draws import Sampling, draws_of, sampling_of
from pycmtensor.terms.relations import text_of

__all__ = ["LatentClass"]

#: Log-probability of what a class cannot choose: exp of it is 0, and sums of it stay finite in single precision.
IMPOSSIBLE = -1e30

#: What says how a class chooses: utilities by alternative, one for all of them, or a model.
Class: TypeAlias = Mapping[str, Expression] | Variable | ChoiceModel


@checked_class(ModelError)
class LatentClass(ChoiceModel):
    r"""Latent classes: each individual belongs to one of a few classes, and nobody sees to which.

    .. math::
        L_n = \sum_c \pi_{nc} \prod_t P_c(y_{nt}), \quad \pi_{nc} = \frac{\exp W_{nc}}{\sum_d \exp W_{nd}}

    with the choice probabilities P_c of a class, which are logits unless the class is given as a model, and its utility
    of membership W_c. With draws, L_n is averaged over them. It is the mixed logit with a distribution of tastes that
    has C points. Without a panel, one choice has to tell the class as well as the tastes: the model is then identified
    by its functional form at best.

    Classes are known up to their order only: exchanging the parameters of two of them changes nothing. `estimate`
    begins with the EM algorithm; see `pycmtensor.estimation.expectation_maximisation`. Under constraints, which say
    something of one class, and by `Stochastic` methods it begins at the start values, where classes must differ.

    Args:
        dataset: As in `ChoiceModel`.
        utilities: Name of every class -> its utilities as in `ChoiceModel`, or a model of the same data set such as
            ``NestedLogit(ds, V, nests=...)``. Classes share the parameters that their utilities share.
        availability: As in `ChoiceModel`, of all classes that are not models; or name of a class -> its availability,
            where classes consider different alternatives. Logits only may differ in availability.
        membership: Name of a class -> its utility of membership, a scalar expression or one of columns that stay the
            same for an individual. Classes that are not named, of which there must be one, have 0. None gives each
            class but the first a constant, ``Beta("class_<name>")``.
        draws: As in `NestedLogit`.
        params: As in `ChoiceModel`.

    Attributes:
        classes: Name -> model of the choices of a class.
        membership: Name -> utility of membership, as it was given.
        utilities: Name such as "car of hurried" -> utility.

    Raises:
        ModelError: As `ChoiceModel`; also when there is no class, all classes have a utility of membership, this has
            draws, or a class that is given as a model has other data or draws.
        DatasetError: As `ChoiceModel`; also when a column of the membership changes within an individual, or a class
            can choose nothing in some situation.

    References:
        Kamakura & Russell (1989), doi:10.1177/002224378902600401; Bhat (1997), doi:10.1287/trsc.31.1.34; Greene &
        Hensher (2003), doi:10.1016/S0191-2615(02)00046-2.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2, 1], "t_car": [10.0, 20, 30, 25], "who": [1, 1, 2, 2]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2}, individual="who")
        >>> hurried = {"car": cmt.Beta("b_time") * ds["t_car"], "bus": 0}
        >>> cmt.LatentClass(ds, {"loyal": {"car": cmt.Beta("asc_car"), "bus": 0}, "hurried": hurried})
        LatentClass(car, bus; b_time, asc_car, class_hurried)

        Classes may consider only some of the alternatives (Swait & Ben-Akiva 1987,
        doi:10.1016/0191-2615(87)90009-9), attend to only some of the attributes (Hess & Hensher 2010,
        doi:10.1016/j.trb.2009.12.016), or differ in their scale (Magidson & Vermunt 2007):

        >>> asc = cmt.Beta("asc")
        >>> V = {"car": asc + cmt.Beta("b") * ds["t_car"], "bus": 0}
        >>> captive = cmt.LatentClass(ds, {"choosers": V, "captive": V}, {"captive": {"bus": 0}})
        >>> inattentive = cmt.LatentClass(ds, {"attentive": V, "inattentive": {"car": asc, "bus": 0}})
        >>> scale = cmt.Beta("scale", 0.5, lb=0.01)
        >>> erratic = cmt.LatentClass(ds, {"sure": V, "erratic": {name: scale * v for name, v in V.items()}})
    """

    name = "Latent class"
    takes_draws = True

    def __init__(
        self,
        dataset: Dataset,
        utilities: Mapping[str, Class],
        availability: Mapping[str, Expression] | Variable | None = None,
        *,
        membership: Mapping[str, Expression] | None = None,
        draws: int | Sampling | None = None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        if not isinstance(utilities, Mapping) or not utilities:
            raise ModelError(
                "The utilities of a LatentClass map names of classes to utilities, {'patient': {...}, 'hurried': "
                f"{{...}}}}, found {utilities!r}."
            )
        self.sampling = sampling_of(draws)
        if membership is None:
            membership = {name: Beta(f"class_{name}") for name in list(utilities)[1:]}
        self.membership = dict(membership)
        super().__init__(dataset, utilities, availability, params)

    def structure(self) -> list[Variable]:
        """The utilities of membership, and the structure of the classes."""
        return [*self._membership(), *(part for model in self.classes.values() for part in model.structure())]

    @property
    def equations(self) -> Equations:
        """The utilities of the classes, and those of membership."""
        own = {f"membership of {name}": text_of(self.number(W)) for name, W in self.membership.items()}
        return Equations({name: one.formula for name, one in super().equations.items()} | own)

    def domains(self) -> list[Domain]:
        """Those of the utilities of membership, and of each class."""
        own = domains_in(self._membership())
        return own + [domain for model in self.classes.values() for domain in model.domains()]

    @property
    def choice_set(self) -> list[Variable | None] | Variable | None:
        """What somebody of some class can choose."""
        if not self._differ():
            return self._first.choice_set
        sets = [model.choice_set for model in self.classes.values()]
        if not all(isinstance(own, list) for own in sets):
            return None if any(own is None for own in sets) else reduce(pt.maximum, sets)
        return [None if any(a is None for a in of) else reduce(pt.maximum, of) for of in zip(*sets, strict=True)]

    def available(self, data: Dataset | None = None) -> Any:
        """Which alternatives somebody of some class can choose, (J, T, N)."""
        return reduce(np.logical_or, (model.available(data) for model in self.classes.values()))

    def _differ(self) -> bool:
        """Whether classes differ in availability, as far as their specifications tell."""
        sets = [model.choice_set for model in self.classes.values()]
        alike = [list(own) if isinstance(own, list) else [own] for own in sets]
        return any(a is not b for own in alike[1:] for a, b in zip(own, alike[0], strict=True))

    def _log_possible(self, model: ChoiceModel) -> Variable:
        """0 where the chosen alternative is available in a class, `IMPOSSIBLE` elsewhere, (T, N, 1)."""
        chosen, own = self.dataset.chosen, model.choice_set
        if own is None or not self._differ():
            return pt.constant(np.zeros((1, 1, 1), config.floatX))
        if isinstance(own, list):
            can = sum(pt.eq(chosen, j) * (1.0 if a is None else pt.neq(a, 0)) for j, a in enumerate(own))
        else:
            places = np.arange(self.dataset.n_alternatives)[:, None, None, None]
            can = pt.sum(pt.eq(chosen, places) * pt.neq(own, 0), axis=0)
        return self.number(pt.switch(can, 0.0, IMPOSSIBLE))

    def log_joint_given(self, V: Sequence[Variable]) -> list[Variable]:
        """log pi_c + log L_c of each individual (N,), by class, given utilities."""
        return [self.averaged(log_pi + self._likelihood_in(model, V_c)) for log_pi, model, V_c in self._by_class(V)]

    def over_situations(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual at each draw (N, R): products over situations, averaged over classes."""
        joint = [log_pi + self._likelihood_in(model, V_c) for log_pi, model, V_c in self._by_class(list(V))]
        return log_sum_exp(joint, [None] * len(joint))

    def log_probability(self, V: Sequence[Variable] | Variable) -> Variable:
        """Log-probability of the chosen alternative (T, N, R) of somebody of whom nothing else is known."""
        joint = [log_pi + self._probability_in(model, V_c) for log_pi, model, V_c in self._by_class(list(V))]
        return log_sum_exp(joint, [None] * len(joint))

    def mixture(self, V: Sequence[Variable] | Variable) -> list[tuple[Variable, Variable]]:
        """By class the log of its membership times the likelihood (N, R), and the log-probability (T, N, R)."""
        return [
            (log_pi + self._likelihood_in(model, V_c), self._probability_in(model, V_c))
            for log_pi, model, V_c in self._by_class(list(V))
        ]

    def _likelihood_in(self, model: ChoiceModel, V: Sequence[Variable] | Variable) -> Variable:
        """Log-likelihood of each individual at each draw in a class, (N, R)."""
        likelihood = model.over_situations(V)
        return likelihood + self.over_time(self._log_possible(model)) if self._differ() else likelihood

    def _probability_in(self, model: ChoiceModel, V: Sequence[Variable] | Variable) -> Variable:
        """Log-probability of the chosen alternative in a class, (T, N, R)."""
        probability = model.log_probability(V)
        return probability + self._log_possible(model) if self._differ() else probability

    def expected_maximum_utility(self, V: Sequence[Variable] | Variable) -> Variable:
        """The average over classes; in money they are averaged after, as `expected_maximum_utilities` tells them."""
        return sum(pt.exp(log_pi) * m.expected_maximum_utility(V_c) for log_pi, m, V_c in self._by_class(list(V)))

    def expected_maximum_utilities(self, V: Sequence[Variable] | Variable) -> list[Variable]:
        """The expected maximum utility of each class."""
        return [model.expected_maximum_utility(V_c) for _, model, V_c in self._by_class(list(V))]

    def form(self) -> Form | None:
        """A mixture of the forms of its classes."""
        return MixtureOfClasses(self.V, self.logprob_given, [model.form() for model in self.classes.values()])

    def _among_all(self, data: Dataset) -> ChoiceModel:
        """The model of choices among all alternatives, class by class."""
        classes = {name: model._among_all(data) for name, model in self.classes.items()}
        return self._specified_anew(data, classes, None)

    def by_class(self) -> Mapping[str | None, ChoiceModel]:
        """The models of the classes, by name."""
        return dict(self.classes.items())

    def given_availability(self) -> dict[str, Expression]:
        """That of every class."""
        return {what: given for model in self.classes.values() for what, given in model.given_availability().items()}

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when ``data`` cannot be used with this model."""
        super().check(data)
        for name, model in self.classes.items():
            own = model.available(data)
            if not (isinstance(model, MNL) or np.array_equal(own, self.available(data))):
                raise DatasetError(
                    f"Class '{name}' has another availability than others, which only logits may have, found a "
                    f"{type(model).__name__}. Make it with the availability of the others, or as utilities."
                )
        for name, W in self.membership.items():
            for column in columns_in([pt.as_tensor_variable(W)]):
                self._check_constant(name, column, data)

    def _check_constant(self, name: str, column: Variable, data: Dataset) -> None:
        """Raise a `DatasetError` when a column of the membership of a class changes within an individual."""
        values = data.array(column)[..., 0]
        changes = (values != values[..., :1, :]).reshape(-1, *values.shape[-2:]).any(axis=0)
        rows = data.rows_of(changes)
        if len(rows):
            raise DatasetError(
                f"The membership of class '{name}' depends on '{column}', which changes within an individual of "
                f"'{data.individual}' at {rows_text(rows)}. Take a column that stays the same, such as its mean over "
                "the situations of each individual."
            )

    def with_draws(self, draws: int | Sampling) -> Self:
        """This model with other draws."""
        other = super().with_draws(draws)
        other.classes = {n: m if m.sampling is None else m.with_draws(draws) for n, m in self.classes.items()}
        return other

    @property
    def _first(self) -> ChoiceModel:
        return next(iter(self.classes.values()))

    def _by_class(self, V: Sequence[Variable]) -> Iterator[tuple[Variable, ChoiceModel, Sequence[Variable] | Variable]]:
        """The classes with their log-probabilities (1 or N, 1) and their utilities, as their kernels take them."""
        rest = iter(V)
        for log_pi, model in zip(self.log_shares(), self.classes.values(), strict=True):
            own = list(islice(rest, len(model.named_utilities)))
            yield log_pi, model, own if model.utility is None else own[0]

    def _membership(self) -> list[Variable]:
        """The utility of membership of each class, (N, 1) or (1, 1)."""
        given = [self.number(self.membership.get(name, 0.0)) for name in self.classes]
        return [W[0] if W.ndim else W.dimshuffle("x", "x") for W in given]

    def log_shares(self) -> list[Variable]:
        """By class log pi_c = W_c - log sum_d exp W_d, (1 or N, 1)."""
        W = self._membership()
        total = log_sum_exp(W, [None] * len(W))
        return [W_c - total for W_c in W]

    def _specify_one_by_one(self, utilities: Any, availability: Any) -> None:
        if availability is not None and all(isinstance(given, ChoiceModel) for given in utilities.values()):
            raise ModelError(
                "All classes are models, which have their own availability. Take it out of the LatentClass."
            )
        by_class = isinstance(availability, Mapping) and (
            any(isinstance(own, Mapping) for own in availability.values())
            or (set(availability) <= set(utilities) and set(availability).isdisjoint(self.alternatives))
        )
        strangers = [str(name) for name in availability if name not in utilities] if by_class else []
        if strangers:
            raise ModelError(f"availability names {', '.join(strangers)}; the classes are {', '.join(utilities)}.")
        self.classes: dict[str, ChoiceModel] = {
            name: self._class(name, given, availability.get(name) if by_class else availability)
            for name, given in utilities.items()
        }
        for name, model in self.classes.items():
            self.utilities |= {f"{one} of {name}": V for one, V in model.named_utilities.items()}
        self.availability, self.available_where = self._first.availability, self._first.available_where
        self._check_membership()

    def _class(self, name: str, given: Class, availability: Any) -> ChoiceModel:
        """The model of a class."""
        if not isinstance(given, ChoiceModel):
            try:
                return _Logit(self.dataset, given, availability, self.sampling)
            except (ModelError, DatasetError) as error:
                raise type(error)(f"Class '{name}': {error}") from None
        if given.dataset is not self.dataset:
            raise ModelError(f"Class '{name}' is a model of another data set. Make it with that of the LatentClass.")
        if given.sampling not in (None, self.sampling):
            raise ModelError(
                f"Class '{name}' is a model with {given.sampling}, the LatentClass has draws={self.sampling}. "
                "Give both the same draws."
            )
        return given

    def _check_membership(self) -> None:
        """Raise a `ModelError` when the utilities of membership are not those of some, but not all, classes."""
        listed = ", ".join(self.classes)
        for name, given in self.membership.items():
            if name not in self.classes:
                raise ModelError(f"membership names '{name}', which is no class; the classes are {listed}.")
            what = f"The membership of class '{name}'"
            W = self._expression("The membership", name, given)
            if draws := draws_of([W]):
                raise ModelError(f"{what} depends on {draws[0]}; random coefficients belong into utilities.")
        if len(self.membership) == len(self.classes):
            raise ModelError(
                f"membership gives all classes a utility ({listed}), of which only differences matter. Leave one out, "
                "the reference, which then has 0."
            )

    def kept_among(self, alternatives: Sequence[str]) -> dict[str, Any]:
        """The membership, which holds no alternatives; classes are specified anew."""
        return super().kept_among(alternatives) | {"membership": self.membership, "classes": {}}

    def _as_given(self, dataset: Dataset, utilities: Any, availability: Any) -> tuple[Any, Any]:
        """Models of the classes, which have the availability."""
        classes = {}
        for name, model in self.classes.items():
            where = model._given_availability
            if model.utility is not None:
                classes[name] = model._respecified(dataset, utilities[f"all alternatives of {name}"], where)
            else:
                gone = set(model.alternatives) - set(dataset.alternatives)
                left = [one for one in model.utilities if one not in gone]  # "latent" is the utility of ordered ones
                where = {one: a for one, a in (where or {}).items() if one in left}
                classes[name] = model._respecified(dataset, {one: utilities[f"{one} of {name}"] for one in left}, where)
        return classes, None


class _Logit(MNL):
    """The logit of one class, which may lack a parameter or draws: other classes have them."""

    takes_draws = True

    def __init__(self, dataset: Dataset, utilities: Any, availability: Any, draws: Sampling | None) -> None:
        self.sampling = draws
        super().__init__(dataset, utilities, availability)

    def check(self, data: Dataset) -> None:
        """As to predict; what people of this class cannot choose is chosen by others."""
        self.check_to_predict(data)

    def _check_unknowns(self) -> None:
        """Nothing: the model of all classes checks this."""

    def _expression(self, what: str, name: str, given: Expression) -> Variable:
        """In the model's precision also where all utilities are numbers, which PyTensor gives the least that holds."""
        return self.number(super()._expression(what, name, given))
