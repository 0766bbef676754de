"""What a reflector writes into the TLVs of one test (RFC 8972 §4): its class of service, clock, counts, and when its last
answer really left."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from probes.answer.stamp.sessions import Session
from probes.wire.stamp import packet as stamp
from probes.wire.stamp import tlv
from probes.wire.stamp.tlv import Cos


class Extras:
    """One answer's TLVs. `tos`: what the answer is to be marked with when the test says so; `token`: for its send stamp,
    when the test asks for such."""

    def __init__(
        self, session: Session, number: int, seen_tos: int, clock: stamp.AskedClock, dscps: AbstractSet[int]
    ) -> None:
        self._session, self._number, self._seen = session, number, max(0, seen_tos)
        self._clock, self._dscps = clock, dscps
        self.tos: int | None = None
        self.token: tuple[Session, int] | None = None

    def reflected(self, chain: bytes, key: bytes, head: bytes) -> bytes:
        """The chain as it goes back, exactly as long."""
        answers = {
            tlv.COS: self._cos,
            tlv.TIMESTAMP: self._timestamp,
            tlv.DIRECT: self._direct,
            tlv.FOLLOW_UP: self._follow_up,
        }
        reply_head = (self._number & 0xFFFFFFFF).to_bytes(4, "big")
        return tlv.reflected(chain, answers, key=key, head=head, reply_head=reply_head)

    def _cos(self, value: bytes) -> bytes:
        wanted = tlv.cos(value).wanted
        allowed = wanted in self._dscps
        self.tos = wanted << 2 if allowed else 0
        return Cos(wanted, self._seen >> 2, self._seen & 3, not allowed).encode()

    def _timestamp(self, value: bytes) -> bytes:
        source = tlv.NTP if self._clock.worth.synced else tlv.FREE
        return bytes((source, tlv.SOFTWARE, source, tlv.SOFTWARE))

    def _direct(self, value: bytes) -> bytes:
        return tlv.direct(tlv.counted(value)[0], self._session.count, self._session.count)

    def _follow_up(self, value: bytes) -> bytes:
        self.token = self._session, self._number
        left = self._session.left
        if left is None:
            return bytes(len(value))
        wire = stamp.to_wire(left[1], bool(self._clock.field & 0x4000))
        return tlv.follow_up(left[0] & 0xFFFFFFFF, wire, tlv.SOFTWARE)
