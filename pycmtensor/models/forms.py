"""Forms: facts that a model declares about its likelihood, so that the engine can choose a fast program for it.

A form holds symbols only. A model whose form the engine has no program for, or that declares none, is differentiated as
a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pytensor.graph.basic import Variable

__all__ = ["Form", "KernelOfUtilities", "Logit", "MixtureOfClasses", "MixtureOfLogits"]

#: Utilities by alternative, or one of all alternatives with the axes (J, T, N, R).
Utilities: TypeAlias = Sequence[Variable] | Variable


@dataclass(frozen=True)
class Form:
    """Base of all forms: facts about a log-likelihood."""


@dataclass(frozen=True)
class KernelOfUtilities(Form):
    """A log-likelihood that is a function of utilities.

    Attributes:
        utilities: The utilities, in the form that the function takes.
        logprob: Utilities -> log-likelihood of each individual, (N,). It may have parameters of its own.
    """

    utilities: Utilities
    logprob: Callable[[Utilities], Variable]


@dataclass(frozen=True)
class Logit(KernelOfUtilities):
    r"""A product of logits over choice situations, :math:`\prod_t a_y e^{V_y} / \sum_j a_j e^{V_j}`.

    Attributes:
        choice_set: Availability of each utility, nonzero where the alternative can be chosen; None for always.
        chosen: Number of the chosen alternative, (T, N, 1).
        observed: 0 where an individual had no situation, (T, N, 1); None when there were all.
    """

    choice_set: Sequence[Variable | None]
    chosen: Variable
    observed: Variable | None


@dataclass(frozen=True)
class MixtureOfLogits(Logit):
    """The average over draws of a `Logit` with random coefficients."""


@dataclass(frozen=True)
class MixtureOfClasses(KernelOfUtilities):
    """The average over latent classes of likelihoods with these forms.

    Attributes:
        classes: The form of each class.
    """

    classes: Sequence[Form | None]
