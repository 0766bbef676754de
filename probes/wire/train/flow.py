"""One stream of data packets, as its sender and as its receiver see it; the agent and the responder both use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from probes.wire.delay_rise import DelayRise
from probes.wire.session import Address, Arrival, Datagram
from probes.wire.train import packet as train
from probes.wire.train.packet import PacketStream

_AGAIN_S = 0.001  # a full socket buffer is tried again after this
_BEHIND_S = 0.05  # a paced stream that is later than this goes on from now: it never catches up with a burst
_GIVE_UP_S = 1.0  # a socket that takes nothing for so long is broken
_HEAD = 28


class StreamSender:
    """Sends a stream. `sent_ns`: when each packet left, since the first; `starved`: packets our lateness delayed.

    `leaving`: the packet just given to the socket is one of these. They bring no token: the kernel need not stamp them.
    `clock_ns` is monotonic: it is read for every packet, as late as can be.
    """

    def __init__(
        self, stream: PacketStream, round_: int, test: int, to: Address, tos: int, clock_ns: Callable[[], int],
        via: bytes = b"",
    ) -> None:  # fmt: skip
        self.stream, self.sent_ns, self.starved, self.fault = stream, list[int](), 0, ""
        self._round, self._test, self._to, self._tos, self._via = round_, test, to, tos, via
        self._clock_ns, self._began_ns, self._pad = clock_ns, 0, bytes(stream.size - _HEAD)
        self.leaving = self._held = False
        self._due = self._stuck = 0.0  # monotonic s: when the next packet leaves, since when none could
        self.over = not stream.packets

    @property
    def wake_at(self) -> float | None:
        """When the next packet is due; None when all have left."""
        return None if self.over else self._due

    def stop(self) -> None:
        """Send no more."""
        self.over = True

    def packets(self, now: float) -> Iterator[Datagram]:
        """What is due now."""
        gap_s = self.stream.gap_ns / 1e9
        if gap_s and self.sent_ns and not self.over and not self._stuck and now - self._due > _BEHIND_S:
            self.starved += int((now - self._due) / gap_s)
            self._due = now
        self._due = self._due or now
        self._held = False
        while not self.over and self._due <= now:
            at_ns = self._clock_ns()
            self._began_ns = self._began_ns or at_ns
            self.leaving = True
            yield self._packet(at_ns - self._began_ns)
            self.leaving = False
            if self._held:
                self._due = now + _AGAIN_S
                return
            self._stuck = 0.0
            self.sent_ns.append(at_ns - self._began_ns)
            self._due += gap_s
            self.over = len(self.sent_ns) >= self.stream.packets

    def _packet(self, at_ns: int) -> Datagram:
        data = train.data_head(self._round, self._test, len(self.sent_ns), at_ns) + self._pad
        return Datagram(data, self._to, self._tos, via=self._via)

    def unsent(self, why: str, now: float) -> None:
        """The packet just given did not leave: it is tried again, for a while."""
        self._held = True
        self._stuck = self._stuck or now
        if now - self._stuck > _GIVE_UP_S:
            self.fault, self.over = why, True


class StreamReceiver:
    """Takes a stream in. `arrivals`: (number, wall ns) as they came; `sent_ns`: when each left, as its sender says."""

    def __init__(self, stream: PacketStream) -> None:
        self.stream, self.arrivals, self.sent_ns = stream, list[tuple[int, int]](), dict[int, int]()
        self.last_at: float | None = None  # monotonic s of the last packet
        self.rise = DelayRise()  # ns

    @property
    def complete(self) -> bool:
        """All packets are here."""
        return len(self.sent_ns) >= self.stream.packets

    def take(self, arrival: Arrival, now: float) -> None:
        """A data packet of this stream; raises `WireError` when it is cut off. What was never announced is not kept."""
        number, sent_ns = train.read_data(arrival.data)
        if number >= self.stream.packets or number in self.sent_ns:
            return
        self.last_at = now
        self.sent_ns[number] = sent_ns
        self.arrivals.append((number, arrival.at_ns))
        self.rise.add(arrival.at_ns - sent_ns)

    def report(self, part: int, now: float, starved: int) -> train.Summary:
        """What came, for its sender: one part of the arrivals, or none."""
        first = self.arrivals[0][1] if self.arrivals else 0
        chosen = [] if part == train.SUMMARY else self.arrivals[part * train.PART : (part + 1) * train.PART]
        quiet_ms = 0 if self.last_at is None else int((now - self.last_at) * 1000)
        places: list[tuple[int, int]] = [(number, max(0, at - first)) for number, at in chosen]
        return train.Summary(
            part, train.parts_of(self.arrivals), len(self.arrivals), quiet_ms, max(0, self.rise.now // 1000), starved,
            tuple(places),
        )  # fmt: skip
