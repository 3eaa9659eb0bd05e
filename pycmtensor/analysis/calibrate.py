"""Constants that reproduce the market shares of alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable

from pycmtensor.analysis.predict import choices_on
from pycmtensor.analysis.scenario import groups_of, segment_weights
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Probabilities
from pycmtensor.estimation import Fit
from pycmtensor.exceptions import InferenceError
from pycmtensor.expressions import Beta
from pycmtensor.inference.protocol import Estimated
from pycmtensor.models import ChoiceModel, OrderedLogit
from pycmtensor.models.choice import choice_of

__all__ = ["calibrated"]

Array = NDArray[np.floating]

#: Largest difference between predicted and given shares.
TOLERANCE = 1e-12

#: Newton steps and rounds of the iteration, at most.
MOST = 200

#: How far from 1 the sum of given shares may be.
OFF = 1e-9


def calibrated(
    results: Estimated, shares: Mapping[Any, Any], data: Any = None, by: str | None = None
) -> tuple[Fit, Problem]:
    r"""The estimates with constants added to utilities, so that predicted shares are given ones.

    .. math:: \frac{\sum_n w_n P_{jn}(V + c)}{\sum_n w_n} = S_j

    Newton's method solves for the constants c, with the derivatives of the shares; a step that does not help is
    replaced by one of the iteration :math:`c_j \leftarrow c_j + \log (S_j / \hat S_j)`.

    Args:
        results: The estimates of a choice model.
        shares: Alternative -> its share, in (0, 1). Alternatives that are not named share the rest as the model says;
            if all are, shares add up to 1 and the first alternative has no constant. With ``by``, value of the column
            -> such shares.
        data: A frame, a path or a `Dataset` that the shares are of; None for the data of the estimation.
        by: A column whose values have shares and constants of their own.

    Returns:
        Estimates with the constants as fixed parameters "calibration_name", and the problem with them. Errors of
        answers take the constants as known.

    Raises:
        InferenceError: A share is not in (0, 1), shares do not add up, nobody can choose an alternative, a value of
            the column has no shares, or the model has no utilities of alternatives.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, section 2.8; Berry,
        Levinsohn & Pakes (1995), Automobile prices in market equilibrium, doi:10.2307/2171802, for the iteration.
    """
    asked = choices_on(results, data, "calibrated constants")
    model, ds = choice_of(asked.model, "calibrated constants"), asked.data
    if len(model.by_class()) > 1 or isinstance(model, OrderedLogit):
        raise InferenceError(f"calibrated needs one utility for each alternative, which {model.name} does not have.")
    wanted = _wanted(shares, ds, by)
    solved = _solved(asked, results.fit.theta, wanted)
    fixed = dict(zip(wanted.names, solved.tolist(), strict=True))
    other = wanted.added_to(model, [Beta(name, value, status=1) for name, value in fixed.items()])
    outcome = replace(
        results.fit.outcome,
        reason=f"{results.fit.outcome.reason} Constants that reproduce given shares were added: {', '.join(fixed)}, "
        "no estimates.",
    )
    fit = replace(results.fit, fixed=results.fit.fixed | fixed, outcome=outcome)
    return fit, Problem(other, ds, asked.evaluator.of(other).on(ds))


@dataclass(frozen=True)
class _Wanted:
    """Shares that are wanted: weights of the groups (M, T, N), places of the constants, and their shares."""

    groups: list[Any]
    weights: Array
    places: list[tuple[Any, str]]  #: group and alternative
    shares: Array
    position: NDArray[np.integer]  #: of each place in the groups times alternatives
    by: str | None  #: column of the groups

    @property
    def names(self) -> list[str]:
        """Names of the constants."""
        return [
            f"calibration_{name}" if self.by is None else f"calibration_{name}_{self.by}_{group}"
            for group, name in self.places
        ]

    def added_to(self, model: ChoiceModel, constants: list[Beta]) -> ChoiceModel:
        """The model with the constants in its utilities."""
        terms: dict[str, Variable] = {}
        for (group, name), constant in zip(self.places, constants, strict=True):
            here = constant() if self.by is None else constant * pt.eq(model.dataset[self.by], group)
            terms[name] = terms[name] + here if name in terms else here
        return model.with_terms(terms)


def _wanted(shares: Mapping[Any, Any], ds: Dataset, by: str | None) -> _Wanted:
    if not isinstance(shares, Mapping) or not shares:
        raise InferenceError(f"calibrated: shares maps alternatives to shares, {{'train': 0.2}}, found {shares!r}.")
    groups = groups_of(ds, by)
    weights = segment_weights(ds, by, groups)
    if by is None:
        shares = {"all": shares}
    else:
        groups, weights = groups[1:], weights[1:]
        missing = [group for group in groups if group not in shares]
        unknown = [group for group in shares if group not in groups]
        if missing or unknown:
            raise InferenceError(
                f"calibrated: '{by}' has the value(s) {', '.join(map(str, groups))}, found shares of "
                f"{', '.join(map(str, shares))}. Give shares of each."
            )
    names, places, values, position = list(ds.alternatives), [], [], []
    for m, group in enumerate(groups):
        own = _checked(shares[group], names)
        for name, share in own.items():
            if len(own) == len(names) and name == names[0]:
                continue  # its constant is 0
            places.append((group, name))
            values.append(share)
            position.append(m * len(names) + names.index(name))
    weights = weights / weights.sum(axis=(1, 2), keepdims=True)
    return _Wanted(groups, weights, places, np.array(values), np.array(position), by)


def _checked(shares: Any, names: list[str]) -> dict[str, float]:
    if not isinstance(shares, Mapping) or any(name not in names for name in shares):
        raise InferenceError(f"calibrated: shares are of the alternatives {', '.join(names)}, found {shares!r}.")
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int | float | np.number) or not 0 < share < 1:
            raise InferenceError(
                f"calibrated: the share of '{name}' must be in (0, 1), found {share!r}. Where it is 0, make the "
                "alternative unavailable."
            )
    total = float(sum(shares.values()))
    if (len(shares) == len(names) and abs(total - 1) > OFF) or (len(shares) < len(names) and total >= 1):
        rule = "add up to 1" if len(shares) == len(names) else "leave something for the other alternatives"
        raise InferenceError(f"calibrated: shares must {rule}, found the sum {total:g}.")
    return {name: float(share) for name, share in shares.items()}


def _solved(asked: Problem, theta: Array, wanted: _Wanted) -> Array:
    """The constants."""
    model, ds = choice_of(asked.model, "calibrated constants"), asked.data
    free = [Beta(name) for name in wanted.names]
    evaluator = asked.evaluator.of(wanted.added_to(model, free)).on(ds)

    def residuals(c: Array) -> tuple[Array, Array]:
        """log of predicted over wanted shares, and derivatives."""
        found, slopes = evaluator.totals(Probabilities(), wanted.weights, np.concatenate([theta, c]))
        S, slope = found.ravel()[wanted.position], slopes.reshape(-1, slopes.shape[-1])[wanted.position, len(theta) :]
        nobody = [wanted.places[k] for k in np.flatnonzero(S == 0)]
        if nobody:
            raise InferenceError(f"calibrated: nobody can choose '{nobody[0][1]}', whose share cannot be given.")
        return np.log(S / wanted.shares), slope / S[:, None]

    c = np.zeros(len(free))
    r, J = residuals(c)
    for _ in range(MOST):
        if np.abs(wanted.shares * np.expm1(r)).max() < TOLERANCE:
            return c
        there = c - np.clip(np.linalg.lstsq(J, r, rcond=None)[0], -5, 5)
        r_there, J_there = residuals(there)
        if not np.abs(r_there).max() < np.abs(r).max():
            there = c - r
            r_there, J_there = residuals(there)
        c, r, J = there, r_there, J_there
    raise InferenceError(f"calibrated: the shares are off by {np.abs(np.expm1(r)).max():.1e} after {MOST} steps.")
