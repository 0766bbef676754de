"""Byte streams cut into messages, fed in any slicing: one receive buffer, and what every session over framed streams does. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from probes.errors import WireError
from probes.wire.session import EventQueue, Malformed

T = TypeVar("T")


class Framer(Generic[T]):
    """The receive buffer. `size`: how long the message at its beginning is, None as long as nobody can tell; `read` makes of
    its bytes what is given out (None: nothing is). Both may raise `WireError`."""

    def __init__(self, size: Callable[[bytearray], int | None], read: Callable[[bytes], T | None]) -> None:
        self._size, self._read = size, read
        self._held = bytearray()

    @property
    def pending(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[T]:
        """Messages that are complete now, to be taken all; raises `WireError`."""
        self._held += data
        return self._cut()

    def _cut(self) -> Iterator[T]:
        while (size := self._size(self._held)) is not None and len(self._held) >= size:
            message = self._read(bytes(self._held[:size]))
            del self._held[:size]
            if message is not None:
                yield message


class MessageFramer(Protocol):
    """What cuts a stream into a protocol's own messages."""

    @property
    def pending(self) -> bool:
        """A message has begun and is not complete."""

    def feed(self, data: bytes) -> Iterable[Any]:
        """Messages that are complete now; raises `WireError`."""


class FramedSession(EventQueue, ABC):
    """The receiving part of a `probes.wire.session.StreamSession`."""

    _framer: MessageFramer

    @property
    @abstractmethod
    def done(self) -> bool:
        """True when nothing more is sent or awaited."""

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes; `b""`: the far end has closed. What is no message ends it, for nothing after it can be understood."""
        if self.done:
            return
        if not data:
            self._closed(now)
            return
        try:
            for message in self._framer.feed(data):
                self._take(message, now)
        except WireError as fault:
            self._broken(Malformed(fault.reason), now)

    @abstractmethod
    def _take(self, message: Any, now: float) -> None:
        """A message."""

    @abstractmethod
    def _closed(self, now: float) -> None:
        """The far end has closed the connection."""

    @abstractmethod
    def _broken(self, event: Malformed, now: float) -> None:
        """What came is no message."""
