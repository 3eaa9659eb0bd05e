"""The reference: everything public is in it, and says its arguments, what it returns, and an example."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest

from tests.docs.public import Public, public
from tests.docs.test_pages import DOCS

EVERYTHING = list(public())
#: Where an algorithm is computed, whose source is to be named.
ALGORITHMS = ("kernels", "optimizers", "schedules", "models", "analysis.design", "inference")
#: Records, base classes and parts without an algorithm of their own.
WITHOUT_SOURCE = {
    *("Good", "Node", "Optimizer", "Packed", "Schedule", "ChoiceModel", "Model", "LogLikelihood", "Nest", "CrossNest"),
    *("ContinuousIndicator", "DesignOptions", "joint", "Classical", "Covariance", "covariance", "class_shares"),
    *("DerivedQuantity", "DerivedQuantities", "HypothesisTest", "Identification", "Replicates"),
    *("SimulatedQuantity", "SimulationNoise"),
}


@pytest.mark.parametrize("item", EVERYTHING, ids=lambda item: item.name)
def test_the_docstring_is_complete(item: Public) -> None:
    assert item.lacks() == []


@pytest.mark.parametrize("item", [i for i in EVERYTHING if i.owner is None], ids=lambda item: item.name)
def test_an_algorithm_names_its_source(item: Public) -> None:
    module = item.what.__module__.removeprefix("pycmtensor.")
    name = item.name.rpartition(".")[2]
    if not module.startswith(ALGORITHMS) or name in WITHOUT_SOURCE or module.startswith("inference.posterior"):
        return
    assert re.search(r"References:|doi:|\(\d{4}\)", item.doc), f"{item.name} names no source"


def referred() -> set[int]:
    """Identities of the objects that the pages of the reference show."""
    found: set[int] = set()
    for page in (DOCS / "reference").glob("*.rst"):
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"^\.\. auto(?:class|function):: (\S+)$", text, flags=re.M):
            module, _, name = path.rpartition(".")
            found.add(id(getattr(import_module(module), name)))
        for module, names in re.findall(r"^\.\. automodule:: (\S+)\n   :members: (.+)$", text, flags=re.M):
            found |= {id(getattr(import_module(module), name)) for name in names.split(", ")}
    return found


def test_everything_public_is_in_the_reference() -> None:
    shown = referred()
    assert [item.name for item in EVERYTHING if item.owner is None and id(item.what) not in shown] == []


def test_what_a_docstring_lacks_is_found() -> None:
    def complete(x: float) -> float:
        """Twice a number.

        Args:
            x: The number.

        Returns:
            Twice of it.

        Examples:
            >>> complete(1.0)
            2.0
        """
        return 2 * x

    def without(x: float) -> float:
        """Twice a number."""
        return 2 * x

    def lacks(what: Any) -> list[str]:
        return Public("f", what).lacks()

    assert lacks(complete) == []
    assert lacks(without) == ["arguments x", "returns", "an example"]
