"""Make a golden state folder with the netmon of today: `python tests/golden/make_state.py FOLDER [record]` (five minutes).

FOLDER holds what is written by hand: the files of hub, agent, inventory and rules, a list of rooms, secrets made for tests.
Beside them come `hub/` and `agent/`, the state both leave behind, and `expected/`, what was seen of them before they ended.
Made anew only when a format is changed on purpose, into a folder with another date; the old one stays, and is still read.

`record` leaves `hub/` and `agent/` as they are and writes down anew what is printed over them.

The programs' clock begins at `START`; what the hub is told has stamps of its own, so that each run makes the same incidents.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import goldens  # noqa: E402
import layouts  # noqa: E402
import outputs  # noqa: E402
from goldens import Answer, Request, World  # noqa: E402
from shapes import together  # noqa: E402

START_S = 1_796_086_800  # 2026-12-01T01:00:00Z
CODES = {"core": ("-", "-"), "c1": ("26734", "79"), "c2": ("26737", "79"), "c3": ("00004", "01")}
BOOTS = {site: f"{number:02}" * 8 for number, site in enumerate(CODES, 11)}
UNIT = (503, {}, "")
LEFT_OUT = ("hub.db.ballast", "lock", "agent.lock", "*.sock", "hub.db-shm")


class Writer:
    """Points of one site's agent, numbered over all its writes."""

    def __init__(self, made: World, site: str) -> None:
        self.made, self.site, self.last = made, site, 0

    def point(self, kind: str, check: str, at_ms: int, values: str) -> str:
        commune, province = CODES[self.site]
        tags = f"agent={self.site},check={check},commune={commune},province={province},site={self.site},target=-"
        return f"netmon_{kind},{tags} {values} {at_ms}"

    def write(self, lines: list[str], *, packed: bool = True, **headers: str) -> None:
        seq = f"{self.last + 1}-{self.last + len(lines)}"
        status, text = self.made.write(self.site, lines, seq, BOOTS[self.site], packed=packed, **headers)
        assert status == 204, (status, text, lines[:2])
        self.last += len(lines)


def old_points(writer: Writer) -> Iterator[list[str]]:
    """A week of an interface's load, test calls, and the half hour of the conference that is over: 300 points a write."""
    start_ms = START_S * 1000
    lines = []
    for slot in range(2_050):
        share = 0.2 + (slot * 37 % 100) / 200
        values = f"if_state=1i,rx_bps={share * 1e7},tx_bps={share * 4e6},rx_5m_share={share},tx_5m_share={share / 2},uptime_s={slot * 300}i,outcome=0i"
        lines.append(writer.point("snmp", "c1-wan", start_ms - 300_000 * (slot + 1), values))
    for number in range(25):
        values = f"status=200i,srd_ms={20 + number}.5,answer_ms={300 + number}.25,audio_sent=250i,audio_rcvd=250i,sends=1i,outcome=0i"
        if number % 10 == 9:
            values = "status=486i,srd_ms=31.5,sends=1i,outcome=4i"
        lines.append(writer.point("sipcall", "c1-call", start_ms - 3_600_000 * (number + 1), values))
    for number in range(180):
        at_ms = start_ms - 3_600_000 + 10_000 * number
        lost = 1 if number % 50 == 7 else 0
        values = f"sent=10i,rcvd={10 - lost}i,rtt_min_ms=1.25,rtt_p50_ms=1.5,rtt_p95_ms={2 + number % 7}.0,rtt_max_ms=9.5,rtt_b40={9 - lost}i,rtt_b41=1i,outcome={int(lost)}i"
        lines.append(writer.point("ping", "c1-uplink", at_ms, values))
    for at in range(0, len(lines), 300):
        yield lines[at : at + 300]


def odd_points(core: Writer, c2: Writer) -> None:
    """One or two of every kind that is left, and what agents say of themselves."""
    at_ms = START_S * 1000 - 2_400_000
    core.write(
        [
            core.point("room", "core-room", at_ms, "rung=0i,climbed=5i,risks=0i,signalling_ms=3.5,answer_ms=210.25,audio_rcvd=100i,verdict=0i,limit=0i,outcome=0i"),
            core.point("room", "core-room", at_ms + 300_000, "rung=5i,climbed=4i,risks=1i,signalling_ms=4.5,outcome=4i"),
            core.point("http", "core-documents", at_ms, "sent=5i,rcvd=5i,status=200i,connect_ms=1.5,processing_ms=12.25,transfer_ms=0.5,total_ms=14.25,body_bytes=5i,redirects=0i,outcome=0i"),
            core.point("path", "core-path", at_ms, "hops=5i,last_hop=5i,rtt_ms=3.25,branches=2i,changed=1i,mtu_bytes=1500i,mtu_blackhole=0i,dscp_changed_at_hop=0i,outcome=0i"),
            core.point("agent", "-", at_ms, "spool_points=0i,spool_bytes=4096i,dropped=0i,rss_bytes=26000000i,cpu_share=0.004,late_ms=0.25,clock_offset_ms=-0.5,floor_p50_us=20.5,floor_p99_us=60.25,cpu_per_1000_ms=60.5,local_drop=0i,late_sends=0i"),
            core.point("gap", "-", at_ms, "count=3i,first=7i,last=9i"),
        ],
        backfill="1",
    )  # fmt: skip
    c2.write(
        [
            c2.point("media", "c2-media", at_ms, "verdict=1i,limit=5i,lost_fwd_percent=0.25,lost_bwd_percent=0.0,freeze_fwd_s=0.5,freeze_bwd_s=0.0,mos_fwd=4.25,mos_bwd=4.5,outcome=0i"),
            c2.point("stamp", "c2-stamp", at_ms, "sent=10i,rcvd=9i,lost_fwd=1i,lost_bwd=0i,rtt_p50_ms=1.75,rtt_p95_ms=2.25,rtt_b42=9i,outcome=0i"),
            c2.point("dns", "c2-dns", at_ms, "sent=1i,rcvd=1i,rtt_ms=2.5,rcode=0i,answers=1i,ttl_min_s=300i,ad=0i,sends=1i,outcome=0i"),
            c2.point("ntp", "c2-ntp", at_ms, "sent=1i,rcvd=1i,rtt_ms=1.25,offset_ms=-3.5,stratum=2i,leap=0i,outcome=0i"),
            c2.point("h323", "c2-h323", at_ms, "sent=1i,rcvd=1i,ras_ms=2.25,product_crc=305419896i,outcome=0i"),
            c2.point("throughput", "c2-bulk", at_ms, "rate_bps=9500000.5,layer=4i,sent_bytes=1000000i,rcvd_bytes=1000000i,outcome=0i"),
            c2.point("capacity", "c2-capacity", at_ms, "rate_l2_fwd_bps=10000000.5,bytes_used=250000i,queue_ms=3.5,trains=12i,outcome=0i"),
            c2.point("headroom", "c2-headroom", at_ms, "fits=1i,rate_bps=2000000.0,rooms=1i,bytes_used=500000i,outcome=0i"),
            c2.point("host", "c2-host", at_ms, "load1=0.25,mem_used_share=0.5,uptime_s=86400i,disk_used_share=0.25,heavy=1i,outcome=0i"),
            c2.point("trap", "-", at_ms, "linkDown=1i,known=1i,ifIndex=3i"),
            "telegraf_cpu,host=a\\ b,site=c2 usage_user=1.5,usage_idle=98i " + str(at_ms),
        ],
        packed=False,
        backfill="1",
    )  # fmt: skip


class Outage:
    """Pings of three agents, one a second, event time from a minute before the start; `bad`: whose are lost."""

    def __init__(self, writers: dict[str, Writer]) -> None:
        self.writers, self.at_ms = writers, (START_S - 60) * 1000

    def tell(self, seconds: int, *bad: str) -> None:
        for site, writer in self.writers.items():
            lines = [self._line(writer, self.at_ms + 1000 * second, site in bad) for second in range(seconds)]
            writer.write(lines, frontier=str(self.at_ms + 1000 * seconds), urgent="1")
        self.at_ms += 1000 * seconds

    def _line(self, writer: Writer, at_ms: int, is_lost: bool) -> str:
        values = "sent=1i,rcvd=0i,outcome=1i" if is_lost else "sent=1i,rcvd=1i,rtt_p50_ms=1.5,rtt_b40=1i,outcome=0i"
        return writer.point("ping", f"{writer.site}-uplink", at_ms, values)


def first_life(made: World) -> None:
    """A hub that seals each second, with a receiver that leaves before long; then most segments are only Parquet."""
    text = (made.folder / "hub.yaml").read_text().replace("seal_every: 10m", "seal_every: 1s")
    gone = '  - {name: gone, url: "http://127.0.0.1:9/gone", secret_file: page.secret}\nsinks:'
    (made.folder / "hub-1.yaml").write_text(text.replace("sinks:", gone))
    made.start_hub("hub-1.yaml")
    writer = Writer(made, "c1")
    for number, lines in enumerate(old_points(writer)):
        writer.write(lines, packed=number % 2 == 1, backfill="1")
    core, c2 = Writer(made, "core"), Writer(made, "c2")
    odd_points(core, c2)
    outage = Outage({"c1": writer, "c2": c2, "c3": Writer(made, "c3")})
    outage.tell(25)
    outage.tell(6, "c1")
    made.until(lambda: open_ones(made), "hub")
    outage.tell(8)
    made.until(lambda: not open_ones(made), "hub")
    oldest = made.folder / "hub" / "segments" / f"{1:020d}.seg"
    while oldest.exists():  # two and a half minutes: what a restart reads again stays so long
        time.sleep(5)
        core.write([core.point("host", "core-host", made.now_ms, "load1=0.25,outcome=0i")])
    made.outage, made.core = outage, core  # type: ignore[attr-defined]
    assert made.stop("hub") == 0


def open_ones(made: World) -> list[dict[str, Any]]:
    """Incidents of the network that are not over."""
    rows = made.read("/api/v1/incidents")["incidents"]
    return [row for row in rows if row["state"] == "open" and not row["element"].startswith("hub:")]


def second_life(made: World, pages: goldens.Taker) -> None:
    """The hub that leaves the state: incidents, some acknowledged, silenced, owed; leases; two rehearsals."""
    outage, core = made.outage, made.core  # type: ignore[attr-defined]
    made.start_hub()
    silence = made.netmon(
        "silence", "province:01", "--for", "2d", "--who", "trực", "--note", "bảo trì", "--hub", "hub/hub.sock"
    )
    assert silence.returncode == 0, silence.stderr
    outage.tell(8)
    made.until(lambda: len(pages.accepted) >= 2, "hub")  # all of the first outage that anybody takes
    pages.answer = lambda request: UNIT  # from now on nobody takes a page
    outage.tell(5, "c2")
    made.until(lambda: open_ones(made), "hub")
    (row,) = open_ones(made)
    ack = made.netmon("ack", row["id"], "--who", "Nguyễn Văn A", "--note", "đang xử lý", "--hub", "hub/hub.sock")
    assert ack.returncode == 0, ack.stderr
    outage.tell(5, "c2", "c3")
    made.until(lambda: len(open_ones(made)) == 2, "hub")
    tls = [
        core.point(
            "tls",
            "core-documents",
            made.now_ms - 3000,
            "sent=1i,rcvd=1i,connect_ms=1.5,tls_ms=4.5,cert_days=9.5,verify_code=0i,tls_version=13i,outcome=0i",
        )
    ]
    core.write(tls, frontier=str(made.now_ms), urgent="1")
    made.until(lambda: len(open_ones(made)) == 3, "hub")


def agent_life(made: World) -> None:
    """An agent whose hub and database take points, then its database does not, then nobody does; then it starts again."""
    shutil.copy(made.folder / "hub" / "trust" / "tokens" / "c4.token", made.folder / "c4.secret")

    def fussy(request: Request) -> Answer:
        bad = [line for line in request.lines if "c4-closed" in line]
        return (400, {}, f"unable to parse '{bad[0]}': bad") if bad and fussy_on[0] else (204, {}, "")

    fussy_on = [True]
    media = made.ports["18091"]
    made.start("reflector", "reflector", "--listen=127.0.0.1:0", f"--media=127.0.0.1:{media}")
    with ExitStack() as stack:
        database = stack.enter_context(goldens.taking(made.ports["18086"], made.ahead_s, fussy))
        made.start("agent", "agent", "--config", "agent.yaml")
        refused = made.folder / "agent" / "spool" / "archive.refused.lp"
        made.until(lambda: refused.exists() and refused.read_text().count("\n") >= 2 and database.accepted, "agent")
        fussy_on[0] = False
        time.sleep(3)
    time.sleep(12)  # the database is away for so long that what waits for it becomes a backlog


def leases(made: World) -> None:
    """Two that were given back, one that is still out."""
    for site, check in (("c1", "c1-heavy"), ("c4", "c4-media")):
        status, lease = made.post("/api/v1/leases", site, {"check": check, "bytes": 1_000_000, "seconds": 20})
        assert status == 201, lease
        assert made.post(f"/api/v1/leases/{lease['id']}/release", site, {"bytes_used": 654_321})[0] == 204
    status, lease = made.post("/api/v1/leases", "c2", {"check": "c2-heavy", "bytes": 2_000_000, "seconds": 170})
    assert status == 201, lease


def ending(made: World, folder: Path, rules_at: float) -> dict[str, Any]:
    """The hub ends, the agent a little later; what was seen before."""
    memory = made.folder / "hub" / "rules.memory"
    made.until(lambda: memory.exists() and memory.stat().st_mtime > rules_at, "hub", 90)
    made.until(lambda: len(made.read("/api/v1/conferences/hn-next/stages")["stages"]) == 2, "hub", 60)
    leases(made)
    seen = {
        "incidents": made.read("/api/v1/incidents")["incidents"],
        "silences": made.read("/api/v1/silences")["silences"],
        "leases": made.read("/api/v1/leases"),
        "conferences": made.read("/api/v1/conferences")["conferences"],
        "stages": made.read("/api/v1/conferences/hn-next/stages")["stages"],
        "checks": made.read("/api/v1/state")["checks"],
        "ended_s": made.now_ms / 1000,
    }
    assert made.stop("hub") == 0
    return seen


def last_of_agent(made: World) -> None:
    """Nobody listens: a run that ends with a heavy test by its own budget, and a second one under another boot id."""
    time.sleep(2)
    made.until(lambda: (made.folder / "agent" / "heavy.json").exists(), "agent")
    for _ in range(2):
        time.sleep(2)
        assert made.stop("agent") == 0
        made.start("agent", "agent", "--config", "agent.yaml")
    time.sleep(2)
    assert made.stop("agent") == 0
    made.stop("reflector")


def owed(database: Path) -> list[dict[str, Any]]:
    """Every page of the outbox, and what became of it."""
    columns = "id, incident, receiver, status, state, body"
    with sqlite3.connect(database) as connection:
        rows = connection.execute(f"SELECT {columns} FROM outbox ORDER BY seq").fetchall()
    return [dict(zip(columns.split(", "), (*row[:5], row[5].decode()), strict=True)) for row in rows]


def delivered(made: World, hub_has: set[tuple[str, int]]) -> dict[str, Any]:
    """What each destination has of the agent's points, by boot id and number, and what it lacks."""
    there = layouts.spool(made.folder / "agent" / "spool" / "segments")
    cursor = layouts.checked_state(made.folder / "agent" / "spool" / "archive.cursor")
    behind = [range(start[2], end[2]) for start, end in cursor["behind"]]
    last = max(number for _, number in there) + 1
    waits = [*behind, range(cursor["live"][2], last)]
    return {
        "hub": sorted([boot, number] for boot, number in there.keys() - hub_has),
        "archive": sorted([boot, number] for boot, number in there if any(number in part for part in waits)),
        "refused": (made.folder / "agent" / "spool" / "archive.refused.lp").read_text().splitlines(),
    }


def main(folder: Path) -> None:
    """Fill the folder."""
    for name in ("hub", "agent", "expected"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "expected").mkdir()
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch, ExitStack() as stack:
        made = stack.enter_context(goldens.world(Path(scratch) / "w", START_S, folder))
        receivers = ExitStack()
        pages = receivers.enter_context(goldens.taking(made.ports["18090"], made.ahead_s, pager))
        stack.callback(receivers.close)
        stack.enter_context(goldens.sip_far_end(made.ports["18090"]))
        sink = stack.enter_context(goldens.taking(made.ports["18087"], made.ahead_s))
        first_life(made)
        second_life(made, pages)
        rules_at = time.time()
        agent_life(made)
        sink.answer = lambda request: UNIT
        time.sleep(1)
        made.core.write([made.core.point("host", "core-host", made.now_ms, "load1=0.5,outcome=0i")])  # type: ignore[attr-defined]
        seen = ending(made, folder, rules_at)
        receivers.close()  # what the agent's first check asks is there no more: its heavy test runs
        last_of_agent(made)
        seen["agent_ended_s"] = made.now_ms / 1000
        headers = [head for head, _ in layouts.stored(made.folder / "hub" / "segments") if head["agent"] == "c4"]
        hub_has = {(head["boot"], number) for head in headers for number in range(head["first"], head["last"] + 1)}
        seen["spool"] = delivered(made, hub_has)
        seen["pages"] = owed(made.folder / "hub" / "hub.db")
        for name in ("hub", "agent"):
            shutil.copytree(made.folder / name, folder / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        (folder / "c4.secret").write_text((made.folder / "c4.secret").read_text())
        write(folder / "expected" / "seen.json", seen)
        for name in ("hub", "agent"):
            print(f"== {name}", made.log(name)[-1500:], sep="\n")


def pager(request: Request) -> Answer:
    """The first receiver takes its pages, and nobody else does."""
    return (200, {}, "") if request.path == "/duty" else UNIT


def record(folder: Path) -> None:
    """Start hub and agent once more on a copy, and write down what they seal and print."""
    ended_s = json.loads((folder / "expected" / "seen.json").read_text())["ended_s"]
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch, ExitStack() as stack:
        plain = World(goldens.copied(Path(scratch) / "plain", folder), 0.0)
        write(folder / "expected" / "exact.json", outputs.exact(plain))
        made = stack.enter_context(goldens.world(Path(scratch) / "w", ended_s + 2, folder))
        for port in ("18090", "18087", "18086"):
            stack.enter_context(goldens.taking(made.ports[port], made.ahead_s))
        stack.enter_context(goldens.sip_far_end(made.ports["18090"]))
        goldens.sealing(made)
        write(folder / "expected" / "rows.json", layouts.rows(made.folder / "hub" / "store"))
        made.start("agent", "agent", "--config", "agent.yaml")
        made.until(lambda: made.netmon("status", "--config", "agent.yaml", "-o", "json").stdout, "agent")
        first, probes, last = outputs.paths(made), outputs.probes(made), outputs.paths(made)
        http = {path: together([first[path], last[path]]) for path in first}
        shapes = {"command": outputs.shaped(made), "csv": outputs.headings(made), "http": http, "probe": probes}
        write(folder / "expected" / "shapes.json", {**shapes, "answers": outputs.answers(made)})
        for kind, seen in probes.items():
            print(kind, seen["outcome"], seen["why"], len(seen["values"]), len(seen["fields"]))


def write(path: Path, plain: Any) -> None:
    """JSON, one key a line, for people who compare."""
    path.write_text(json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if sys.argv[2:] != ["record"]:
        main(Path(sys.argv[1]).resolve())
    record(Path(sys.argv[1]).resolve())
