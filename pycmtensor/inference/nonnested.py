"""Tests between models of which neither contains the other."""

from __future__ import annotations

import math

import numpy as np

from pycmtensor.exceptions import InferenceError, checked
from pycmtensor.inference.hypotheses import HypothesisTest, must_be_maximum, must_share_sample
from pycmtensor.inference.normal import two_sided
from pycmtensor.inference.protocol import Estimated

__all__ = ["ben_akiva_swait", "vuong"]


@checked(InferenceError)
def ben_akiva_swait(a: Estimated, b: Estimated) -> HypothesisTest:
    r"""Test between non-nested models by their adjusted rho-squared, :math:`1 - (LL - K) / LL(0)`.

    If the model with the lower one (l) were true, the chance that the other (h) is higher by more than z would be

    .. math:: \Pr(\bar\rho^2_h - \bar\rho^2_l > z) \le \Phi\left(-\sqrt{-2 z LL(0) + (K_h - K_l)}\right)

    The p value is this bound. Where the root does not exist, which takes a better model with fewer parameters, the
    bound is 1.

    Args:
        a: Results of one model.
        b: Results of another, on the same data. The order does not matter.

    Returns:
        The test: its statistic z, and the bound as the p value.

    Raises:
        InferenceError: The data differ, or an estimation ended before a maximum.

    References:
        Ben-Akiva & Swait (1986), The Akaike likelihood ratio index, doi:10.1287/trsc.20.2.133.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2, 2, 3] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3})
        >>> car, bus = cmt.Beta("asc_car"), cmt.Beta("asc_bus")
        >>> a = cmt.estimate(cmt.MNL(ds, {"car": car, "bus": 0, "tram": 0}))
        >>> b = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": bus, "tram": 0}))
        >>> print(cmt.ben_akiva_swait(a, b))
        Ben-Akiva & Swait test
        H0: the second model, whose adjusted rho-squared is lower, is the true one
        statistic ..., normal, p = ...
        The p value is an upper bound.
    """
    from scipy.special import ndtr

    _check(a, b)
    charged = [results.fit.llf - results.fit.n_parameters for results in (a, b)]
    first_is_higher = charged[0] >= charged[1]
    high, low = (a, b) if first_is_higher else (b, a)
    z = abs(charged[0] - charged[1]) / -a.fit.llnull
    square = -2 * z * a.fit.llnull + high.fit.n_parameters - low.fit.n_parameters
    bound = float(ndtr(-math.sqrt(square))) if square >= 0 else 1.0
    null = f"the {'second' if first_is_higher else 'first'} model, whose adjusted rho-squared is lower, is the true one"
    return HypothesisTest("Ben-Akiva & Swait test", null, z, None, bound, "normal", "The p value is an upper bound.")


@checked(InferenceError)
def vuong(a: Estimated, b: Estimated, schwarz: bool = False) -> HypothesisTest:
    r"""Test that two non-nested models are equally near to the truth, by individual log-likelihood ratios m.

    .. math:: z = \frac{\sum_n w_n m_n - c}{\sqrt{\sum_n w_n^2 (m_n - \bar m)^2}} \sim N(0, 1), \quad
        m_n = \log \frac{f_a(y_n)}{f_b(y_n)}

    A large z speaks for the first model, a small one for the second. Without weights the denominator is Vuong's
    :math:`\sqrt{N} \hat\omega`. For strictly non-nested models: where they overlap, the test is valid only if the
    ratios vary in the population.

    Args:
        a: Results of one model.
        b: Results of another, on the same data.
        schwarz: Charge for parameters as BIC does, :math:`c = (K_a - K_b) / 2 \log N`; otherwise c is 0.

    Returns:
        The test.

    Raises:
        InferenceError: The data differ, an estimation ended before a maximum, or both models give every individual the
            same likelihood.

    References:
        Vuong (1989), Likelihood ratio tests for model selection and non-nested hypotheses, doi:10.2307/1912557.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2, 2, 3] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3})
        >>> car, bus = cmt.Beta("asc_car"), cmt.Beta("asc_bus")
        >>> a = cmt.estimate(cmt.MNL(ds, {"car": car, "bus": 0, "tram": 0}))
        >>> b = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": bus, "tram": 0}))
        >>> print(cmt.vuong(a, b))
        Vuong test
        H0: both models are equally near to the truth
        statistic ..., normal, p = ...
        For the first model.
    """
    _check(a, b)
    w, m = a.fit.weights, a.fit.logprob - b.fit.logprob
    if np.abs(m).max() < 1e-9 * np.abs(a.fit.logprob).max():
        raise InferenceError("Both models give every individual the same likelihood: there is nothing to compare.")
    charge = (a.fit.n_parameters - b.fit.n_parameters) / 2 * math.log(len(m)) if schwarz else 0.0
    spread = m - np.average(m, weights=w)
    z = float((w @ m - charge) / np.sqrt((w**2 * spread**2).sum()))
    note = f"For the {'first' if z > 0 else 'second'} model{', after the Schwarz correction' if schwarz else ''}."
    return HypothesisTest(
        "Vuong test", "both models are equally near to the truth", z, None, two_sided(z), "normal", note
    )


def _check(a: Estimated, b: Estimated) -> None:
    must_be_maximum(a, "the first model")
    must_be_maximum(b, "the second model")
    must_share_sample(a, b)
