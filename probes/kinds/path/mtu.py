"""Finds the path MTU with packets that must not be fragmented, and where larger ones vanish."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from probes.io.path import TOO_BIG_HERE, PacketProber, link_mtu
from probes.kinds.path.hops import Trace, arrive
from probes.wire.icmp.error import IcmpMeaning
from probes.wire.path.flow import Probe
from probes.wire.path.mtu import CONTROL, MtuSearch

_USUAL, _MAX_BYTES = 1500, 9216  # bytes: tried even when the kernel has learned less; more is not looked for
_TTL = 64
_TRIES = 2  # packets of one size before it counts as vanished
# Between them. Hosts answer a closed port once a second (Linux icmp_ratelimit); echoes as often as they come.
_GAP_S = {True: 0.03, False: 1.1}


class Size(NamedTuple):
    """`after`: the farthest hop that larger packets still reach when they vanish, `before`: the next known one; None:
    not found out. `said_by`: who says that larger ones are too big, "" for nobody or this machine."""

    mtu: int
    black_hole: bool
    said_by: str
    after: int | None = None
    before: int | None = None


class Asker:
    """Sends sizes over one flow. `echo`: the far end answers as often as it is asked."""

    def __init__(self, way: PacketProber, v6: bool, echo: bool) -> None:
        self.way, self._head, self._echo, self._gap_s = way, (40 if v6 else 20) + 8, echo, _GAP_S[echo]

    async def ask(self, size: int, ttls: list[int]) -> list[Probe]:
        """A packet of `size` bytes (IP header included) for each hop limit."""
        before = len(self.way.probes)
        await self.way.ask([(ttl, size - self._head) for ttl in ttls], stop=False, gap_s=self._gap_s)
        if not self._echo:
            arrive([self.way.probes])
        return self.way.probes[before:]


async def find(asker: Asker, family: int, to: tuple[Any, ...], trace: Trace, deadline: float) -> Size | None:
    """The largest size that passes; None when the target answers not even small packets, or time was over."""
    known = link_mtu(family, to)
    if not _reached(await asker.ask(CONTROL, [_TTL] * _TRIES)):
        return None
    search = MtuSearch(CONTROL, min(max(known, _USUAL), _MAX_BYTES))
    while search.mtu is None:
        if time.monotonic() > deadline or not _tell(search, await asker.ask(search.size, [_TTL] * _TRIES), known):
            return None
    after, before = await _where(asker, search.mtu + 1, trace) if search.black_hole else (None, None)
    return Size(search.mtu, search.black_hole, search.said_by, after, before)


def _tell(search: MtuSearch, probes: list[Probe], known: int) -> bool:
    """What became of a size; False when this machine could not send it for another reason than its size."""
    if _reached(probes):
        search.passed()
        return True
    said = [probe.answer for probe in probes if probe.answer and probe.answer.what is IcmpMeaning.TOO_BIG]
    if said:
        search.too_big(said[0].mtu, said[0].by)
    elif any(probe.unsent == TOO_BIG_HERE for probe in probes):
        search.too_big(known, "")
    elif any(probe.unsent for probe in probes):
        return False
    else:
        search.vanished()
    return True


def _reached(probes: list[Probe]) -> bool:
    return any(probe.answer and probe.answer.reached for probe in probes)


async def _where(asker: Asker, size: int, trace: Trace) -> tuple[int, int | None]:
    """The last hop that complains of an exceeded hop limit for a packet of this size, and the next that does for a
    small one."""
    ttls = list(range(1, trace.hops or 1))
    answering = [
        probe.ttl for probe in await asker.ask(size, ttls) if probe.answer and probe.answer.what is IcmpMeaning.EXCEEDED
    ]
    after = max(answering, default=0)
    return after, min((hop.ttl for hop in trace.steps if hop.ttl > after and hop.seen), default=None)
