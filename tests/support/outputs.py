"""What the command and the hub's HTTP print for programs, over a golden state: values where they stay, else shapes."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import goldens
from goldens import Answer, Request, World
from shapes import shape

FILES = ("agent.yaml", "agent-all.yaml", "hub.yaml", "inventory.yaml", "rules.yaml")
IMPORTED = (
    "conference import rooms.csv --conference moi --starts 2031-04-01T08:00:00+07:00 --ends 2031-04-01T11:00:00+07:00"
    " --mcu mcu-1 --profile conf-720p --inventory inventory.yaml"
)
EXACT = {
    **{f"config show {name}": f"config show {name} -o json" for name in FILES},
    **{f"config schema {role}": f"config schema {role}" for role in ("agent", "hub", "inventory", "rules")},
    "conference plan": "conference plan hn-next --inventory inventory.yaml -o json",
    "conference import": f"{IMPORTED} -o json",
}
HUB = "--hub hub/hub.sock"
SHAPED = {
    "incidents": f"incidents {HUB} -o json",
    "incidents, jsonl": f"incidents {HUB} -o jsonl",
    "leases": f"leases {HUB} -o json",
    "silence --list": f"silence --list {HUB} -o json",
    "silence --list, jsonl": f"silence --list {HUB} -o jsonl",
    "status": "status --config agent.yaml -o json",
    "status --hub": "status --hub hub/hub.sock -o json",
    "conference list": f"conference list {HUB} -o json",
    "conference watch": f"conference watch hn-next {HUB} --once -o jsonl",
    "conference check": "conference check hn-next --inventory inventory.yaml --light -o json",
    "conference legs": f"conference legs hn-next --inventory inventory.yaml --config hub.yaml {HUB} -o json",
    "conference report": "conference report hn-0112 --config hub.yaml --rooms -o json",
    "report utilisation": "report utilisation --config hub.yaml -o json",
    "report utilisation, jsonl": "report utilisation --config hub.yaml -o jsonl",
    "report calls": "report calls --config hub.yaml -o json",
    "report calls, jsonl": "report calls --config hub.yaml -o jsonl",
}
ROWS = {"path": {"rtt_ms": "float", "dscp": "int", "mpls": "str"}}  # of the table for people: what a hop may lack
CSV = {
    "conference check": "conference check hn-next --inventory inventory.yaml --light -o csv",
    "conference report": "conference report hn-0112 --config hub.yaml --rooms -o csv",
    "report utilisation": "report utilisation --config hub.yaml -o csv",
    "report calls": "report calls --config hub.yaml -o csv",
}
API = "/api/v1"
PATHS = (
    f"{API}/state", f"{API}/hub", f"{API}/incidents", f"{API}/silences", f"{API}/leases", f"{API}/conferences",
    f"{API}/conferences/hn-next", f"{API}/conferences/hn-next/live", f"{API}/conferences/hn-next/stages", "/health",
)  # fmt: skip
_PARTICIPANT = "/api/admin/status/v1/participant/"
_STREAMS = f"{_PARTICIPANT}00000000-0000-0000-0000-00000000000"
MCU_PAGES = {
    f"{_PARTICIPANT}?limit=100": "pexip-participants-0.json",
    f"{_PARTICIPANT}?limit=100&offset=2": "pexip-participants-2.json",
    f"{_STREAMS}1/media_stream/": "pexip-streams-1.json",
    f"{_STREAMS}2/media_stream/": "pexip-streams-2.json",
}


def told(made: World, words: str) -> dict[str, Any]:
    """Exit code and JSON of one run; lines of JSON are a list."""
    done = made.netmon("--lang", "en", *words.split(" "))
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stdout, (words, done.stderr)
    return {"code": done.returncode, "printed": printed}


def exact(made: World) -> dict[str, Any]:
    """What depends on files alone."""
    return _each(EXACT, lambda words: told(made, words))


def shaped(made: World) -> dict[str, Any]:
    """What depends on the moment: its shape, and the exit code. A hub and an agent run."""
    with _mcu(made):
        seen = _each(SHAPED, lambda words: told(made, words))
    seen["status"]["code"] = None  # 1 while the agent has seen nothing yet
    return {name: {"code": one["code"], "shape": shape(one["printed"])} for name, one in seen.items()}


def paths(made: World) -> dict[str, Any]:
    """The shapes of the hub's HTTP, the first of its events among them."""
    seen = {path: shape(_without_measured(made.read(path))) for path in PATHS}
    name, body = _first_event(made)
    return {**seen, f"{API}/events": {"event": name, "shape": shape(_without_measured(json.loads(body)))}}


def headings(made: World) -> dict[str, str]:
    """The first line of each CSV."""
    return _each(CSV, lambda words: made.netmon("--lang", "en", *words.split(" ")).stdout.splitlines()[0])


def answers(made: World) -> dict[str, Any]:
    """Status and shape of what the hub answers to those who write, ask for leases, and act."""
    point = "netmon_ping,agent=c2,check=c1-uplink,commune=26737,province=79,site=c2,target=- sent=1i,outcome=0i"
    read = {"Authorization": f"Token {(made.folder / 'hub/trust/read.token').read_text().strip()}"}
    lease = {"check": "c1-heavy", "bytes": 1000, "seconds": 5}
    silence = {"element": "link:p79-c1", "for_s": 60, "who": "w", "note": ""}
    granted = made.post(f"{API}/leases", "c1", lease)
    silenced = made.request("POST", f"{API}/silences", json.dumps(silence).encode(), read)
    seen = {
        "lease granted": granted,
        "lease busy": made.post(f"{API}/leases", "c1", {**lease, "check": "c1-unlisted"}),
        "lease back": made.post(f"{API}/leases/{granted[1]['id']}/release", "c1", {"bytes_used": 1}),
        "lease too long": made.post(f"{API}/leases", "c1", {**lease, "seconds": 3600}),
        "lease of another": made.post(f"{API}/leases", "c1", {**lease, "check": "c2-heavy"}),
        "lease unknown": made.post(f"{API}/leases/none/release", "c1", {}),
        "write forged": made.write("c2", [f"{point} {made.now_ms}"], "910001-910001", "22" * 8),
        "write malformed": made.write("c2", ["x"], "910002-910002", "22" * 8),
        "write without token": made.request("POST", "/api/v2/write?precision=ms", b"x y=1 1"),
        "silence": silenced,
        "silence over": made.request("DELETE", f"{API}/silences/{json.loads(silenced[1])['id']}", headers=read),
        "silence of nothing": made.request(
            "POST", f"{API}/silences", b'{"element": "link:x", "for_s": 9, "who": "w"}', read
        ),
        "ack unknown": made.request("POST", f"{API}/incidents/none/ack", b'{"who": "w"}', read),
        "no such path": made.request("GET", f"{API}/none", headers=read),
    }
    return {name: {"status": status, "shape": shape(_plain(body))} for name, (status, body) in seen.items()}


def _plain(body: Any) -> Any:
    return (json.loads(body) if body else None) if isinstance(body, bytes) else body


def _without_measured(body: Any) -> Any:
    """The whole state without what agents and checks have measured just now: fields of `docs/probes`, numbers all."""
    if isinstance(body, dict) and "checks" in body and "agents" in body:
        for row in body["checks"]:
            assert all(isinstance(value, int | float) for value in row["values"].values()), row
            row["values"] = {}
        for row in body["agents"]:
            for name in row.keys() - {"agent", "site", "frontier_ms", "arrived_ms", "points"}:
                assert isinstance(row.pop(name), int | float), name
    return body


def probes(made: World) -> dict[str, Any]:
    """Of each kind: the fields it explains, the shape of what it prints, its values and the rows of its table apart."""
    with goldens.far_ends(made) as ends:
        return _each(ends, lambda words, kind="": _probe(made, kind, words), named=True)


def _probe(made: World, kind: str, words: str) -> dict[str, Any]:
    done = made.netmon("probe", kind, *words.split(), "--explain", "-o", "json")
    fields = re.findall(r"(?m)^  ([a-z][a-z0-9_]*) \[([^\]]*)\] ", done.stderr)
    printed = json.loads(done.stdout)
    values, rows = printed.pop("values"), shape(printed.pop("detail", []))
    return {
        "fields": dict(fields),
        "shape": shape(printed),
        "detail": ROWS.get(kind, {}) | {name.rstrip("?"): kind for row in rows for name, kind in row.items()},
        "outcome": printed["outcome"],
        "values": shape(values),
        "why": printed["why"],
    }


def _each(table: Mapping[str, str], run: Callable[..., Any], *, named: bool = False) -> dict[str, Any]:
    """Two at a time."""
    with ThreadPoolExecutor(2) as pool:
        jobs = {name: pool.submit(run, words, **({"kind": name} if named else {})) for name, words in table.items()}
        return {name: job.result() for name, job in jobs.items()}


def _first_event(made: World) -> tuple[str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", made.ports["18443"], timeout=20)
    try:
        token = (made.folder / "hub" / "trust" / "read.token").read_text().strip()
        connection.request("GET", f"{API}/events", headers={"Authorization": f"Token {token}"})
        response = connection.getresponse()
        found = dict[str, str]()
        while not {"event", "data"} <= found.keys():
            name, _, rest = response.readline().decode().rstrip("\n").partition(": ")
            found[name] = rest
        return found["event"], found["data"]
    finally:
        connection.close()


@contextmanager
def _mcu(made: World) -> Iterator[None]:
    """An MCU's management interface behind the hub's own certificate."""
    pages = Path(__file__).resolve().parents[1] / "golden" / "mcu"

    def answer(request: Request) -> Answer:
        name = MCU_PAGES.get(request.path)
        return (200, {"Content-Type": "application/json"}, (pages / name).read_text()) if name else (404, {}, "{}")

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust = made.folder / "hub" / "trust"
    tls.load_cert_chain(trust / "server.pem", trust / "server.key")
    with goldens.taking(made.ports["18092"], answer=answer, tls=tls):
        yield
