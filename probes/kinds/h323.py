"""H.323: does a gatekeeper answer and know a room, does an MCU take a call (H.225.0 RAS and call signalling).

A call is made only when the settings say so and name a room: never into a live one.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Row, Target
from probes.errors import BadSettings
from probes.io.h323 import CallLine, ask
from probes.io.tcp import dial
from probes.kinds import h323judge
from probes.kinds.reach import SocketAddress, Try, several
from probes.settings import setting
from probes.target import parse
from probes.wire import h225
from probes.wire.exchange import Exchange, Heard, Unheard
from probes.wire.h225 import Ids, Ras
from probes.wire.h323call import Call, Plan
from probes.wire.session import Address

_PORTS = {"ras": h225.RAS_PORT, "call": h225.SIGNAL_PORT}
_SENDS = 3  # of one question, spread over its time
_ANSWERS = {
    "gatekeeperRequest": ("gatekeeperConfirm", "gatekeeperReject", "unknownMessageResponse"),
    "locationRequest": ("locationConfirm", "locationReject", "unknownMessageResponse"),
}
_MOST_LATE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class H323Settings:
    """Settings of `h323`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=0.1, high=86400, default=30.0)
    timeout_s: float = setting(
        "give up after (connecting included), unless it rings", unit="s", key="timeout", low=0.1, high=64, default=3.0
    )
    via: str = setting("ras asks a gatekeeper, call goes to an MCU or endpoint", choices=("ras", "call"), default="ras")
    alias: str = setting("the room: a number, an H.323 name, or a URL; for ras: where is it? (LRQ)", default="")
    call: bool = setting(
        "really call the alias (SETUP); false only connects. Never aim it at a room in use", default=False
    )
    ring_s: float = setting("hang up after ringing for", unit="s", key="ring", low=0.5, high=60, default=5.0)


FIELDS = (
    Field("sent", "tries", "questions or calls tried; repeats of one do not count", "int"),
    Field("rcvd", "answers", "tries the far end answered, whatever it said", "int"),
    Field("ras_ms", "ms", "from the first send of a GRQ that was answered to its answer, median", of=("ras",)),
    Field("locate_ms", "ms", "the same of the LRQ: where is the room?", of=("ras",)),
    Field("sends", "sends", "most sends one answered question took: 1 = nothing was lost", "int", of=("ras",)),
    Field("connect_ms", "ms", "TCP connect, median", of=("call",)),
    Field("proceeding_ms", "ms", "from SETUP to CALL PROCEEDING, median", of=("call",)),
    Field("alerting_ms", "ms", "from SETUP to ALERTING: it rings, median", of=("call",)),
    Field("answer_ms", "ms", "from SETUP to CONNECT: it was taken, median", of=("call",)),
    Field("cause", "", "Q.931 cause of the far end's RELEASE COMPLETE; absent when it did not end the call", "int", of=("call",)),
    Field("product_crc", "", "changes when the far end's product or version does (CRC-32 of both)", "int", of=("call",)),
    Field("reason", "", "H.225.0 reason of a GRJ, LRJ or RELEASE COMPLETE, as its place in Annex H's list from 0", "int", default=False),
    Field("rung", "", "how far it came: ras 1 gatekeeper, 2 room known; call 1 connected, 2 proceeding, 3 ringing, 4 taken, 5 sound both ways", "int", default=False),
    Field("progress_ms", "ms", "from SETUP to PROGRESS, median", default=False, of=("call",)),
    Field("vendor_t35", "", "the far end's maker: T.35 country × 2^24 + extension × 2^16 + manufacturer", "int", default=False),
    Field("h225_version", "", "version of H.225.0 the far end speaks", "int", default=False),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address", default=False),
)  # fmt: skip


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` tries, one after the other."""
    _check(settings)
    endpoint, rows = parse(target.text, _PORTS[settings.via]), list[Row]()
    once = partial(_ask if settings.via == "ras" else _call, settings, rows)
    got = await several("h323", target.text, endpoint, settings.timeout_s, count, once)
    return replace(got, detail=tuple(rows))


def _check(settings: H323Settings) -> None:
    if settings.alias:
        try:
            h225.alias(settings.alias)
        except ValueError as fault:
            raise BadSettings(f"alias: {fault} (write a number, a name, or h323:name@host)") from None
    if settings.call and settings.via != "call":
        raise BadSettings("call=true needs via=call (a gatekeeper is asked, not called)")
    if settings.call and not settings.alias:
        raise BadSettings("call=true needs an alias: the test room to call")


# -- a gatekeeper --------------------------------------------------------------------------------------------------
async def _ask(settings: H323Settings, rows: list[Row], family: int, to: SocketAddress, deadline: float) -> Try:
    late: list[str] = []
    first = await _question(family, to, deadline, "gatekeeperRequest", late, partial(_grq))
    second = None
    if settings.alias and isinstance(first, Heard):
        second = await _question(family, to, deadline, "locationRequest", late, partial(_lrq, settings.alias))
    told, more = h323judge.asked(first, second, settings.alias, late)
    rows += more
    return told


def _grq(number: int, reply: Address) -> bytes:
    return h225.gatekeeper_request(number, reply, alias="netmon")


def _lrq(room: str, number: int, reply: Address) -> bytes:
    return h225.location_request(number, reply, room)


async def _question(
    family: int, to: SocketAddress, deadline: float, name: str, late: list[str], make: Any
) -> Heard | Unheard:
    """One question; each send has a number of its own, so a late answer is not taken for a quick one."""
    base, began = 1 + secrets.randbelow(60_000), time.monotonic()

    def read(data: bytes) -> tuple[int, Ras] | None:
        told = h225.read_ras(data)
        if told.name in _ANSWERS[name] and 0 <= told.number - base < _SENDS:
            return told.number - base, told
        if len(late) < _MOST_LATE:
            late.append(told.name)
        return None

    def session(reply: Address) -> Exchange:
        return Exchange(
            to,
            lambda send, clock_ns: make(base + send, reply),
            read,
            began=began,
            timeout_s=max(0.0, deadline - began),
            sends=_SENDS,
        )

    return await ask(family, to, session)


# -- a call --------------------------------------------------------------------------------------------------------
async def _call(settings: H323Settings, rows: list[Row], family: int, to: SocketAddress, deadline: float) -> Try:
    made, sock = await dial(family, to, max(0.0, deadline - time.monotonic()))
    if sock is None:
        return Try(h323judge.ENDS[made.end], made.why)
    if not settings.call:
        sock.close()
        return Try(Outcome.OK, "", {"connect_ms": made.took_ms}, {"rung": h323judge.CONNECTED}, True)
    source = sock.getsockname()[:2]
    plan = _plan(settings, to[:2], source, deadline)
    line = CallLine(sock, Call(plan))
    try:
        await line.until(lambda: False)
    finally:
        line.close()
    told, more = h323judge.called(line.events, made.took_ms, line.broken)
    rows += more
    return told


def _plan(settings: H323Settings, to: Address, source: Address, deadline: float) -> Plan:
    ids = Ids(secrets.token_bytes(16), secrets.token_bytes(16))
    reference = 1 + secrets.randbelow(0x7FFE)
    return Plan(settings.alias, to, source, ids, reference, deadline, settings.ring_s)


H323 = Kind("h323", H323Settings, FIELDS, run, None, "H.323: does a gatekeeper know the room, does an MCU take a call")
