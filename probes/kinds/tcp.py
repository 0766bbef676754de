"""TCP connect: is the port open, how long until it is; a reset, an ICMP message and silence are three things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from probes import stats
from probes.base import Field, Kind, Measurement, Outcome, Target, Value
from probes.clean import clean
from probes.errors import BadTarget
from probes.io.stream.connect import Connected, connect
from probes.kinds.shared.attempts import SocketAddress, attempts
from probes.kinds.shared.begun import Begun
from probes.settings import setting
from probes.target import Unresolved, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSettings:
    """Settings of `tcp`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=0.1, high=86400, default=10.0)
    dscp: int = setting("DSCP of the packets", low=0, high=63, default=0)
    timeout_s: float = setting("give up on one connect after", unit="s", key="timeout", low=0.05, high=60, default=2.0)


FIELDS = (
    Field("sent", "connects", "connects tried", "int"),
    Field("rcvd", "connects", "connects that were accepted", "int"),
    Field("resolve_ms", "ms", "time to look the name up; absent for an address"),
    Field("connect_min_ms", "ms", "shortest connect (SYN to SYN-ACK and back to us)"),
    Field("connect_p50_ms", "ms", "median connect"),
    Field("connect_p95_ms", "ms", "95th percentile (nearest rank)"),
    Field("connect_max_ms", "ms", "longest connect"),
)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` connects, one after the other."""
    endpoint = parse(target.text)
    if not endpoint.port:
        raise BadTarget(f"tcp needs a port: write {endpoint}:443")
    begun = Begun("tcp", target)

    async def once(family: int, sockaddr: SocketAddress, deadline: float) -> Connected:
        return await connect(family, sockaddr, settings.timeout_s, settings.dscp << 2)

    try:
        tries, resolve_ms = await attempts(endpoint, settings.timeout_s, count, once)
    except Unresolved as fault:
        return begun.unresolved(fault)
    return _measurement(begun, tries, resolve_ms)


def _measurement(begun: Begun, tries: list[Connected], resolve_ms: float | None) -> Measurement:
    good = [attempt.took_ms for attempt in tries if attempt.open]
    last = tries[-1]
    outcome = Outcome.OK if good else last.outcome
    values: dict[str, Value] = {
        "sent": sum(attempt.outcome is not Outcome.LOCAL for attempt in tries),
        "rcvd": len(good),
    }
    if resolve_ms is not None:
        values["resolve_ms"] = resolve_ms
    values |= stats.delays(good, "connect")
    return begun.ended(outcome, "" if good else clean(last.why), values)


TCP = Kind("tcp", TcpSettings, FIELDS, run, None, "TCP connect: is the port open, how long until it is")
