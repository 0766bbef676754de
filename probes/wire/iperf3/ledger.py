"""What a UDP receiver writes down of one stream: goodput, loss, jitter (RFC 1889 A.8), late and repeated packets."""

from __future__ import annotations

from probes.errors import WireError
from probes.wire.iperf3.messages import head_bytes, read_head
from probes.wire.iperf3.udp import read_heads

_MAX_LEAP = 1_000_000  # packet numbers that leap further were not sent by our peer
_MAX_MISSING = 10_000  # newest ones remembered, so that a late packet and a repeated one can be told apart


class StreamLedger:
    """Counts of one stream. A gap is a loss until the packet comes late; a repeated packet counts for nothing."""

    def __init__(self, wide: bool = False) -> None:
        self._wide, self._head_bytes = wide, head_bytes(wide)
        self.bytes = self.lost = self.reordered = self.repeated = self.strange = 0
        self.highest = 0  # the highest number seen is how many packets the sender has sent, as far as we know
        self.jitter_ns = 0.0
        self._transit_ns: int | None = None
        self._missing: set[int] = set()

    def take(self, data: bytes | memoryview, length: int, at_ns: int) -> None:
        """One packet: at least its beginning in `data`, its whole `length`, when it arrived (wall, ns)."""
        try:
            sent_ns, seq = read_head(data, self._wide)
        except WireError:
            self.strange += 1
            return
        if not 0 < seq <= self.highest + _MAX_LEAP:
            self.strange += 1
        elif seq > self.highest or self._late(seq):
            self.bytes += length
            self._advance(seq)
            self._jitter(at_ns - sent_ns)

    def take_run(self, view: memoryview, stride: int, lengths: list[int], stamps: list[int]) -> None:
        """Packets `stride` bytes apart: at once when they are the next ones in order, else one by one."""
        many = len(lengths)
        heads = read_heads(view, stride, many, self._wide) if min(lengths) >= self._head_bytes else None
        first = self.highest + 1
        if heads is None or heads[2] != list(range(first, first + many)):
            for place, (length, at_ns) in enumerate(zip(lengths, stamps, strict=True)):
                self.take(view[place * stride :][:length], length, at_ns)
            return
        self.bytes += sum(lengths)
        self.highest += many
        jitter_ns, before_ns = self.jitter_ns, self._transit_ns
        for at_ns, whole, part in zip(stamps, heads[0], heads[1], strict=True):
            transit_ns = at_ns - whole * 1_000_000_000 - part * 1000
            if before_ns is not None:
                jitter_ns += (abs(transit_ns - before_ns) - jitter_ns) / 16
            before_ns = transit_ns
        self.jitter_ns, self._transit_ns = jitter_ns, before_ns

    def _late(self, seq: int) -> bool:
        if seq in self._missing:
            self._missing.remove(seq)
            self.lost -= 1
            self.reordered += 1
            return True
        self.repeated += 1
        return False

    def _advance(self, seq: int) -> None:
        gap = seq - self.highest - 1
        if gap > 0:
            self.lost += gap
            self._remember(self.highest + 1, seq)
        self.highest = max(self.highest, seq)

    def _remember(self, first: int, end: int) -> None:
        self._missing.update(range(max(first, end - _MAX_MISSING), end))
        if len(self._missing) > 2 * _MAX_MISSING:  # seldom, so each packet pays little
            self._missing = {seq for seq in self._missing if seq >= end - _MAX_MISSING}

    def _jitter(self, transit_ns: int) -> None:
        if self._transit_ns is not None:
            self.jitter_ns += (abs(transit_ns - self._transit_ns) - self.jitter_ns) / 16
        self._transit_ns = transit_ns

    def anew(self) -> None:
        """Count from here on (the warm-up is over); packet numbers and jitter go on."""
        self.bytes = self.lost = self.reordered = self.repeated = self.strange = 0
        self._missing.clear()
