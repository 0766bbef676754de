"""What a STAMP sender asks in TLVs (RFC 8972) and makes of the answers: marks seen on the way there, the reflector's counts,
and the moment each answer really left. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from probes.wire.fleet.track import FleetWindow
from probes.wire.stamp import packet as stamp
from probes.wire.stamp import tlv
from probes.wire.stamp.packet import StampReply

_HALF = 1 << 31  # a counter that goes further at once has begun anew


@dataclass(slots=True)
class _Unsure:
    """An answer whose stamp is the reflector program's; the next answer may tell the kernel's."""

    number: int
    sent_ns: int
    window: FleetWindow
    rtt_at: int  # its place in the window's round trips, -1: it has none
    split: tuple[float, float, float] | None


@dataclass(slots=True)
class TlvRequests:
    """One target's TLVs: `types` in the order they are sent in; `tos`: what the packets are marked with."""

    types: tuple[int, ...] = ()
    tos: int = 0
    sent: int = 0
    got: int = 0
    _last: tuple[int, int, int, int] | None = None  # sent, received there, answered there, got here
    _lost: list[int] = field(default_factory=lambda: [0, 0])
    _unsure: _Unsure | None = None

    def chain(self, head: bytes, key: bytes, size: int) -> bytes:
        """The TLVs of the next packet; `size` bytes with padding where there is room for it."""
        self.sent += 1
        values = {
            tlv.COS: tlv.Cos(self.tos >> 2).encode(),
            tlv.TIMESTAMP: bytes(4),
            tlv.DIRECT: tlv.direct(self.sent),
            tlv.FOLLOW_UP: bytes(16),
        }
        return tlv.chain_of({type_: values[type_] for type_ in self.types}, head=head, key=key, size=size)

    def take(self, values: dict[int, bytes], reply: StampReply, window: FleetWindow, split: Any, timed: bool) -> None:
        """The TLVs of a first answer in time. `split`: its one-way differences; `timed`: it gave the last round trip."""
        more = window.more
        self.got += 1
        if tlv.COS in values:
            seen = tlv.cos(values[tlv.COS])
            mark(more, "dscp_seen_fwd", seen.dscp, self.tos >> 2)
            mark(more, "ecn_seen_fwd", seen.ecn, self.tos & 3)
            more["dscp_refused"] = seen.refused
        if tlv.TIMESTAMP in values:
            more["far_ts_src"] = values[tlv.TIMESTAMP][3]
        if tlv.DIRECT in values:
            self._count(tlv.counted(values[tlv.DIRECT]))
            more["direct"] = True
        if tlv.FOLLOW_UP in values and reply.stamped:
            self._follow(tlv.followed(values[tlv.FOLLOW_UP]), reply.error)
            self._unsure = _Unsure(reply.seq, reply.sent_ns, window, len(window.rtts_ms) - 1 if timed else -1, split)

    def lost(self) -> tuple[int, int]:
        """Lost there and back by the reflector's counts since the last call; what overtook is settled by later ones."""
        lost = max(0, self._lost[0]), max(0, self._lost[1])
        self._lost = [self._lost[0] - lost[0], self._lost[1] - lost[1]]
        return lost

    def _count(self, counts: tuple[int, int, int]) -> None:
        now, last = (*counts, self.got), self._last
        sent, received, back, got = (0, 0, 0, 0) if last is None else (
            (now_count - last_count) & 0xFFFFFFFF for now_count, last_count in zip(now, last, strict=True)
        )  # fmt: skip
        if last is not None and sent >= _HALF:
            return  # overtaken: a later one has told already
        self._last = now
        if max(received, back) < _HALF:
            self._lost[0] += sent - received
            self._lost[1] += back - got

    def _follow(self, followed: tuple[int, int, int], error: int) -> None:
        """The last answer left later than it said: what it waited for in the reflector's machine is no part of the way."""
        number, wire, how = followed
        unsure, self._unsure = self._unsure, None
        if unsure is None or not how or not wire or number != unsure.number & 0xFFFFFFFF or unsure.rtt_at < 0:
            return
        late_ms = (stamp.from_wire(wire, error) - unsure.sent_ns) / 1e6
        rtts_ms = unsure.window.rtts_ms
        if not 0.0 <= late_ms <= rtts_ms[unsure.rtt_at]:
            return
        rtts_ms[unsure.rtt_at] -= late_ms
        more = unsure.window.more
        more["followed"] = more.get("followed", 0) + 1
        split = more.get("split", ())
        for at in range(max(0, len(split) - 2), len(split)):  # it is the last one, or the answer that tells is
            if split[at] is unsure.split:
                split[at] = (split[at][0], split[at][1], split[at][2] - late_ms)


def mark(more: dict[str, Any], name: str, seen: int, sent: int) -> None:
    """What packets were seen marked with; one that was marked anew is not hidden by others that were not."""
    if more.get(name, sent) == sent:
        more[name] = seen
