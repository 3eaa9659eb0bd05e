"""The Lagrange multiplier (score) test of a restricted model, which needs no estimates of the full one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import SecondOrder, evaluator_of
from pycmtensor.estimation import Fit
from pycmtensor.estimation.preparation import start_values
from pycmtensor.exceptions import IdentificationError, InferenceError, checked
from pycmtensor.inference.covariance import inverse
from pycmtensor.inference.hypotheses import HypothesisTest, chi_squared, must_be_maximum
from pycmtensor.inference.protocol import Estimated
from pycmtensor.models import Model

__all__ = ["lagrange_multiplier"]

Array = NDArray[np.floating]

#: Name -> the information matrix (K, K) that second derivatives give.
INFORMATION: dict[str, Callable[[SecondOrder], Array]] = {
    "observed": lambda at: -at.hessian,
    "bhhh": lambda at: at.individuals.outer_product(1),
}


@checked(InferenceError)
def lagrange_multiplier(model: Model, restricted: Estimated, information: str = "observed") -> HypothesisTest:
    r"""Score test of a restricted model against a larger one that was not estimated.

    With the gradient g and the information I of the full model at the restricted estimates,

    .. math:: g^\top I^{-1} g \sim \chi^2(K_{full} - K_{restricted})

    Constraints that bind the restricted estimates are part of the null hypothesis.

    Args:
        model: The full model. Parameters that the restricted one does not estimate are at their own values, which are
            those of the null hypothesis, such as 0.
        restricted: Results of the model of the null hypothesis; their data are used when they are at hand.
        information: "observed" (minus the Hessian) or "bhhh" (outer product of scores).

    Returns:
        The test.

    Raises:
        InferenceError: The full model at these values is not the restricted one, adds no parameter, or has an
            information matrix that is not positive definite; or the restricted estimates are no interior maximum.

    References:
        Rao (1948), Large sample tests of statistical hypotheses concerning several parameters with applications to
        problems of estimation, doi:10.1017/S0305004100023987.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2, 2, 3] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3})
        >>> car, bus = cmt.Beta("asc_car"), cmt.Beta("asc_bus")
        >>> restricted = cmt.estimate(cmt.MNL(ds, {"car": car, "bus": 0, "tram": 0}))
        >>> full = cmt.MNL(ds, {"car": car, "bus": bus, "tram": 0})
        >>> print(cmt.lagrange_multiplier(full, restricted))  # 20 and 10 choices where 15 are expected
        Lagrange multiplier test
        H0: asc_bus = 0
        statistic 3.3333, chi-squared(1), p = 0.06789
        With the observed information.
    """
    if information not in INFORMATION:
        raise InferenceError(f"information must be one of {', '.join(INFORMATION)}; found {information!r}.")
    must_be_maximum(restricted, "the restricted model")
    fit = restricted.fit
    if fit.at_bound.any():
        held = ", ".join(np.array(fit.labels)[fit.at_bound])
        raise InferenceError(f"{held}: at a bound, where the score is not 0 under the null hypothesis either.")
    theta, added = _under_the_null(model, fit)
    data = (model.dataset.whole if restricted.data is None else restricted.data).counted()
    model.check(data)
    evaluator = evaluator_of(model, data) if restricted.evaluator is None else restricted.evaluator.of(model)
    at = evaluator.second_order(theta)
    if not np.isclose(at.value, fit.llf, rtol=1e-9):
        raise InferenceError(
            f"The full model at the restricted estimates has the log-likelihood {at.value:.6f}, the restricted model "
            f"{fit.llf:.6f}. Set the parameters that it adds ({', '.join(added)}) to their values under the null "
            "hypothesis, and use the same data."
        )
    try:
        variance = inverse(INFORMATION[information](at))
    except IdentificationError:
        other = "bhhh" if information == "observed" else "observed"
        raise InferenceError(
            f"The {information} information of the full model is not positive definite at the restricted estimates. "
            f"Try information='{other}', or see whether {', '.join(added)} can be told apart."
        ) from None
    statistic = float(at.gradient @ variance @ at.gradient)
    null = " and ".join([*(f"{label} = {theta[model.labels.index(label)]:g}" for label in added), *fit.constraints])
    note = f"With the {information} information."
    return chi_squared("Lagrange multiplier test", null, statistic, len(theta) - fit.n_parameters, note)


def _under_the_null(model: Model, fit: Fit) -> tuple[Array, list[str]]:
    """Theta of the full model at the restricted estimates (K,), and the names of the parameters that it adds."""
    estimates = dict(zip(fit.labels, fit.theta.tolist(), strict=True))
    missing = [label for label in estimates if label not in model.labels]
    added = [label for label in model.labels if label not in estimates]
    if missing or (not added and not len(fit.binding)):
        reason = f"does not estimate {', '.join(missing)}" if missing else "adds no parameter to it"
        raise InferenceError(f"The full model does not contain the restricted one: it {reason}.")
    fixed = {label: value for label, value in fit.fixed.items() if label in added}
    return start_values(model, {**estimates, **fixed}), added
