"""The report of an estimation, section by section; `pycmtensor.report.html` makes a page of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pycmtensor.analysis.roles import roles
from pycmtensor.exceptions import InferenceError, checked_class
from pycmtensor.expressions import networks_in
from pycmtensor.host.files import write
from pycmtensor.inference import Identification
from pycmtensor.models import ChoiceModel, CrossNestedLogit, NestedLogit
from pycmtensor.report import html
from pycmtensor.report.answer import Answer, within
from pycmtensor.report.html import Section, page
from pycmtensor.results.names import StatsmodelsNames
from pycmtensor.results.presentation import Presentation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Report"]

#: Largest t value of the picture; longer bars end there.
LARGEST_T = 10.0


@checked_class(InferenceError)
class Report(StatsmodelsNames, Presentation):
    """The page of `pycmtensor.Results`."""

    if TYPE_CHECKING:

        @property
        def provenance(self) -> dict[str, str]:
            """See `pycmtensor.Results`."""

        def identification(self) -> Identification:
            """See `pycmtensor.Results`."""

    def to_html(
        self,
        path: str | PathLike[str],
        title: str | None = None,
        description: str = "",
        elasticities: Sequence[str | tuple[str, str]] = (),
        answers: Mapping[str, Answer] | None = None,
    ) -> Path:
        """Write a report as one HTML file that needs no other, with what a reader and an audit ask for.

        It holds the sample, the specification, estimates and fit, predicted against observed shares, the course of the
        estimation, identification, covariances, where the numbers come from, and what else is asked for.

        Args:
            path: The file; its folder must exist.
            title: Of the page; None for the name of the model.
            description: Paragraphs below the title.
            elasticities: Columns, whose elasticities make a heat map; in long data ("cost", "car") too.
            answers: Title -> an answer to show as well, such as ``{"Value of time": results.wtp(time, cost)}``.

        Returns:
            The path of the file.

        Raises:
            FileError: The file cannot be written; one that stood there before is unchanged.

        Examples:
            >>> import pathlib, tempfile
            >>> value = {"Value of waiting": results.wtp("b_wait", "b_cost")}
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "logit.html"
            >>> page = results.to_html(path, "Modes", elasticities=[("gc", "car")], answers=value)
            >>> "Value of waiting" in page.read_text(encoding="utf-8")
            True
        """
        return write(
            path,
            page(title or self.fit.model, description, sections(self, elasticities, answers or {})),
        )


def sections(
    results: Report, elasticities: Sequence[str | tuple[str, str]], answers: Mapping[str, Answer]
) -> list[Section]:
    """The parts of a report.

    Args:
        results: The estimates.
        elasticities: Columns, whose elasticities make a heat map.
        answers: Title -> an answer that the report shows too, such as a willingness to pay.
    """
    return [
        *_sample(results),
        _fit(results),
        *_specification(results),
        _estimates(results),
        *(Section(title, [within(answer)]) for title, answer in answers.items()),
        *_shares(results),
        *([_elasticities(results, elasticities)] if elasticities else []),
        _convergence(results),
        _identification(results),
        _covariances(results),
        _origin(results),
    ]


def _sample(results: Report) -> Iterator[Section]:
    """What was observed, as far as the data are here."""
    if results.data is not None and isinstance(results.model, ChoiceModel):
        about = results.data.describe(results.model.availability)
        alternatives, columns = about.summaries()
        known = [j for j, own in enumerate(zip(*alternatives.rows, strict=True)) if any(own)]
        heads, *rows = [[row[j] for j in known] for row in (alternatives.columns, *alternatives.rows)]
        parts = [html.facts(dict(about.facts)), html.cells(heads, rows, "Alternatives")]
        remarks = [html.sentences("\n".join(about.remarks))] if about.remarks else []
        yield Section("Sample", parts + remarks, {"Columns": html.cells(columns.columns, columns.rows)})


def _fit(results: Report) -> Section:
    summary = results.summary()
    return Section("Fit", [html.facts(dict((*summary.sample, *summary.fit))), html.sentences(str(results.fit.outcome))])


def _specification(results: Report) -> Iterator[Section]:
    """Equations, what parameters multiply, and nests."""
    model = results.model
    if not isinstance(model, ChoiceModel):
        return
    parts = [model.equations.to_html()]
    if isinstance(model, (NestedLogit, CrossNestedLogit)):
        parts.append(html.figure(_svg(results.plot_nests, 3.2), "Nests with their scales"))
    if results.data is not None:
        rows = [
            (label, _several(role.utilities) or "beside utilities", _several(role.multiplies) or "-")
            for label, role in roles(model, results.data).items()
        ]
        parts.append(html.cells(("Parameter", "In the utility of", "Multiplies"), rows, "Parameters"))
    yield Section("Specification", parts, broad=True)


def _several(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _estimates(results: Report) -> Section:
    """The table of the summary, with t values drawn and robust standard errors beside."""
    summary, frames = results.summary(), {kind: results.to_frame(kind) for kind in ("classical", "robust")}
    robust, t = frames["robust"]["std_err"], frames["classical"]["t"]
    rows = [
        (*row, f"{robust[row[0]]:.6f}" if np.isfinite(robust[row[0]]) else "-", _bar(float(t[row[0]])))
        for row in summary.rows
    ]
    columns = (*summary.columns, "Robust std err", "t, with lines at ±1.96")
    notes = [html.sentences(note) for note in summary.notes[1:]]
    return Section("Estimates", [html.cells(columns, rows), *notes], broad=True)


def _bar(t: float) -> Any:
    """A bar from 0 to a t value, with lines at 0 and where it differs from 0 at 5 per cent."""

    def place(value: float) -> float:
        return 50 + 50 * float(np.clip(value, -LARGEST_T, LARGEST_T)) / LARGEST_T

    if not np.isfinite(t):
        return ""
    left, right = sorted((place(0.0), place(t)))
    return {"start": left, "width": right - left, "marks": [place(-1.96), place(1.96)]}


def _shares(results: Report) -> Iterator[Section]:
    """Predicted and observed shares of models of choices whose data are here."""
    if results.data is None or not isinstance(results.model, ChoiceModel):
        return
    title = "Predicted against observed shares"
    try:
        observed, predicted = results.confusion().sum(axis=1), results.predict().table
    except InferenceError as error:  # of data in parts
        yield Section(title, [html.sentences(str(error))])
        return
    observed /= observed.sum()
    rows: list[tuple[Any, ...]] = [
        (
            str(name),
            f"{observed[name]:.4f}",
            f"{row['estimate']:.4f}",
            f"{row['lower']:.4f} to {row['upper']:.4f}" if np.isfinite(row["lower"]) else "-",
            {"start": 0.0, "width": 100 * row["estimate"], "marks": [100 * observed[name]]},
        )
        for name, row in zip(predicted.index, predicted.to_dict("records"), strict=True)
    ]
    columns = ("Alternative", "Observed", "Predicted", "95% interval", "Predicted, with a line at observed")
    yield Section(title, [html.cells(columns, rows)])


def _elasticities(results: Report, columns: Sequence[str | tuple[str, str]]) -> Section:
    """A heat map: of the share of each alternative in the columns, by attributes of one alternative in the rows."""
    tables = [results.elasticities(column).table for column in columns]
    largest = float(np.nanmax([table["estimate"].abs().max() for table in tables])) or 1.0
    names = list(results.model.alternatives) if isinstance(results.model, ChoiceModel) else []

    def cell(estimate: float, lower: float, upper: float) -> Any:
        if not np.isfinite(estimate):
            return "-"
        interval = f"{lower:.2f} to {upper:.2f}" if np.isfinite(lower) else ""
        return {"heat": estimate / largest, "text": f"{estimate:.3f}", "small": interval}

    rows = []
    for column, table in zip(columns, tables, strict=True):
        name = column if isinstance(column, str) else column[0]
        for owner in table.index.unique(0):
            own = table.xs(owner, level=0)[["estimate", "lower", "upper"]].reindex(names)
            rows.append((f"{name} of {owner}", *(cell(*values) for values in own.to_numpy().tolist())))
    about = "Of the share of the alternative in the column, when the attribute in the row rises by 1%; 95% intervals."
    return Section("Elasticities", [html.sentences(about), html.cells(("", *names), rows)], broad=len(names) > 4)


def _convergence(results: Report) -> Section:
    picture = html.figure(_svg(results.plot_convergence, 3.2), "Log-likelihood and largest derivative by iteration")
    history = results.history
    folded = {"Iterations": html.table(history.set_index(history.columns[0]), digits=10)}
    if results.fit.constraints:
        folded["Constraints"] = html.text("\n".join(results.fit.constraints))
    return Section("Convergence", [html.sentences(f"Estimated by {results.fit.method}."), picture], folded)


def _identification(results: Report) -> Section:
    """What the data say of the parameters, in words."""
    report = results.identification()
    if report.identified:
        verdict = "The data identify all parameters: every change of them, alone or together, changes the likelihood."
    else:
        verdict = "The data do NOT identify all parameters: some change together and leave the likelihood as it is."
    return Section("Identification", [html.sentences(verdict), html.text(str(report))])


def _covariances(results: Report) -> Section:
    within = {results.fit.labels[k] for own in networks_in(results.fit.labels).values() for k in own}
    shown = [label for label in results.fit.labels if label not in within]
    matrices = {
        "Classical covariance": (results.cov_params("classical"), 6),
        "Robust covariance": (results.cov_params("robust"), 6),
        "Correlations of the estimates": (results.correlation(), 3),
    }
    folded = {title: html.table(matrix.loc[shown, shown], n) for title, (matrix, n) in matrices.items()}
    return Section("Covariances", [], folded)


def _origin(results: Report) -> Section:
    about = {"method": results.fit.method, **results.provenance, "written": f"{datetime.now():%Y-%m-%d %H:%M}"}
    text = (
        "The versions below with the same data, specification, method and starting values give these numbers; "
        "results.save keeps them, and cmt.Results.load reads them again."
    )
    return Section("Where the numbers come from", [html.sentences(text), html.facts(about)])


def _svg(draw: Callable[[Axes], Any], height: float) -> bytes:
    """A picture that no window shows."""
    from matplotlib.figure import Figure

    picture, figure = io.BytesIO(), Figure(figsize=(6.4, height), layout="constrained")
    draw(figure.add_subplot())
    figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    return picture.getvalue()
