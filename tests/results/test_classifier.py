"""Choice models as classifiers: the checks of scikit-learn, its logistic regression, and the estimates themselves."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pycmtensor as cmt

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

RNG = np.random.default_rng(0)
X = pd.DataFrame({name: RNG.normal(size=300) for name in ("cost_a", "cost_b", "cost_c", "income")})
V = np.column_stack([-X.cost_a, -X.cost_b + 0.3 * X.income, 0.5 - X.cost_c])
Y = np.array(["a", "b", "c"])[(V + RNG.gumbel(size=V.shape)).argmax(axis=1)]


NAMES = {name: name for name in "abc"}


def costs(ds: cmt.Dataset) -> dict[str, Any]:
    b_cost = cmt.Beta("b_cost")
    return {
        "a": b_cost * ds["cost_a"],
        "b": cmt.Beta("asc_b") + b_cost * ds["cost_b"],
        "c": cmt.Beta("asc_c") + b_cost * ds["cost_c"],
    }


@pytest.mark.slow
def test_the_checks_of_scikit_learn() -> None:
    """One check is skipped by itself: it needs an environment variable. Separated data have no maximum, and say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(cmt.ChoiceClassifier(), on_skip=None)
    assert {check["check_name"] for check in found if check["status"] != "passed"} <= {"check_array_api_input"}
    assert len(found) > 40


def test_all_features_are_a_logistic_regression() -> None:
    ours = cmt.ChoiceClassifier().fit(X, Y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, Y)
    assert np.allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert ours.score(X, Y) == theirs.score(X, Y)
    assert ours.classes_.tolist() == ["a", "b", "c"]
    assert ours.feature_names_in_.tolist() == list(X.columns)


def test_utilities_of_ones_own_are_the_model() -> None:
    ours = cmt.ChoiceClassifier(costs).fit(X, Y)
    frame = X.assign(y=Y)
    ds = cmt.Dataset(frame, "y", NAMES)
    results = cmt.estimate(cmt.MNL(ds, costs(ds)))
    assert np.allclose(ours.results_.params, results.params, rtol=1e-9)
    new = X[:20] + 0.5
    assert np.allclose(ours.predict_proba(new), results.predict(new).probabilities, rtol=1e-9)
    assert (ours.predict(new) == np.array(["a", "b", "c"])[ours.predict_proba(new).argmax(axis=1)]).all()


def test_models_of_ones_own() -> None:
    def nested(ds: cmt.Dataset) -> cmt.NestedLogit:
        return cmt.NestedLogit(ds, costs(ds), nests=[cmt.Nest("ab", ["a", "b"], cmt.Beta("mu", 1.2, lb=1.0)), "c"])

    ours = cmt.ChoiceClassifier(nested).fit(X, Y)
    assert "mu" in ours.results_.params.index
    with pytest.raises(cmt.PyCMTensorError, match="with the data set that it takes"):
        cmt.ChoiceClassifier(lambda ds: nested(cmt.Dataset(X.assign(y=Y), "y", NAMES))).fit(X, Y)


def test_weights_are_repeated_rows() -> None:
    weights = RNG.integers(0, 3, len(X))
    weighted = cmt.ChoiceClassifier(costs).fit(X, Y, sample_weight=weights)
    repeated = cmt.ChoiceClassifier(costs).fit(X.loc[X.index.repeat(weights)], np.repeat(Y, weights))
    assert np.allclose(weighted.results_.params, repeated.results_.params, rtol=1e-8)
    assert np.allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-8)


@pytest.mark.slow
def test_pipelines_searches_and_groups() -> None:
    classifier = cmt.ChoiceClassifier(costs)
    assert clone(classifier).get_params() == classifier.get_params()
    scaled = make_pipeline(StandardScaler().set_output(transform="pandas"), cmt.ChoiceClassifier()).fit(X, Y)
    assert np.allclose(scaled.predict_proba(X), cmt.ChoiceClassifier().fit(X, Y).predict_proba(X), atol=1e-6)
    groups = np.arange(len(X)) // 10
    scores = cross_val_score(classifier, X, Y, groups=groups, cv=GroupKFold(3))
    by_hand = []
    for train, test in GroupKFold(3).split(X, Y, groups):
        fitted = cmt.ChoiceClassifier(costs).fit(X.iloc[train], Y[train])
        by_hand.append(float(np.mean(fitted.predict(X.iloc[test]) == Y[test])))
    assert scores.tolist() == pytest.approx(by_hand)
    search = GridSearchCV(classifier, {"utilities": [None, costs]}, cv=2, scoring="neg_log_loss").fit(X, Y)
    assert search.best_params_["utilities"] in (None, costs)


def test_people_who_choose_more_than_once() -> None:
    frame = X.assign(person=np.arange(len(X)) // 3)
    panel = cmt.ChoiceClassifier(individual="person").fit(frame, Y)
    assert panel.results_.n_individuals == 100
    assert not any("person" in name for name in panel.results_.params.index)
    assert panel.predict(frame).shape == (300,)
