"""The choice simulator: one file for those who decide, in which attributes move and shares follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pycmtensor.analysis.marginal import unit_of
from pycmtensor.analysis.predict import choices_on, situation_weights
from pycmtensor.analysis.simulator.points import Points, grouped
from pycmtensor.analysis.simulator.utilities import Key, LinearClass, attributes_of, classes_of, owners_of, tree_of
from pycmtensor.dataset import Dataset
from pycmtensor.engine import Problem
from pycmtensor.engine.quantity import Probabilities
from pycmtensor.exceptions import InferenceError
from pycmtensor.expressions import Parameter
from pycmtensor.host.files import write
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.models.choice import choice_of
from pycmtensor.report.answer import Answer, Part
from pycmtensor.report.simulator import Packed, page, shares_of

__all__ = ["Simulator", "simulator"]

Array = NDArray[np.floating]

#: Points, and draws of each, of a file without respondents' data.
MOST_POINTS, MOST_DRAWS = 200, 50

#: Part of a standard error over which derivatives by parameters are taken.
STEP = 0.1

#: Shares of a file with all rows are those of the model within this.
EXACT = 1e-6

#: Settings at which a file is compared with the model, beside today's.
SETTINGS = 3

#: Part by which a move changes an attribute, when points are alike in utilities and in what moves.
MOVE = 0.5

WAY_OUT = "Name in attributes=[...] only columns that enter linearly, or ask cmt.scenario."


@dataclass(frozen=True)
class Simulator(Answer):
    """A choice simulator that was written.

    Attributes:
        path: The file.
        points: Groups of choice situations in it, or all of them.
        rows: Whether it holds every choice situation, or "" when it holds groups only.
        error: Largest difference between its shares and those of the model, over today's values and others around them.
        size: Bytes of the file.
    """

    path: Path
    points: int
    rows: str
    error: float
    size: int

    def _shown(self) -> list[Part]:
        held = "all choice situations" if self.rows else "groups of alike choice situations"
        return [
            f"{self.path}: {self.size:,} bytes, {self.points:,} points ({held}); its shares differ from those of the "
            f"model by at most {self.error:.1e}."
        ]


def simulator(
    results: Estimated,
    path: str | PathLike[str],
    attributes: Sequence[str] | None = None,
    prices: Mapping[str, str] | None = None,
    rows: Literal["all"] | None = None,
    segment: str | None = None,
    kind: Kind = "classical",
) -> Simulator:
    r"""Write a choice simulator: a page without network in which attributes move and shares follow.

    .. math::
        S_j(x) = \frac{\sum_n w_n \frac{1}{R} \sum_r P_j(V_{nr}(x))}{\sum_n w_n}, \quad
        V_{jnr}(x) = a_{jnr} + \sum_k b_{jknr} x_{kn}

    The file holds constants a, coefficients b and today's values x of points n, and computes the logit or the nested
    logit of them; latent classes are weighed with their probabilities before choices are seen. A point is a group of at
    least five choice situations, with their means; the draws are those of one of them. Intervals are those of the delta
    method, with derivatives by parameters over a tenth of a standard error.

    Args:
        results: The estimates of an `MNL`, `MixedLogit`, `NestedLogit` or a `LatentClass` of these.
        path: The file; its folder must exist.
        attributes: Columns that move; None for those that differ between alternatives.
        prices: Alternative -> the column of its price, for revenue; in long data the column of all prices.
        rows: "all" writes every choice situation, that is data of respondents, for shares exact to 1e-6.
        segment: A column by whose values shares are shown too.
        kind: Kind of the covariance of the estimates.

    Returns:
        The path, the number of points and what grouping changes in shares.

    Raises:
        InferenceError: The model is none of these, or utilities are not linear in what moves; a segment is too small.
        FileError: The file cannot be written; one that stood there before is unchanged.

    Examples:
        >>> import pathlib, tempfile, pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 1, 1, 2] * 10, "cost": [2.0, 1, 1, 2] * 10})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": 0, "bus": cmt.Beta("b_cost") * ds["cost"]}))
        >>> written = results.to_simulator(pathlib.Path(tempfile.mkdtemp()) / "simulator.html")
        >>> written.points, written.error < 0.001, written.size < 100_000
        (2, True, True)
    """
    if rows not in (None, "all"):
        raise InferenceError(f"to_simulator: rows is 'all' or None, found {rows!r}.")
    asked = choices_on(results, None, "simulators")
    model = choice_of(asked.model, "simulators")
    sampling = model.sampling
    if sampling is not None and rows is None:
        sampling = replace(sampling, number=min(sampling.number, MOST_DRAWS))
    keys = attributes_of(model, asked.data, attributes)
    build = _Build(results, asked, keys, classes_of(model, sampling))
    if not build.is_linear():
        moving = ", ".join(map(_label, keys))
        raise InferenceError(f"to_simulator: utilities are not linear in {moving}. {WAY_OUT}")
    groups, names = _segments(asked.data, segment)
    points = build.points(groups) if rows is None else build.every_row()
    payload = build.payload(points, groups[points.member], names, kind)
    payload["revenue"] = [_place(keys, a, column, asked.data) for a, column in (prices or {}).items()]
    error = build.error(payload, points)
    if rows == "all" and not error <= EXACT:
        raise InferenceError(f"to_simulator: shares would differ from those of the model by {error:.1e}. {WAY_OUT}")
    payload["error"], payload["title"] = error, f"{results.fit.model}: choice simulator"
    payload["holds"] = "every choice situation" if rows else "groups of alike choice situations"
    written = write(path, page(payload))
    return Simulator(written, len(points.member), rows or "", error, written.stat().st_size)


@dataclass(frozen=True)
class _Build:
    """The parts of a file."""

    results: Estimated
    asked: Problem
    keys: list[Key]
    classes: list[LinearClass]

    @property
    def data(self) -> Dataset:
        return self.asked.data

    @property
    def owners(self) -> list[str]:
        """The alternative of each attribute, "" of those of several."""
        return owners_of(choice_of(self.asked.model, "simulators"), self.keys)

    def values(self, theta: Array) -> list[Array]:
        """The parameters of the model at theta, as its symbols take them."""
        fit = self.results.fit
        known = dict(zip(fit.labels, theta.tolist(), strict=True)) | fit.fixed

        def of(parameter: Parameter) -> Array:
            numbers = np.array([known[label] for label in parameter.labels()])
            return numbers.reshape(parameter.shape).astype(parameter().dtype)

        return [of(parameter) for parameter in self.asked.model.params]

    def is_linear(self) -> bool:
        """Whether all utilities are linear in what moves."""
        theta, x = self.values(self.results.fit.theta), self.today()
        with np.errstate(all="ignore"):  # what is not finite is not linear
            return all(one.is_linear(self.data, self.keys, theta, x) for one in self.classes)

    def today(self) -> Array:
        """The attributes of each choice situation, (K, S)."""
        return np.stack([self.data.of_situations(self._column(key)) for key in self.keys])

    def _column(self, key: Key) -> Array:
        if isinstance(key, str):
            return self.data.array(key)[..., 0]
        return self.data.array(key[0])[list(self.data.alternatives).index(key[1]), ..., 0]

    def availability(self) -> NDArray[np.bool_]:
        """Which alternatives can be chosen in each situation, (J, S)."""
        return np.asarray(self.data.of_situations(choice_of(self.asked.model, "simulators").available(self.data)))

    def every_row(self) -> Points:
        """Each choice situation by itself."""
        w = self.data.of_situations(situation_weights(self.data))
        return Points(np.arange(len(w)), np.arange(len(w)), w)

    def points(self, groups: NDArray[np.integer]) -> Points:
        """Groups of alike choice situations, within segments and sets of available alternatives."""
        theta, x, features = self.values(self.results.fit.theta), self.today(), []
        for of_class in self.classes:
            constant, slopes, share = of_class.linear(self.data, self.keys, theta)
            means = [slope.mean(axis=-1) for slope in slopes]
            V = constant.mean(axis=-1) + sum(b * own for b, own in zip(means, x, strict=True))
            features += [*V, share]
            for mean, own in zip(means, x, strict=True):
                features += [MOVE * own * size for size in np.abs(mean).max(axis=1) if size > 0]
                features += [MOVE * b * np.abs(own).mean() for b in mean if np.ptp(b) > 0]
        strata = np.unique(np.vstack([groups, self.availability()]), axis=1, return_inverse=True)[1].ravel()
        w = self.data.of_situations(situation_weights(self.data))
        return grouped(np.stack(features, axis=1), strata, w, MOST_POINTS)

    def payload(self, points: Points, groups: NDArray[np.integer], names: list[str], kind: Kind) -> dict[str, Any]:
        """All that the page computes with; arrays are packed as text, equal ones once."""
        fit, ds = self.results.fit, self.data
        covariance = np.nan_to_num(self.results.cov_params(kind).to_numpy())
        errors = np.sqrt(np.diag(covariance))
        free = np.flatnonzero(errors > 0)
        x = self.today()
        arrays = Packed(float if len(points.member) == len(points.group) else np.float32)
        versions = [self._version(fit.theta, points, arrays)]
        for k in free:
            moved = fit.theta.copy()
            moved[k] += STEP * errors[k]
            versions.append(self._version(moved, points, arrays))
        means = points.means(x)
        return {
            "alternatives": [str(name) for name in ds.alternatives],
            "attributes": [
                {
                    "name": _label(key),
                    "of": of,
                    "unit": unit_of(ds, key if isinstance(key, str) else key[0]),
                    **_range(own),
                    "mean": float(np.average(own, weights=points.weights)),
                    "today": arrays.add(mean[:, None]),
                }
                for key, of, own, mean in zip(self.keys, self.owners, x, means, strict=True)
            ],
            "weights": arrays.add(points.totals[:, None]),
            "segments": names,
            "group": arrays.add(groups[:, None].astype(float)),
            "available": [arrays.add(a[points.member, None].astype(float)) for a in self.availability()],
            "versions": versions,
            "steps": (STEP * errors[free]).tolist(),
            "covariance": covariance[np.ix_(free, free)].tolist(),
            "arrays": arrays.found,
        }

    def _version(self, theta: Array, points: Points, arrays: Packed) -> list[dict[str, Any]]:
        """The classes at some values of the parameters."""
        fit, values, found = self.results.fit, self.values(theta), []
        for of_class in self.classes:
            constant, slopes, share = of_class.linear(self.data, self.keys, values)
            found.append(
                {
                    "share": arrays.add(points.means(share)[:, None]),
                    "constants": [arrays.add(V) for V in points.at_draws(constant)],
                    "slopes": [
                        [j, k, arrays.add(b)]
                        for k, slope in enumerate(slopes)
                        for j, b in enumerate(points.at_draws(slope))
                        if b.any()
                    ],
                    "tree": tree_of(of_class.model, fit.labels, theta, fit.fixed),
                }
            )
        return found

    def error(self, payload: dict[str, Any], points: Points) -> float:
        """Largest difference of shares from the model, at today's values and at others around them."""
        rng, theta = np.random.default_rng(0), self.results.fit.theta
        w = situation_weights(self.data)[None] / self.data.of_situations(situation_weights(self.data)).sum()
        differences = []
        for m in range(1 + SETTINGS):
            factors = np.ones(len(self.keys)) if m == 0 else rng.uniform(0.6, 1.5, len(self.keys))
            changes = {key: (lambda old, f=f: f * old) for key, f in zip(self.keys, factors, strict=True)}
            evaluator = self.asked.evaluator.on(self.data.with_columns(changes)) if m else self.asked.evaluator
            expected = evaluator.totals(Probabilities(), w, theta)[0][0]
            found = shares_of(payload, factors.tolist())
            differences.append(np.abs(found - expected).max())
        return float(np.max(differences))


def _segments(ds: Dataset, column: str | None) -> tuple[NDArray[np.integer], list[str]]:
    """Number of the segment of each choice situation, (S,), and the names of segments."""
    if column is None:
        return np.zeros(ds.nobs, dtype=int), []
    values, number = np.unique(ds.situation_values(column), return_inverse=True)
    return number, [f"{column} {value}" for value in values.tolist()]


def _label(key: Key) -> str:
    return key if isinstance(key, str) else f"{key[0]} of {key[1]}"


def _range(x: Array) -> dict[str, float]:
    """Lowest and highest value, rounded outwards to two digits, so that nobody's value is told."""
    digits = 10.0 ** (np.floor(np.log10(max(np.abs(x).max(), 1e-300))) - 1)
    return {"low": float(np.floor(x.min() / digits) * digits), "high": float(np.ceil(x.max() / digits) * digits)}


def _place(keys: list[Key], alternative: str, column: str, ds: Dataset) -> list[int]:
    """Positions of an alternative and of its price among the attributes.

    Raises:
        InferenceError: There is no such alternative, or its price does not move.
    """
    names = list(ds.alternatives)
    found = [k for k, key in enumerate(keys) if key in (column, (column, alternative))]
    if alternative not in names or not found:
        raise InferenceError(
            f"to_simulator: prices names {alternative!r} with {column!r}; alternatives are {', '.join(names)}, and "
            f"what moves is {', '.join(map(_label, keys))}."
        )
    return [names.index(alternative), found[0]]
