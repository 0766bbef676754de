"""The path to a target, hop by hop: branches, changes, the MTU, and who rewrites the DSCP (Paris traceroute)."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Target
from probes.errors import NeedsPrivilege
from probes.io.path import ErrorListener, PacketProber, open_echo_prober, open_udp_prober, together
from probes.io.path_tcp import Prober, TcpProber
from probes.kinds.path import hops as pathtrace
from probes.kinds.path import mtu as pathsize
from probes.kinds.path import verdict as pathjudge
from probes.kinds.path.history import compare
from probes.kinds.path.hops import Trace
from probes.kinds.path.mtu import Size
from probes.kinds.shared.begun import Begun
from probes.settings import setting
from probes.target import Unresolved, parse, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """Settings of `path`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=10, high=86400, default=300.0)
    protocol: str = setting("what the packets are", choices=("udp", "icmp", "tcp"), default="udp")
    port: int = setting(
        "destination port; 0: the target's own, else 33434 (udp), 443 (tcp)", low=0, high=65535, default=0
    )
    max_hops: int = setting("farthest hop asked for", low=1, high=64, default=30)
    flows: int = setting("flows tried, to find branches of equal cost", low=1, high=16, default=6)
    probes: int = setting("most packets to one hop in one flow: the next only after silence", low=1, high=4, default=2)
    dscp: int = setting("DSCP of the packets", low=0, high=63, default=0)
    mtu: bool = setting("find the path MTU too", default=True)
    timeout_s: float = setting("a packet unanswered for so long is lost", unit="s", key="timeout", low=0.05, high=3, default=1.0)  # fmt: skip


FIELDS = (
    Field("hops", "hops", "where the target answers; absent when it does not", "int"),
    Field("last_hop", "hops", "the farthest hop that answers; absent when none does", "int"),
    Field("rtt_ms", "ms", "median round trip to the target, over the flows"),
    Field("branches", "addresses", "most addresses side by side at one hop: 1 = one way", "int"),
    Field("changed", "", "1: another path than the last good one, 0: the same; absent the first time", "int"),
    Field("mtu_bytes", "bytes", "largest IP packet that passes; absent when it was not found", "int"),
    Field("mtu_blackhole", "", "1: larger packets vanish without a word, 0: somebody says they are too big", "int"),
    Field("dscp_changed_at_hop", "hops", "first hop that sees another DSCP than was sent, 0: none; needs CAP_NET_RAW", "int"),
    Field("sent", "packets", "packets that left, sizes for the MTU not counted", "int", default=False),
    Field("rcvd", "packets", "packets answered by anybody", "int", default=False),
    Field("hops_silent", "hops", "hops before the last that answers which never did: no fault by itself", "int", default=False),
    Field("dscp_seen", "", "DSCP as the farthest hop saw it that shows it", "int", default=False),
    Field("mpls_hops", "hops", "hops that tell of MPLS labels", "int", default=False),
    Field("mtu_hop", "hops", "the farthest hop that larger packets still reach, when they vanish after it", "int", default=False),
)  # fmt: skip
_PORTS = {"udp": 33434, "tcp": 443, "icmp": 0}
_SOURCES = (20_000, 11_000)  # source ports of the flows: below those the system gives away
_BUDGET_S = 60.0  # after that no further question is begun
_BEYOND = 2  # hops that other flows are tried for beyond the first flow's end


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One look at the path. `count` is not used: `probes` and `flows` say how many packets go out."""
    endpoint = parse(target.text)
    begun = Begun("path", target)
    port = 0 if settings.protocol == "icmp" else settings.port or endpoint.port or _PORTS[settings.protocol]
    try:
        family, sockaddr = (await resolve(endpoint._replace(port=port)))[0]
    except Unresolved as fault:
        return begun.unresolved(fault)
    try:
        with _ways(family, sockaddr, settings, target.text) as (ways, listening):
            await _trace(ways, settings, begun.began + _BUDGET_S)
            if settings.protocol == "udp":
                pathtrace.arrive([way.probes for way in ways])
            trace = pathtrace.trace([way.probes for way in ways], str(sockaddr[0]))
            size = None
            if settings.mtu and trace.hops:
                size = await _size(family, sockaddr, settings, ways[0], listening, trace, begun.began + _BUDGET_S)
            neighbour = ways[0].neighbour
    except (NeedsPrivilege, OSError) as fault:
        return begun.ended(Outcome.LOCAL, _said(fault))
    return _measurement(begun, (target.text, settings), trace, size, neighbour)


def _measurement(
    begun: Begun, of: tuple[str, PathSettings], trace: Trace, size: Size | None, neighbour: str
) -> Measurement:
    change, dscp = compare(of, trace), of[1].dscp
    outcome, why = pathjudge.verdict(trace, change, size, dscp, neighbour)
    return begun.ended(outcome, why, pathjudge.values(trace, change, size, dscp), pathjudge.rows(trace, dscp))


@contextmanager
def _ways(
    family: int, to: tuple[Any, ...], settings: PathSettings, text: str
) -> Iterator[tuple[Sequence[Prober], ErrorListener]]:
    """A way per flow, closed afterwards. A flow's source port is the same each time, so that its branch is, too."""
    base = _SOURCES[0] + zlib.crc32(text.encode()) % _SOURCES[1]
    with ExitStack() as stack:
        listening = ErrorListener(family, str(to[0]))
        stack.callback(listening.close)
        ways: list[Prober] = []
        for serial in range(settings.flows):
            way = _way(family, to, settings, serial, base + 16 * serial, listening)
            stack.callback(way.close)
            ways.append(way)
        yield ways, listening


def _way(
    family: int, to: tuple[Any, ...], settings: PathSettings, serial: int, port: int, listening: ErrorListener
) -> Prober:
    tos = settings.dscp << 2
    if settings.protocol == "icmp":
        return open_echo_prober(family, to, serial, tos, settings.timeout_s, listening)
    make = TcpProber if settings.protocol == "tcp" else open_udp_prober
    return make(family, to, port, tos, settings.timeout_s, listening)


async def _trace(ways: Sequence[Prober], settings: PathSettings, deadline: float) -> None:
    """The first flow finds out how far it is; the others need not go much farther; who was silent is asked again.

    When the first flow does not arrive it goes all the way once more beside the others: hosts count their answers.
    """
    first, *others = ways
    await first.ask(_hops(range(1, settings.max_hops + 1)))
    farthest = _farthest([first], settings)
    lost = settings.probes > 1 and not pathtrace.arrived(first.probes)
    again = pathtrace.silent(first.probes, settings.max_hops) if lost else []
    await together([first.ask(_hops(again)), *(way.ask(_hops(range(1, farthest + 1))) for way in others)])
    for turn in range(settings.probes - 1):
        asked = others if lost and turn == 0 else ways
        missing = [(way, pathtrace.silent(way.probes, _farthest(ways, settings))) for way in asked]
        if not any(ttls for _, ttls in missing) or time.monotonic() > deadline:
            return
        await together([way.ask(_hops(ttls), stop=False) for way, ttls in missing if ttls])


def _farthest(ways: Sequence[Prober], settings: PathSettings) -> int:
    return min(max(pathtrace.end(way.probes) for way in ways) + _BEYOND, settings.max_hops)


def _hops(ttls: Sequence[int]) -> list[tuple[int, int]]:
    return [(ttl, 0) for ttl in ttls]


async def _size(
    family: int,
    to: tuple[Any, ...],
    settings: PathSettings,
    first: Prober,
    listening: ErrorListener,
    trace: Trace,
    deadline: float,
) -> Size | None:
    """By echoes, which hosts answer without counting them; where they are not answered, by the first flow's UDP."""
    with ExitStack() as stack:
        echo = first
        if settings.protocol != "icmp":
            try:
                echo = open_echo_prober(family, to, 0, settings.dscp << 2, settings.timeout_s, listening)
                stack.callback(echo.close)
            except (NeedsPrivilege, OSError):
                echo = first
        carriers = [echo] if echo is first else [echo, first]
        for way in carriers:
            if isinstance(way, PacketProber):
                asker = pathsize.Asker(way, family == socket.AF_INET6, echo=way is not first or settings.protocol == "icmp")  # fmt: skip
                size = await pathsize.find(asker, family, to, trace, deadline)
                if size:
                    return size
    return None


def _said(fault: Exception) -> str:
    return fault.strerror or str(fault) if isinstance(fault, OSError) else str(fault)


PATH = Kind("path", PathSettings, FIELDS, run, None, "the path to a target: hops, branches, changes, MTU, DSCP")
