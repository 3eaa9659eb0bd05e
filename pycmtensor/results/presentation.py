"""Results as tables, pictures and files that other programs read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pycmtensor.estimation import Fit
from pycmtensor.exceptions import InferenceError, PyCMTensorError, checked, checked_class
from pycmtensor.expressions import networks_in
from pycmtensor.host.files import write
from pycmtensor.inference.normal import two_sided
from pycmtensor.inference.resampling import Kind
from pycmtensor.models import ChoiceModel
from pycmtensor.report import Summary
from pycmtensor.report.compare import Comparison, compared, levels
from pycmtensor.report.compare import stars as starred
from pycmtensor.report.html import Section, sentences
from pycmtensor.results.estimates import Estimates

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Presentation", "compare"]


@checked_class(InferenceError)
class Presentation(Estimates):
    """Tables, pictures and files of `pycmtensor.Results`."""

    if TYPE_CHECKING:

        def cross_effects(self, layer: int = 1) -> pd.DataFrame:
            """See `pycmtensor.Results`."""

    def summary(self, kind: Kind = "classical", alpha: float = 0.05, stars: bool = False) -> Summary:
        """Fit and estimates as a table that prints in a terminal and shows in a notebook.

        Args:
            kind: Kind of the standard errors, as in `cov_params`.
            alpha: One minus the coverage of the intervals, in (0, 1).
            stars: Whether p values have stars.

        Returns:
            The table: it prints, and has ``as_text()``, ``to_latex()`` and ``to_markdown()``.

        Examples:
            >>> results.summary("robust").as_text().splitlines()[0]
            'Multinomial logit'
        """
        fit = self.fit
        sample = (
            ("Choice situations", f"{self.nobs:,}"),
            ("Individuals", f"{self.n_individuals:,}"),
            ("Parameters", f"{fit.n_parameters}"),
            ("Time", f"{fit.seconds:.2f} s"),
        )
        measures = (
            ("LL(0)", self.llnull, 6),
            ("LL", self.llf, 6),
            ("Rho-squared", self.rho2, 6),
            ("Adjusted rho-squared", self.rho2_adjusted, 6),
            ("AIC", self.aic, 3),
            ("BIC", self.bic, 3),
        )
        without_null = () if np.isfinite(self.llnull) else ("LL(0)", "Rho-squared", "Adjusted rho-squared")
        quality = tuple((name, f"{value:.{n}f}") for name, value, n in measures if name not in without_null)
        columns = ("Parameter", "Value", "Std err", "t", "p", f"[{alpha / 2:g}", f"{1 - alpha / 2:g}]")
        within, about = _networks(fit)
        table = self.to_frame(kind, alpha)
        rows = [_cells(name, row, stars) for name, row in zip(table.index, table.to_dict("records"), strict=True)]
        rows = [row for row in rows if row[0] not in within]
        errors = f"{str(kind).capitalize()} standard errors, {1 - alpha:.4g} intervals."
        notes = [f"Estimated by {fit.method}; {fit.outcome}"] + [f"At the maximum: {fit.outcome.evidence}."] * bool(
            fit.outcome.evidence
        )
        notes += [f"t and p of {names} test the value {null:g}, as marked." for null, names in _nulls(fit).items()]
        notes.append(f"{errors} {levels()}." if stars else errors)
        return Summary(fit.model, sample, quality, columns, tuple(rows), (*notes, *about))

    def plot_convergence(self, ax: Axes | None = None) -> Axes:
        """Log-likelihood and gradient per iteration or epoch; see `pycmtensor.report.plots.convergence`.

        Args:
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            >>> results.plot_convergence().get_ylabel()
            'log-likelihood'
        """
        from pycmtensor.report.plots import convergence

        return convergence(self.fit.history, ax)

    def plot_coefficients(self, kind: Kind = "classical", alpha: float = 0.05, ax: Axes | None = None) -> Axes:
        """The estimates with their intervals, without weights of networks; see `pycmtensor.report.plots.intervals`.

        Args:
            kind: Kind of the standard errors.
            alpha: One minus the coverage of the intervals, in (0, 1).
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            >>> sorted(text.get_text() for text in results.plot_coefficients().get_yticklabels())[-1]
            'b_wait'
        """
        from pycmtensor.report.plots import intervals

        table = self.conf_int(alpha, kind).assign(estimate=self.params)
        table = table.loc[[label for label in table.index if label not in _networks(self.fit)[0]]]
        return intervals(table, f"estimate, {1 - alpha:.4g} interval ({kind})", ax)

    def plot_cross_effects(self, layer: int = 1, ax: Axes | None = None) -> Axes:
        """A heat map of `cross_effects`; see `pycmtensor.report.plots.cross_effects`.

        Args:
            layer: From 1 to the number of layers.
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            >>> import pycmtensor as cmt
            >>> from pycmtensor.optimizers import Adam
            >>> b, ds = cmt.Beta("b"), results.data
            >>> V = {name: b * ds["ttme", name] / 100 for name in ds.alternatives}
            >>> trained = cmt.estimate(cmt.ResLogit(ds, V, layers=1), method=cmt.Stochastic(Adam, lr=0.01, epochs=5))
            >>> [text.get_text() for text in trained.plot_cross_effects().get_xticklabels()]
            ['air', 'train', 'bus', 'car']
        """
        from pycmtensor.report.plots import cross_effects

        return cross_effects(self.cross_effects(layer), ax)

    def to_latex(self) -> str:
        """The summary as a table with the rules of the LaTeX package booktabs.

        Returns:
            The text.

        Examples:
            >>> "toprule" in results.to_latex()
            True
        """
        return self.summary().to_latex()

    def to_markdown(self) -> str:
        """The summary in Markdown, with pipe tables.

        Returns:
            The text.

        Examples:
            >>> results.to_markdown().splitlines()[0]
            '## Multinomial logit'
        """
        return self.summary().to_markdown()

    def to_excel(self, path: str | PathLike[str]) -> Path:
        """Write estimates, fit, covariances, correlations and history as a workbook, one sheet each.

        Fixed parameters stand below the estimates, without errors; the column "status" tells which they are. t and p
        values are of the column "hypothesis": 1 for scales and their inverses, 0 for others.

        Args:
            path: The file, ending in .xlsx; its folder must exist.

        Returns:
            The path of the file.

        Raises:
            PyCMTensorError: The package openpyxl is missing.
            FileError: The file cannot be written, or a name has control characters, which no workbook can hold. A file
                that stood there before is unchanged.

        Examples:
            >>> import pathlib, tempfile
            >>> results.to_excel(pathlib.Path(tempfile.mkdtemp()) / "logit.xlsx").name
            'logit.xlsx'
        """
        import pandas as pd

        from pycmtensor.report.excel import to_excel

        kinds: tuple[Kind, ...] = ("classical", "robust")
        frames = {kind: self.to_frame(kind) for kind in kinds}
        names = {"std_err": "std err", "t": "t", "pvalue": "p"}
        of_kinds = {f"{k} {word}": frame[name] for name, word in names.items() for k, frame in frames.items()}
        first = frames["classical"]
        estimates = pd.DataFrame({"value": first["value"], **of_kinds, **first[["hypothesis", "status"]]})
        fit = {"choice situations": self.nobs, "individuals": self.n_individuals, "parameters": self.fit.n_parameters}
        fit |= {name: getattr(self, name) for name in ("llnull", "llf", "rho2", "rho2_adjusted", "aic", "bic")}
        sheets = {"estimates": estimates}
        sheets |= {"fit": pd.Series(fit, name="value", dtype=object).to_frame()}
        sheets |= {f"{kind} covariance": self.cov_params(kind) for kind in kinds}
        sheets |= {"correlations": self.correlation(), "history": self.history}
        return write(path, to_excel(sheets))

    def to_alogit(self, path: str | PathLike[str], kind: Kind = "classical") -> Path:
        """Write estimates, standard errors and correlations in ALOGIT's F12 format; names are cut to ten characters.

        Args:
            path: The file; its folder must exist.
            kind: Kind of the standard errors.

        Returns:
            The path of the file.

        Raises:
            FileError: The file cannot be written; one that stood there before is unchanged.

        Examples:
            >>> import pathlib, tempfile
            >>> results.to_alogit(pathlib.Path(tempfile.mkdtemp()) / "logit.F12").name
            'logit.F12'
        """
        from pycmtensor.report.alogit import to_f12

        fit = self.fit
        errors = self.standard_errors(kind).to_numpy()
        held = (fit.at_bound | (errors == 0)).tolist()  # at a bound, or determined by constraints
        coefficients = list(zip(fit.labels, fit.theta.tolist(), errors.tolist(), held, strict=True))
        coefficients += [(name, value, 0.0, True) for name, value in fit.fixed.items()]
        K, correlations = len(fit.theta), np.zeros((len(coefficients), len(coefficients)))
        correlations[:K, :K] = self.correlation(kind).to_numpy()
        text = to_f12(fit.model, coefficients, (np.nan, self.llnull, self.llf), self.nobs, correlations)
        return write(path, text)


@checked(InferenceError)
def compare(results: Sequence[Presentation] | Mapping[str, Presentation], kind: Kind = "classical") -> Comparison:
    """Several results side by side: estimates with stars, standard errors in brackets, and how they fit.

    Args:
        results: A list, or a dict with their names.
        kind: Kind of the standard errors.

    Returns:
        A table that prints, shows in a notebook, and has ``to_latex()``, ``to_markdown()`` and ``to_html(path)``.

    Raises:
        PyCMTensorError: There is nothing to compare, or the results are of different choice situations.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1] * 30 + [2] * 10, "old": [1] * 10 + [0] * 30})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> asc, b_old = cmt.Beta("asc_car"), cmt.Beta("b_old", 0.5, status=1)
        >>> V = {"A": asc, "B": asc + b_old * ds["old"]}
        >>> table = compare({name: cmt.estimate(cmt.MNL(ds, {"car": V[name], "bus": 0})) for name in V})
        >>> print(table.rows[0])
        ('asc_car', '1.0986***', '0.9855***')
    """
    named = dict(results) if isinstance(results, Mapping) else {f"({i})": r for i, r in enumerate(results, 1)}
    if not named:
        raise PyCMTensorError("compare needs at least one result, found none.")
    sizes = {name: r.nobs for name, r in named.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name}: {nobs:,}" for name, nobs in sizes.items())
        raise PyCMTensorError(f"Log-likelihoods of different choice situations cannot be compared, found {found}.")
    estimates = []
    for r in named.values():
        errors = r.standard_errors(kind)
        cells = zip(r.fit.labels, r.fit.theta.tolist(), errors.tolist(), strict=True)
        null = r.fit.neutral
        own = {n: (x, se, two_sided((x - null.get(n, 0.0)) / se) if se > 0 else np.nan) for n, x, se in cells}
        estimates.append(own | {name: (value, np.nan, np.nan) for name, value in r.fit.fixed.items()})
    facts = {
        "Choice situations": [f"{r.nobs:,}" for r in named.values()],
        "Parameters": [f"{r.fit.n_parameters:,}" for r in named.values()],
        "LL(0)": [f"{r.llnull:.3f}" for r in named.values()],
        "LL": [f"{r.llf:.3f}" for r in named.values()],
        "Adjusted rho-squared": [f"{r.rho2_adjusted:.4f}" for r in named.values()],
        "AIC": [f"{r.aic:.2f}" for r in named.values()],
        "BIC": [f"{r.bic:.2f}" for r in named.values()],
    }
    nulls = {name: _nulls(r.fit) for name, r in named.items()}
    table = compared(list(named), estimates, facts, str(kind), nulls)
    return Comparison(**vars(table), sections=tuple(_section(name, r) for name, r in named.items()))


def _section(name: str, of: Presentation) -> Section:
    """Utilities and outcome of one of several results."""
    equations = [of.model.equations.to_html()] if isinstance(of.model, ChoiceModel) else []
    return Section(name, [*equations, sentences(f"{of.fit.model}, by {of.fit.method}; {of.fit.outcome}")])


def _networks(fit: Fit) -> tuple[set[str], list[str]]:
    """The weights of networks, by their names, and a sentence on each network in place of their rows."""
    values = dict(zip(fit.labels, fit.theta.tolist(), strict=True)) | fit.fixed
    labels, numbers = list(values), np.array(list(values.values()))
    about = []
    for network, own in networks_in(labels).items():
        fixed = ", fixed" if labels[own[0]] in fit.fixed else ""
        about.append(f"Network {network}: {len(own):,} weights of norm {np.linalg.norm(numbers[own]):.4g}{fixed}.")
    if fit.conditional.any():
        about.append("Standard errors are conditional on the networks: as if their weights were known.")
    return {labels[k] for own in networks_in(labels).values() for k in own}, about


def _nulls(fit: Fit) -> dict[float, str]:
    """Value other than 0 that tables test parameters against -> their names."""
    values = sorted(set(fit.neutral.values()))
    return {null: ", ".join(label for label, own in fit.neutral.items() if own == null) for null in values}


def _cells(name: str, row: Mapping[Hashable, Any], with_stars: bool) -> tuple[str, ...]:
    """A row of the summary; a t against another value than 0 says so."""
    value = f"{row['value']:.6f}"
    if row["status"] == "fixed":
        return name, value, "fixed", *[""] * 4
    if np.isnan(row["std_err"]):
        return name, value, *["-"] * 5
    if row["std_err"] == 0:  # a constraint determines it
        return name, value, "0", *["-"] * 4
    t = f"{row['t']:.2f}" + f" (vs {row['hypothesis']:g})" * bool(row["hypothesis"])
    p = f"{row['pvalue']:.4f}" + f"{starred(row['pvalue']):<3}" * with_stars
    return name, value, f"{row['std_err']:.6f}", t, p, f"{row['lower']:.4f}", f"{row['upper']:.4f}"
