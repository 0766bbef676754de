"""What every test may ask for, and what a missing part of the machine means."""

from __future__ import annotations

import os

import pytest
from needs import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """World tests last, in order: they own the machine while they run."""
    items.sort(key=lambda item: item.get_closest_marker("world") is not None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A missing part is a skip with its reason; under NETMON_REQUIRE=all it is a failure."""
    parts = [str(part) for marker in item.iter_markers("needs") for part in marker.args]
    reasons = [reason for part in parts if (reason := missing(part))]
    if not reasons:
        return
    text = "; ".join(reasons)
    if os.environ.get("NETMON_REQUIRE") == "all":
        pytest.fail(f"NETMON_REQUIRE=all, and {text}", pytrace=False)
    pytest.skip(text)
