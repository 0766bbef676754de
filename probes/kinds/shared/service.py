"""What the kinds that ask a service share: a connection with its phases, and several tries told as one measurement."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from probes import stats
from probes.base import Measurement, Outcome, Target, Value
from probes.clean import clean
from probes.io.stream.connect import dial
from probes.io.stream.tls import Shaken, TlsConnection, Trust
from probes.kinds.shared.attempts import SocketAddress, attempts
from probes.kinds.shared.begun import Begun
from probes.target import Endpoint, Unresolved

SHAKEN = {
    "open": Outcome.OK,
    "untrusted": Outcome.PROTOCOL,
    "foreign": Outcome.PROTOCOL,
    "refused": Outcome.REFUSED,
    "closed": Outcome.REFUSED,
    "silence": Outcome.LOST,
    "local": Outcome.LOCAL,
}


@dataclass(frozen=True, slots=True)
class Try:
    """One try. `times`: phases in ms by field name; `facts`: what an answer said; `answered`: there was one."""

    outcome: Outcome
    why: str = ""
    times: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Value] = field(default_factory=dict)
    answered: bool = False


class Reached(NamedTuple):
    """A connection (the caller closes `line`), or why there is none. Times in ms, None when not measured."""

    outcome: Outcome
    why: str
    line: TlsConnection | None = None
    connect_ms: float | None = None
    shaken: Shaken | None = None

    @property
    def times(self) -> dict[str, float]:
        """The phases that were measured, by field name."""
        phases = {"connect_ms": self.connect_ms, "tls_ms": self.shaken.took_ms if self.shaken else None}
        return {name: value for name, value in phases.items() if value is not None}


async def reach(family: int, sockaddr: SocketAddress, tls: Trust | None, deadline: float) -> Reached:
    """Connect, and shake hands when `tls` (context, name) is given, until `deadline` (monotonic s)."""
    made, sock = await dial(family, sockaddr, max(0.0, deadline - time.monotonic()))
    if sock is None:
        return Reached(made.outcome, clean(made.why))
    line = TlsConnection(sock)
    if tls is None:
        return Reached(Outcome.OK, "", line, made.took_ms)
    shaken = None
    try:
        shaken = await line.secure(*tls, deadline)
    finally:
        if shaken is None or shaken.end != "open":
            line.close()
    opened = line if shaken.end == "open" else None
    return Reached(SHAKEN[shaken.end], clean(shaken.why), opened, made.took_ms, shaken)


Once = Callable[[int, SocketAddress, float], Awaitable[Try]]  # (family, address, deadline) → one try


async def several(
    kind: str, target: Target, endpoint: Endpoint, timeout_s: float, count: int, once: Once
) -> Measurement:
    """`count` tries (`attempts`), told as one measurement."""
    begun = Begun(kind, target)
    try:
        tries, resolve_ms = await attempts(endpoint, timeout_s, count, once)
    except Unresolved as fault:
        return begun.unresolved(fault)
    last = ([attempt for attempt in tries if attempt.outcome is Outcome.OK] or tries)[-1]
    return begun.ended(last.outcome, last.why, values(tries, last, resolve_ms))


def values(tries: Sequence[Try], attempt: Try, resolve_ms: float | None) -> dict[str, Value]:
    """Counts, the median of each phase, and what the try that is told said."""
    out: dict[str, Value] = {
        "sent": sum(attempt.outcome is not Outcome.LOCAL for attempt in tries),
        "rcvd": sum(attempt.answered for attempt in tries),
    }
    for name in dict.fromkeys(name for attempt in tries for name in attempt.times):
        measured = sorted(attempt.times[name] for attempt in tries if name in attempt.times)
        out[name] = round(stats.quantile(measured, 0.5), 4)
        if name == "rtt_ms":
            out |= {"rtt_min_ms": round(measured[0], 4), "rtt_max_ms": round(measured[-1], 4)}
    out |= attempt.facts
    return out | ({} if resolve_ms is None else {"resolve_ms": resolve_ms})
