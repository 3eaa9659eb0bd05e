"""Choice of a specification: all combinations of alternatives, by fit, parsimony and how they predict others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from inspect import signature
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

from pycmtensor.engine.parallel import usable_cores
from pycmtensor.exceptions import InferenceError, PyCMTensorError, checked, checked_class, seed_of, whole
from pycmtensor.inference import HypothesisTest, likelihood_ratio, vuong
from pycmtensor.models import Model
from pycmtensor.report.answer import Answer, Part
from pycmtensor.results.results import Results, estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Specifications", "specifications"]

#: Name of a choice in each question.
Combination: TypeAlias = tuple[Hashable, ...]


@checked_class(InferenceError)
@dataclass(frozen=True, eq=False)
class Specifications(Answer):
    """Estimates of all combinations of a catalogue.

    Attributes:
        table: One row per combination, that of the best prediction first: ``k`` parameters, ``llf``, ``aic``, ``bic``,
            ``llf_left_out`` with its ``std_err`` (log-likelihood of individuals who were not used to estimate), whether
            it ``converged``, and whether it is on the ``pareto`` front: no other has fewer parameters and a higher
            log-likelihood.
        results: Combination -> its results.
        failed: Combination -> why it could not be estimated.
        names: The questions of the catalogue.
    """

    table: pd.DataFrame
    results: Mapping[Combination, Results]
    failed: Mapping[Combination, str]
    names: Sequence[str]

    @property
    def best(self) -> Results:
        """The results of the combination that predicts best; by BIC where nothing was left out."""
        return self.results[tuple(self.table.index[0])]

    def test(self, first: Combination, second: Combination) -> HypothesisTest:
        """Test of two combinations: of the likelihood ratio where the parameters of one are among those of the other.

        Others are tested by Vuong, corrected for parameters. p values are those of one test that was planned; after a
        look at many combinations they are too small.

        Args:
            first: A combination, as in the index of the table.
            second: Another.

        Raises:
            InferenceError: There is no such combination, or the test has no answer; see `likelihood_ratio`, `vuong`.
        """
        found = []
        for combination in (first, second):
            key = combination if isinstance(combination, tuple) else (combination,)
            if key not in self.results:
                known = "; ".join(", ".join(map(str, own)) for own in self.results)
                raise InferenceError(f"test: there is no combination {combination!r}; they are {known}.")
            found.append(self.results[key])
        few, many = sorted(found, key=lambda results: len(results.params))
        if set(few.params.index) < set(many.params.index):
            return likelihood_ratio(few, many)
        one, other = found
        return vuong(one, other, schwarz=True)

    def _shown(self) -> list[Part]:
        lines: list[Part] = [f"{len(self.results)} specifications by {', '.join(self.names)}", self.table]
        lines += [f"{', '.join(map(str, own))}: {why}" for own, why in self.failed.items()]
        looks = f"The best of {len(self.results)} looks better than it is. Confirm it with data that nobody looked at."
        return [*lines, looks]


@checked(InferenceError)
def specifications(
    build: Callable[..., Model],
    catalogue: Mapping[str, Mapping[str, Any] | Sequence[Any]],
    folds: int = 5,
    seed: int = 0,
    method: str | None = None,
) -> Specifications:
    """All combinations of a catalogue of specifications, estimated and compared.

    Combinations are estimated at the same time, as many as there are cores. Fit and parsimony do not tell how a model
    predicts, and the highest of many log-likelihoods is high by chance too: by default each is cross-validated, and the
    table is in the order of predictions of individuals who were left out.

    Args:
        build: A function that makes the model of one combination; its arguments are the names of the catalogue. It
            makes parameters anew in every call.
        catalogue: Name of a question -> name of an answer -> what ``build`` takes, such as
            ``{"time": {"linear": lambda x: x, "log": pt.log}}``; or a list of answers that are names themselves.
        folds: Of the cross-validation; 0 for none.
        seed: Of the draw of folds, the same for all.
        method: As in `estimate`.

    Returns:
        The ``table`` of all combinations, and their results.

    Raises:
        InferenceError: The catalogue is empty, ``build`` gives no model, or no combination can be estimated.

    References:
        Ortelli et al. (2021), Assisted specification of discrete choice models, doi:10.1016/j.jocm.2021.100285, for the
        front of fit and parsimony.

    Examples:
        >>> import numpy as np, pandas as pd, pycmtensor as cmt
        >>> x = np.tile([1.0, 2, 4, 8], 25)
        >>> frame = pd.DataFrame({"mode": np.where(np.arange(100) % 10 < 9 - x, 1, 2), "time": x})
        >>> ds = cmt.Dataset(frame.assign(log_time=np.log(x)), "mode", {"car": 1, "bus": 2})
        >>> def build(time, constant):
        ...     asc = cmt.Beta("asc_car") if constant == "with" else 0
        ...     return cmt.MNL(ds, {"car": asc + cmt.Beta("b_time") * ds[time], "bus": 0})
        >>> catalogue = {"time": {"linear": "time", "log": "log_time"}, "constant": ["with", "without"]}
        >>> found = cmt.specifications(build, catalogue, folds=2)
        >>> found.table.shape
        (4, 8)
    """
    import pandas as pd

    whole("specifications", "folds", folds, least=0, error=InferenceError)
    seed_of("specifications", seed, InferenceError)
    questions = {name: _answers(name, given) for name, given in catalogue.items()}
    if not questions:
        raise InferenceError("specifications: catalogue is empty. Give a dict of questions and their answers.")
    _check_arguments(build, questions)
    combinations = list(product(*questions.values()))

    def found(combination: Combination) -> tuple[Results, dict[str, Any]] | str:
        try:
            model = build(**{name: questions[name][own] for name, own in zip(questions, combination, strict=True)})
            if not isinstance(model, Model):
                return f"build must give a model, found {type(model).__name__}."
            results = estimate(model, method=method)
            row = {"k": len(results.params), "llf": results.llf, "aic": results.aic, "bic": results.bic}
            if folds:
                left_out = results.cross_validate(folds, seed)
                row |= {"llf_left_out": left_out.llf, "std_err": left_out.std_err}
            return results, row | {"converged": results.outcome.converged}
        except PyCMTensorError as error:
            return str(error)

    with ThreadPoolExecutor(usable_cores()) as at_once:
        ends = dict(zip(combinations, at_once.map(found, combinations), strict=True))
    estimated = {key: end for key, end in ends.items() if not isinstance(end, str)}
    failed = {key: end for key, end in ends.items() if isinstance(end, str)}
    if not estimated:
        why = next(iter(failed.values()))
        raise InferenceError(f"specifications: no combination could be estimated. The first: {why}")
    index = pd.MultiIndex.from_tuples(list(estimated), names=list(questions))
    table = pd.DataFrame([row for _, row in estimated.values()], index=index)
    table["pareto"] = [_is_on_front(row.k, row.llf, table) for row in table.itertuples()]
    table = table.sort_values("llf_left_out" if folds else "bic", ascending=not folds, kind="stable")
    return Specifications(table, {key: results for key, (results, _) in estimated.items()}, failed, list(questions))


def _check_arguments(build: Callable[..., Model], questions: Mapping[str, Any]) -> None:
    """Raise an `InferenceError` when the questions of the catalogue are not the arguments of ``build``."""
    try:
        signature(build).bind(**dict.fromkeys(questions))
    except (TypeError, ValueError) as error:
        raise InferenceError(
            f"specifications: build must be a function of the questions of the catalogue, {', '.join(questions)}, "
            f"found {build!r}: {error}."
        ) from None


def _answers(name: str, given: Any) -> dict[Hashable, Any]:
    """Name of an answer -> what it stands for."""
    answers = dict(given) if isinstance(given, Mapping) else {own: own for own in given}
    if not answers:
        raise InferenceError(f"specifications: the question '{name}' of the catalogue has no answers.")
    return answers


def _is_on_front(k: Any, llf: Any, table: pd.DataFrame) -> bool:
    """Whether no other row has as few parameters and a higher log-likelihood, or fewer and as high a one."""
    better = ((table["k"] <= k) & (table["llf"] > llf)) | ((table["k"] < k) & (table["llf"] >= llf))
    return not bool(better.any())
