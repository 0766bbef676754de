"""H.323: does a gatekeeper answer and know a room, does an MCU take a call (H.225.0 RAS and call signalling).

A call is made only when the settings say so and name a room: never into a live one.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Row, Target
from probes.errors import BadSettings
from probes.io.h323 import CallLine, ask
from probes.io.rtp import MediaLine
from probes.io.stream.connect import dial
from probes.kinds.h323 import verdict
from probes.kinds.h323.verdict import H323Talk
from probes.kinds.shared.attempts import SocketAddress
from probes.kinds.shared.service import Try, several
from probes.settings import setting
from probes.target import parse
from probes.wire.exchange import Answered, Exchange, Unanswered
from probes.wire.h323 import fast_connect, h225
from probes.wire.h323.call import CallPlan, H323Call
from probes.wire.h323.h225 import Ids, Ras
from probes.wire.rtp.silent_media import SILENT_MEDIA
from probes.wire.session import Address

_PCMA = 8  # payload type of G.711 A-law (RFC 3551 §6)
_PORTS = {"ras": h225.RAS_PORT, "call": h225.SIGNAL_PORT}
_HOPS = 8  # gatekeepers a question for a room may pass: commune, province, centre, and their neighbours
_SENDS = 3  # of one question, spread over its time
_ANSWERS = {
    "gatekeeperRequest": ("gatekeeperConfirm", "gatekeeperReject", "unknownMessageResponse"),
    "locationRequest": ("locationConfirm", "locationReject", "unknownMessageResponse"),
}
_GRACE_S = 0.3  # the one asked says no: so long one above may still say yes
_CONFIRMS = ("gatekeeperConfirm", "locationConfirm")
_MAX_LATE = 16
_MIN_EVERY_S = 10.0  # between calls


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
    ring_s: float = setting(
        "let it ring for so long, then hang up", unit="s", key="ring", low=0.1, high=60, default=5.0
    )
    duration_s: float = setting(
        "sound both ways for so long; 0: offer none", unit="s", key="duration", low=0, high=60, default=3.0
    )
    audio_dscp: int = setting("DSCP of the sound; 46 is EF", low=0, high=63, default=46)


FIELDS = (
    Field("sent", "tries", "questions or calls tried; repeats of one do not count", "int"),
    Field("rcvd", "answers", "tries the far end answered, whatever it said", "int"),
    Field("ras_ms", "ms", "from the first send of a GRQ that was answered to its answer, median", of=("ras",)),
    Field("locate_ms", "ms", "the same of the LRQ: where is the room?", of=("ras",)),
    Field("sends", "sends", "most sends one answered question took: 1 = nothing was lost", "int", of=("ras",)),
    Field("connect_ms", "ms", "TCP connect, median", of=("call",)),
    Field("alerting_ms", "ms", "from SETUP to ALERTING: it rings", of=("call",)),
    Field("answer_ms", "ms", "from SETUP to CONNECT: it was taken", of=("call",)),
    Field("audio_rcvd", "packets", "sound received", "int", of=("call",)),
    Field("cause", "", "Q.931 cause of the far end's RELEASE COMPLETE; absent when it did not end the call", "int", of=("call",)),
    Field("product_crc", "", "changes when the far end's product or version does (CRC-32 of both)", "int", of=("call",)),
    Field("reason", "", "H.225.0 reason of a GRJ, LRJ or RELEASE COMPLETE, as its place in Annex H's list from 0", "int", default=False),
    Field("rung", "", "how far it came: ras 1 gatekeeper, 2 room known; call 1 connected, 2 proceeding, 3 ringing, 4 taken, 5 sound both ways", "int", default=False),
    Field("proceeding_ms", "ms", "from SETUP to CALL PROCEEDING", default=False, of=("call",)),
    Field("progress_ms", "ms", "from SETUP to PROGRESS", default=False, of=("call",)),
    Field("audio_sent", "packets", "sound sent", "int", default=False, of=("call",)),
    Field("audio_lost_bwd", "packets", "sound lost on the way back, by its numbers; absent when none came", "int", default=False, of=("call",)),
    Field("audio_lost_fwd", "packets", "sound the far end says it missed (RTCP)", "int", default=False, of=("call",)),
    Field("audio_reordered", "packets", "sound that came after a later one", "int", default=False, of=("call",)),
    Field("audio_first_ms", "ms", "from our first packet of sound to their first", default=False, of=("call",)),
    Field("audio_jitter_bwd_ms", "ms", "jitter of the sound back (RFC 3550)", default=False, of=("call",)),
    Field("audio_rtt_ms", "ms", "round trip by RTCP", default=False, of=("call",)),
    Field("audio_dscp_seen_bwd", "", "DSCP on their sound; absent when there were several", "int", default=False, of=("call",)),
    Field("audio_send_late_ms", "ms", "worst lateness of our own sound", default=False, of=("call",)),
    Field("vendor_t35", "", "the far end's maker: T.35 country × 2^24 + extension × 2^16 + manufacturer", "int", default=False),
    Field("h225_version", "", "version of H.225.0 the far end speaks", "int", default=False),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address", default=False),
)  # fmt: skip


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` tries, one after the other; one call, however many are asked for: a room is not to be rung all the time."""
    _check(settings)
    endpoint, rows = parse(target.text, _PORTS[settings.via]), list[Row]()
    once = partial(_ask if settings.via == "ras" else _call, settings, rows)
    count = 1 if settings.call else count
    got = await several("h323", target, endpoint, settings.timeout_s, count, once)
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
    if settings.call and settings.every_s < _MIN_EVERY_S:
        raise BadSettings(f"every: a room is called each {_MIN_EVERY_S:.0f} s at most")


# -- a gatekeeper --------------------------------------------------------------------------------------------------
async def _ask(settings: H323Settings, rows: list[Row], family: int, to: SocketAddress, deadline: float) -> Try:
    late: list[str] = []
    first = await _question(family, to, deadline, "gatekeeperRequest", late, partial(_grq))
    second = None
    if settings.alias and isinstance(first, Answered):
        second = await _question(family, to, deadline, "locationRequest", late, partial(_lrq, settings.alias))
    attempt, more = verdict.asked(first, second, settings.alias, late, to)
    rows[:] = more  # of several tries the last is shown
    return attempt


def _grq(number: int, reply: Address) -> bytes:
    return h225.gatekeeper_request(number, reply, alias="netmon")


def _lrq(room: str, number: int, reply: Address) -> bytes:
    return h225.location_request(number, reply, room, _HOPS)


async def _question(
    family: int, to: SocketAddress, deadline: float, name: str, late: list[str], make: Any
) -> Answered | Unanswered:
    """One question; each send has a number of its own, so a late answer is not taken for a quick one."""
    base, began = 1 + secrets.randbelow(60_000), time.monotonic()

    def read(data: bytes) -> tuple[int, Ras] | None:
        answer = h225.read_ras(data)
        if answer.name in _ANSWERS[name] and 0 <= answer.number - base < _SENDS:
            return answer.number - base, answer
        if len(late) < _MAX_LATE:
            late.append(answer.name)
        return None

    def session(reply: Address) -> Exchange:
        return Exchange(
            to,
            lambda send, clock_ns: make(base + send, reply),
            read,
            began=began,
            timeout_s=max(0.0, deadline - began),
            sends=_SENDS,
            from_anyone=True,  # its other address, or one above that answers us itself (H.225.0 §7.2, §7.13),
            is_final=lambda answer: answer.name in _CONFIRMS,  # and there may be several
            grace_s=_GRACE_S,
        )

    return await ask(family, to, session)


# -- a call --------------------------------------------------------------------------------------------------------
async def _call(settings: H323Settings, rows: list[Row], family: int, to: SocketAddress, deadline: float) -> Try:
    made, sock = await dial(family, to, max(0.0, deadline - time.monotonic()))
    if sock is None:
        return Try(made.outcome, made.why)
    if not settings.call:
        sock.close()
        return Try(Outcome.OK, "", {"connect_ms": made.took_ms}, {"rung": verdict.CONNECTED}, True)
    try:
        sound = MediaLine(family, sock.getsockname()[0], tos=settings.audio_dscp << 2) if settings.duration_s else None
    except OSError as fault:
        sock.close()
        return Try(Outcome.LOCAL, f"no port for sound: {fault.strerror}", {"connect_ms": made.took_ms})
    try:
        talk = await _talk(settings, sock, H323Call(_plan(settings, sock, to[:2], deadline, sound)), sound)
    finally:
        if sound:
            sound.close()
    attempt, more = verdict.called(talk, made.took_ms)
    rows[:] = more  # of several tries the last is shown
    return attempt


def _plan(
    settings: H323Settings, sock: socket.socket, to: Address, deadline: float, sound: MediaLine | None
) -> CallPlan:
    source = sock.getsockname()[:2]
    fast = fast_connect.offers((source[0], sound.port), (source[0], sound.port + 1)) if sound else []
    return CallPlan(
        settings.alias,
        to,
        source,
        Ids(secrets.token_bytes(16), secrets.token_bytes(16)),
        1 + secrets.randbelow(0x7FFE),
        deadline,
        settings.ring_s,
        sound is not None,
        fast,
    )


async def _talk(settings: H323Settings, sock: socket.socket, call: H323Call, sound: MediaLine | None) -> H323Talk:
    """The call from SETUP to its end, with sound while it is up."""
    line, heard = CallLine(sock, call), None
    try:
        await line.until(lambda: call.stage == "connect")
        to = _sound_to(sock, call.fast) if sound and call.stage == "connect" else None
        if sound and to:
            sound.start(SILENT_MEDIA["PCMA"], _PCMA, *to, frozenset({_PCMA}))
            with suppress(TimeoutError):
                async with asyncio.timeout(settings.duration_s):
                    await line.until(lambda: False)
            heard = sound.stop()
        await line.hang_up()
    finally:
        line.close()
    return H323Talk(line.events, line.broken, sound is not None, heard)


def _sound_to(sock: socket.socket, fast: Sequence[bytes]) -> tuple[SocketAddress, int] | None:
    """Where the far end listens: a socket address, and its RTCP port (0: not told); None without fast connect."""
    media = fast_connect.opened(fast)
    if media is None or media.rtp is None:
        return None
    try:
        to = socket.getaddrinfo(*media.rtp, sock.family, flags=socket.AI_NUMERICHOST)[0][4]
    except OSError:
        return None
    same = media.rtcp is not None and media.rtcp[0] == media.rtp[0]
    return to, media.rtcp[1] if same and media.rtcp else 0


H323 = Kind("h323", H323Settings, FIELDS, run, None, "H.323: does a gatekeeper know the room, does an MCU take a call")
