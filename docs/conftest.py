"""Pages whose code takes long are run by `make test-all` only."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent

collect_ignore = ["conf.py", "mathml.py"]  # which need what builds the site

#: Pages that take more than about five seconds, compilation included.
SLOW = {
    "dictionary/swissmetro.md",
    "how_to/command_line.md",
    "how_to/forecasting.md",
    "how_to/hybrid_choice.md",
    "how_to/large_data.md",
    "how_to/latent_classes.md",
    "how_to/market_shares.md",
    "how_to/mdcev.md",
    "how_to/mixed_logit.md",
    "how_to/nested.md",
    "how_to/networks.md",
    "how_to/optimizers.md",
    "how_to/own_models.md",
    "how_to/pooled.md",
    "how_to/posteriors.md",
    "how_to/rankings.md",
    "how_to/sampling_of_alternatives.md",
    "how_to/wtp.md",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow pages."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)
