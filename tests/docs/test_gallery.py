"""The gallery: its cells run, and no picture of the library is missing in it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

import pycmtensor as cmt
from pycmtensor.report import plots
from tests.docs.cells import cells, run

CELLS = cells("gallery.md")


def test_every_picture_of_results_is_in_the_gallery() -> None:
    text = "".join(CELLS)
    pictures = {name for name in dir(cmt.Results) if name.startswith("plot_")}
    assert {name for name in pictures if f".{name}(" not in text} == set()
    assert len(CELLS) > len(plots.__all__)


@pytest.mark.slow
def test_the_cells_of_the_gallery_run() -> None:
    run(CELLS)
    drawn = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    assert len(drawn) >= len(plots.__all__)
    assert all(figure.axes for figure in drawn)
