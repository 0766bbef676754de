"""A file of rule tests: series, a network and a time, and what must come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alerts.rules import setting
from inventory.timestamp import Timestamp
from netmon.config.walker import decode
from netmon.config.walker.decode import Reader


def _table(meaning: str) -> Any:
    """A table with keys of people's own; none of it unless it is written."""
    return field(default_factory=dict, metadata=setting(meaning).metadata)


SAYS = ("well", "lost", "refused", "nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSeries:
    """What some checks say for a time; at other times, and all others always, they say that all is well."""

    checks: tuple[str, ...] = setting("names of checks; * and ? stand for others")
    from_s: float = setting("since when, after the start", unit="s", key="from", low=0, default=0.0)
    until_s: float = setting("until when; 0: the end", unit="s", key="until", low=0, default=0.0)
    kind: str = setting("probe kind of these checks; empty: ping, sip, dns or room, by what they end at", default="")
    says: str = setting("well, lost, refused, nothing (its agent is mute)", choices=SAYS, default="well")
    rtt_s: float = setting("round trip", unit="s", key="rtt", low=0, high=60, default=0.01)
    values: Mapping[str, float] = _table("fields beside them, as cert_days: 3")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofIncident:
    """An incident there must be. Words that are not written fit any."""

    element: str = setting("its element; * and ? stand for others")
    kind: str = setting("its kind, as down or loss", default="*")
    severity: str = setting("its severity", default="*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofExpectation:
    """What must come of it. What is not written is not looked at."""

    incidents: tuple[ProofIncident, ...] | None = setting("all incidents there are, no more and no fewer", default=None)
    suppressed: tuple[str, ...] = setting(
        "checks for which a rule fires, and of which no incident is named", default=()
    )
    receivers: Mapping[str, int] = _table("how many pages (not those that it is over) each receiver gets")
    pages: int | None = setting("how many there are altogether", low=0, default=None)
    fires: tuple[str, ...] = setting("rules that fire for some check", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofCase:
    """One test."""

    name: str = setting("name of the test, unique")
    starts: Timestamp = setting("when it starts", default=Timestamp("2026-12-01T08:00:00+07:00"))
    lasts_s: float = setting("how long it lasts", unit="s", key="lasts", low=1, high=86_400, default=300.0)
    period_s: float = setting("how often checks speak", unit="s", key="period", low=1, high=3600, default=1.0)
    series: tuple[ProofSeries, ...] = setting("what checks say", default=())
    expect: ProofExpectation = setting("what must come of it", default=ProofExpectation())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofFile:
    """A file of tests. Its other files are found from where it stands."""

    inventory: str = setting("the network's file", unit="path")
    rules: str = setting("the rules' file; empty: the rules netmon ships", unit="path", default="")
    hub: str = setting(
        "the hub's file, for its receivers; empty: one, duty, for critical and warning", unit="path", default=""
    )
    tests: tuple[ProofCase, ...] = setting("the tests")


def read(path: Path) -> tuple[ProofFile, Reader]:
    """A file of tests and its faults; raises `ConfigError` when nothing can be read."""
    file, reader = decode.read(path, ProofFile)
    reader.unique(file.tests, "name")
    return file, reader
