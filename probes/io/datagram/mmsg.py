"""Many datagrams with one system call (recvmmsg), with the kernel's arrival stamps, into buffers made once.

`recvmsg` of Python makes five objects for each datagram; at some ten thousand a second that costs more than the kernel's
work. 64-bit Linux only: `AVAILABLE` says so.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from typing import Any, NamedTuple

AVAILABLE = sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8 and sys.byteorder == "little"
_LIBC = ctypes.CDLL(None, use_errno=True)
_TIMESTAMPNS, _RXQ_OVFL = 35, 40
_HEADER = struct.Struct(
    "=QI4xQQQQi4xI4x"
)  # struct mmsghdr: name, its length, iov, how many, control, length, flags, bytes
_HEADER_WORDS = _HEADER.size // 8
_IOV = struct.Struct("=QQ")
_NAME, _CONTROL = 32, 96
_CMSG = struct.Struct("=Qii")
_TIMESPEC = struct.Struct("=qq")
_STAMP_KIND = struct.unpack("=q", struct.pack("=ii", socket.SOL_SOCKET, _TIMESTAMPNS))[0]
_STAMP_ONLY = 32  # control bytes of a datagram that carries nothing but its stamp
_DONTWAIT, _MAX_AT_ONCE, _MAX_BYTES = 0x40, 128, 1024 * 1024


class PacketRun(NamedTuple):
    """Packets of one source in one buffer, `stride` bytes apart; valid until the next call."""

    view: memoryview
    stride: int
    lengths: list[int]
    stamps: list[int]  # arrival, wall ns

    def packets(self) -> list[tuple[memoryview, int]]:
        """Each with its stamp."""
        places = range(0, self.stride * len(self.lengths), self.stride)
        triples = zip(places, self.lengths, self.stamps, strict=True)
        return [(self.view[at : at + length], stamp) for at, length, stamp in triples]


class PlainReceiver:
    """What `BatchReceiver` does, for machines where it cannot be: one datagram a call."""

    def __init__(self, sock: socket.socket) -> None:
        self.overflow, self._sock = 0, sock
        self._buffer = bytearray(65_536)

    def receive(self) -> tuple[list[tuple[PacketRun, Any]], bool]:
        """(one run with its source, there may be more); raises OSError."""
        length, control, _, source = self._sock.recvmsg_into([self._buffer], 64)
        at_ns = 0
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPNS):
                seconds, nanos = _TIMESPEC.unpack_from(value)
                at_ns = seconds * 1_000_000_000 + nanos
            elif (level, kind) == (socket.SOL_SOCKET, _RXQ_OVFL):
                self.overflow = int.from_bytes(value[:4], "little")
        return [
            (PacketRun(memoryview(self._buffer)[:length], length, [length], [at_ns or time.time_ns()]), source)
        ], True


def receiver(sock: socket.socket, largest: int) -> BatchReceiver | PlainReceiver:
    """The better one this machine has; stamps and drops are asked for."""
    for option in (_TIMESTAMPNS, _RXQ_OVFL):
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    return BatchReceiver(sock, largest) if AVAILABLE else PlainReceiver(sock)


class BatchReceiver:
    """Reads a datagram socket. `overflow`: what its buffer dropped so far.

    Packets are not joined on their way up (UDP_GRO): that saved nothing, and a joined one has one stamp.
    """

    def __init__(self, sock: socket.socket, largest: int) -> None:
        self.overflow = 0
        self._fd, self._family = sock.fileno(), sock.family
        self._slot = max(64, -(-largest // 64) * 64)
        self._many = max(1, min(_MAX_AT_ONCE, _MAX_BYTES // self._slot))
        self._data = bytearray(self._slot * self._many)
        self._names, self._controls = bytearray(_NAME * self._many), bytearray(_CONTROL * self._many)
        self._headers, self._iovs = bytearray(_HEADER.size * self._many), bytearray(_IOV.size * self._many)
        self._template = self._laid_out()
        self._view, self._at = memoryview(self._data), _address(self._headers)
        self._header_words = memoryview(self._headers).cast("Q")
        self._control_words = memoryview(self._controls).cast("q")
        self._sources: dict[bytes, Any] = {}

    def _laid_out(self) -> bytes:
        data, names, controls, iovs = map(_address, (self._data, self._names, self._controls, self._iovs))
        headers = bytearray()
        for place in range(self._many):
            _IOV.pack_into(self._iovs, place * _IOV.size, data + place * self._slot, self._slot)
            iov = iovs + place * _IOV.size
            headers += _HEADER.pack(names + place * _NAME, _NAME, iov, 1, controls + place * _CONTROL, _CONTROL, 0, 0)
        return bytes(headers)

    def receive(self) -> tuple[list[tuple[PacketRun, Any]], bool]:
        """(runs with their sources, whether there may be more); raises OSError."""
        self._headers[:] = self._template  # the kernel has written over lengths
        many = _LIBC.recvmmsg(self._fd, ctypes.c_void_p(self._at), self._many, _DONTWAIT, None)
        if many < 0:
            number = ctypes.get_errno()
            raise OSError(number, "recvmmsg")
        lengths = self._header_words[7 : many * _HEADER_WORDS : _HEADER_WORDS].tolist()
        return self._runs(many, lengths), many == self._many

    def _runs(self, many: int, lengths: list[int]) -> list[tuple[PacketRun, Any]]:
        step = _CONTROL // 8
        controls = self._header_words[5 : many * _HEADER_WORDS : _HEADER_WORDS].tolist()
        kinds = self._control_words[1 : many * step : step].tolist()
        names = bytes(memoryview(self._names)[: many * _NAME])
        first = names[:_NAME]
        plain = controls.count(_STAMP_ONLY) == many and kinds.count(_STAMP_KIND) == many and names == first * many
        if not plain:
            places = range(many)
            return [self._single(at, lengths[at], controls[at], names[at * _NAME :][:_NAME]) for at in places]
        seconds = self._control_words[2 : many * step : step].tolist()
        nanos = self._control_words[3 : many * step : step].tolist()
        stamps = [whole * 1_000_000_000 + part for whole, part in zip(seconds, nanos, strict=True)]
        return [(PacketRun(self._view, self._slot, lengths, stamps), self._source(first))]

    def _single(self, place: int, length: int, control: int, name: bytes) -> tuple[PacketRun, Any]:
        view = self._view[place * self._slot :][:length]
        return PacketRun(view, max(1, length), [length], [self._stamp(place * _CONTROL, control)]), self._source(name)

    def _stamp(self, at: int, length: int) -> int:
        """When it arrived, out of one datagram's control messages; what was dropped before it is written down."""
        end, at_ns = at + min(length, _CONTROL), 0
        while at + _CMSG.size <= end:
            many, level, kind = _CMSG.unpack_from(self._controls, at)
            body = at + _CMSG.size
            if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPNS):
                seconds, nanos = _TIMESPEC.unpack_from(self._controls, body)
                at_ns = seconds * 1_000_000_000 + nanos
            elif (level, kind) == (socket.SOL_SOCKET, _RXQ_OVFL):
                self.overflow = int.from_bytes(self._controls[body : body + 4], "little")
            at += max(_CMSG.size, -(-many // 8) * 8)
        return at_ns or time.time_ns()

    def _source(self, name: bytes) -> Any:
        source = self._sources.get(name)
        if source is None:
            if len(self._sources) >= 256:
                self._sources.clear()
            source = self._sources[name] = self._read(name)
        return source

    def _read(self, name: bytes) -> Any:
        """Host and port of a `struct sockaddr`, as Python's own (scope ids of link-local addresses included)."""
        port = int.from_bytes(name[2:4], "big")
        if self._family == socket.AF_INET:
            return socket.inet_ntoa(name[4:8]), port
        host, scope = socket.inet_ntop(socket.AF_INET6, name[8:24]), int.from_bytes(name[24:28], sys.byteorder)
        return (host, port, int.from_bytes(name[4:8], "big"), scope)


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
