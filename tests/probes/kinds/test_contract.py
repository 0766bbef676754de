"""What every kind of the catalogue keeps: absent is not 0, the deadline, nothing left behind, values as declared."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import snmpagent
from certs import authority
from checkout import ROOT
from nets import Pair, pair
from netthread import awaited, serving
from tlspeer import context

from probes import catalog
from probes.answer.stamp import reflector
from probes.answer.standin import h323 as gatekeeper
from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.answer.streams import media
from probes.answer.streams import train as responder
from probes.base import Field, Kind, Measurement, Outcome, Target
from probes.target import Endpoint
from probes.wire import ntp

DEAD, ALIVE = "10.99.0.3", "10.99.0.2"  # the first drops whatever it gets
TARGETS = dict.fromkeys(catalog.names(), "{ip}") | {
    "stamp": "{ip}:8620",
    "tcp": "{ip}:443",
    "sip": "{ip}:5060",
    "dns": "{ip}:53",
    "ntp": "{ip}:123",
    "tls": "{ip}:8443",
    "http": "http://{ip}:8080/",
    "sipcall": "sip:test@{ip}:5062",
    "room": "sip:test@{ip}:5062",
    "h323": "{ip}:1719",
    "host": "",
    "throughput": "{ip}:5201",
    "capacity": "{ip}:8621",
    "headroom": "{ip}:8621",
    "media": "{ip}:8622",
}
SILENT_S, ANSWERS_S = 0.3, 3.0  # timeouts: where nothing answers, and where the answer ends the wait (never path's)
FAST: dict[str, dict[str, Any]] = {
    "ping": {
        "every_s": 0.02,
    },
    "stamp": {
        "every_s": 0.02,
    },
    "sipcall": {"duration_s": 0.3},
    "room": {"call": True, "call_s": 0.5},
    "h323": {"alias": "8001"},
    "dns": {"name": "a.test"},
    "tls": {"verify": False},
    "throughput": {"duration_s": 1.0},
    "headroom": {"duration_s": 0.3},
    "media": {"duration_s": 0.5, "rate_bps": 300e3, "late_ms": 200.0, "jitter_pass_ms": 300.0},
}
COUNTED = ("sent", "rcvd", "dup", "late", "loss_run_max", "local_drop", "send_late_ms", "unstamped", "lost_fwd", "lost_bwd", "lost_unknown", "reordered", "sent_after_lost", "lost_after_lost", "rung", "climbed", "risks", *(f"loss_run_b{shortest}" for shortest in (1, 2, 3, 6, 11, 51)))  # fmt: skip
names = pytest.mark.parametrize("name", catalog.names())
probing = pytest.mark.parametrize("name", sorted(set(catalog.names()) - {"host"}))


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    tls = context(authority().server(tmp_path_factory.mktemp("tls") / "server.pem"))
    with pair() as made, ExitStack() as stack:
        os.system(f"ip -n {made.right} address add {DEAD}/24 dev v0")
        made.nft(
            "right",
            f"table inet t {{\n chain c {{\n type filter hook input priority 0;\n ip daddr {DEAD} drop\n }}\n}}\n",
        )
        stack.enter_context(serving(made.right, lambda: reflector.serve("0.0.0.0", 8620)))
        stack.enter_context(serving(made.right, lambda: responder.serve("0.0.0.0", 8621)))
        stack.enter_context(serving(made.right, lambda: media.serve("0.0.0.0", 8622)))
        stack.enter_context(serving(made.right, lambda: far_end(tls)))
        device = snmpagent.Agent(snmpagent.router(["lan", "wan0"]))
        device.before = lambda: device.table.update(
            {"1.3.6.1.2.1.1.3.0": (snmpagent.TICKS, round(time.monotonic() * 100))}
        )
        stack.enter_context(serving(made.right, lambda: snmpagent.serve(device, "0.0.0.0", 161)))
        time.sleep(0.1)
        yield made


async def far_end(tls: ssl.SSLContext) -> None:
    """An open TCP port, a TLS server, a SIP server, a name server, a time server, a web page, an echo."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "0.0.0.0", 443)
    secured = await asyncio.start_server(lambda reader, writer: writer.close(), "0.0.0.0", 8443, ssl=tls)
    web = await asyncio.start_server(page, "0.0.0.0", 8080)
    sip = await standin.listen(Endpoint("0.0.0.0", 5060), standin.SipStandIn("200"))
    room = await standin.listen(Endpoint("0.0.0.0", 5062), RoomStandIn(socket.AF_INET, ALIVE))
    zone = await gatekeeper.listen(gatekeeper.H323StandIn(), Endpoint("0.0.0.0", 1719))
    names = await answering(53, name_server)
    clock = await answering(123, time_server)
    mirror = await answering(7, lambda sent: sent)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        secured.close()
        web.close()
        await sip.close()
        await room.close()
        await zone.close()
        names.close()
        clock.close()
        mirror.close()


async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same for every request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    writer.close()


async def answering(port: int, answer: Callable[[bytes], bytes]) -> asyncio.DatagramTransport:
    """A far end that answers each datagram with one."""

    class Answering(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, source: Any) -> None:
            self.transport.sendto(answer(data), source)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Answering, ("0.0.0.0", port))
    return transport


def name_server(question: bytes) -> bytes:
    """One A record for whatever is asked."""
    asked = question[12 : question.index(b"\0", 12) + 5]
    return (
        question[:2] + bytes.fromhex("81800001000100000000") + asked + bytes.fromhex("c00c000100010000003c0004c0000201")
    )


def time_server(question: bytes) -> bytes:
    """A synchronised server of stratum 2."""
    now = ntp.ntp(time.time_ns()).to_bytes(8, "big")
    return b"\x24\x02\x06\xe8" + bytes(8) + b"\x0a\x63\0\x02" + now + question[40:48] + now + now


def settings_of(kind: Kind, timeout_s: float = SILENT_S) -> Any:
    timed = any(field.name == "timeout_s" for field in dataclasses.fields(kind.settings))
    return kind.settings(**({"timeout_s": timeout_s} if timed else {}), **FAST.get(kind.name, {}))


def measure(made: Pair, name: str, target: str, count: int = 2, timeout_s: float = SILENT_S) -> Measurement:
    """One measurement in a loop that must be as empty afterwards as before."""
    kind = catalog.load(name)

    async def once() -> Measurement:
        before = open_files()
        got = await kind.run(Target(target), settings_of(kind, timeout_s), count)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
        for _ in range(250):  # the far end lives in this process, too, and closes when its thread comes to it
            if left_behind(before) == {}:
                break
            await asyncio.sleep(0.02)
        assert left_behind(before) == {}, "a descriptor is left"
        return got

    awaited(made.left, lambda: kind.run(Target(target), settings_of(kind), 1))  # what is imported on first use
    return awaited(made.left, once)


def open_files() -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            kind = re.sub(r"\d+", "", os.readlink(entry))
        except OSError:
            continue  # the listing's own
        found[kind] = found.get(kind, 0) + 1
    return found


def left_behind(before: dict[str, int]) -> dict[str, int]:
    """What is open now and was not; what an earlier test left may be closed meanwhile."""
    return {kind: many for kind, many in open_files().items() if many > before.get(kind, 0)}


def declared(kind: Kind, name: str) -> Field | None:
    plain = {one.name: one for one in kind.fields if not one.repeated}
    families = {one.name: one for one in kind.fields if one.repeated}
    return plain.get(name) or families.get(name.rstrip("0123456789"))


def check(kind: Kind, got: Measurement) -> None:
    assert (got.kind, type(got.outcome)) == (kind.name, Outcome) and got.took_ms >= 0
    assert abs(got.at_ns - time.time_ns()) < 60e9
    assert (got.why == "") or got.why.isprintable()
    for name, value in got.values.items():
        field = declared(kind, name)
        assert field is not None, f"{name} is not declared"
        assert math.isfinite(value) and (isinstance(value, int) if field.type == "int" else True), name


ANSWERED = [one for one in catalog.names() if one not in ("throughput", "capacity")]  # tests of their own


@pytest.mark.needs("netns", "nft")
@pytest.mark.parametrize("name", ANSWERED)
def test_a_living_target_is_ok_and_its_values_are_declared(link: Pair, name: str) -> None:
    kind, got = (
        catalog.load(name),
        measure(link, name, TARGETS[name].format(ip=ALIVE), timeout_s=SILENT_S if name == "path" else ANSWERS_S),
    )
    check(kind, got)
    assert (got.outcome, got.why) == (Outcome.OK, "")
    shown = [one.name for one in kind.fields if one.default and not one.repeated]
    assert sum(one in got.values for one in shown) >= 3


@pytest.mark.needs("netns", "nft")
@probing
def test_what_was_not_measured_is_absent_not_nothing(link: Pair, name: str) -> None:
    kind, got = catalog.load(name), measure(link, name, TARGETS[name].format(ip=DEAD))
    check(kind, got)
    assert got.outcome == Outcome.LOST and got.why
    assert set(got.values) <= set(COUNTED)
    assert got.values.get("rcvd", 0) == 0


@pytest.mark.needs("netns", "nft")
@probing
def test_the_deadline_is_kept(link: Pair, name: str) -> None:
    kind, began = catalog.load(name), time.monotonic()
    got = awaited(link.left, lambda: kind.run(Target(TARGETS[name].format(ip=DEAD)), settings_of(kind), 1))
    assert time.monotonic() - began < 6 and got.took_ms < 5000


@pytest.mark.needs("netns", "nft")
@probing
def test_no_route_is_never_the_targets_fault(link: Pair, name: str) -> None:
    got = measure(link, name, TARGETS[name].format(ip="203.0.113.1"))
    assert got.outcome == Outcome.LOCAL and got.why
    assert not set(got.values) - set(COUNTED)


@probing
def test_a_name_without_an_address_is_unresolved(name: str) -> None:
    kind = catalog.load(name)
    target = TARGETS[name].format(ip="no-such-name.invalid")
    got = asyncio.run(kind.run(Target(target), settings_of(kind), 1))
    check(kind, got)
    assert got.outcome == Outcome.UNRESOLVED and "no-such-name.invalid" in got.why
    assert not set(got.values) - set(COUNTED) and not got.values.get("sent")


@pytest.mark.needs("netns", "nft")
@probing
def test_a_cancelled_measurement_leaves_nothing(link: Pair, name: str) -> None:
    kind = catalog.load(name)

    async def cut() -> None:
        before = open_files()
        task = asyncio.ensure_future(kind.run(Target(TARGETS[name].format(ip=DEAD)), settings_of(kind), 5))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()} and left_behind(before) == {}

    threads = threading.active_count()
    awaited(link.left, cut)
    assert threading.active_count() <= threads  # one of an earlier test's may have ended: a name nobody answers for


@names
def test_fields_and_settings_say_what_they_are(name: str) -> None:
    kind = catalog.load(name)
    assert kind.name == name and kind.meaning
    for field in kind.fields:
        assert field.meaning and re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
        if field.name.endswith("_ms"):
            assert field.unit == "ms"
    assert len({one.name for one in kind.fields}) == len(kind.fields)
    sorts = {sort for one in kind.fields for sort in one.of} or {""}
    for sort in sorts:  # a point carries the fields of one sort
        assert sum(one.default and not one.repeated and (not one.of or sort in one.of) for one in kind.fields) <= 8
    for setting in dataclasses.fields(kind.settings):
        assert setting.metadata["meaning"]
    kind.settings()  # every setting has a default


@names
def test_the_document_names_every_field_and_setting(name: str) -> None:
    kind, text = catalog.load(name), (ROOT / "docs" / "probes" / f"{name}.md").read_text(encoding="utf-8")
    keys = [setting.metadata["key"] or setting.name for setting in dataclasses.fields(kind.settings)]
    assert [key for key in keys if f"`{key}`" not in text] == []
    fields = [one.name + ("N" if one.repeated else "") for one in kind.fields]
    assert [field for field in fields if f"`{field}`" not in text] == []
    if name != "host":
        assert [one.name for one in Outcome if one.name not in text] == []
