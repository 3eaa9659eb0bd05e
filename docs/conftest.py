"""Pages whose code takes long are run by `make test-all` only."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent

collect_ignore = ["conf.py", "mathml.py"]  # which need what builds the site

#: Pages that take more than about five seconds, compilation included.
SLOW: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow pages."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)
