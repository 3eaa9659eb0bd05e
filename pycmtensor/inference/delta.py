"""Functions of estimates, such as the value of time: the delta method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pycmtensor.estimation import Fit
from pycmtensor.exceptions import InferenceError, in_range
from pycmtensor.expressions import networks_in
from pycmtensor.inference.normal import two_sided
from pycmtensor.inference.protocol import Estimated
from pycmtensor.inference.resampling import Kind
from pycmtensor.report.answer import Answer, Part
from pycmtensor.terms.relations import Expression, ParameterFunction

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DerivedQuantities", "DerivedQuantity", "at_estimates", "delta", "without_variance"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class DerivedQuantity(Answer):
    """A function of estimates with its standard error.

    Attributes:
        name: The expression, or the name given to it.
        estimate: Its value at the estimates.
        std_err: Its standard error; NaN where it would mean nothing.
        alpha: One minus the coverage of the interval.
        kind: Kind of the covariance of the estimates.
        note: Why there is no standard error, empty when there is one.

    Examples:
        >>> ratio = results.delta("b_wait / b_cost")
        >>> round(float(ratio.estimate), 3), round(float(ratio.std_err), 3)
        (6.151, 1.842)
    """

    name: str
    estimate: float
    std_err: float
    alpha: float
    kind: str
    note: str = ""

    @property
    def z(self) -> float:
        """Estimate divided by its standard error."""
        return self.estimate / self.std_err

    @property
    def pvalue(self) -> float:
        """Two-sided p value of the hypothesis that the function is 0."""
        return two_sided(self.z)

    @property
    def lower(self) -> float:
        """Lower end of the confidence interval, estimate - z(1 - alpha / 2) std_err."""
        return self.estimate - self._half

    @property
    def upper(self) -> float:
        """Upper end of the confidence interval, estimate + z(1 - alpha / 2) std_err."""
        return self.estimate + self._half

    @property
    def _half(self) -> float:
        from scipy.special import ndtri

        return float(ndtri(1 - self.alpha / 2)) * self.std_err

    def _shown(self) -> list[Part]:
        if self.note:
            return [f"{self.name}: {self.estimate:.6g}. {self.note}"]
        return [
            f"{self.name}: {self.estimate:.6g}, {self.kind} std err {self.std_err:.4g}, z {self.z:.2f}, "
            f"p {self.pvalue:.4f}, {1 - self.alpha:.4g} interval [{self.lower:.6g}, {self.upper:.6g}]"
        ]


@dataclass(frozen=True, eq=False)
class DerivedQuantities(Answer):
    """Several functions of estimates with their joint covariance; ``[name]`` is one of them.

    Attributes:
        estimates: Name -> value at the estimates.
        covariance: Their covariance (M, M); NaN where it would mean nothing.
        alpha: One minus the coverage of the intervals.
        kind: Kind of the covariance of the estimates.
        notes: Name -> why it has no standard error.

    Examples:
        >>> both = results.delta({"ratio": "b_wait / b_cost", "sum": "b_wait + b_cost"})
        >>> both.table["estimate"].round(3).to_dict()
        {'ratio': 6.151, 'sum': -0.113}
    """

    estimates: Mapping[str, float]
    covariance: pd.DataFrame
    alpha: float
    kind: str
    notes: Mapping[str, str]

    def __getitem__(self, name: str) -> DerivedQuantity:
        if name not in self.estimates:
            raise InferenceError(f"There is no {name!r} among {', '.join(self.estimates)}.")
        m = list(self.estimates).index(name)
        std_err = math.sqrt(self.covariance.to_numpy()[m, m])
        return DerivedQuantity(name, self.estimates[name], std_err, self.alpha, self.kind, self.notes.get(name, ""))

    @property
    def table(self) -> pd.DataFrame:
        """One row per function: estimate, standard error, z, p and the confidence interval."""
        import pandas as pd

        columns = ("estimate", "std_err", "z", "pvalue", "lower", "upper")
        rows = [[getattr(self[name], column) for column in columns] for name in self.estimates]
        return pd.DataFrame(rows, index=list(self.estimates), columns=list(columns))

    def _shown(self) -> list[Part]:
        notes = [f"{name}: {note}" for name, note in self.notes.items()]
        return [self.table, f"{self.kind} covariance", *notes]


def delta(
    results: Estimated, expressions: Mapping[str, Expression], alpha: float = 0.05, kind: Kind = "classical"
) -> DerivedQuantities:
    r"""Functions f of the estimates by the delta method, with exact gradients G (M, K).

    .. math:: \operatorname{Cov} f(\hat\theta) = G \operatorname{Cov}(\hat\theta) G^\top

    Fixed parameters enter with their values and have no variance. A function has no standard error when it depends
    on an estimate that has none, when constraints of the estimates determine it, or when its gradient is 0, where the
    approximation says nothing.

    Args:
        results: Estimates of K parameters.
        expressions: Name -> a function of parameters, as text or symbols; see `ParameterFunction.of`.
        alpha: One minus the coverage of the intervals, in (0, 1).
        kind: Kind of the covariance of the estimates.

    Returns:
        The M functions with their joint covariance.

    Raises:
        ModelError: An expression cannot be read, or names an unknown parameter.
        InferenceError: A function has no free parameter, or is not finite at the estimates.

    References:
        Daly, Hess & de Jong (2012), Calculating errors for measures derived from choice modelling estimates,
        doi:10.1016/j.trb.2011.10.008.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1] * 30 + [2] * 10}), "mode", {"car": 1, "bus": 2})
        >>> results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta("asc_car"), "bus": 0}))
        >>> both = delta(results, {"odds": "exp(asc_car)", "share": "1 / (1 + exp(-asc_car))"})
        >>> both.table[["estimate", "std_err"]].round(6).to_numpy().tolist()  # share: sqrt(3 / 4 * 1 / 4 / 40)
        [[3.0, 1.095445], [0.75, 0.068465]]
    """
    import pandas as pd

    in_range("delta", "alpha", alpha, "(0, 1)", "Write 0.05 for 95%.", error=InferenceError)
    functions = {name: at_estimates(results, expression) for name, expression in expressions.items()}
    theta, of_estimates = results.fit.theta, results.cov_params(kind).to_numpy()
    G = np.array([function.gradient(theta) for function in functions.values()]).reshape(-1, len(theta))
    errors = np.sqrt(np.nan_to_num(np.diag(of_estimates)))
    covariance, notes = G @ np.nan_to_num(of_estimates) @ G.T, {}
    for m, (name, function) in enumerate(functions.items()):
        reason = without_variance(results.fit, of_estimates, function.uses)
        if not reason and not G[m].any():
            reason = "Its gradient is 0 at the estimates, where the delta method says nothing; try krinsky_robb."
        elif not reason and not covariance[m, m] > 1e-12 * ((G[m] * errors) ** 2).sum():
            reason = "The constraints of the estimates determine it."
        if reason:
            notes[name] = f"No standard error. {reason}"
            covariance[m, :] = covariance[:, m] = np.nan
    estimates = {name: function.at(theta) for name, function in functions.items()}
    names = list(functions)
    return DerivedQuantities(estimates, pd.DataFrame(covariance, index=names, columns=names), alpha, str(kind), notes)


def at_estimates(results: Estimated, expression: Expression) -> ParameterFunction:
    """The function that an expression is of these estimates, after a look at its value there.

    Raises:
        ModelError: As `ParameterFunction.of`.
        InferenceError: It has no free parameter, or is not finite at the estimates.
    """
    fit = results.fit
    function = ParameterFunction.of(expression, fit.labels, fit.fixed)
    if not function.uses:
        raise InferenceError(f"{function.text} depends on no parameter that was estimated, so it has no error.")
    value = function.at(fit.theta)
    if not np.isfinite([value, *function.gradient(fit.theta)]).all():
        raise InferenceError(f"{function.text} is {value:g} at the estimates, or its gradient there is not finite.")
    return function


def without_variance(fit: Fit, covariance: Array, labels: Sequence[str]) -> str:
    """Sentence that names the parameters without variance, and why; empty when all have one."""
    missing = [k for k in map(fit.labels.index, labels) if np.isnan(covariance[k, k])]
    if not missing:
        return ""
    if fit.conditional[missing].any():
        names = ", ".join(network for network, own in networks_in(fit.labels).items() if set(own) & set(missing))
        return f"It depends on the network {names}, whose weights have no variance."
    names = ", ".join(fit.labels[k] for k in missing)
    if fit.at_bound[missing].all():
        return f"It depends on {names}, at a bound. Fix it there (status=1) for errors given its value."
    return f"It depends on {names}, without a variance ({fit.outcome})."
