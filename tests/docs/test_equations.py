"""The pages of models and equations: every model, kernel, distribution, optimizer, learning rate and prior is there."""

from __future__ import annotations

import re

import pytest

from pycmtensor import coefficients, kernels, models, optimizers, priors, schedules
from tests.docs.test_pages import DOCS

PAGES = {page.name: page.read_text(encoding="utf-8") for page in (DOCS / "models").glob("*.md")}
#: Base classes and types, which compute nothing.
WITHOUT_EQUATION = {"ChoiceModel", "Joint", "Pooled", "Optimizer", "Packed", "Schedule", "Prior"}
INDICATORS = {"ContinuousIndicator", "OrderedIndicator"}
#: Functions that make terms of utilities.
TERMS = {"random_regret", "box_cox", "piecewise_linear", "scaled", "by_segment", "size"}

WHERE = {
    "models.md": {*models.__all__} - INDICATORS | TERMS,
    "kernels.md": {*kernels.__all__} | INDICATORS,
    "distributions.md": {*coefficients.__all__, *priors.__all__},
    "optimizers.md": {*optimizers.__all__, *schedules.__all__},
}


@pytest.mark.parametrize("page", WHERE)
def test_everything_has_its_equation(page: str) -> None:
    missing = {name for name in WHERE[page] - WITHOUT_EQUATION if not re.search(rf"`{name}\b", PAGES[page])}
    assert missing == set()


def test_every_model_names_its_source_and_what_others_call_it() -> None:
    sections = re.split(r"^## ", PAGES["models.md"], flags=re.M)[1:]
    for section in sections:
        title = section.splitlines()[0]
        assert "$" in section, f"{title}: no equation"
        assert re.search(r"Source:|source \|", section), f"{title}: no source"
        assert "Elsewhere:" in section, f"{title}: no names elsewhere"
