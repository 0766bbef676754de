"""What a netmon of December 2026 left on disk is read by the netmon of today: the state of a hub and of an agent, their
files, and what programs read of them. Made by `tests/golden/make_state.py`; only the outer face is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import goldens
import layouts
import outputs
import pytest
from goldens import GOLDEN, Request, Taker, World
from shapes import kept, misfits

SEEN = json.loads((GOLDEN / "expected" / "seen.json").read_text())
EXPECTED = {
    name: json.loads((GOLDEN / "expected" / f"{name}.json").read_text()) for name in ("exact", "rows", "shapes")
}
GONE_ON_S = 2  # the programs start so long after those of before ended
KEY = base64.b64decode((GOLDEN / "page.secret").read_text().strip().removeprefix("whsec_"))
SUMMED = {
    "incidents": "id, data",
    "outbox": "id, incident, receiver, status, body",
    "silences": "id, element, from_s, until_s, who, note",
    "leases": "id, data",
    "lease_use": "day, what, much",
    "readiness": "conference, starts_ms, stage, at_ms, ends_ms, brief, result",
    "meta": "key, value",
}


@dataclass
class Started:
    """A hub on a copy of the state, with those it sends to."""

    world: World
    pages: Taker
    sink: Taker

    def page_keys(self) -> list[tuple[str, str]]:
        """(receiver, id) of pages about the network that came."""
        pages = [page for page in self.pages.requests if not is_of_hub(json.loads(page.body))]
        return [(page.path.strip("/"), page.headers["webhook-id"]) for page in pages]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Sealing each second; all receivers and the database take what comes."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("golden") / "w"
        made = stack.enter_context(goldens.world(folder, SEEN["ended_s"] + GONE_ON_S))
        pages = stack.enter_context(goldens.taking(made.ports["18090"], made.ahead_s))
        sink = stack.enter_context(goldens.taking(made.ports["18087"], made.ahead_s))
        goldens.sealing(made)
        yield Started(made, pages, sink)


def damaged(folder: Path) -> list[str]:
    """What was set aside as unreadable."""
    return [path.name for path in folder.rglob("*.damaged-*")]


# --- files alone ---


def test_files_of_before_are_good_and_mean_the_same(tmp_path: Path) -> None:
    made = World(goldens.copied(tmp_path / "w"), 0.0)
    done = made.netmon("config", "check", "hub.yaml", "inventory.yaml", "agent.yaml", "agent-all.yaml", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    now = outputs.exact(made)
    assert kept(EXPECTED["exact"], now) == EXPECTED["exact"]


def test_the_state_of_before_has_the_layouts_written_down() -> None:
    """The yardstick itself: what is checked of files of today, below, holds of those of before."""
    assert_layouts(GOLDEN / "hub", GOLDEN / "agent")
    kinds = {line.split(",", 1)[0] for _, lines in layouts.stored(GOLDEN / "hub" / "segments") for line in lines}
    assert {"netmon_ping", "netmon_tls", "netmon_tcp", "netmon_host", "netmon_agent"} <= kinds
    sealed = {key.split(" ")[0] for key in EXPECTED["rows"]}
    assert {"netmon_snmp", "netmon_sipcall", "netmon_media", "netmon_room", "netmon_path", "telegraf_cpu"} <= sealed
    states = {(page["receiver"], page["state"]) for page in SEEN["pages"]}
    assert states >= {("duty", "accepted"), ("duty", "waiting"), ("night", "waiting"), ("gone", "failed")}


def assert_layouts(hub: Path, agent: Path) -> None:
    """Files of both as they were in December 2026."""
    assert layouts.stored(hub / "segments") and layouts.spool(agent / "spool" / "segments")
    assert list(layouts.checked_state(hub / "snapshot.json")) == [
        "version", "position", "stored", "seen", "agents", "checks", "newest",
    ]  # fmt: skip
    assert list(layouts.checked_state(hub / "store" / "sealed.json")) == ["segment", "offset"]
    assert list(layouts.checked_state(hub / "sinks" / "archive.json")) == ["position"]
    for name in ("hub", "archive"):
        cursor = layouts.checked_state(agent / "spool" / f"{name}.cursor")
        assert list(cursor) == ["live", "behind"] and len(cursor["live"]) == 3
    assert list(json.loads((agent / "account.json").read_text())) == ["sent", "delivered", "waiting", "dropped"]
    assert (hub / "rules.memory").read_bytes().startswith(b"netmon rules memory 1\n")
    sealed = list((hub / "store").glob("day=*/seg-*.parquet"))
    assert sealed and all(layouts.is_signed(path) for path in sealed)
    with sqlite3.connect(f"file:{hub}/hub.db?mode=ro", uri=True) as connection:
        for table, columns in SUMMED.items():
            for *values, told in connection.execute(f"SELECT {columns}, sum FROM {table}"):
                assert told == layouts.row_sum(values), (table, values)


# --- the hub ---


@pytest.mark.world
def test_the_hub_shows_what_it_showed(hub: Started) -> None:
    read = hub.world.read
    incidents = [row for row in read("/api/v1/incidents")["incidents"] if not is_of_hub(row)]
    seen = [row for row in SEEN["incidents"] if not is_of_hub(row)]
    assert [kept(before, row) for row, before in zip(incidents, seen, strict=True)] == seen
    assert {row["state"] for row in SEEN["incidents"]} == {"open", "resolved"}
    assert {row["acked_by"] for row in SEEN["incidents"]} == {"", "Nguyễn Văn A"}
    assert True in {row["silenced"] for row in SEEN["incidents"]}
    assert kept(SEEN["silences"], read("/api/v1/silences")["silences"]) == SEEN["silences"] != []
    assert read("/api/v1/leases") == SEEN["leases"]
    assert read("/api/v1/conferences")["conferences"] == SEEN["conferences"]
    assert read("/api/v1/conferences/hn-next/stages")["stages"] == SEEN["stages"]
    assert read("/api/v1/state")["checks"] == SEEN["checks"]
    assert read("/api/v1/hub")["troubles"] == []
    assert damaged(hub.world.folder) == []
    assert "level=error" not in hub.world.log("hub")


@pytest.mark.world
def test_pages_that_were_owed_arrive_once_with_their_bytes(hub: Started) -> None:
    waiting = [page for page in SEEN["pages"] if page["state"] == "waiting"]
    owed = {(page["receiver"], page["id"]): page for page in waiting if not is_of_hub(json.loads(page["body"]))}
    hub.world.until(lambda: owed.keys() <= set(hub.page_keys()), "hub")
    time.sleep(1.5)  # it would send now what it thought was owed
    assert sorted(hub.page_keys()) == sorted(owed)
    for page in hub.pages.requests:
        assert_signed(page)
        before = owed.get((page.path.strip("/"), page.headers["webhook-id"]))
        if before is None:
            continue  # of the hub's own troubles
        assert page.body.decode() == before["body"] and json.loads(page.body)["status"] == before["status"]


def is_of_hub(told: dict[str, Any]) -> bool:
    """An incident or page of the hub's own troubles: receivers who take nothing, as long as they do not."""
    return "hub:" in str(told.get("element") or told.get("groupLabels", ""))


def assert_signed(page: Request) -> None:
    """By both signatures receivers check."""
    text = f"{page.headers['webhook-id']}.{page.headers['webhook-timestamp']}.".encode() + page.body
    wanted = base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
    assert page.headers["webhook-signature"] == f"v1,{wanted}"
    assert page.headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(KEY, page.body, hashlib.sha256).hexdigest()


@pytest.mark.world
def test_points_are_read_from_parquet_segments_and_the_databases_cursor(hub: Started) -> None:
    assert layouts.rows(hub.world.folder / "hub" / "store") == EXPECTED["rows"]
    lines = [line for _, part in layouts.stored(GOLDEN / "hub" / "segments") for line in part]
    start = layouts.checked_state(GOLDEN / "hub" / "sinks" / "archive.json")["position"]
    rest = layouts.stored(GOLDEN / "hub" / "segments", start)
    waits = [line for _, part in rest for line in part]
    assert waits and len(waits) < len(lines)
    hub.world.until(lambda: len(unnumbered(hub.sink)) >= len(waits), "hub")
    assert sorted(unnumbered(hub.sink)) == sorted(waits)


@pytest.mark.world
def test_the_hub_goes_on_where_it_was(hub: Started) -> None:
    """Tokens and certificates hold, numbers stored before are repeats, an open incident ends with what comes now."""
    made = hub.world
    assert (made.folder / "hub" / "trust" / "ca.pem").read_bytes() == (GOLDEN / "hub" / "trust" / "ca.pem").read_bytes()
    header, lines = next(
        (head, part) for head, part in layouts.stored(GOLDEN / "hub" / "segments") if head["agent"] == "c2"
    )
    seq = f"{header['first']}-{header['last']}"
    assert made.write("c2", lines, seq, header["boot"])[0] == 204
    figures = made.read("/api/v1/hub")
    assert (figures["points_repeated"], figures["points_conflicting"]) == (len(lines), 0)
    headers = {"Authorization": f"Token {made.token('c1')}"}
    assert made.request("GET", "/api/v1/state", headers=headers)[0] in (401, 403)
    (before,) = [row for row in SEEN["incidents"] if row["element"] == "link:p79-c2"]
    good = "sent=1i,rcvd=1i,rtt_p50_ms=1.5,rtt_b40=1i,outcome=0i"
    tags = "agent=c2,check=c2-uplink,commune=26737,province=79,site=c2,target=-"
    lines = [f"netmon_ping,{tags} {good} {made.now_ms - 8000 + 1000 * second}" for second in range(8)]
    status, text = made.write("c2", lines, "900001-900008", header["boot"], frontier=str(made.now_ms), urgent="1")
    assert status == 204, text

    def over() -> list[dict[str, Any]]:
        rows = made.read("/api/v1/incidents")["incidents"]
        return [row for row in rows if row["id"] == before["id"] and row["state"] == "resolved"]

    assert made.until(over, "hub")[0]["ack_note"] == "đang xử lý"
    made.until(lambda: [page for page in hub.pages.accepted if is_end_of(page, before["id"])], "hub")
    sent = len(hub.pages.requests)
    assert made.stop("hub") == 0
    assert_layouts(made.folder / "hub", GOLDEN / "agent")
    made.start_hub()
    time.sleep(1.5)
    assert len(hub.pages.requests) == sent
    assert damaged(made.folder) == []


def is_end_of(page: Request, incident: str) -> bool:
    """Is it the page that says so?"""
    body = json.loads(page.body)
    return body["status"] == "resolved" and body.get("incident", {}).get("id") == incident


# --- the agent ---

HEADERS = {
    "Host": r"127\.0\.0\.1:\d+",
    "Authorization": r"Token \S+",
    "Content-Type": r"text/plain; charset=utf-8",
    "Content-Encoding": r"gzip",
    "Content-Length": r"\d+",
    "X-Netmon-Agent": r"c4",
    "X-Netmon-Boot": r"[0-9a-f]{16}",
    "X-Netmon-Seq": r"\d+-\d+",
    "X-Netmon-Now": r"\d{13}",
    "X-Netmon-Frontier": r"\d{13}",
    "X-Netmon-Backfill": r"1",
    "X-Netmon-Urgent": r"1",
}
WRITE = "/api/v2/write?org={org}&bucket=netmon&precision=ms"


@pytest.mark.world
def test_the_agent_sends_what_was_not_delivered_once_and_nothing_else_of_before(tmp_path: Path) -> None:
    there = layouts.spool(GOLDEN / "agent" / "spool" / "segments")
    with ExitStack() as stack:
        made = stack.enter_context(goldens.world(tmp_path / "w", SEEN["agent_ended_s"] + GONE_ON_S))
        hub = stack.enter_context(goldens.taking(made.ports["18443"], made.ahead_s))
        archive = stack.enter_context(goldens.taking(made.ports["18086"], made.ahead_s))
        made.start("agent", "agent", "--config", "agent.yaml")
        owed = {name: {(boot, number) for boot, number in SEEN["spool"][name]} for name in ("hub", "archive")}
        lines = [there[key] for key in owed["archive"]]
        made.until(lambda: owed["hub"] <= numbered(hub).keys(), "agent")
        made.until(lambda: set(lines) <= set(unnumbered(archive)), "agent")
        assert made.netmon("resend", "--config", "agent.yaml").returncode == 0
        made.until(lambda: set(SEEN["spool"]["refused"]) <= set(unnumbered(archive)), "agent")
        time.sleep(1)
        assert made.stop("agent") == 0
    came = numbered(hub)
    assert {key: line for key, line in came.items() if key in there} == {key: there[key] for key in owed["hub"]}
    old = [line for line in unnumbered(archive) if line in set(there.values())]
    assert sorted(old) == sorted([*lines, *SEEN["spool"]["refused"]])
    assert {boot for boot, _ in came} - {boot for boot, _ in there}, "the new process has an id of its own"
    assert min(number for key in came if key not in there for number in [key[1]]) > max(number for _, number in there)
    assert_headers(hub, archive)
    assert damaged(made.folder) == []
    assert_layouts(GOLDEN / "hub", made.folder / "agent")


def numbered(hub: Taker) -> dict[tuple[str, int], str]:
    """(boot id, number) → line, as a hub keeps them; none came twice."""
    points = dict[tuple[str, int], str]()
    for request in hub.accepted:
        if not request.path.startswith("/api/v2/write"):
            continue
        first, last = map(int, request.headers["X-Netmon-Seq"].split("-"))
        assert last - first + 1 == len(request.lines)
        for number, line in enumerate(request.lines, first):
            key = request.headers["X-Netmon-Boot"], number
            assert key not in points, key
            points[key] = line
    return points


def unnumbered(archive: Taker) -> list[str]:
    """Lines as a database keeps them."""
    return [line for request in archive.accepted for line in request.lines if line]


def assert_headers(hub: Taker, archive: Taker) -> None:
    """What both destinations are told beside the lines."""
    writes = [request for request in hub.accepted if request.path.startswith("/api/v2/write")]
    for request in writes:
        assert request.path == WRITE.format(org="-")
        for name, value in request.headers.items():
            assert re.fullmatch(HEADERS[name], value), (name, value)
    assert {name for request in writes for name in request.headers} == HEADERS.keys()
    known = {"Host", "Authorization", "Content-Type", "Content-Encoding", "Content-Length"}
    for request in archive.accepted:
        assert request.path == WRITE.format(org="cpnet") and request.headers.keys() == known


# --- both, and what programs read ---


@pytest.mark.world
def test_what_programs_read_has_the_shapes_it_had(tmp_path: Path) -> None:
    with ExitStack() as stack:
        made = stack.enter_context(goldens.world(tmp_path / "w", SEEN["ended_s"] + GONE_ON_S))
        for port in ("18090", "18087", "18086"):
            stack.enter_context(goldens.taking(made.ports[port], made.ahead_s))
        stack.enter_context(goldens.sip_far_end(made.ports["18090"]))
        goldens.sealing(made)
        made.start("agent", "agent", "--config", "agent.yaml")
        stored = made.read("/api/v1/hub")["points_stored"]
        owed = len(SEEN["spool"]["hub"])
        made.until(lambda: made.read("/api/v1/hub")["points_stored"] >= stored + owed, "agent")
        assert made.read("/api/v1/hub")["points_repeated"] == 0
        now = {"command": outputs.shaped(made), "http": outputs.paths(made), "answers": outputs.answers(made)}
        assert outputs.headings(made) == EXPECTED["shapes"]["csv"]
    for part in now:
        assert misfits(EXPECTED["shapes"][part], now[part]) == []
    before = EXPECTED["shapes"]["command"]
    assert {name: one["code"] for name, one in now["command"].items()} == {
        name: one["code"] for name, one in before.items()
    }


@pytest.mark.world
@pytest.mark.needs("ping")
def test_probes_print_what_they_printed(tmp_path: Path) -> None:
    """What they explain is the same; what they print has the same shape; each value is one of those explained."""
    before, now = EXPECTED["shapes"]["probe"], outputs.probes(World(goldens.copied(tmp_path / "w"), 0.0))
    assert now.keys() == before.keys()
    for kind, probe in now.items():
        told = before[kind]
        assert probe["fields"] == told["fields"], kind
        assert misfits(told["shape"], probe["shape"]) == [], kind
        assert all(is_field(name, told["fields"]) for name in probe["values"]), kind
        assert probe["detail"].keys() <= told["detail"].keys(), kind
        for part in ("values", "detail"):
            both = probe[part].keys() & told[part].keys()
            assert misfits({name: told[part][name] for name in both}, {name: probe[part][name] for name in both}) == []


def is_field(name: str, fields: dict[str, str]) -> bool:
    """A value is one of the fields that were explained, or a bucket of one."""
    return name in fields or re.sub(r"\d+$", "", name) in fields
