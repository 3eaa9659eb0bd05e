"""A posterior as a file, by `pycmtensor.estimation.archive`.

Facts: ``provenance``, ``model``, ``labels``, ``fixed``, ``neutral``, ``priors``, ``nobs``, ``asked``, ``seconds``, and
``llf`` and ``llnull``, numbers or None. Arrays: ``theta`` (C, S, K), ``start`` (K,), ``bounds`` (2, K), ``weights``
(N,), those of the steps as ``steps.<name>``, and the latent variables as ``latent.<number>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycmtensor.engine import KnownIndividuals
from pycmtensor.engine.nuts import Steps
from pycmtensor.estimation import Ending, Fit, Outcome
from pycmtensor.estimation.archive import ArchiveError, packed, unpacked
from pycmtensor.host.files import write
from pycmtensor.results.posterior.draws import Draws

__all__ = ["fit_of", "load_draws", "save_draws"]

KIND, VERSION = "posterior", 1


def fit_of(facts: Mapping[str, Any], theta: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> Fit:
    """Posterior means (K,) in the form of estimates, whose Hessian is of no use.

    Args:
        facts: ``model``, ``labels``, ``fixed``, ``neutral``, ``llf``, ``llnull``, ``nobs``.
        theta: The means.
        arrays: ``start``, ``bounds``, ``weights``.
    """
    K, weights = len(theta), arrays["weights"]
    return Fit(
        individuals=KnownIndividuals(np.full((len(weights), K), np.nan), np.full(len(weights), np.nan), weights),
        model=facts["model"],
        method="NUTS",
        labels=tuple(facts["labels"]),
        theta=theta,
        start=arrays["start"],
        bounds=(arrays["bounds"][0], arrays["bounds"][1]),
        at_bound=np.zeros(K, bool),
        binding=np.zeros((0, K)),
        fixed=dict(facts["fixed"]),
        llf=float("nan") if facts["llf"] is None else facts["llf"],
        llnull=float("nan") if facts["llnull"] is None else facts["llnull"],
        gradient=np.full(K, np.nan),
        hessian=np.zeros((K, K)),
        weights=weights,
        nobs=facts["nobs"],
        outcome=Outcome(Ending.STOPPED, "means of draws from the posterior."),
        neutral=dict(facts["neutral"]),
    )


def save_draws(path: str | PathLike[str], fit: Fit, draws: Draws, provenance: Mapping[str, str]) -> Path:
    """Write a posterior; a file that stood there before stays when it cannot be written."""
    facts = {name: getattr(fit, name) for name in ("model", "labels", "fixed", "neutral", "nobs")}
    facts |= {name: x if np.isfinite(x := getattr(fit, name)) else None for name in ("llf", "llnull")}
    facts |= {"priors": draws.priors, "asked": draws.asked, "seconds": draws.seconds, "provenance": dict(provenance)}
    arrays = {"theta": draws.theta, "start": fit.start, "bounds": np.array(fit.bounds), "weights": fit.weights}
    arrays |= {f"steps.{name}": np.asarray(own) for name, own in draws.steps._asdict().items() if name != "position"}
    arrays |= {f"latent.{i}": own for i, own in enumerate(draws.latent)}
    return write(path, packed(KIND, VERSION, facts, arrays))


def load_draws(path: str | PathLike[str]) -> tuple[Fit, Draws, dict[str, str]]:
    """The means, the draws and the provenance of a posterior that `save_draws` wrote.

    Raises:
        ArchiveError: The file is foreign, of another version, truncated or changed.
    """
    facts, arrays = unpacked(path, KIND, VERSION)
    try:
        theta, K = arrays["theta"], len(facts["labels"])
        if theta.ndim != 3 or theta.shape[2] != K or not np.isfinite(theta).all() or not theta.size:
            raise ValueError(f"draws have the shape {theta.shape} and must be finite, of {K} parameters")
        shape = theta.shape[:2]
        kept = [arrays[f"steps.{name}"] for name in Steps._fields[1:]]
        latent = tuple(arrays[f"latent.{i}"] for i in range(sum(name.startswith("latent.") for name in arrays)))
        if any(own.shape[:2] != shape for own in (*kept, *latent)) or arrays["bounds"].shape != (2, K):
            raise ValueError("its arrays do not belong together")
        fit = fit_of(facts, theta.mean(axis=(0, 1)), arrays)
        priors, asked, seconds = tuple(map(str, facts["priors"])), int(facts["asked"]), float(facts["seconds"])
        provenance = {str(name): str(text) for name, text in facts["provenance"].items()}
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise ArchiveError(f"{path} is not as this library writes a {KIND}: {error}.") from None
    return fit, Draws(theta, latent, Steps(theta, *kept), priors, asked, seconds), provenance
