"""Which stored lines rules see."""

from __future__ import annotations

import records

from alerts.base import LOST, OK, REFUSED
from netmon.hub.incidents.samples import samples
from netmon.hub.ingest.batch import Batch
from netmon.line import Line, Value

TAGS = {"agent": "c1", "check": "k", "commune": "-", "province": "-", "site": "c1", "target": "-"}


def batch(*lines: Line) -> Batch:
    return records.batch(lines)


def line(name: str, check: str = "k", **fields: Value) -> Line:
    return Line(name, TAGS | {"check": check}, fields, 1000)


def test_rules_see_measurements_and_what_agents_say_of_themselves() -> None:
    told = samples(batch(line("netmon_ping", outcome=5), line("netmon_agent", "-", rss_bytes=1), line("cpu", usage=1)))
    assert [(one.kind, one.check) for one in told] == [("ping", "k"), ("agent", "-")]


def test_a_run_that_was_put_off_votes_for_nothing() -> None:
    assert list(samples(batch(line("netmon_throughput", deferred=1, outcome=5)))) == []


def test_beside_a_heavy_test_only_what_came_back_counts() -> None:
    lossy = line(
        "netmon_ping", outcome=OK, sent=10, rcvd=4, rtt_p95_ms=80.0, rtt_b90=4, loss_run_max=6, ttl=61, heavy=1
    )
    (seen,) = samples(batch(lossy))
    assert seen.values == {"outcome": OK, "sent": 0, "rcvd": 0, "ttl": 61, "heavy": 1}


def test_silence_beside_a_heavy_test_is_no_miss_and_a_refusal_still_is_one() -> None:
    silent = line("netmon_ping", outcome=LOST, sent=10, rcvd=0, heavy=1)
    assert list(samples(batch(silent))) == []
    (seen,) = samples(batch(line("netmon_http", outcome=REFUSED, sent=1, rcvd=1, status=503, total_ms=9.0, heavy=1)))
    assert seen.values == {"outcome": REFUSED, "sent": 1, "rcvd": 1, "status": 503, "heavy": 1}


def test_the_next_point_counts_again() -> None:
    (seen,) = samples(batch(line("netmon_ping", outcome=LOST, sent=10, rcvd=0)))
    assert seen.values == {"outcome": LOST, "sent": 10, "rcvd": 0}
