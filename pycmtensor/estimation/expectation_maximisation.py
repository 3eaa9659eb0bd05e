"""Start values of latent class models: the EM algorithm from many starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from weakref import WeakKeyDictionary

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from pycmtensor.engine import Evaluator
from pycmtensor.estimation.quadratic import Bounds
from pycmtensor.estimation.starts import Starts, from_many
from pycmtensor.kernels.logsum import log_sum_exp
from pycmtensor.models import LatentClass

__all__ = ["CompleteData", "are_alike", "expectation_maximisation"]

Array = NDArray[np.floating]

#: Starts for classes that are alike at the start values. With three and four classes of tastes for electricity
#: contracts, each start leads to the highest maximum with probability 0.3, so that thirty miss it once in 40,000 times.
STARTS = Starts(30, spread=0.2)

#: Draws that are enough to find the way to the highest maximum.
DRAWS = 32


class CompleteData(LatentClass):
    r"""A latent class model whose second derivatives are those of the complete data, in which classes are observed.

    With the probabilities h of the classes given the choices, held at their values,

    .. math:: \log L_n = \log \sum_c \pi_{nc} L_{nc}, \quad Q_n = \sum_c h_{nc} \log(\pi_{nc} L_{nc}), \quad
        h_{nc} = \pi_{nc} L_{nc} / L_n

    have the same gradient. The Hessian of Q is negative definite where those of the classes are, and Newton's step with
    it is one of the EM algorithm (Lange 1995, doi:10.1111/j.2517-6161.1995.tb02037.x).

    Args:
        model: The latent class model.
    """

    def __init__(self, model: LatentClass) -> None:
        self.__setstate__(model.__getstate__())
        self.logprob = self.logprob_given(self.V)

    def logprob_given(self, V: Sequence[Variable] | Variable) -> Variable:
        """The value of log L and the derivatives of Q, (N,)."""
        log_joint = self.log_joint_given(list(V))
        logL = log_sum_exp(log_joint, [None] * len(log_joint))
        h = [disconnected_grad(pt.exp(joint - logL)) for joint in log_joint]
        Q = sum(h_c * joint for h_c, joint in zip(h, log_joint, strict=True))
        return Q + disconnected_grad(logL - Q)


def are_alike(evaluator: Evaluator, theta: Array) -> bool:
    """Whether two classes choose with the same probabilities, so that no derivative tells them apart."""
    prior, joint = evaluator.membership(theta)
    pairs = combinations((joint - prior).T, 2)  # log L_c
    return any(np.allclose(first, second, rtol=1e-9, atol=1e-9) for first, second in pairs)


def expectation_maximisation(
    model: LatentClass, evaluator: Evaluator, starts: Starts, start: Array, bounds: Bounds
) -> tuple[Array, dict[str, Array]]:
    """Start values (K,) near the highest maximum that is found, and a table of all ascents as in `from_many`.

    An ascent begins with the step of the EM algorithm, and learns from there on what the complete data do not say of
    the information: the quasi-Newton acceleration of the EM algorithm. Where classes are alike at the start, which is
    then a saddle point or a minimum between their permutations, it begins from `STARTS` drawn around it, otherwise from
    the start itself. A simulated likelihood is climbed with `DRAWS` draws.

    Args:
        model: A latent class model.
        evaluator: Its log-likelihood.
        starts: How many starts are asked for.
        start: Start values (K,).
        bounds: Lower and upper bounds, each (K,).

    Raises:
        OptimizerError: The log-likelihood is finite at none of the starts.

    References:
        Dempster, Laird & Rubin (1977), doi:10.1111/j.2517-6161.1977.tb01600.x; Lange (1995), A gradient algorithm
        locally equivalent to the EM algorithm, doi:10.1111/j.2517-6161.1995.tb02037.x, and A quasi-Newton acceleration
        of the EM algorithm, Statistica Sinica 5:1-18.
    """
    if starts.number == 1 and are_alike(evaluator, start):
        starts = STARTS
    rough, complete = _climbed(model)
    observed = evaluator if rough is None else evaluator.of(rough)
    return from_many(observed, starts, start, bounds, evaluator.of(complete))


def _climbed(model: LatentClass) -> tuple[LatentClass | None, CompleteData]:
    """The model with few draws, None if it has few or none itself, and with the derivatives of the complete data.

    They live as long as the model, and with them what the engine compiles for them.
    """
    if model not in _CLIMBED:
        rough = None
        if model.sampling is not None and model.sampling.number > DRAWS:
            rough = model.with_draws(replace(model.sampling, number=DRAWS))
        _CLIMBED[model] = rough, CompleteData(rough or model)
    return _CLIMBED[model]


_CLIMBED: WeakKeyDictionary[LatentClass, tuple[LatentClass | None, CompleteData]] = WeakKeyDictionary()
