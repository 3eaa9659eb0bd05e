"""Draws of a posterior, and tables that are made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine.nuts import Steps
from pycmtensor.inference.posterior.diagnostics import Verdict
from pycmtensor.report.answer import Answer, Part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Draws", "Individuals", "PosteriorSummary"]

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of a posterior, with the axes (chain, draw) first.

    Attributes:
        theta: Parameters (C, S, K).
        latent: Standard normals of each individual in a hierarchical posterior, each (C, S, 1 or T, N).
        steps: What the steps of the chains left behind.
        priors: In words, one for each parameter; "default" ones are marked.
        asked: Draws of each chain that were asked for.
        seconds: Wall time, compilation included.
    """

    theta: Array
    latent: tuple[Array, ...]
    steps: Steps
    priors: tuple[str, ...]
    asked: int
    seconds: float

    def thinned(self, every: int) -> Draws:
        """Every so many draws of each chain."""
        steps, latent = Steps(*(own[:, ::every] for own in self.steps)), tuple(z[:, ::every] for z in self.latent)
        return replace(self, theta=self.theta[:, ::every], latent=latent, steps=steps, asked=-(-self.asked // every))

    def without_latent(self) -> Draws:
        """The draws of the parameters alone, which take less room."""
        return replace(self, latent=())


@dataclass(frozen=True, eq=False)
class PosteriorSummary(Answer):
    """Summary of a posterior.

    Attributes:
        table: One row per parameter: mean, sd, median, the interval lower to upper, ess, ess_tail, rhat, and the prior.
        verdict: Whether it can be relied on.
        about: What was sampled, in a sentence.
        alpha: One minus the coverage of the intervals.
    """

    table: pd.DataFrame
    verdict: Verdict
    about: str
    alpha: float

    def _shown(self) -> list[Part]:
        numbers = self.table.round({"ess": 0, "ess_tail": 0, "rhat": 3})
        return [str(self.verdict), self.about, numbers, f"{1 - self.alpha:.4g} intervals"]


@dataclass(frozen=True, eq=False)
class Individuals(Answer):
    """Part-worths: a random coefficient of each individual.

    Attributes:
        name: Of the coefficient.
        table: One row per individual: mean, sd, and the quantiles lower, median and upper of the posterior.
        alpha: One minus the coverage of lower to upper.
    """

    name: str
    table: pd.DataFrame
    alpha: float

    @property
    def means(self) -> pd.Series:
        """The posterior mean of each individual."""
        return self.table["mean"].rename(self.name)

    def _shown(self) -> list[Part]:
        about = f"{len(self.table):,} individuals, {1 - self.alpha:.4g} of each between lower and upper"
        return [self.name, self.table.describe(), about]
