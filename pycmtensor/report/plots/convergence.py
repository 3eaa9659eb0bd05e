"""Picture of the convergence of an estimation."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pycmtensor.report.plots.style import drawn

__all__ = ["convergence"]


@drawn
def convergence(history: Mapping[str, NDArray[np.floating]], ax: Axes | None = None) -> Axes:
    """Log-likelihood and gradient per iteration or epoch.

    Args:
        history: The columns 'iteration' or 'epoch', 'llf' and 'gradient', as `Results.history` holds them.
        ax: Where to draw; None makes a figure.

    Returns:
        The Axes of the log-likelihood; the gradient has the right-hand scale.

    Examples:
        >>> import numpy as np
        >>> llf = np.array([-9.0, -5.0, -4.9])
        >>> ax = convergence({"iteration": np.arange(3), "llf": llf, "gradient": np.array([3.0, 0.5, 1e-8])})
        >>> ax.get_ylabel()
        'log-likelihood'
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    step = "epoch" if "epoch" in history else "iteration"
    marker = "o" if len(history[step]) <= 40 else ""
    (llf,) = ax.plot(history[step], history["llf"], color="#1b4f72", label="log-likelihood (left)", marker=marker, ms=4)
    ax.set_xlabel(step)
    ax.set_ylabel("log-likelihood")
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top"]].set_visible(False)
    right = ax.twinx()
    (gradient,) = right.plot(
        history[step],
        history["gradient"],
        color="#b9770e",
        linestyle="--",
        label="largest gradient (right)",
        marker=marker,
        ms=4,
    )
    if np.any(np.asarray(history["gradient"]) > 0):
        right.set_yscale("log")
    right.set_ylabel("largest element of the gradient")
    right.spines[["top"]].set_visible(False)
    ax.legend(handles=[llf, gradient], frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return ax
