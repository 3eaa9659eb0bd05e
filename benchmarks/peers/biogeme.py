"""Biogeme: its default algorithm (trust-region Newton with the analytical Hessian), and no files.

`estimate` sums the outer products of the scores in a Python loop over the observations; the variant 'quick' is
`quick_estimate`, which gives no standard errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from biogeme.biogeme import BIOGEME
from biogeme.database import Database
from biogeme.expressions import (
    Beta,
    Draws,
    Expression,
    LinearTermTuple,
    LinearUtility,
    MonteCarlo,
    MultipleSum,
    PanelLikelihoodTrajectory,
    Variable,
    log,
)
from biogeme.models import logit, loglogit, lognested
from biogeme.nests import NestsForNestedLogit, OneNestForNestedLogit
from biogeme.parameters import Parameters

from benchmarks.data import Table, shape
from benchmarks.peers.worker import Estimate, serve


def swissmetro(table: Table, variant: str) -> Callable[[], Estimate]:
    V, available = specification()
    return estimation(table, loglogit(V, available, Variable("CHOICE")), variant)


def bootstrap(table: Table, variant: str) -> Callable[[], Estimate]:
    V, available = specification()
    return estimation(table, loglogit(V, available, Variable("CHOICE")), "bootstrap", bootstrap_samples=200)


def nested(table: Table, variant: str) -> Callable[[], Estimate]:
    V, available = specification()
    existing = OneNestForNestedLogit(Beta("MU", 1, 1, 10, 0), list_of_alternatives=[1, 3], name="existing")
    nests = NestsForNestedLogit(choice_set=list(V), tuple_of_nests=(existing,))
    return estimation(table, lognested(V, available, nests, Variable("CHOICE")), variant)


def specification() -> tuple[dict[int, Expression], dict[int, Expression]]:
    """Utilities and availability of Swissmetro."""
    asc_train, asc_car, b_time, b_cost = map(free, ("ASC_TRAIN", "ASC_CAR", "B_TIME", "B_COST"))
    V = {
        1: asc_train + b_time * Variable("TRAIN_TT") / 100 + b_cost * Variable("TRAIN_COST") / 100,
        2: b_time * Variable("SM_TT") / 100 + b_cost * Variable("SM_COST") / 100,
        3: asc_car + b_time * Variable("CAR_TT") / 100 + b_cost * Variable("CAR_CO") / 100,
    }
    return V, {1: Variable("TRAIN_OPEN"), 2: Variable("SM_AV"), 3: Variable("CAR_OPEN")}


def swissmetro_mixed(table: Table, variant: str, individual: str | None = None) -> Callable[[], Estimate]:
    asc_train, asc_car, b_cost = map(free, ("ASC_TRAIN", "ASC_CAR", "B_COST"))
    b_time = free("B_TIME") + Beta("B_TIME_S", 0.1, None, None, 0) * Draws("time", "NORMAL_HALTON2")
    V = {
        1: asc_train + b_time * Variable("TRAIN_TT") / 100 + b_cost * Variable("TRAIN_COST") / 100,
        2: b_time * Variable("SM_TT") / 100 + b_cost * Variable("SM_COST") / 100,
        3: asc_car + b_time * Variable("CAR_TT") / 100 + b_cost * Variable("CAR_CO") / 100,
    }
    available = {1: Variable("TRAIN_OPEN"), 2: Variable("SM_AV"), 3: Variable("CAR_OPEN")}
    return simulated(table, V, available, "CHOICE", 500, individual)


def swissmetro_panel(table: Table, variant: str) -> Callable[[], Estimate]:
    return swissmetro_mixed(table, variant, individual="ID")


def electricity(table: Table, variant: str) -> Callable[[], Estimate]:
    J, K = shape(table)
    tastes = [free(f"b{k}") + Beta(f"b{k}_S", 0.1, None, None, 0) * Draws(f"d{k}", "NORMAL_HALTON2") for k in range(K)]
    V = {j: MultipleSum([b * Variable(f"x{j}_{k}") for k, b in enumerate(tastes)]) for j in range(J)}
    return simulated(table, V, dict.fromkeys(V, 1), "choice", 600, "person")


def synthetic(table: Table, variant: str) -> Callable[[], Estimate]:
    J, K = shape(table)
    betas = [free(f"b{k}") for k in range(K)]
    terms = [[LinearTermTuple(beta=b, x=Variable(f"x{j}_{k}")) for k, b in enumerate(betas)] for j in range(J)]
    V = {j: LinearUtility(terms[j]) for j in range(J)}
    return estimation(table, loglogit(V, dict.fromkeys(V, 1), Variable("choice")), variant)


def free(name: str) -> Beta:
    return Beta(name, 0, None, None, 0)


def simulated(
    table: Table, V: dict[int, Expression], available: dict[int, Any], choice: str, draws: int, individual: str | None
) -> Callable[[], Estimate]:
    """A mixed logit, averaged over draws of the product over choices."""
    P: Expression = logit(V, available, Variable(choice))
    if individual:
        P = PanelLikelihoodTrajectory(P)
    return estimation(table, log(MonteCarlo(P)), "", individual, number_of_draws=draws)


def estimation(
    table: Table, loglike: Expression, variant: str, individual: str | None = None, **settings: int
) -> Callable[[], Estimate]:
    database = Database("data", pd.DataFrame(table))
    if individual:
        database.panel(individual)
    no_files = {"generate_html": False, "generate_yaml": False, "save_iterations": False}

    def specified() -> BIOGEME:
        model = BIOGEME(database, loglike, parameters=Parameters(), **no_files, **settings)
        model.model_name = "logit"
        return model

    kept = None if individual else specified()

    def estimate() -> Estimate:
        model = kept or specified()  # a panel can be estimated once
        start = {name: 1.0 if name == "MU" else 0.1 if name.endswith("_S") else 0.0 for name in model.free_betas_names}
        model.change_init_values(start)  # an estimation leaves its estimates there
        if variant == "quick":
            results = model.quick_estimate()
            return Estimate(results.final_loglikelihood, list(results.get_beta_values().values()))
        results = model.estimate(starting_values=start, run_bootstrap=variant == "bootstrap")
        kind = "bootstrap" if variant == "bootstrap" else "rao_cramer"
        bse = np.sqrt(np.diag(getattr(results, f"{kind}_variance_covariance_matrix")))
        return Estimate(results.final_loglikelihood, list(results.get_beta_values().values()), bse)

    return estimate


LACKS = {
    "training": "it does not train on batches",
    "res_logit": "it has no networks",
    "taste_net": "it has no networks",
}

if __name__ == "__main__":
    serve(
        swissmetro,
        bootstrap,
        nested,
        synthetic,
        swissmetro_mixed,
        swissmetro_panel,
        electricity,
        lacks=LACKS,
        many_alternatives=synthetic,
    )
