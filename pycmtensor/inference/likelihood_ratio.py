"""The likelihood-ratio test of nested models."""

from __future__ import annotations

from pycmtensor.exceptions import InferenceError, checked
from pycmtensor.inference.hypotheses import HypothesisTest, chi_squared, must_be_maximum, must_share_sample
from pycmtensor.inference.protocol import Estimated

__all__ = ["likelihood_ratio"]

#: Two maximised log-likelihoods are the same when they differ by less, relative to their size.
ROUNDING = 1e-9


@checked(InferenceError)
def likelihood_ratio(restricted: Estimated, full: Estimated) -> HypothesisTest:
    r"""Likelihood-ratio test of a model against a larger one that contains it.

    .. math:: 2 (LL_{full} - LL_{restricted}) \sim \chi^2(K_{full} - K_{restricted})

    Args:
        restricted: Results of the model of the null hypothesis.
        full: Results of the model that contains it, on the same data.

    Returns:
        The test.

    Raises:
        InferenceError: The data differ; the first model has not fewer parameters, or a higher log-likelihood, so that
            the second cannot contain it; or an estimation ended before a maximum.

    References:
        Wilks (1938), The large-sample distribution of the likelihood ratio, doi:10.1214/aoms/1177732360.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2, 2, 3] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2, "tram": 3})
        >>> car, bus = cmt.Beta("asc_car"), cmt.Beta("asc_bus")
        >>> full = cmt.estimate(cmt.MNL(ds, {"car": car, "bus": bus, "tram": 0}))
        >>> print(cmt.likelihood_ratio(cmt.estimate(cmt.MNL(ds, {"car": car, "bus": 0, "tram": 0})), full))
        Likelihood-ratio test
        H0: the restricted model, without asc_bus
        statistic 3.3980, chi-squared(1), p = 0.06528
    """
    must_be_maximum(restricted, "the restricted model")
    must_be_maximum(full, "the full model")
    must_share_sample(restricted, full)
    few, many = restricted.fit, full.fit
    df = many.n_parameters - few.n_parameters
    if df <= 0:
        raise InferenceError(
            f"The restricted model has {few.n_parameters} parameters and the full model {many.n_parameters}: the "
            "second must have more. Give the restricted results first."
        )
    if few.llf - many.llf > ROUNDING * abs(many.llf):
        raise InferenceError(
            f"The restricted model has the higher log-likelihood ({few.llf:.6f} above {many.llf:.6f}), so the full "
            "model does not contain it. Compare models that are not nested with vuong or ben_akiva_swait."
        )
    notes = []
    own = [label for label in few.labels if label not in many.labels]
    if own:
        notes.append(f"{', '.join(own)}: not in the full model; see to it that the restricted model is a case of it.")
    bound = [label for label, held in zip(many.labels, many.at_bound, strict=True) if held]
    if bound:
        notes.append(f"{', '.join(bound)}: at a bound, where the statistic is smaller than chi-squared.")
    added = ", ".join(label for label in many.labels if label not in few.labels)
    null = "the restricted model"
    if added:
        null += f", {', '.join(own)} for {added}" if own else f", without {added}"
    if few.constraints:
        null += f", with {', '.join(few.constraints)}"
    return chi_squared("Likelihood-ratio test", null, max(0.0, 2 * (many.llf - few.llf)), df, " ".join(notes))
