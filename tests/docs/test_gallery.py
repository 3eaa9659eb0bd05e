"""The gallery: its cells run, and no picture of the library is missing in it."""

from __future__ import annotations

import re
from typing import Any

import matplotlib.pyplot as plt
import pytest

import pycmtensor as cmt
from pycmtensor.report import plots
from tests.docs.test_pages import DOCS

CELLS = re.findall(r"^```\{code-cell\} python\n(.*?)^```$", (DOCS / "gallery.md").read_text(), flags=re.M | re.S)


def test_every_picture_of_results_is_in_the_gallery() -> None:
    text = "".join(CELLS)
    pictures = {name for name in dir(cmt.Results) if name.startswith("plot_")}
    assert {name for name in pictures if f".{name}(" not in text} == set()
    assert len(CELLS) > len(plots.__all__)


@pytest.mark.slow
def test_the_cells_of_the_gallery_run() -> None:
    namespace: dict[str, Any] = {}
    for cell in CELLS:
        exec(cell, namespace)
    drawn = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    assert len(drawn) >= len(plots.__all__)
    assert all(figure.axes for figure in drawn)
