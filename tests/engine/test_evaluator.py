"""An evaluator that is not the library's: the sum over parts of the data gives what the data as a whole give."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt
from pycmtensor.coefficients import normal
from pycmtensor.engine import Array, Evaluator, FirstOrder, KnownIndividuals, Sample, SecondOrder, evaluator_of
from pycmtensor.engine.quantity import Observed, ProbabilitiesGivenChoices, Quantity
from pycmtensor.exceptions import DatasetError, OptimizerError
from pycmtensor.inference import ClusterRobust
from pycmtensor.models import Model
from pycmtensor.optimizers import Adam

METHODS = ["trust-region", "newton", "bfgs", "lbfgs", "bhhh"]


class SumOfHalves(Evaluator):
    """The sum of the evaluators of the first half of the individuals and of the second."""

    def __init__(self, model: Model, data: cmt.Dataset, parts: list[Evaluator] | None = None) -> None:
        self.data = data
        self.parts = parts or [evaluator_of(model, data.take(i)) for i in _halves(data)]
        self.labels = self.parts[0].labels

    def describe(self) -> Sample:
        a, b = (part.describe() for part in self.parts)
        return Sample(a.nobs + b.nobs, np.concatenate([a.weights, b.weights]), a.llnull + b.llnull)

    def data_hash(self) -> str:
        return " ".join(part.data_hash() for part in self.parts)

    def value(self, theta: Array) -> float:
        return sum(part.value(theta) for part in self.parts)

    def value_and_grad(self, theta: Array) -> tuple[float, Array]:
        values, gradients = zip(*(part.value_and_grad(theta) for part in self.parts), strict=True)
        return sum(values), np.sum(gradients, axis=0)

    def individuals_at(self, theta: Array) -> KnownIndividuals:
        scores, logprob = zip(*(part.individuals_at(theta).numbers for part in self.parts), strict=True)
        return KnownIndividuals(np.concatenate(scores), np.concatenate(logprob), self.describe().weights)

    def first_order(self, theta: Array) -> FirstOrder:
        a, b = (part.first_order(theta) for part in self.parts)
        outer = a.outer_product + b.outer_product
        return FirstOrder(self.individuals_at(theta), a.value + b.value, a.gradient + b.gradient, outer)

    def second_order(self, theta: Array) -> SecondOrder:
        a, b = (part.second_order(theta) for part in self.parts)
        hessian = a.hessian + b.hessian
        return SecondOrder(self.individuals_at(theta), a.value + b.value, a.gradient + b.gradient, hessian)

    def by_situation(self, quantity: Quantity, theta: Array) -> Array:
        halves = zip(self.parts, _halves(self.data), strict=True)
        return np.concatenate([part.by_situation(quantity.of_part(i), theta) for part, i in halves], axis=2)

    def totals(self, quantity: Quantity, weights: Array, theta: Array) -> tuple[Array, Array]:
        halves = zip(self.parts, _halves(self.data), strict=True)
        sums, slopes = zip(*(p.totals(quantity.of_part(i), weights[..., i], theta) for p, i in halves), strict=True)
        return np.sum(sums, axis=0), np.sum(slopes, axis=0)

    def membership(self, theta: Array) -> tuple[Array, Array]:
        prior, joint = zip(*(part.membership(theta) for part in self.parts), strict=True)
        return np.concatenate(prior), np.concatenate(joint)

    def on(self, data: cmt.Dataset) -> Evaluator:
        return SumOfHalves(None, data, [self.parts[0].on(data.take(i)) for i in _halves(data)])  # type: ignore[arg-type]

    def of(self, model: Model) -> Evaluator:
        return SumOfHalves(model, self.data, [part.of(model) for part in self.parts])

    def given(self, theta: Array, held: Collection[str]) -> Evaluator:
        return SumOfHalves(None, self.data, [part.given(theta, held) for part in self.parts])  # type: ignore[arg-type]

    def reweighted(self, factors: Array) -> Evaluator:
        halves = zip(self.parts, np.split(factors, [len(factors) // 2]), strict=True)
        return SumOfHalves(None, self.data, [part.reweighted(f) for part, f in halves])  # type: ignore[arg-type]


def _halves(data: cmt.Dataset) -> list[np.ndarray]:
    return np.split(np.arange(data.n_individuals), [data.n_individuals // 2])


@pytest.fixture(scope="module")
def trips() -> cmt.Dataset:
    """Persons with weights who choose twice each among three modes, of which the last is not always there."""
    rng = np.random.default_rng(7)
    rows = 160
    frame = pd.DataFrame({f"{x}_{m}": rng.uniform(0, 2, rows) for x in "tc" for m in ("car", "bus", "tram")})
    frame["has_tram"] = (rng.random(rows) < 0.8).astype(int)
    frame["who"], frame["w"] = np.repeat(np.arange(rows // 2), 2), np.repeat(rng.uniform(0.5, 2, rows // 2), 2)
    frame["town"] = frame.who % 9
    V = np.column_stack([-frame[f"t_{m}"] - 0.5 * frame[f"c_{m}"] for m in ("car", "bus", "tram")])
    V[:, 0] += 0.4
    V = V + rng.gumbel(size=V.shape)
    V[frame.has_tram == 0, 2] = -np.inf
    frame["mode"] = V.argmax(axis=1) + 1
    alternatives = {"car": 1, "bus": 2, "tram": 3}
    return cmt.Dataset(frame, choice="mode", alternatives=alternatives, individual="who", weights="w")


def logit(ds: cmt.Dataset, **constant: Any) -> cmt.MNL:
    asc, b_time, b_cost = cmt.Beta("asc", **constant), cmt.Beta("b_time"), cmt.Beta("b_cost")
    V = {m: b_time * ds[f"t_{m}"] + b_cost * ds[f"c_{m}"] + (asc if m == "car" else 0) for m in ds.alternatives}
    return cmt.MNL(ds, V, {"tram": ds["has_tram"]})


@pytest.fixture(scope="module")
def pair(trips: cmt.Dataset) -> tuple[cmt.Results, cmt.Results]:
    """Results of the data as a whole, and of the sum of its halves."""
    return cmt.estimate(logit(trips)), cmt.estimate(logit(trips), on=SumOfHalves)


def close(found: Any, truth: Any) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(truth, float), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_ends_where_it_does_on_all_data(trips: cmt.Dataset, method: str) -> None:
    one = cmt.estimate(logit(trips), method=method)
    sum_ = cmt.estimate(logit(trips), method=method, on=SumOfHalves)
    close(sum_.params, one.params)
    close([sum_.llf, sum_.llnull, sum_.bic, sum_.nobs], [one.llf, one.llnull, one.bic, one.nobs])
    assert len(sum_.history) == len(one.history)


@pytest.mark.parametrize(
    "options", [{"starts": 5}, {"constraints": "b_time = 2 * b_cost"}, {"constraints": "b_time <= -1.5"}], ids=str
)
def test_starts_and_constraints(trips: cmt.Dataset, options: dict[str, Any]) -> None:
    one = cmt.estimate(logit(trips), **options)
    sum_ = cmt.estimate(logit(trips), **options, on=SumOfHalves)
    close(sum_.params, one.params)
    close(sum_.bse, one.bse)
    if "starts" in options:
        close(sum_.starts, one.starts)


@pytest.mark.parametrize(
    "kind", ["classical", "robust", "bhhh", ClusterRobust("town"), cmt.Bootstrap(20), cmt.Jackknife("town")], ids=str
)
def test_covariances(pair: tuple[cmt.Results, cmt.Results], kind: Any) -> None:
    one, sum_ = pair
    close(sum_.cov_params(kind), one.cov_params(kind))


def test_intervals_and_functions_of_estimates(pair: tuple[cmt.Results, cmt.Results]) -> None:
    one, sum_ = pair
    close(sum_.conf_int(kind="profile"), one.conf_int(kind="profile"))
    close(sum_.delta("b_time / b_cost").std_err, one.delta("b_time / b_cost").std_err)
    close(sum_.wald("b_time = b_cost").statistic, one.wald("b_time = b_cost").statistic)


def test_tests_of_hypotheses(trips: cmt.Dataset, pair: tuple[cmt.Results, cmt.Results]) -> None:
    restricted = [cmt.estimate(logit(trips, status=1), on=on) for on in (None, SumOfHalves)]
    ratios = [cmt.likelihood_ratio(r, full) for r, full in zip(restricted, pair, strict=True)]
    close(ratios[1].statistic, ratios[0].statistic)
    multipliers = [cmt.lagrange_multiplier(logit(trips), r) for r in restricted]
    close(multipliers[1].statistic, multipliers[0].statistic)
    iia = [cmt.hausman_mcfadden(r, "tram").statistic for r in pair]
    close(iia[1], iia[0])


def test_answers(pair: tuple[cmt.Results, cmt.Results], trips: cmt.Dataset) -> None:
    one, sum_ = pair
    answers = [
        lambda r: r.predict().table,
        lambda r: r.predict().probabilities,
        lambda r: r.predict(trips.take(np.arange(40))).table,
        lambda r: r.elasticities("t_bus").table,
        lambda r: r.elasticities("t_bus").by_situation.fillna(0),
        lambda r: r.elasticities("t_bus", change=0.1).table,
        lambda r: r.wtp(trips["t_bus"], trips["c_bus"]).table,
        lambda r: cmt.scenario(r, None, {"c_car": 2.0}).shares,
        lambda r: cmt.scenario(r, None, {"c_car": 2.0}, cost="b_cost").surplus,
        lambda r: r.cross_validate(folds=3).llf,
        lambda r: r.confusion(),
    ]
    for answer in answers:
        close(answer(sum_), answer(one))


def test_networks_are_not_trained_where_no_batches_can_be_drawn(trips: cmt.Dataset) -> None:
    with pytest.raises(OptimizerError, match="SumOfHalves trains no model on batches. Choose a method of maximum"):
        cmt.estimate(logit(trips), method=cmt.Stochastic(Adam, epochs=1), on=SumOfHalves)


def test_what_makes_no_evaluator_is_refused(trips: cmt.Dataset) -> None:
    with pytest.raises(OptimizerError, match=r"on says where the likelihood is evaluated.*found 'cluster'"):
        cmt.estimate(logit(trips), on="cluster")  # type: ignore[arg-type]


@pytest.mark.slow
def test_latent_classes(trips: cmt.Dataset) -> None:
    """Membership and the ascents of the EM algorithm are sums too."""
    b_quick, b_cheap = cmt.Beta("b_quick"), cmt.Beta("b_cheap")
    classes = {
        "quick": {m: b_quick * trips[f"t_{m}"] for m in trips.alternatives},
        "cheap": {m: b_cheap * trips[f"c_{m}"] for m in trips.alternatives},
    }
    one, sum_ = (cmt.estimate(cmt.LatentClass(trips, classes), on=on) for on in (None, SumOfHalves))
    close(sum_.params, one.params)
    close(sum_.membership(), one.membership())


@pytest.mark.slow
def test_random_tastes_of_a_panel(trips: cmt.Dataset) -> None:
    """Draws belong to persons, whatever the parts of the data."""
    taste = normal("taste", cmt.Beta("mean"), cmt.Beta("sd", 0.5))
    V = {m: taste * trips[f"t_{m}"] + cmt.Beta(f"asc_{m}", status=int(m == "car")) for m in trips.alternatives}
    one, sum_ = (cmt.estimate(cmt.MixedLogit(trips, V, draws=32), on=on) for on in (None, SumOfHalves))
    close(sum_.params, one.params)
    close(sum_.conditional_estimates().table, one.conditional_estimates().table)
    close(sum_.predict(conditional=True).probabilities, one.predict(conditional=True).probabilities)


def test_data_beside_are_of_the_same_individuals(trips: cmt.Dataset) -> None:
    evaluator = evaluator_of(logit(trips))
    beside = ProbabilitiesGivenChoices(beside=Observed(trips.take(np.arange(4))))
    with pytest.raises(DatasetError, match="have 4 individuals, but the model's data have 80"):
        evaluator.by_situation(beside, np.zeros(len(evaluator.labels)))
