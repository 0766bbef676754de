"""The handshake of `media` and `train`, netmon's own protocols over UDP: their control packets, and the agent's side of
them until the streams run. Pure.

Big-endian. Every packet begins with a head of 16 bytes: magic (4), type, 0, tag (2), session (8, chosen by the agent at
random). What an agent asks is `MIN_QUESTION_BYTES` long or more and carries the responder's cookie: whoever shows one has
received it at its address, and only then is it sent more than it sent. With a key, control packets end with 16 bytes of
HMAC-SHA-256 over all before; data packets never do: nobody else knows the session's number.

| type | from | after the head |
|---|---|---|
| HELLO | agent | zeros to `MIN_QUESTION_BYTES` |
| CHALLENGE | responder | cookie (16) |
| GO | agent | cookie, what is wanted |
| READY | responder | nothing |
| NO | responder | reason (1) |
| DATA | both | a stream's packet |
| ASK | agent | cookie, the question |
| REPORT | responder | what it has received |
| STOP | agent | cookie |

What a tag means, what is wanted, asked and reported: see `probes.wire.media.packet` and `probes.wire.train.packet`.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from probes.base import Outcome
from probes.errors import WireError
from probes.wire.cursor import ByteCursor
from probes.wire.icmp.fault import icmp_fault
from probes.wire.session import Address, Arrival, Datagram

HEAD_BYTES = COOKIE_BYTES = 16
MIN_QUESTION_BYTES = 96  # of everything an agent asks: no answer to a stranger is longer
_MAC_BYTES = 16
_HEAD = struct.Struct("!4sBxHQ")
_AGAIN_S = 0.25  # an answer that has not come is asked for again
How = Literal["silence", "refused", "nonsense", "ours", "busy"]


class PacketType(IntEnum):
    """Types of packets."""

    HELLO = 1
    CHALLENGE = 2
    GO = 3
    READY = 4
    NO = 5
    DATA = 6
    ASK = 7
    REPORT = 8
    STOP = 9


_TYPES = {int(type): type for type in PacketType}  # quicker than to call `PacketType`


class PacketHead(NamedTuple):
    """What every packet begins with."""

    type: PacketType
    tag: int
    session: int


@lru_cache(maxsize=8)
def key_id(key: bytes) -> int:
    """Which key it is, without telling it; 0: none."""
    return int.from_bytes(hashlib.sha256(key).digest()[:2], "big") | 1 if key else 0


@dataclass(frozen=True, slots=True)
class PacketCodec:
    """The packets of one protocol. `session`: its word for a session; `names_key`: tags are ids of keys."""

    magic: bytes
    name: str
    session: str
    names_key: bool = False

    def head(self, data: bytes) -> PacketHead:
        """The head; raises `WireError` for what is no packet of this protocol."""
        if len(data) < HEAD_BYTES:
            raise WireError(len(data), f"{len(data)} bytes are too short for a packet")
        magic, type, tag, session = _HEAD.unpack_from(data)
        if magic != self.magic:
            raise WireError(0, f"not a packet of the {self.name} protocol")
        if type not in _TYPES:
            raise WireError(4, f"kind {type} is unknown")
        return PacketHead(_TYPES[type], tag, session)

    def open(self, type: PacketType, session: int, tag: int = 0) -> bytes:
        """A head."""
        return _HEAD.pack(self.magic, type, tag, session)

    def checked(self, data: bytes, key: bytes) -> bytes:
        """What follows the head of a control packet, without its HMAC; raises `WireError` when that is not ours."""
        if not key:
            return data[HEAD_BYTES:]
        if self.names_key and int.from_bytes(data[6:8], "big") != key_id(key):
            raise WireError(6, "the HMAC is made with another key")
        if len(data) < HEAD_BYTES + _MAC_BYTES or not hmac.compare_digest(_mac(data[:-_MAC_BYTES], key), data[-_MAC_BYTES:]):  # fmt: skip
            raise WireError(len(data), "the HMAC is not made with our key")
        return data[HEAD_BYTES:-_MAC_BYTES]

    def hello(self, session: int, key: bytes = b"") -> bytes:
        """A session wants to begin."""
        return self.ask(PacketType.HELLO, session, b"", key=key)

    def ask(
        self, type: PacketType, session: int, cookie: bytes, body: bytes = b"", key: bytes = b"", tag: int = 0
    ) -> bytes:
        """GO, ASK or STOP, filled up and signed."""
        packet = self.open(type, session, key_id(key) if self.names_key else tag) + cookie + body
        return _sealed(packet.ljust(MIN_QUESTION_BYTES - (_MAC_BYTES if key else 0), b"\0"), key)

    def answer(self, type: PacketType, session: int, body: bytes = b"", key: bytes = b"", tag: int = 0) -> bytes:
        """CHALLENGE, READY, NO or REPORT, signed."""
        return _sealed(self.open(type, session, key_id(key) if self.names_key else tag) + body, key)


def _mac(data: bytes, key: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:_MAC_BYTES]


def _sealed(packet: bytes, key: bytes) -> bytes:
    return packet + _mac(packet, key) if key else packet


def cookie_of(body: bytes) -> tuple[bytes, bytes]:
    """The cookie and what follows it; raises `WireError` when there is none."""
    held = ByteCursor(body)
    return held.take(COOKIE_BYTES, "no cookie"), held.rest()


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The session is over."""

    how: How
    why: str


class Outgoing(Protocol):
    """A stream that leaves."""

    @property
    def wake_at(self) -> float | None:
        """When the next packet is due (monotonic s); None when all have left."""


class AgentSession(ABC):
    """The agent's side of a session: HELLO until a cookie is here, GO until the responder is ready, then `_run`.

    `session`: a number nobody can guess. `refusals`: what a responder's reasons mean; `busy`: those that pass by
    themselves; `forgotten`: what any other reason is taken for.
    """

    codec: ClassVar[PacketCodec]
    refusals: ClassVar[Mapping[Any, str]]
    busy: ClassVar[tuple[int, ...]]
    forgotten: ClassVar[int]
    question_token: ClassVar[Any] = None  # of the first questions' datagrams

    def __init__(self, to: Address, session: int, key: bytes, timeout_s: float) -> None:
        self._to, self._session, self._key, self._timeout_s = to, session, key, timeout_s
        self._cookie = self._go = b""
        self._tag = 0
        self._out: Outgoing | None = None  # None: nothing is wanted
        self._next_try = 0.0
        self._heard: float | None = None  # monotonic s of the last answer, or of the first question
        self._ready_at: float | None = None
        self._strange = ""
        self._silence = "nothing came back in time"
        self._events: list[Any] = []
        self.local_drop = 0
        self.done = False

    def farewell(self) -> bytes:
        """What lets the responder serve the next one."""
        return self.codec.ask(PacketType.STOP, self._session, self._cookie, b"", self._key) if self._cookie else b""

    # --- what comes in ---

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take one packet; what is not of this session is left aside."""
        if arrival.source[:2] != self._to[:2] or self.done:
            return
        try:
            self._take(arrival, self.codec.head(arrival.data), now)
        except (WireError, ValueError) as fault:
            self._strange = str(fault)

    def _take(self, arrival: Arrival, head: PacketHead, now: float) -> None:
        if head.session != self._session:
            raise WireError(8, f"an answer to another {self.codec.session}")
        if head.type is PacketType.DATA:
            if self._cookie and self._is_current(head):
                self._data(arrival, now)
                self._ready(now)
                self._heard = now
            return
        body = self.codec.checked(arrival.data, self._key)
        if head.type is PacketType.CHALLENGE and not self._cookie:
            self._cookie, _ = cookie_of(body)
            self._heard, self._next_try = now, 0.0
        elif self._is_current(head):
            self._answered(head.type, body, arrival, now)

    def _answered(self, type: PacketType, body: bytes, arrival: Arrival, now: float) -> None:
        if type is PacketType.READY:
            self._ready(now)
        elif type is PacketType.NO:
            reason = body[0] if body and body[0] in self.refusals else self.forgotten
            self._fail("busy" if reason in self.busy else "refused", self.refusals[reason])
        elif type is PacketType.REPORT:
            self._reported(body, arrival, now)
        else:
            return
        self._heard = now

    def _ready(self, now: float) -> None:
        self._ready_at = now if self._ready_at is None else self._ready_at

    def _is_current(self, head: PacketHead) -> bool:
        """True for what belongs to what is wanted now."""
        return self._out is not None

    @abstractmethod
    def _data(self, arrival: Arrival, now: float) -> None:
        """Take a packet of the responder's stream."""

    @abstractmethod
    def _reported(self, body: bytes, arrival: Arrival, now: float) -> None:
        """Take a report."""

    # --- what goes out ---

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What is due."""
        if self.done or self._out is None:
            return
        self._heard = now if self._heard is None else self._heard
        if now - self._heard >= self._timeout_s:
            self._silent()
        elif not self._cookie:
            yield from self._again(now, self.codec.hello(self._session, self._key))
        elif self._ready_at is None:
            yield from self._again(now, self._ask(PacketType.GO, self._go))
        else:
            yield from self._run(now, clock_ns)

    @abstractmethod
    def _run(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """What is due while the streams run."""

    def _again(self, now: float, data: bytes, after_s: float = _AGAIN_S) -> Iterable[Datagram]:
        if now >= self._next_try:
            self._next_try = now + after_s
            yield Datagram(data, self._to, token=self.question_token)

    def _ask(self, type: PacketType, body: bytes = b"") -> bytes:
        return self.codec.ask(type, self._session, self._cookie, body, self._key, self._tag)

    def _silent(self) -> None:
        if self._strange:
            self._fail("nonsense", f"what answers is no responder: {self._strange}")
        else:
            self._fail("silence", self._silence)

    def _fail(self, how: How, why: str) -> None:
        if not self.done:
            self.done = True
            self._events.append(SessionFailed(how, why))

    # --- the driver's questions ---

    def wake_at(self) -> float | None:
        """When something is due: a packet, a question, or the end of our patience."""
        if self.done or self._out is None:
            return None
        out = self._out.wake_at if self._ready_at is not None and self._cookie else None
        return self._next_try if out is None else min(out, self._next_try)

    def events(self) -> list[Any]:
        """What is over, or the `SessionFailed` that ends it; drained."""
        events, self._events = self._events, []
        return events

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """A refusal ends it, and so does a rule of our own; of what is only lost the words are kept."""
        fault = icmp_fault(to, by, type, code)
        if fault is None:
            return
        if fault.outcome is Outcome.LOST:
            self._silence = fault.why
        else:
            self._fail("refused" if fault.outcome is Outcome.REFUSED else "ours", fault.why)

    def overflow(self, total: int) -> None:
        """Our own socket buffer dropped packets."""
        self.local_drop = total
