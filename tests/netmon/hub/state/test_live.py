from __future__ import annotations

from typing import Any

import records

from netmon.hub.ingest.batch import Batch
from netmon.hub.ingest.writers import Commune
from netmon.hub.state.communes import FRESH_MS, Communes
from netmon.hub.state.live import Live
from netmon.line import Line
from probes.base import Field

SCHEMA = {"netmon_ping": (Field("rtt_p50_ms", "ms", ""), Field("rtt_b", "", "", "int", repeated=True))}
NOW_MS = 1_790_000_000_000


def _batch(at_ms: int, check: str = "up", name: str = "netmon_ping", **fields: Any) -> Batch:
    tags = {"agent": "c1", "check": check, "commune": "26734", "province": "79", "site": "c1", "target": "-"}
    lines = (Line(name, tags, fields, at_ms),)
    return records.batch(lines, last=1, frontier_ms=at_ms, arrived_ns=at_ms * 1_000_000)


def _communes(symptoms: tuple[str, ...] = ()) -> Communes:
    commune = Commune("26734", "Phường Sài Gòn", "79", "c1")
    return Communes([commune], lambda element: symptoms)


def test_an_older_point_never_replaces_a_newer_one() -> None:
    live = Live(SCHEMA)
    live.apply(_batch(NOW_MS, rtt_p50_ms=2.0, rtt_b9=1, outcome=0))
    live.apply(_batch(NOW_MS - 5000, rtt_p50_ms=9.0, outcome=1))
    row = live.checks["c1", "up"]
    assert row["values"] == {"rtt_p50_ms": 2.0} and row["outcome"] == 0 and row["at_ms"] == NOW_MS


def test_only_what_changed_is_told_once() -> None:
    live = Live(SCHEMA)
    live.apply(_batch(NOW_MS, outcome=0))
    agents, checks = live.take()
    assert [row["agent"] for row in agents] == ["c1"] and [row["check"] for row in checks] == ["up"]
    assert live.take() == ([], [])


def test_an_agents_own_point_becomes_its_row() -> None:
    live = Live(SCHEMA)
    live.apply(_batch(NOW_MS, check="-", name="netmon_agent", clock_offset_ms=-3.5, spool_points=7))
    assert live.checks == {}
    assert live.agents["c1"]["clock_offset_ms"] == -3.5 and live.agents["c1"]["points"] == 1


def test_rows_survive_export_and_restore() -> None:
    live, again = Live(SCHEMA), Live(SCHEMA)
    live.apply(_batch(NOW_MS, rtt_p50_ms=2.0, outcome=0))
    again.restore(**live.export())
    assert again.checks == live.checks and again.agents == live.agents


def test_a_communes_state_follows_its_last_outcomes() -> None:
    live = Live(SCHEMA)
    communes = _communes()
    assert communes.rows(live, [], NOW_MS)[0]["state"] == "unknown"
    live.apply(_batch(NOW_MS, rtt_p50_ms=2.0, outcome=0, sent=1, rcvd=1))
    row = communes.rows(live, [], NOW_MS)[0]
    assert (row["state"], row["rtt_ms"], row["loss"]) == ("ok", 2.0, 0.0)
    live.apply(_batch(NOW_MS, check="sip", name="netmon_sip", outcome=1))
    assert communes.rows(live, [], NOW_MS)[0]["state"] == "degraded"
    live.apply(_batch(NOW_MS + 1000, outcome=1, sent=1, rcvd=0))
    row = communes.rows(live, [], NOW_MS)[0]
    assert row["state"] == "bad" and "rtt_ms" not in row and 0.4 < row["loss"] < 0.6
    assert communes.rows(live, [], NOW_MS + 1000 + FRESH_MS + 1)[0]["state"] == "unknown"


def test_our_own_faults_say_nothing_about_a_commune() -> None:
    live = Live(SCHEMA)
    live.apply(_batch(NOW_MS, outcome=5))
    assert _communes().rows(live, [], NOW_MS)[0]["state"] == "unknown"


def test_an_open_incident_marks_every_commune_that_suffers() -> None:
    incident = {"id": "i1", "element": "link:up", "state": "open", "severity": "critical"}
    communes = _communes(symptoms=("commune:26734",))
    row = communes.rows(Live(SCHEMA), [incident], NOW_MS)[0]
    assert (row["state"], row["incident"]) == ("bad", "i1")
    assert communes.rows(Live(SCHEMA), [{**incident, "state": "resolved"}], NOW_MS)[0]["incident"] is None
    far = {**incident, "id": "i2", "element": "mcu:m1"}
    assert communes.rows(Live(SCHEMA), [far], NOW_MS)[0]["state"] == "degraded"
    assert communes.rows(Live(SCHEMA), [incident, far], NOW_MS)[0]["incident"] == "i1"
    alone = {**far, "fault": "state", "element": "service:portal"}  # its certificate runs out: nobody suffers yet
    assert communes.rows(Live(SCHEMA), [alone], NOW_MS)[0]["incident"] is None


def test_a_commune_row_is_told_again_only_when_it_changed() -> None:
    live, communes = Live(SCHEMA), _communes()
    assert len(communes.changed(live, [], NOW_MS)) == 1
    assert communes.changed(live, [], NOW_MS) == []
    live.apply(_batch(NOW_MS, outcome=0))
    assert len(communes.changed(live, [], NOW_MS)) == 1


def _seconds(live: Live, start_s: int, outcomes: str) -> None:
    """One packet a second from `start_s` on: `.` answered, `x` lost."""
    for second, outcome in enumerate(outcomes, start_s):
        values = {"rtt_p50_ms": 0.04} if outcome == "." else {}
        live.apply(
            _batch(NOW_MS + second * 1000, sent=1, rcvd=int(outcome == "."), outcome=int(outcome == "x"), **values)
        )


def test_no_figure_beside_a_state_is_older_than_the_state() -> None:
    live, communes = Live(SCHEMA), _communes()
    _seconds(live, 0, "." * 20)
    incident = {
        "id": "i", "state": "open", "severity": "critical", "element": "commune:26734", "first_miss_ms": NOW_MS + 20_000,
    }  # fmt: skip
    cut = communes.rows(live, [incident], NOW_MS + 25_000)[0]
    assert cut["state"] == "bad" and "rtt_ms" not in cut and "loss" not in cut
    _seconds(live, 25, "x" * 5)
    cut = communes.rows(live, [incident], NOW_MS + 30_000)[0]
    assert cut["state"] == "bad" and "rtt_ms" not in cut and cut["loss"] == 1.0
    _seconds(live, 30, "xxxxx....")
    communes.rows(live, [], NOW_MS + 39_000)
    _seconds(live, 39, "...")
    mended = communes.rows(live, [], NOW_MS + 42_000)[0]
    assert (mended["state"], mended["loss"], mended["rtt_ms"]) == ("ok", 0.0, 0.04)


def test_a_link_that_lost_packets_within_the_minute_is_not_told_as_good() -> None:
    live, communes = Live(SCHEMA), _communes()
    _seconds(live, 0, "....xxxxx....")
    row = communes.rows(live, [], NOW_MS + 13_000)[0]
    assert row["state"] == "degraded" and row["loss"] > 0.3
    _seconds(live, 13, "." * 200)
    assert communes.rows(live, [], NOW_MS + 213_000)[0]["state"] == "ok"
