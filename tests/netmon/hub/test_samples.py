"""Which stored lines rules see."""

from __future__ import annotations

from netmon.hub.batch import Batch
from netmon.hub.samples import samples
from netmon.point import Line, Value
from netmon.segments import Position

TAGS = {"agent": "c1", "check": "k", "commune": "-", "province": "-", "site": "c1", "target": "-"}


def batch(*lines: Line) -> Batch:
    return Batch("c1", "c1", "b", 1, len(lines), None, False, False, 1, lines, Position(0, 0))


def line(name: str, check: str = "k", **fields: Value) -> Line:
    return Line(name, TAGS | {"check": check}, fields, 1000)


def test_rules_see_measurements_and_what_agents_say_of_themselves() -> None:
    told = samples(batch(line("netmon_ping", outcome=5), line("netmon_agent", "-", rss_bytes=1), line("cpu", usage=1)))
    assert [(one.kind, one.check) for one in told] == [("ping", "k"), ("agent", "-")]


def test_a_run_that_was_put_off_votes_for_nothing() -> None:
    assert list(samples(batch(line("netmon_throughput", deferred=1, outcome=5)))) == []
