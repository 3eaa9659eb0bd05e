"""The methods of results that draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pycmtensor.analysis.conditional import population_draws
from pycmtensor.analysis.partial_dependence import partial_dependence
from pycmtensor.analysis.quality import Quality
from pycmtensor.exceptions import InferenceError, ModelError, checked_class
from pycmtensor.inference.protocol import problem_of
from pycmtensor.models import CrossNestedLogit, NestedLogit
from pycmtensor.terms.relations import Expression, ParameterFunction, text_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Pictures"]


@checked_class(InferenceError)
class Pictures(Quality):
    """Pictures of `pycmtensor.Results`; the functions that draw are in `pycmtensor.report.plots`."""

    def plot_distribution(self, coefficient: str, ax: Axes | None = None) -> Axes:
        """The distribution of a random coefficient in the population; see `pycmtensor.report.plots.distribution`.

        Args:
            coefficient: Its name, as `pycmtensor.coefficients` was given it.
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            `mixed` are results of a `MixedLogit` with the random coefficients cl and loc:

            >>> mixed.plot_distribution("cl").get_xlabel()
            'cl'
        """
        from pycmtensor.report.plots import distribution

        return distribution(population_draws(self, coefficient), coefficient, ax)

    def plot_nests(self, ax: Axes | None = None) -> Axes:
        """The nests of a `NestedLogit` or `CrossNestedLogit` with the estimates of their scales.

        Args:
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Raises:
            InferenceError: The model has no nests.

        Examples:
            >>> import pandas as pd, pycmtensor as cmt
            >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 3, 3]}), "mode", {"train": 1, "car": 2, "sm": 3})
            >>> V, old = {"train": 0, "car": 0, "sm": cmt.Beta("asc_sm")}, cmt.Nest("old", ["train", "car"], scale=2)
            >>> ax = cmt.estimate(cmt.NestedLogit(ds, V, nests=[old, "sm"])).plot_nests()
            >>> sorted({text.get_text() for text in ax.texts})[-2:]
            ['sm', 'train']
        """
        model = problem_of(self, "nests").model
        if not isinstance(model, (NestedLogit, CrossNestedLogit)):
            raise InferenceError(f"{model.name} has no nests.")
        fit = self.fit

        def estimated(scale: Expression) -> str:
            """What a scale is called, and its estimate where it is one number."""
            try:
                number = ParameterFunction.of(scale, fit.labels, fit.fixed).at(fit.theta)
            except ModelError:  # it depends on columns
                return text_of(scale)
            return f"{text_of(scale)} = {float(number):.3g}"

        return model.plot(ax, estimated)

    def plot_shares(self, segment: str, ax: Axes | None = None) -> Axes:
        """Observed and predicted shares by segment; see `pycmtensor.report.plots.shares`.

        Args:
            segment: A column by whose values shares are shown.
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            >>> results.plot_shares("psize").get_ylabel()
            'share'
        """
        from pycmtensor.report.plots import shares

        return shares(self.shares_by(segment), ax)

    def plot_calibration(
        self, data: Any = None, alternative: str = "all", bins: int = 10, ax: Axes | None = None
    ) -> Axes:
        """Predicted probabilities and observed frequencies; see `pycmtensor.report.plots.calibration`.

        Args:
            data: As in `calibration`.
            alternative: Its name, or "all" for all of them together.
            bins: How many.
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            >>> results.plot_calibration(bins=4).get_xlabel()
            'predicted probability (all)'
        """
        from pycmtensor.report.plots import calibration as plot

        table = self.calibration(data, bins)
        known = table.index.unique("alternative")
        if alternative not in known:
            raise InferenceError(f"There is no alternative '{alternative}' here. Ask for one of {', '.join(known)}.")
        return plot(table.loc[[alternative]], alternative, ax)

    def plot_partial_dependence(
        self,
        column: str | tuple[str, str],
        values: Sequence[float] | int = 20,
        data: Any = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Average probabilities along a column; see `pycmtensor.report.plots.partial_dependence`.

        Args:
            column: As in `partial_dependence`.
            values: As in `partial_dependence`.
            data: As in `partial_dependence`.
            ax: Where to draw; None makes a figure.

        Returns:
            The Axes.

        Examples:
            >>> len(results.plot_partial_dependence(("gc", "car"), values=[20, 60]).lines) >= 4
            True
        """
        from pycmtensor.report.plots import partial_dependence as plot

        return plot(partial_dependence(self, column, values, data), ax)
