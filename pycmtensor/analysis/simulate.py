"""Choices drawn from an estimated model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.predict import choices_on
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import LikelihoodsAtDraws, ProbabilitiesAtDraws
from pycmtensor.exceptions import InferenceError, whole
from pycmtensor.inference.protocol import Estimated
from pycmtensor.models import RankedLogit
from pycmtensor.terms.draws import Sampling

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["simulate"]

Array = NDArray[np.floating]

#: Probabilities that are held at the same time.
NUMBERS_AT_ONCE = 2**24


def simulate(
    results: Estimated, data: Any = None, seed: int = 1, n: int = 1, conditional: bool = False
) -> pd.DataFrame:
    r"""Choices drawn from the model at the estimates, such as for a synthetic population or a test of an estimation.

    Each person has a taste and a latent class, drawn once for all choice situations, and chooses in each of these with
    the probabilities of this taste, :math:`P_{jnt}(\beta_{nr})`.

    Args:
        results: The estimates of a choice model.
        data: A frame, a path or a `Dataset` to choose in; None for the data of the estimation.
        seed: Seed of tastes, classes and choices.
        n: Replications, each with other tastes and choices.
        conditional: Whether tastes and classes are drawn given what the same person chose in the data of the
            estimation; ``data`` is None then.

    Returns:
        One row per replication and choice situation, indexed as the frame: "replication" from 1, the individual if the
        data name one, and the choice column with the codes of the alternatives, or "choice" where data have none.

    Raises:
        InferenceError: The model is no choice among alternatives, or is of rankings; the alternatives are samples;
            ``conditional`` comes with other data.
        DatasetError: The data do not fit the model.

    References:
        Train (2009), Discrete Choice Methods with Simulation, doi:10.1017/CBO9780511805271, sections 6.5 and 11.3 for
        tastes given choices.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> results.simulate(n=1000)["mode"].value_counts(normalize=True).round(2).to_dict()
        {1: 0.75, 2: 0.25}
    """
    import pandas as pd

    whole("simulate", "n", n, least=1, error=InferenceError)
    whole("simulate", "seed", seed, least=0, error=InferenceError)
    asked = choices_on(results, data, "simulated choices")
    if isinstance(asked.model, RankedLogit):
        raise InferenceError("Rankings cannot be drawn yet. Make an MNL with the same utilities for first choices.")
    if conditional and data is not None:
        raise InferenceError("simulate: tastes given choices are those of the data of the estimation. Leave data out.")
    positions = _drawn(asked, results.fit.theta, np.random.default_rng(seed), n, conditional)
    ds = asked.data
    codes = np.array(list(ds.alternatives.values()), dtype=object)
    known = {} if ds.individual is None else {ds.individual: ds.situation_values(ds.individual)}
    column = ds.choice or "choice"
    frames = [
        pd.DataFrame({"replication": i, **known, column: codes[ds.of_situations(chosen)]}, index=ds.situation_labels)
        for i, chosen in enumerate(positions, start=1)
    ]
    return pd.concat(frames).infer_objects()


def _drawn(asked: Problem, theta: Array, rng: np.random.Generator, n: int, conditional: bool) -> NDArray[np.integer]:
    """Positions of the chosen alternatives, (n, T, N), some individuals at a time to save memory."""
    model, ds, evaluator = asked
    if model.sampling is not None and not conditional:
        tastes = Sampling(n, "pseudo", int(rng.integers(2**31)))
        evaluator = evaluator.of(model.with_draws(tastes)).on(ds)
    draws = 1 if model.sampling is None else model.sampling.number if conditional else n
    a_person = len(model.by_class()) * len(ds.alternatives) * ds.n_situations * draws
    at_once = max(1, NUMBERS_AT_ONCE // a_person)
    chosen = [
        _of_some(Problem(model, part, evaluator.on(part)), theta, rng, n, conditional) for part in _parts(ds, at_once)
    ]
    T = ds.n_situations
    return np.concatenate([np.pad(c, [(0, 0), (0, T - c.shape[1]), (0, 0)]) for c in chosen], axis=2)


def _parts(ds: Dataset, at_once: int) -> list[Dataset]:
    if ds.n_individuals <= at_once:
        return [ds]
    firsts = range(0, ds.n_individuals, at_once)
    return [ds.take(np.arange(first, min(first + at_once, ds.n_individuals))) for first in firsts]


def _of_some(asked: Problem, theta: Array, rng: np.random.Generator, n: int, conditional: bool) -> NDArray[np.integer]:
    """Positions of the alternatives that some individuals choose, (n, T, N)."""
    ds, evaluator = asked.data, asked.evaluator
    P = evaluator.by_situation(ProbabilitiesAtDraws(), theta)
    P = P.reshape(-1, len(ds.alternatives), *P.shape[1:])  # (C, J, T, N, R)
    C, N, R = len(P), P.shape[3], P.shape[4]
    if conditional:
        weights = evaluator.by_situation(LikelihoodsAtDraws(), theta)[:, 0]  # (C, N, R)
        weights = np.exp(weights - weights.max(axis=(0, 2), keepdims=True)).transpose(1, 0, 2).reshape(N, C * R)
        place = _picked(np.broadcast_to(weights, (n, N, C * R)), rng)
        of_class, draw = np.divmod(place, R)
    else:
        shares = np.exp(evaluator.membership(theta)[0]) if C > 1 else np.ones((N, 1))
        of_class = _picked(np.broadcast_to(shares, (n, N, C)), rng)
        draw = np.broadcast_to(np.arange(n)[:, None] % R, (n, N))
    found = P[of_class, :, :, np.arange(N), draw]  # (n, N, J, T)
    return _picked(found.transpose(0, 3, 1, 2), rng)


def _picked(weights: Array, rng: np.random.Generator) -> NDArray[np.integer]:
    """A place on the last axis drawn with probabilities in proportion to weights."""
    cumulated = np.cumsum(weights, axis=-1)
    u = rng.random((*weights.shape[:-1], 1)) * cumulated[..., -1:]
    return (u >= cumulated).sum(axis=-1)
