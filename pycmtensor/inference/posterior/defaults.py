"""Default priors: weakly informative on the scale of the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.effects import Effects
from pycmtensor.exceptions import ModelError
from pycmtensor.inference.posterior.priors import Normal, Prior, Uniform
from pycmtensor.models import Model

__all__ = ["effect_scale", "priors_of"]

Array = NDArray[np.floating]

#: Standard deviation of the change of a difference of utilities that a parameter may make, before data are seen.
UTILS = 5.0


def effect_scale(found: Effects | None, K: int) -> Array:
    r"""The size of each parameter that changes a difference of utilities by about 1, (K,); 1 where that is unknown.

    :math:`1 / d_k` with the spread :math:`d_k` of `pycmtensor.engine.effects`. A parameter beside the utilities, such
    as a threshold, moves with the means of what is in them: :math:`\sqrt{1 + \sum_k m_k^2 / d_k^2}`.
    """
    if found is None:
        return np.ones(K)
    has_effect = found.spread > 1e-12
    ratio = found.mean[has_effect] / found.spread[has_effect]
    beside = float(np.sqrt(1 + (ratio**2).sum()))
    return np.where(has_effect, 1 / np.where(has_effect, found.spread, 1.0), beside)


def priors_of(
    model: Model, given: Mapping[str, Prior], found: Effects | None, theta: Array
) -> tuple[tuple[Prior, ...], tuple[bool, ...]]:
    r"""The prior of each free parameter, and whether it is a default.

    The default is :math:`N(c_k, (5 / d_k)^2)` within the bounds of the parameter, and uniform between two bounds. The
    spread :math:`d_k` is the typical change of a difference of utilities with the parameter, so that a parameter is
    thought to make differences of utilities of some units, whatever its columns are measured in. The centre c is 0, or
    the value at which the parameter changes nothing, or where utilities are no linear function of it, its own value.

    Args:
        model: The model.
        given: Priors by names of parameters, or of single numbers of them.
        found: What parameters do to utilities.
        theta: The own values of the parameters (K,).

    Raises:
        ModelError: A name is unknown, or there is no default for a parameter.

    References:
        Gelman, Jakulin, Pittau & Su (2008), A weakly informative default prior distribution for logistic and other
        regression models, doi:10.1214/08-AOAS191.
    """
    names = [p.name for p in model.free for _ in p.labels()]
    labels = list(model.labels)
    unknown = [str(name) for name in given if name not in names and name not in labels]
    if unknown:
        raise ModelError(
            f"priors names {', '.join(unknown)}; the parameters of the model that are not fixed are "
            f"{', '.join(dict.fromkeys(names))}."
        )
    wrong = [f"{name!r}: {prior!r}" for name, prior in given.items() if not isinstance(prior, Prior)]
    if wrong:
        raise ModelError(f"priors maps names to priors such as cmt.priors.Normal(0, 10), found {{{wrong[0]}}}.")
    own = [given.get(label, given.get(name)) for label, name in zip(labels, names, strict=True)]
    missing = [label for label, prior in zip(labels, own, strict=True) if prior is None]
    if found is None and missing:
        raise ModelError(
            f"{model.name} is no choice among alternatives with one utility each, from which default priors could be "
            f"told. Give priors of {', '.join(missing)}, such as priors={{{missing[0]!r}: cmt.priors.Normal(0, 10)}}."
        )
    scale, neutral = UTILS * effect_scale(found, len(labels)), model.neutral_values()
    lower, upper = model.bounds()
    priors: list[Prior] = []
    for k, prior in enumerate(own):
        if prior is None and np.isfinite(upper[k] - lower[k]):
            prior = Uniform(float(lower[k]), float(upper[k]))
        elif prior is None:
            curved = found is not None and found.curved[k]
            centre = neutral.get(labels[k], float(theta[k]) if curved else 0.0)
            prior = Normal(centre, float(scale[k]))
        priors.append(prior)
    return tuple(priors), tuple(prior is None for prior in own)
