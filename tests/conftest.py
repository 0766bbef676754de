"""What every test may ask for, and what a missing part of the machine means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from busy import TRIES, Busy
from hypothesis import HealthCheck, settings
from needs import missing

# The language of what is printed is a test's own business, not that of whoever runs it.
for name in ("NETMON_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
    os.environ.pop(name, None)
os.environ["LANG"] = "C.UTF-8"

# How long an example takes says something about the machine, not about the code. A developer's run looks for new
# examples each time; CI's tries the same ones, so that its verdict is about the change.
settings.register_profile("netmon", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("netmon"), derandomize=True, max_examples=50)
settings.load_profile("ci" if os.environ.get("CI") else "netmon")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of a run of worlds alone, whatever has none: some thirty files are quicker to read than all."""
    wanted = str(config.getoption("markexpr")).partition(" ")[0]
    if wanted not in ("world", "alone", "long") or collection_path.suffix != ".py":
        return None
    return f"mark.{wanted}" not in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """World tests last, and of those who want the machine for themselves last of all."""
    items.sort(key=lambda item: sum(item.get_closest_marker(name) is not None for name in ("world", "alone")))


UNPACKAGED = {"emulator"}  # the wide-area emulator stands beside the project where it is developed, and nowhere else


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A missing part is a skip with its reason; under NETMON_REQUIRE=all it is a failure, but for what no package brings."""
    parts = [str(part) for marker in item.iter_markers("needs") for part in marker.args]
    reasons = {part: reason for part in parts if (reason := missing(part))}
    if not reasons:
        return
    text = "; ".join(dict.fromkeys(reasons.values()))
    if os.environ.get("NETMON_REQUIRE") == "all" and not UNPACKAGED.issuperset(reasons):
        pytest.fail(f"NETMON_REQUIRE=all, and {text}", pytrace=False)
    pytest.skip(text)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that saw nothing because the machine was too busy is made again; the last try stands, whatever it says."""
    names = pyfuncitem._fixtureinfo.argnames
    for _ in range(TRIES - 1):
        try:
            pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
        except Busy:
            continue
        return True
    return None
