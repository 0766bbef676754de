"""SIP OPTIONS: does a conference server speak SIP, how fast, and what does it say (RFC 3261 §11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from probes.base import Field, Kind, Measurement, Target
from probes.io.conversation import ConversationEnd, over_udp
from probes.io.stream.tls import Trust
from probes.kinds.shared.attempts import SocketAddress, attempts
from probes.kinds.shared.begun import Begun
from probes.kinds.sip import access as sipaccess
from probes.kinds.sip import verdict as sipjudge
from probes.kinds.sip.target import SipTarget, aim
from probes.kinds.sip.verdict import OptionsTry
from probes.settings import setting
from probes.target import Unresolved
from probes.wire.sip.digest import Credentials
from probes.wire.sip.options import DatagramOptions, StreamOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSettings:
    """Settings of `sip`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=0.1, high=86400, default=10.0)
    timeout_s: float = setting(
        "give up on one OPTIONS after (connecting and the digest included)",
        unit="s", key="timeout", low=0.1, high=64, default=2.0,
    )  # fmt: skip
    transport: str = setting(
        "how to carry it; a target's own `;transport=` wins", choices=("udp", "tcp", "tls"), default="udp"
    )
    user: str = setting("user of the digest, and whom to ask for when the target names nobody", default="")
    password_file: str = setting("file with the digest's password", default="", secret=True)
    ca_file: str = setting("certificates (PEM) to trust instead of the system's", default="")
    verify: bool = setting("check the far end's certificate; false trusts whoever answers", default=True)
    server_name: str = setting("name the certificate must be for (tls) when it is not the target's", default="")


FIELDS = (
    Field("sent", "OPTIONS", "OPTIONS tried; repeats of one do not count", "int"),
    Field("rcvd", "answers", "final answers, whatever they say", "int"),
    Field("status", "", "the last final answer's status; absent when there was none", "int"),
    Field("rtt_ms", "ms", "from an OPTIONS' first send to its final answer, median; connecting is not in it"),
    Field("sends", "sends", "most sends one answered OPTIONS took: 1 = nothing was lost on the way", "int"),
    Field("retry_after_s", "s", "when the far end says to come again (Retry-After)", "int"),
    Field("connect_ms", "ms", "TCP connect, median"),
    Field("tls_ms", "ms", "TLS handshake, median"),
    Field("rtt_min_ms", "ms", "fastest answer", default=False),
    Field("rtt_max_ms", "ms", "slowest answer", default=False),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address", default=False),
    Field("cert_days", "days", "until the far end's certificate ends; only when it was checked", default=False),
)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` OPTIONS, one after the other, each from its own port or connection."""
    toward = aim(target.text, settings.transport, settings.user)
    credentials = sipaccess.credentials(settings, toward)
    tls = sipaccess.tls(settings, toward) if toward.transport == "tls" else None
    begun = Begun("sip", target)

    async def once(family: int, sockaddr: SocketAddress, deadline: float) -> OptionsTry:
        return await _try(family, sockaddr, toward, credentials, tls, deadline)

    try:
        tries, resolve_ms = await attempts(toward.endpoint, settings.timeout_s, count, once)
    except Unresolved as fault:
        return begun.unresolved(fault)
    outcome, why = sipjudge.verdict(tries)
    return begun.ended(outcome, why, sipjudge.values(tries, resolve_ms))


async def _try(
    family: int,
    sockaddr: SocketAddress,
    toward: SipTarget,
    credentials: Credentials | None,
    tls: Trust | None,
    deadline: float,
) -> OptionsTry:
    events: list[Any] = []
    ask = sipaccess.asker(toward, credentials)
    if toward.transport == "udp":
        ended = await over_udp(
            family, sockaddr, lambda local: DatagramOptions(ask(local), sockaddr, deadline), events.extend
        )
    else:
        ended = await sipaccess.over_stream(
            family, sockaddr, lambda local: StreamOptions(ask(local), deadline), events.extend, deadline, tls
        )
    return _told(events, ended)


def _told(events: list[Any], ended: ConversationEnd) -> OptionsTry:
    outcome, why, answer = sipjudge.judge(events, ended)
    return OptionsTry(outcome, why, answer, ended.connect_ms, ended.tls_ms, ended.cert_days)


SIP = Kind("sip", SipSettings, FIELDS, run, None, "SIP OPTIONS: does a conference server answer, how fast, and what")
