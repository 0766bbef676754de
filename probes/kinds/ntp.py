"""NTP: does a time server answer, has it the time, and how far is our clock from its (RFC 5905; no clock is set)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Target, Value
from probes.clean import clean
from probes.io.exchange import exchange
from probes.kinds.shared.attempts import SocketAddress
from probes.kinds.shared.service import Try, several
from probes.settings import setting
from probes.target import parse
from probes.wire import ntp
from probes.wire.exchange import Answered, Exchange
from probes.wire.ntp import NtpReply


@dataclass(frozen=True, slots=True, kw_only=True)
class NtpSettings:
    """Settings of `ntp`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=1, high=86400, default=60.0)
    timeout_s: float = setting(
        "give up on one question after, its repeats included", unit="s", key="timeout", low=0.1, high=60, default=2.0
    )
    sends: int = setting("most sends of one question, spread over the timeout", low=1, high=5, default=2)


FIELDS = (
    Field("sent", "questions", "questions asked; repeats of one do not count", "int"),
    Field("rcvd", "answers", "answers to our questions, whatever they say", "int"),
    Field("rtt_ms", "ms", "round trip without the server's own time, median"),
    Field("offset_ms", "ms", "how far the server's clock is ahead of ours, median; absent when it has no time"),
    Field("stratum", "", "steps from a reference clock: 1 has one; 0 and 16: it has no time", "int"),
    Field("leap", "", "0 nothing, 1 and 2 a leap second is coming, 3 it has no time", "int"),
    Field("root_delay_ms", "ms", "round trip from the server to its reference clock"),
    Field("root_dispersion_ms", "ms", "how wrong the server thinks it may be"),
    Field("offset_err_ms", "ms", "the offset is true within this much, if the server is right", default=False),
    Field("server_ms", "ms", "time the packet spent in the server", default=False),
    Field("ref_age_s", "s", "since the server last had its own clock set", default=False),
    Field(
        "ref_id",
        "",
        "what the server follows: an IPv4 address, a clock's four letters, or a hash",
        "int",
        default=False,
    ),
    Field("sends", "sends", "sends until the answer came: 1 = nothing was lost", "int", default=False),
    Field("rtt_min_ms", "ms", "fastest answer", default=False),
    Field("rtt_max_ms", "ms", "slowest answer", default=False),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address", default=False),
)
_KISSES = {  # RFC 5905 §7.4: these refuse us
    "RATE": "we ask too often",
    "DENY": "it does not serve us",
    "RSTR": "it does not serve us",
    "AUTH": "it wants another authentication",
    "AUTO": "it wants another authentication",
    "CRYP": "it wants another authentication",
    "NKEY": "it wants a key",
}
_NOT_YET = {"INIT": "it has just started", "STEP": "its clock is being set"}


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` questions, one after the other, each from its own port."""

    async def once(family: int, sockaddr: SocketAddress, deadline: float) -> Try:
        cookies = [secrets.randbits(64) for _ in range(settings.sends)]
        session = Exchange(
            sockaddr,
            lambda number, clock_ns: ntp.encode(cookies[number]),
            lambda data: _read(cookies, data),
            began=time.monotonic(),
            timeout_s=settings.timeout_s,
            sends=settings.sends,
        )
        ended = await exchange(family, session)
        return judge(ended) if isinstance(ended, Answered) else Try(ended.outcome, clean(ended.why))

    return await several("ntp", target, parse(target.text, ntp.PORT), settings.timeout_s, count, once)


def _read(cookies: list[int], data: bytes) -> tuple[int, NtpReply] | None:
    """Ours: it repeats one of our cookies."""
    reply = ntp.decode(data)
    return (cookies.index(reply.origin), reply) if reply.origin in cookies else None


def judge(heard: Answered) -> Try:
    """What an answer means: the table of `docs/probes/ntp.md`."""
    reply: NtpReply = heard.answer
    facts: dict[str, Value] = {"stratum": reply.stratum, "leap": reply.leap, "sends": heard.sends}
    if not reply.synchronised:
        return Try(Outcome.REFUSED, _timeless(reply), {"rtt_ms": heard.rtt_ms}, facts, answered=True)
    if not reply.sent_at or not reply.received_at:
        return Try(Outcome.PROTOCOL, "its answer has no time in it", {"rtt_ms": heard.rtt_ms}, facts, answered=True)
    facts["root_delay_ms"] = round(reply.root_delay_ms, 3)
    facts["root_dispersion_ms"] = round(reply.root_dispersion_ms, 3)
    facts["ref_id"] = int.from_bytes(reply.reference, "big")
    set_s = ntp.between_ms(reply.sent_at, reply.reference_at) / 1000.0
    if reply.reference_at and set_s >= 0.0:  # its clock was not set in the future
        facts["ref_age_s"] = round(set_s, 3)
    served_ms = ntp.between_ms(reply.sent_at, reply.received_at)
    if served_ms < 0.0 or served_ms > heard.rtt_ms + 1.0:
        why = "its stamps contradict each other"
        return Try(Outcome.PROTOCOL, why, {"rtt_ms": heard.rtt_ms}, facts, answered=True)
    times = {"rtt_ms": max(0.0, heard.rtt_ms - served_ms), "server_ms": served_ms}
    if abs((heard.at_ns - heard.sent_ns) / 1e6 - heard.rtt_ms) < 1e-6:  # else our own clock was set in between
        got = ntp.sample(reply, heard.sent_ns, heard.at_ns)
        times |= {"offset_ms": got.offset_ms, "offset_err_ms": got.error_ms}
    return Try(Outcome.OK, "", times, facts, answered=True)


def _timeless(reply: NtpReply) -> str:
    if reply.kiss:
        code = clean(reply.kiss)
        if code in _KISSES:
            return f"it refuses us: {code}, {_KISSES[code]}"
        return f"it answers, and has no time yet: {code}" + (f", {_NOT_YET[code]}" if code in _NOT_YET else "")
    return "it answers, and has no time itself (not synchronised)"


NTP = Kind(
    "ntp", NtpSettings, FIELDS, run, None, "NTP: does a time server answer, has it the time, how far are we from it"
)
