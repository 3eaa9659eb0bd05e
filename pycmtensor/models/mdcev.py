"""The multiple discrete-continuous extreme value model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import reduce
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.replace import graph_replace

from pycmtensor.dataset import Dataset, rows_text
from pycmtensor.dataset.symbols import columns_in
from pycmtensor.exceptions import DatasetError, ModelError, checked_class
from pycmtensor.expressions import Parameter, parameters_of
from pycmtensor.kernels.mdcev import PROFILES, Good, mdcev
from pycmtensor.models.base import Model
from pycmtensor.models.specified import Expression, Specified
from pycmtensor.terms.domains import Domain, within
from pycmtensor.terms.draws import Draws, Sampling, draws_of, sampling_of

__all__ = ["MDCEV", "Forecast"]


@checked_class(ModelError)
class MDCEV(Specified):
    r"""Multiple discrete-continuous extreme value model: how much of each of several goods a budget is spent on.

    .. math::
        \max_x \sum_k \frac{\gamma_k}{\alpha_k} e^{V_k + \sigma \varepsilon_k}
        \Big(\Big(\frac{x_k}{\gamma_k} + 1\Big)^{\alpha_k} - 1\Big)
        \quad \text{subject to} \quad \sum_k p_k x_k = E, \; x_k \ge 0

    with independent standard extreme value errors. The likelihood is that of `pycmtensor.kernels.mdcev`, a density of
    expenditures. Only differences of the V matter, so that one has no constant. Without prices that differ, one of
    ``scale`` and the alphas is normalised: with all of them free, scale and 1 - alpha multiplied by one number are the
    same model.

    Args:
        dataset: The data, which need no choices: ``cmt.Dataset(frame, individual="id")``.
        V: Name of every good -> its baseline utility, an expression of parameters, columns and random coefficients.
        amounts: Name of every good -> the quantity that is consumed, a column or an expression of columns. Expenditure
            is quantity times price.
        gammas: Name of every good but the outside good -> its translation, greater than 0: a parameter with a lower
            bound, ``Beta("gamma", 1.0, lb=1e-4)``, an expression such as ``pt.exp(...)``, or a number.
        alphas: Name of every good -> its satiation, less than 1. None for 0, the gamma profile. With all gammas 1 it is
            the alpha profile.
        prices: Name of a good -> price of one unit, a column or a number; 1 for those that are not named.
        outside: Name of a good that everybody consumes, which has no gamma.
        scale: sigma, greater than 0, of the errors. Biogeme's scale parameter is 1 / sigma.
        profile: None for "gamma", or for "generalised" with ``alphas``. "translated" is
            :math:`\sum_k e^{V_k + \sigma \varepsilon_k} (x_k + \gamma_k)^{\alpha_k}`, with alphas between 0 and 1.
            "non-monotonic" adds ``linear`` and the errors to marginal utilities, which may become negative.
        linear: Of the non-monotonic profile: name of a good -> marginal utility that never satiates; 0 for others.
        budget: What is spent, an expression of columns, for forecasts. None for what was spent on all goods, which
            elasticities hold as it is when prices change.
        draws: How many draws of random coefficients, or `Sampling` to say which.
        params: As in `Model`.

    Attributes:
        goods: Name -> the `Good` of the kernel.

    Raises:
        ModelError: A good lacks something, a name is no good, a number is outside its domain, or what `Model` raises.
        DatasetError: A quantity is negative, nothing or none of the outside good is consumed, or a price is not
            positive.

    References:
        Bhat (2008), The multiple discrete-continuous extreme value (MDCEV) model, doi:10.1016/j.trb.2007.06.002,
        equations 1 and 19; Pinjari & Bhat (2011), Computationally efficient forecasting procedures for Kuhn-Tucker
        consumer demand model systems, for ``results.predict`` and ``results.elasticities``.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"home": [3.0, 5, 4, 2], "sport": [1.0, 0, 0, 2], "shop": [0.0, 0, 1, 1]}))
        >>> V = {"home": 0, "sport": cmt.Beta("sport"), "shop": cmt.Beta("shop")}
        >>> amounts = {name: ds[name] for name in V}
        >>> model = cmt.MDCEV(ds, V, amounts=amounts, gammas={"sport": 1, "shop": 1}, outside="home")
        >>> cmt.estimate(model).params.round(3).to_dict()
        {'sport': -1.268, 'shop': -1.341}
    """

    name = "MDCEV"
    takes_draws = True
    answers: ClassVar[tuple[str, ...]] = (*Model.answers, "predictions of quantities", "elasticities of quantities")

    def __init__(
        self,
        dataset: Dataset,
        V: Mapping[str, Expression],
        *,
        amounts: Mapping[str, Expression],
        gammas: Mapping[str, Expression],
        alphas: Mapping[str, Expression] | None = None,
        prices: Mapping[str, Expression] | None = None,
        outside: str | None = None,
        scale: Expression = 1.0,
        profile: str | None = None,
        linear: Mapping[str, Expression] | None = None,
        budget: Expression | None = None,
        draws: int | Sampling | None = None,
        params: Sequence[Parameter] | None = None,
    ) -> None:
        self.profile = profile or ("gamma" if alphas is None else "generalised")
        self.outside, self.scale, self.sampling = outside, scale, sampling_of(draws)
        self._given = {"gammas": gammas, "alphas": alphas, "prices": prices, "linear": linear}
        self._amounts, self._budget = amounts, budget
        super().__init__(dataset, V, None, params)

    def structure(self) -> list[Variable]:
        """Everything but the baseline utilities."""
        terms = [term for good in self.goods.values() for term in good[1:] if term is not None]
        return [*terms, self.number(self.scale)]

    def log_likelihood(self) -> Variable:
        """Log-likelihood of each individual at each draw, (N, R)."""
        goods, amounts = list(self.goods.values()), list(self.amounts.values())
        log_density = mdcev(goods, amounts, self.number(self.scale), self.profile)
        return self.over_time(pt.as_tensor_variable(log_density) + within(self._own_domains()))

    def domains(self) -> list[Domain]:
        """Those of utilities, and of gammas, alphas and the scale."""
        return super().domains() + self._own_domains()

    def terms_of_alternatives(self) -> dict[str, list[Variable]]:
        """What the utility of each good holds, and the budget."""
        terms = {name: [term for term in good if term is not None] for name, good in self.goods.items()}
        return terms | ({} if self._budget is None else {"budget": [self.budget]})

    @property
    def budget(self) -> Variable:
        """What is spent in each situation, (T, N, 1)."""
        if self._budget is not None:
            return self._expression("The budget", "all goods", self._budget)
        return sum(good.price * x for good, x in zip(self.goods.values(), self.amounts.values(), strict=True))

    def available(self, data: Dataset | None = None) -> NDArray[np.bool_]:
        """All goods can be consumed, (J, T, N)."""
        data = data or self.dataset
        return np.ones((len(self.goods), data.n_situations, data.n_individuals), dtype=bool)

    def check(self, data: Dataset) -> None:
        """Raise a `DatasetError` when quantities or prices in ``data`` cannot be."""
        super().check(data)
        x = {name: self._numbers(amount, data) for name, amount in self.amounts.items()}
        for name, numbers in x.items():
            self._refuse(data, numbers < 0, f"The quantity of '{name}' is negative", "Quantities are 0 or more.")
        nothing = np.sum(list(x.values()), axis=0) == 0
        self._refuse(data, nothing, "Nothing is consumed", "Leave these rows out, or add the good that they consume.")
        if self.outside is not None:
            advice = "Leave outside out, and give the good a gamma."
            what = f"The outside good '{self.outside}', which everybody consumes, is not consumed"
            self._refuse(data, x[self.outside] == 0, what, advice)
        self.check_to_forecast(data)

    def check_to_forecast(self, data: Dataset) -> None:
        """Raise a `DatasetError` when prices or the budget in ``data`` are not positive."""
        for name, good in self.goods.items():
            prices = self._numbers(good.price, data)
            self._refuse(data, prices <= 0, f"The price of '{name}' is not positive", "Correct the prices.")

    def forecast(self, draws: Sampling) -> Forecast:
        """The model of the quantities that are bought with draws of the errors; see `Forecast`."""
        known = _FORECASTS.setdefault(self, {})
        return known.setdefault(draws, Forecast(self, draws))

    def _own_domains(self) -> list[Domain]:
        alpha = "(0, 1)" if self.profile == "translated" else "(-inf, 1)"
        found = [Domain("The scale of the errors", self.scale, "(0, inf)", "It is a deviation.", neutral=1.0)]
        for name, good in self.goods.items():
            if good.gamma is not None:
                found.append(Domain(f"gammas of '{name}'", good.gamma, "(0, inf)", "Give it a lower bound, lb=1e-4."))
            found.append(Domain(f"alphas of '{name}'", good.alpha, alpha, "Utility rises less and less below 1."))
        return found

    def _check_dataset(self, dataset: Any) -> None:
        Model._check_dataset(self, dataset)
        if dataset.is_long:
            raise ModelError("MDCEV takes wide data, with a column of the quantity of each good, found long data.")

    def _alternatives_of(self, dataset: Dataset, utilities: Any) -> tuple[str, ...]:
        if not isinstance(utilities, Mapping) or len(utilities) < 2:
            found = f"{len(utilities)} good(s)" if isinstance(utilities, Mapping) else type(utilities).__name__
            raise ModelError(f"V maps names of two goods or more to baseline utilities, found {found}.")
        return tuple(utilities)

    def _specify_one_by_one(self, utilities: Any, availability: Any) -> None:
        self._check_options()
        self.utilities = self._by_alternative("V", utilities)
        inside = [name for name in self.alternatives if name != self.outside]
        self.amounts = self._of_goods("amounts", self._amounts, self.alternatives)
        gammas = self._of_goods("gammas", self._given["gammas"], inside)
        needed = self.alternatives if self.profile in ("translated", "non-monotonic") else ()
        alphas = self._of_goods("alphas", self._given["alphas"], self.alternatives if self._given["alphas"] else needed)
        prices, linear = (self._of_goods(what, self._given[what], ()) for what in ("prices", "linear"))
        one, zero = self.number(1.0), self.number(0.0)
        self.goods = {
            name: Good(V, gammas.get(name), alphas.get(name, zero), prices.get(name, one), linear.get(name, zero))
            for name, V in self.utilities.items()
        }
        budget = {} if self._budget is None else {"of all goods": self.budget}
        for what, known in (("amounts", self.amounts), ("prices", prices), ("budget", budget)):
            if unknown := parameters_of(list(known.values())):
                raise ModelError(f"{what} depend on {', '.join(p.name for p in unknown)}; they must be data.")

    def _check_options(self) -> None:
        if self.profile not in PROFILES:
            raise ModelError(f"profile must be one of {', '.join(map(repr, PROFILES))}; found {self.profile!r}.")
        if self.outside is not None and self.outside not in self.alternatives:
            raise ModelError(f"outside names {self.outside!r}; the goods are {', '.join(self.alternatives)}.")
        if self.profile == "gamma" and self._given["alphas"] is not None:
            raise ModelError("The gamma profile has no alphas. Leave them out, or choose the profile 'generalised'.")
        if self.outside is not None and self.outside in (self._given["gammas"] or {}):
            raise ModelError(f"The outside good '{self.outside}' has no gamma: some of it is always consumed.")
        monotonic = self.profile != "non-monotonic"
        if monotonic and self._given["linear"] is not None:
            raise ModelError(f"linear belongs to the profile 'non-monotonic', found profile={self.profile!r}.")
        if not monotonic and self._given["prices"] is not None:
            raise ModelError("The non-monotonic profile has no prices: its errors are those of marginal utilities.")

    def _of_goods(self, what: str, given: Any, needed: Sequence[str]) -> dict[str, Variable]:
        """Terms of goods by name in the model's precision, of which some are needed."""
        found = self._by_alternative(what, {} if given is None else given)
        if missing := [name for name in needed if name not in found]:
            raise ModelError(f"{what} names nothing for {', '.join(missing)}. Give each good one.")
        return {name: self.number(term) for name, term in found.items()}

    def _numbers(self, expression: Variable, data: Dataset) -> NDArray[Any]:
        """The numbers of an expression of columns in every situation, (T, N)."""
        shape = (data.n_situations, data.n_individuals, 1)
        return np.broadcast_to(data.evaluate(expression), shape)[..., 0]

    def _refuse(self, data: Dataset, where: NDArray[np.bool_], what: str, advice: str) -> None:
        rows = data.rows_of(where)
        if len(rows):
            raise DatasetError(f"{what} ({rows_text(rows)}). {advice}")


class Forecast(Model):
    r"""Quantities that are bought at draws of the errors; an evaluator answers `Demands` and `Slopes` of it.

    Quantities follow from the marginal utility of money, :math:`\lambda`, at which the budget is spent:

    .. math:: W_k(x_k) + \sigma \varepsilon_k = \lambda \text{ where } x_k > 0, \quad
        W_k(0) + \sigma \varepsilon_k \le \lambda \text{ where } x_k = 0, \quad \sum_k p_k x_k = E

    Args:
        model: The model.
        draws: Of the errors and the random coefficients.

    Attributes:
        alternatives: Names of the goods.
        marginal: :math:`\lambda`, a symbol (T, N, R).
        quantities: Of each good at the marginal utility of money, 0 where that is too high.
        ends: Marginal utilities of money between which the one that spends the budget lies.
        budget: E.
        spent: Expenditure at the marginal utility of money.
    """

    name = "Forecast of an MDCEV"

    alternatives: tuple[str, ...]
    profile: str
    scale: Expression

    def __init__(self, model: MDCEV, draws: Sampling) -> None:
        self.__dict__.update(copy(model).__dict__)
        self._terms = model.terms_of_alternatives()
        self.sampling, self.budget_is_given = draws, model._budget is not None
        self.budget, scale = pt.as_tensor_variable(model.budget), self.number(model.scale)
        self.marginal = pt.tensor("marginal", dtype=scale.dtype, shape=(None, None, None))
        errors = [-pt.log(-pt.log(Draws(f"error of {name}", "uniform", within=True)())) for name in model.goods]
        goods, profile = list(model.goods.values()), model.profile
        self.quantities = [
            pt.maximum(good.quantity(self.marginal - scale * error, profile), 0.0)
            for good, error in zip(goods, errors, strict=True)
        ]
        self.spent = sum(good.price * x for good, x in zip(goods, self.quantities, strict=True))
        self.ends = [self._highest(goods, errors, share) for share in (1.0, 1.0 / len(goods))]
        low, high = self.ends
        at_an_end = graph_replace(sum(self.quantities), {self.marginal: low}, strict=False)
        self.logprob = pt.mean(at_an_end + high + self.budget, axis=(0, 2))  # tells columns; it is no likelihood
        self.draws = draws_of([self.logprob])
        self.inputs = [*columns_in([self.logprob]), *(d() for d in self.draws)]

    def terms_of_alternatives(self) -> dict[str, list[Variable]]:
        """As in the model."""
        return self._terms

    def _highest(self, goods: Sequence[Good], errors: Sequence[Variable], share: float) -> Variable:
        """The largest marginal utility of money when a share of the budget is spent on one good.

        With all of it the marginal utility of money is that or more, with one part of J or less.
        """
        amounts = [share * self.budget / good.price for good in goods]
        at = [good.marginal(x, self.profile) for good, x in zip(goods, amounts, strict=True)]
        scale = self.number(self.scale)
        return reduce(pt.maximum, [W + scale * error for W, error in zip(at, errors, strict=True)])


#: Forecasts of models by their draws.
_FORECASTS: WeakKeyDictionary[MDCEV, dict[Sampling, Forecast]] = WeakKeyDictionary()
