"""One test call to a room: is it taken, does sound and picture come back, and does it end as it should (RFC 3261 §13).

The call goes to an alias that exists for tests, never into a live room: its target must name one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from probes.base import Cost, Field, Kind, Measurement, Target
from probes.errors import BadSettings
from probes.io import conversation
from probes.io.conversation import ConversationEnd
from probes.kinds.shared.begun import Begun
from probes.kinds.sip import access as sipaccess
from probes.kinds.sip.call import verdict as sipcalljudge
from probes.kinds.sip.call.media import AUDIO_BPS, OUR_VIDEO_BPS, VIDEO_BPS, Lines
from probes.kinds.sip.call.verdict import SipTalk
from probes.kinds.sip.target import SipTarget, aim
from probes.settings import setting
from probes.target import Unresolved, resolve
from probes.wire.sip.call.call import DatagramCall, StreamCall
from probes.wire.sip.call.events import CallLimits, Leaving, Up
from probes.wire.sip.request import RequestPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SipCallSettings:
    """Settings of `sipcall`."""

    every_s: float = setting("time between calls", unit="s", key="every", low=10, high=604_800, default=3600.0)
    timeout_s: float = setting(
        "give up when nothing at all has answered the INVITE (connecting included)",
        unit="s", key="timeout", low=0.1, high=32, default=4.0,
    )  # fmt: skip
    ring_s: float = setting(
        "let it ring for so long, then cancel", unit="s", key="ring", low=0.1, high=60, default=10.0
    )
    duration_s: float = setting("media both ways for so long", unit="s", key="duration", low=0.2, high=60, default=5.0)
    reports_s: float = setting(
        "let the call last so long when the far end has not yet reported (RTCP) whether it hears us: its reports may be 6.2 s "
        "apart; 0s: do not ask",
        unit="s", key="reports", low=0, high=60, default=6.5,
    )  # fmt: skip
    video: bool = setting("offer a picture, too", default=True)
    transport: str = setting(
        "how to carry it; a target's own `;transport=` wins", choices=("udp", "tcp", "tls"), default="udp"
    )
    user: str = setting("user of the digest; the target names the room", default="")
    password_file: str = setting("file with the digest's password", default="", secret=True)
    ca_file: str = setting("certificates (PEM) to trust instead of the system's", default="")
    verify: bool = setting("check the far end's certificate; false trusts whoever answers", default=True)
    server_name: str = setting("name the certificate must be for (tls) when it is not the target's", default="")
    audio_dscp: int = setting("DSCP of the sound; 46 is EF", low=0, high=63, default=46)
    video_dscp: int = setting("DSCP of the picture; 34 is AF41", low=0, high=63, default=34)


FIELDS = (
    Field("status", "", "the INVITE's final answer; absent when there was none", "int"),
    Field(
        "srd_ms",
        "ms",
        "from the INVITE to the first sign of ringing or the final answer (RFC 6076 session request delay)",
    ),
    Field("answer_ms", "ms", "from the INVITE to the 200 that took the call"),
    Field("audio_sent", "packets", "sound sent", "int"),
    Field("audio_rcvd", "packets", "sound received", "int"),
    Field("audio_lost_bwd", "packets", "sound lost on the way back, by its numbers; absent when none came", "int"),
    Field("video_rcvd", "packets", "picture received; absent when the far end took none", "int"),
    Field("video_lost_bwd", "packets", "picture lost on the way back, by its numbers; absent when none came", "int"),
    Field("sends", "sends", "INVITEs it took: 1 = nothing was lost on the way", "int", default=False),
    Field("connect_ms", "ms", "TCP connect", default=False),
    Field("tls_ms", "ms", "TLS handshake", default=False),
    Field("sdd_ms", "ms", "from the BYE to its answer (RFC 6076 session disconnect delay)", default=False),
    Field(
        "bye_status", "", "the answer to our BYE; absent when there was none or theirs came first", "int", default=False
    ),
    Field("video_sent", "packets", "picture sent", "int", default=False),
    *(
        field
        for kind, what in (("audio", "sound"), ("video", "picture"))
        for field in (
            Field(f"{kind}_first_ms", "ms", f"from our first {what} to their first", default=False),
            Field(f"{kind}_jitter_bwd_ms", "ms", f"jitter of the {what} back (RFC 3550)", default=False),
            Field(f"{kind}_lost_fwd", "packets", f"{what} the far end says it missed (RTCP)", "int", default=False),
            Field(f"{kind}_rtt_ms", "ms", "round trip by RTCP", default=False),
            Field(
                f"{kind}_dscp_seen_bwd",
                "",
                f"DSCP on their {what}; absent when there were several",
                "int",
                default=False,
            ),
            Field(f"{kind}_send_late_ms", "ms", f"worst lateness of our own {what}", default=False),
        )
    ),
)
_AGAIN_S = 2.0  # for a second connection, to hang up when the first one broke


class _Talking:
    """One call: what it told so far, and the media it starts and stops."""

    def __init__(self, lines: Lines, peer: str) -> None:
        self.events: list[Any] = []
        self._lines, self._peer = lines, peer
        self.call: DatagramCall | StreamCall | None = None

    def on_events(self, events: list[Any]) -> None:
        """The call's events as they come."""
        self.events += events
        for event in events:
            if isinstance(event, Up):
                self._lines.begin(event.description, self._peer)
                if not self._lines.agreed.taken:
                    self.cut()  # no common media: the room is kept no longer
            elif isinstance(event, Leaving):
                self._lines.end()

    def cut(self) -> None:
        """Hang up: whoever waited for us waits no longer."""
        if self.call:
            self.call.hang_up(time.monotonic())


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One call, however many are asked for: a room is not to be rung all the time."""
    toward = aim(target.text, settings.transport)
    if not toward.user:
        raise BadSettings(f"a call needs a room made for tests (write sip:ROOM@{toward.endpoint.host} as the target)")
    begun = Begun("sipcall", target)
    try:
        family, sockaddr = (await resolve(toward.endpoint))[0]
    except Unresolved as fault:
        return begun.unresolved(fault)
    lines = Lines(family, settings)
    talking = _Talking(lines, str(sockaddr[0]))
    try:
        ended = await _call(family, sockaddr, toward, settings, talking, lines)
        lines.end()
    finally:
        lines.close()
    talk = SipTalk(talking.events, ended, settings.video, lines.agreed, lines.heard, settings.reports_s > 0)
    outcome, why = sipcalljudge.verdict(talk)
    return begun.ended(outcome, why, sipcalljudge.values(talk))


async def _call(
    family: int,
    sockaddr: tuple[Any, ...],
    toward: SipTarget,
    settings: SipCallSettings,
    talking: _Talking,
    lines: Lines,
) -> ConversationEnd:
    ask = sipaccess.asker(toward, sipaccess.credentials(settings, toward))
    limits = CallLimits(settings.timeout_s, settings.ring_s, settings.duration_s, longest_s=settings.reports_s)
    if toward.transport == "udp":

        def over_udp(local: str) -> DatagramCall:
            talking.call = call = DatagramCall(*_opening(ask, local, lines), limits, time.monotonic(), sockaddr)
            call.is_enough = lines.is_settled
            return call

        return await conversation.over_udp(family, sockaddr, over_udp, talking.on_events, talking.cut)

    def over_stream(local: str) -> StreamCall:
        talking.call = call = StreamCall(*_opening(ask, local, lines), limits, time.monotonic(), sockaddr[:2])
        call.is_enough = lines.is_settled
        return call

    tls = sipaccess.tls(settings, toward) if toward.transport == "tls" else None
    deadline = time.monotonic() + settings.timeout_s
    ended = await sipaccess.over_stream(family, sockaddr, over_stream, talking.on_events, deadline, tls, talking.cut)
    call = talking.call
    if isinstance(call, StreamCall) and call.is_left:
        rest, place = _resumed(call), call.elsewhere or sockaddr
        await sipaccess.over_stream(family, place, rest, talking.on_events, time.monotonic() + _AGAIN_S, tls)
    return ended


def _resumed(call: StreamCall) -> Callable[[str], StreamCall]:
    def make(local: str) -> StreamCall:
        call.resume(time.monotonic())
        return call

    return make


def _opening(ask: Callable[[str], RequestPlan], local: str, lines: Lines) -> tuple[RequestPlan, bytes]:
    host = local.rpartition(":")[0].strip("[]")
    return ask(local), lines.offer(host)


def cost(settings: SipCallSettings) -> Cost:
    """Both ways: sound of 80 kbit/s on the wire, a picture of 60 kbit/s from us and up to its offered rate from them."""
    rate_bps = 2 * AUDIO_BPS + (VIDEO_BPS + OUR_VIDEO_BPS if settings.video else 0)
    talk_s = max(settings.duration_s, settings.reports_s)
    return Cost(int(rate_bps / 8 * talk_s), settings.timeout_s + settings.ring_s + talk_s + 2.0)


SIPCALL = Kind(
    "sipcall",
    SipCallSettings,
    FIELDS,
    run,
    None,
    "a SIP test call: taken, sound and picture both ways, ended properly",
    cost,
)
