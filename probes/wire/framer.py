"""Byte streams cut into messages, fed in any slicing: one receive buffer, and what every session over framed streams does. Pure."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from probes.errors import WireError
from probes.wire.session import EventQueue, Malformed

T = TypeVar("T")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class ReceiveBuffer(bytearray):
    """What came of a stream and is not taken yet; `+=` adds to it."""

    _searched = 0  # so many bytes hold no end of a head

    def take(self, count: int) -> bytes:
        """The first `count` bytes, or as many as there are."""
        data = bytes(self[:count])
        del self[:count]
        self._searched = max(0, self._searched - count)
        return data

    def take_head(self) -> bytes | None:
        """A text before its blank line, which is taken too; None while that is not there."""
        match = _HEAD_END.search(self, self._searched)
        self._searched = 0 if match else max(0, len(self) - 3)
        return self.take(match.end())[: match.start()] if match else None

    def first_line(self) -> bytes | None:
        """What stands before the first line's end, None while that is not there; nothing is taken."""
        end = self.find(b"\n")
        return bytes(self[:end]) if end >= 0 else None


class Framer(ABC, Generic[T]):
    """Fed in any slicing, it gives the messages that `_next` takes out of its `_bytes`."""

    def __init__(self) -> None:
        self._bytes = ReceiveBuffer()

    @property
    def pending(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> Iterator[T]:
        """Messages that are complete now, to be taken all; raises `WireError`."""
        self._bytes += data
        return self._cut()

    def _cut(self) -> Iterator[T]:
        while (message := self._next()) is not None:
            yield message

    @abstractmethod
    def _next(self) -> T | None:
        """The next message, None as long as it is not complete; raises `WireError`."""


class SizedFramer(Framer[T]):
    """For messages that say how long they are. `size` gets at least `head` bytes: how long the message at their beginning is,
    None as long as nobody can tell; `read` makes of its bytes what is given out (None: nothing is). Both may raise `WireError`."""

    def __init__(self, head: int, size: Callable[[bytearray], int | None], read: Callable[[bytes], T | None]) -> None:
        super().__init__()
        self._head, self._size, self._read = head, size, read

    def _next(self) -> T | None:
        message = None
        while message is None and len(self._bytes) >= self._head:
            size = self._size(self._bytes)
            if size is None or len(self._bytes) < size:
                break
            message = self._read(self._bytes.take(size))
        return message


class FramedSession(EventQueue, ABC):
    """The receiving part of a `probes.wire.session.StreamSession`."""

    _framer: Framer[Any]

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
