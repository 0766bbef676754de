"""ICMP echo (RFC 792, RFC 4443): is it there, and how far. One socket for all targets, kernel stamps at both ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probes.base import Emit, Field, Job, Kind, Measurement, Target
from probes.io.datagram.batch import fleet_socket
from probes.io.datagram.icmp import open_icmp
from probes.io.datagram.socket import PacketSocket
from probes.kinds.shared import packets
from probes.kinds.shared.packet_fields import PACKET_FIELDS
from probes.kinds.shared.packets import PacketKind
from probes.settings import setting
from probes.wire.fleet import bursts
from probes.wire.fleet.track import FleetTarget, FleetWindow
from probes.wire.icmp.echo import MIN_PAYLOAD, SIZE, Ping


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSettings:
    """Settings of `ping`."""

    every_s: float = setting("time between packets", unit="s", key="every", low=0.01, high=86400, default=1.0)
    size: int = setting("bytes of payload", low=MIN_PAYLOAD, high=8972, default=SIZE)
    dscp: int = setting("DSCP of the packets", low=0, high=63, default=0)
    timeout_s: float = setting(
        "a packet unanswered for so long is lost", unit="s", key="timeout", low=0.05, high=60, default=1.0
    )
    df: bool = setting("packets must not be cut into fragments: does `size` pass?", default=False)
    burst: int = setting("quick packets after a miss, for checks that send each 5 s or less often", low=0, high=10, default=3)  # fmt: skip

    def later_s(self, every_s: float) -> float:
        """How long after a packet's time is over its fate may still be told."""
        many = bursts.allowed(self.burst, every_s, self.timeout_s)
        return bursts.lasts_s(many, self.timeout_s)


FIELDS = (
    *PACKET_FIELDS,
    Field(
        "mtu_bytes",
        "bytes",
        "largest packet that passes, by the router that refused a larger one (df)",
        "int",
        default=False,
    ),
    Field("dscp_seen_bwd", "", "DSCP of an answer, when it is another than was sent", "int", default=False),
    Field("changed", "packets", "answered, but what came back is not what was sent", "int", default=False),
    Field("burst_sent", "packets", "quick packets sent after a miss; in no other value", "int"),
    Field("burst_rcvd", "packets", "… answered", "int"),
)


_MORE = (("mtu", "mtu_bytes"), ("dscp_seen", "dscp_seen_bwd"), ("changed", "changed"))
_NOTHING: dict[str, int | float] = {}


def _open(family: int) -> tuple[Ping, PacketSocket]:
    icmp = open_icmp(family, make=fleet_socket)
    v6 = family == socket.AF_INET6
    return Ping(ident=icmp.ident, cookie=os.urandom(8), v6=v6, summed=icmp.raw and not v6), icmp.packets


def _fit(session: Ping, track: FleetTarget, settings: Any) -> None:
    session.fill(track.index, settings.size)
    track.burst = bursts.allowed(settings.burst, track.every_s, track.timeout_s)


def _more(window: FleetWindow) -> dict[str, int | float]:
    more = window.more
    return {name: more[key] for key, name in _MORE if key in more} if more else _NOTHING


def _note(window: FleetWindow) -> str:
    if "changed" in window.more:
        many, size = window.more["changed"], window.more["changed_size"]
        return f"what comes back is not what was sent: {many} of {window.rcvd} answers, the last with {size} bytes"
    if window.rcvd or not window.burst_rcvd:
        return ""
    return f"lost, but {window.burst_rcvd} of {window.burst_sent} sent at once after it were answered"


RECIPE = PacketKind("ping", 0, _open, _fit, _more, _note, whole=lambda settings: bool(settings.df))


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` packets now."""
    return await packets.measure(RECIPE, target, settings, count)


async def watch(jobs: Sequence[Job], emit: Emit) -> None:
    """All targets on one socket, until cancelled."""
    await packets.watch(RECIPE, jobs, emit)


PING = Kind("ping", PingSettings, FIELDS, run, watch, "ICMP echo: is it there, and how far")
