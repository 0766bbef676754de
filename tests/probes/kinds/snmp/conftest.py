"""What the tests of `snmp` ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snmplooks

from probes.io.snmp import open as snmp_open


@pytest.fixture(params=["gufo", "pysnmp"])
def snmp_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this library is installed."""
    monkeypatch.setattr(snmp_open, "find_spec", lambda wanted: wanted == request.param or None)
    return str(request.param)


@pytest.fixture
def snmp_forgets() -> Iterator[None]:
    """Nothing is known of any device, before and after."""
    snmplooks.forget()
    yield
    snmplooks.forget()


@pytest.fixture
def snmp_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """See `snmplooks.clock`."""
    return snmplooks.clock(monkeypatch)


@pytest.fixture
def told_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """See `snmplooks.told_silence`."""
    snmplooks.told_silence(monkeypatch)
