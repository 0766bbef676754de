"""TWAMP-Control, the asking side (RFC 5357 §3, messages of RFC 4656 §3): one open test session, so that a router or a
twampd can be the far end of a STAMP sender.

Sans-IO (`probes.wire.session.StreamSession`). Only the open mode: authenticated TWAMP shares nothing with STAMP's HMAC.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from probes.errors import WireError
from probes.wire.framer import FramedSession, SizedFramer
from probes.wire.session import Malformed
from probes.wire.stamp import packet as stamp

TEST_BYTES = 14  # of a test packet without its padding
_OPEN = 1  # mode bits of the greeting
_GREETING, _SERVER_START, _ACCEPT, _ACK = 64, 48, 48, 32
_REQUEST = struct.Struct("!BBHIIHH16s16s16sIQQI8x16x")
_ACCEPTS = ("", "it failed", "its own error", "it supports no such thing", "it lacks the means for ever", "it lacks the means for now")  # fmt: skip


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The far end listens for test packets at UDP `port`."""

    port: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """No session, or no more: `why` in plain words; `refused`: the far end says so, `broken`: it spoke no TWAMP."""

    why: str
    refused: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """The session asked for: both ends' addresses (text), our UDP port, bytes of padding behind the 14 of a test, how long the
    far end may still answer after the end, and the DSCP of its answers."""

    mine: str
    theirs: str
    port: int
    padding: int
    timeout_s: float
    dscp: int


class Control(FramedSession):
    """The conversation; `deadline` (monotonic s) for what comes before the test. `done` once it ended. Events: `SessionReady`, `SessionEnded`."""

    done = False

    def __init__(self, wish: Wish, deadline: float) -> None:
        super().__init__()
        self._wish, self._deadline = wish, deadline
        self._framer, self._out = SizedFramer(1, lambda held: self._wanted, bytes), b""
        self._clock_ns = 0
        self._steps = iter(((_GREETING, self._greeted), (_SERVER_START, self._started), (_ACCEPT, self._accepted), (_ACK, self._acked)))  # fmt: skip
        self._wanted: int | None
        self._wanted, self._step = next(self._steps)
        self._port = 0
        self._ready = False

    def receive(self, data: bytes, now: float) -> None:
        """Bytes in any slicing; `b""`: the far end closed."""
        if not (self._ready and data):  # then nothing more is expected; what comes is not kept
            super().receive(data, now)

    def _take(self, message: bytes, now: float) -> None:
        self._step(message)
        self._wanted, self._step = (None, self._step) if self.done else next(self._steps, (None, self._step))

    def _closed(self, now: float) -> None:
        self._end("the far end closed the control connection")

    def _broken(self, event: Malformed, now: float) -> None:
        self._end(event.reason, broken=True)

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """What to write; ends the conversation when its time is over."""
        self._clock_ns = clock_ns
        if not self._ready and not self.done and now >= self._deadline:
            self._end("no answer on the control connection in time")
        out, self._out = self._out, b""
        return out

    def stop(self) -> None:
        """Stop-Sessions: the test is over."""
        if self._ready and not self.done:
            self._out += struct.pack("!BBHI24x", 3, 0, 0, 1)
        self.done = True

    def wake_at(self) -> float | None:
        """Its deadline, while it is not ready."""
        return None if self._ready or self.done or self._deadline == math.inf else self._deadline

    # --- the far end's four messages ---

    def _greeted(self, message: bytes) -> None:
        (modes,) = struct.unpack_from("!I", message, 12)
        if not modes:
            self._end("it serves nobody now (mode 0)", refused=True)
        elif not modes & _OPEN:
            self._end("it offers no open mode, only keyed ones", refused=True)
        else:
            self._out += struct.pack("!I160x", _OPEN)

    def _started(self, message: bytes) -> None:
        if not self._refused(message[15], "the connection"):
            self._out += self._request()

    def _accepted(self, message: bytes) -> None:
        if self._refused(message[0], "the session"):
            return
        (self._port,) = struct.unpack_from("!H", message, 2)
        if not self._port:
            raise WireError(2, "it accepts a session at port 0")
        self._out += struct.pack("!B31x", 2)

    def _acked(self, message: bytes) -> None:
        if not self._refused(message[0], "the start"):
            self._ready = True
            self._events.append(SessionReady(self._port))

    def _refused(self, accept: int, what: str) -> bool:
        if accept:
            why = _ACCEPTS[accept] if accept < len(_ACCEPTS) else "for no known reason"
            self._end(f"it refuses {what}: {why} ({accept})", refused=True)
        return bool(accept)

    def _request(self) -> bytes:
        wish, version = self._wish, 6 if ":" in self._wish.mine else 4
        mine, theirs = (
            ip_address(address.partition("%")[0]).packed.ljust(16, b"\0") for address in (wish.mine, wish.theirs)
        )
        return _REQUEST.pack(
            5, version, 0, 0, 0, wish.port, wish.port, mine, theirs, bytes(16), wish.padding,
            stamp.to_wire(self._clock_ns), int(wish.timeout_s * 2**32), wish.dscp << 24,
        )  # fmt: skip

    def _end(self, why: str, *, refused: bool = False, broken: bool = False) -> None:
        self.done = True
        self._events.append(SessionEnded(why, refused, broken))
