"""STAMP (RFC 8762): round trip without the far end's residence, and which way packets are lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probes.base import Emit, Field, Job, Kind, Measurement, Target, Value
from probes.clean import clean
from probes.errors import BadSettings
from probes.io.clock import our_clock
from probes.io.datagram.socket import PacketSocket, open_udp
from probes.io.negotiated import Negotiated
from probes.kinds.shared import packets
from probes.kinds.shared.key import key_of
from probes.kinds.shared.packet_fields import PACKET_FIELDS
from probes.kinds.shared.packets import PacketKind
from probes.settings import setting
from probes.wire.fleet.track import FleetTarget, FleetWindow
from probes.wire.stamp import oneway, tlv
from probes.wire.stamp import packet as stamp
from probes.wire.stamp.sender import StampSender
from probes.wire.stamp.twamp_control import TEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class StampSettings:
    """Settings of `stamp`."""

    every_s: float = setting("time between packets", unit="s", key="every", low=0.001, high=86400, default=1.0)
    size: int = setting("bytes of UDP payload (112 at least with a key)", low=stamp.PLAIN, high=8972, default=44)
    dscp: int = setting("DSCP of the packets", low=0, high=63, default=0)
    ecn: int = setting("ECN of the packets (1, 2: may be marked instead of dropped)", low=0, high=2, default=0)
    timeout_s: float = setting(
        "a packet unanswered for so long is lost", unit="s", key="timeout", low=0.05, high=60, default=1.0
    )
    key_file: str = setting("file with the shared key (authenticated mode)", default="", secret=True)
    reflector: str = setting(
        "stateful reflectors count what they answer, so losses get a direction",
        choices=("stateful", "stateless"),
        default="stateful",
    )
    ask: str = setting(
        "what to ask the reflector in TLVs (RFC 8972): cos timestamp direct followup, with blanks between", default=""
    )

    control: bool = setting("agree on a session by TWAMP-Control first: for a router or a twampd", default=False)

    def __post_init__(self) -> None:
        types_of(self.ask)
        if self.control and (self.key_file or self.ask):
            raise BadSettings("control: TWAMP knows neither STAMP's keys nor its TLVs (leave out key_file and ask)")


def types_of(text: str) -> tuple[int, ...]:
    """The TLVs that `ask` names, each once; raises `BadSettings`."""
    words = text.split()
    for word in words:
        if word not in tlv.NAMES:
            known = " ".join(tlv.NAMES)
            raise BadSettings(f"ask: '{clean(word, 40)}' is none of {known} (write them with blanks between)")
    return tuple(dict.fromkeys(tlv.NAMES[word] for word in words))


_SEEN = (
    "dscp_seen_fwd",
    "dscp_seen_bwd",
    "ecn_seen_fwd",
    "direct_lost_fwd",
    "direct_lost_bwd",
    "followed",
    "far_ts_src",
)
_COMMON = tuple(field for field in PACKET_FIELDS if field.default or field.repeated)
_RARE = tuple(field for field in PACKET_FIELDS if field not in _COMMON)
FIELDS = (
    *_COMMON,
    Field("lost_fwd", "packets", "lost on the way there, told by this interval's answers", "int"),
    Field("lost_bwd", "packets", "lost on the way back, told by this interval's answers", "int"),
    Field("lost_unknown", "packets", "lost in this interval, and no answer had told which way when it ended", "int", default=False),
    Field("residence_max_ms", "ms", "longest time an answer spent in the reflector; not part of any round trip", default=False),
    Field("pdv_fwd_ms", "ms", "delay variation there: 95th percentile less minimum, the clocks' drift taken out", default=False),
    Field("pdv_bwd_ms", "ms", "delay variation back, likewise", default=False),
    Field("pdv_err_ms", "ms", "how much of either may still be drift", default=False),
    Field("drift_ppm", "ppm", "how much faster the reflector's clock runs than ours", default=False),
    Field("clock_steps", "times", "the two clocks were set, or ran apart by more than 200 ppm: an event, not a fault", "int", default=False),
    Field("owd_fwd_ms", "ms", "one-way delay there (median), only when both clocks are kept right and owd_err_ms tells something", default=False),
    Field("owd_bwd_ms", "ms", "one-way delay back, likewise", default=False),
    Field("owd_err_ms", "ms", "how wrong both may be: what both ends say of their clocks' error, added up", default=False),
    Field("dscp_sent", "", "DSCP the packets were sent with", "int", default=False),
    Field("dscp_seen_fwd", "", "DSCP they reached the reflector with (ask: cos)", "int", default=False),
    Field("dscp_seen_bwd", "", "DSCP the answers arrived with", "int", default=False),
    Field("ecn_seen_fwd", "", "ECN they reached the reflector with (ask: cos); 3: a router was congested", "int", default=False),
    Field("direct_lost_fwd", "packets", "lost on the way there by the reflector's own counts (ask: direct)", "int", default=False),
    Field("direct_lost_bwd", "packets", "lost on the way back, likewise", "int", default=False),
    Field("followed", "packets", "answers of which the reflector told when they really left (ask: followup)", "int", default=False),
    Field("far_ts_src", "", "how the reflector stamps: 1 by hardware, 2 by software (ask: timestamp)", "int", default=False),
    Field("clock_synced", "", "1: the kernel says our clock is kept right; 0: it says it is not", "int", default=False),
    Field("clock_err_ms", "ms", "how wrong our clock may be, by the kernel's own bound", default=False),
    Field("far_clock_synced", "", "what the reflector says of its clock, likewise", "int", default=False),
    Field("far_clock_err_ms", "ms", "how wrong the reflector says its clock may be", default=False),
    *_RARE,
)  # fmt: skip


def _open(family: int) -> tuple[StampSender, PacketSocket]:
    return StampSender(stamp.UNKNOWN, our_clock), open_udp(family)


def _fit(session: StampSender, track: FleetTarget, settings: Any) -> None:
    track.tos |= settings.ecn
    stateful = settings.reflector == "stateful"
    session.fit(track, key_of(settings.key_file), settings.size, stateful, types_of(settings.ask))


async def _meet(family: int, sockaddr: tuple[Any, ...], port: int, settings: Any) -> Negotiated | None:
    """TWAMP-Control, where it is asked for: the port it agrees on must be used."""
    if not settings.control:
        return None
    from probes.io.twamp import negotiate

    padding = settings.size - TEST_BYTES
    return await negotiate(
        family, sockaddr, port=port, padding=padding, timeout_s=max(1.0, settings.timeout_s), dscp=settings.dscp
    )


def _more(window: FleetWindow) -> dict[str, Value]:
    more = window.more
    values: dict[str, Value] = {name: more[name] for name in ("lost_fwd", "lost_bwd", "lost_unknown") if name in more}
    if "residence_ms" in more:
        values["residence_max_ms"] = round(more["residence_ms"], 4)
    if "far_error" in more:  # something was answered
        values["dscp_sent"] = more["tos"] >> 2
    values.update({name: more[name] for name in _SEEN if name in more})
    values.update(_clocks(more))
    values.update(_directions(more))
    return values


def _directions(more: dict[str, Any]) -> dict[str, Value]:
    """What can be told of each direction alone; absolute delays only with a bound that tells something."""
    split = more.get("split", ())
    if len(split) < 2:
        return {"clock_steps": more["clock_steps"]} if "clock_steps" in more else {}
    at_s, forward_ms, backward_ms = zip(*split, strict=True)
    slope, error = more["drift"]
    apart = abs(slope) > oneway.MAX_DRIFT
    values: dict[str, Value] = {"clock_steps": more.get("clock_steps", 0) + apart}
    if apart:
        return values
    values["pdv_fwd_ms"] = round(oneway.variation(forward_ms, at_s, slope), 4)
    values["pdv_bwd_ms"] = round(oneway.variation(backward_ms, at_s, -slope), 4)
    values["pdv_err_ms"] = round(error * (max(at_s) - min(at_s)), 4)
    if error < oneway.MAX_DRIFT:
        values["drift_ppm"] = round(slope * 1000, 3)
    ours, theirs = more.get("clock"), stamp.error_s(more["far_error"])
    if ours is not None and ours.synced and more["far_error"] >> 15 and theirs is not None:
        absolute = oneway.absolute(forward_ms, backward_ms, (ours.error_s + theirs) * 1e3)
        if absolute is not None:
            named = zip(("owd_fwd_ms", "owd_bwd_ms", "owd_err_ms"), absolute, strict=True)
            values.update({name: round(value, 4) for name, value in named})
    return values


def _clocks(more: dict[str, Any]) -> dict[str, Value]:
    """What both ends say of their clocks; what nobody said is absent, and so is all of it when nothing was answered."""
    values: dict[str, Value] = {}
    if "far_error" not in more:
        return values
    ours, theirs = more.get("clock"), stamp.error_s(more["far_error"])
    if ours is not None:
        values["clock_synced"], values["clock_err_ms"] = int(ours.synced), round(ours.error_s * 1e3, 4)
    if theirs is not None:
        values["far_clock_synced"], values["far_clock_err_ms"] = more["far_error"] >> 15, round(theirs * 1e3, 4)
    return values


def _note(window: FleetWindow) -> str:
    """A reflector without stamps; a DSCP that was changed on the way: which way, what was sent, what came."""
    return "; ".join(filter(None, (_UNSTAMPED if "far_unstamped" in window.more else "", _remarked(window))))


def _remarked(window: FleetWindow) -> str:
    more = window.more
    sent, back = more["tos"] >> 2, more.get("dscp_seen_bwd")
    if "dscp_seen_fwd" not in more:
        return "" if back in (None, sent) else f"DSCP {sent} was changed on the way there or back: {back} came"
    remarks = (
        []
        if more["dscp_seen_fwd"] == sent
        else [f"DSCP {sent} was changed on the way there: {more['dscp_seen_fwd']} came"]
    )
    wanted = 0 if more["dscp_refused"] else sent
    if back is not None and back != wanted:
        remarks.append(f"DSCP {wanted} was changed on the way back: {back} came")
    return "; ".join(remarks)


_UNSTAMPED = "the reflector gives no time stamps: its own delay is in the round trips, and no direction can be told"
RECIPE = PacketKind("stamp", stamp.PORT, _open, _fit, _more, _note, _meet)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` packets now."""
    return await packets.measure(RECIPE, target, settings, count)


async def watch(jobs: Sequence[Job], emit: Emit) -> None:
    """All reflectors on one socket, until cancelled."""
    await packets.watch(RECIPE, jobs, emit)


STAMP = Kind("stamp", StampSettings, FIELDS, run, watch, "STAMP: round trip, and which way packets are lost")
