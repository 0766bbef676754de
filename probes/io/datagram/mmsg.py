"""Many datagrams with one system call (`sendmmsg`, `recvmmsg`), in memory made once: the one binding, and a receiver of runs.

`recvmsg` of Python makes five objects for each datagram; at some ten thousand a second that costs more than the kernel's
work. The calls keep the interpreter's lock: they never wait. 64-bit Linux only: `AVAILABLE` says so.
"""

from __future__ import annotations

import ctypes
import mmap
import socket
import struct
import sys
import time
from typing import Any, NamedTuple

_LIBC = ctypes.PyDLL(None, use_errno=True)
AVAILABLE = struct.calcsize("@P") == 8 and hasattr(_LIBC, "recvmmsg") and hasattr(_LIBC, "sendmmsg")
_HEADER = struct.Struct("@PIPNPNi0PI0P")  # struct mmsghdr: name, its room, vector, 1, control, its room, flags, length
_VECTOR = struct.Struct("@PN")  # struct iovec
CONTROL = struct.Struct("@Nii")  # struct cmsghdr
_NAME = 32  # room for struct sockaddr_in6
KNOWN = 16_384  # addresses remembered
_TIMESTAMPNS, _RXQ_OVFL = 35, 40
_CONTROL_ROOM = 96  # bytes of control messages a run's packet brings
_TIMESPEC = struct.Struct("=qq")
_STAMP_KIND = struct.unpack("=q", struct.pack("=ii", socket.SOL_SOCKET, _TIMESTAMPNS))[0]
_STAMP_ONLY = 32  # control bytes of a datagram that carries nothing but its stamp
_DONTWAIT, _MAX_AT_ONCE, _MAX_BYTES = 0x40, 128, 1024 * 1024


class PacketSlots:
    """Memory for `many` packets as the kernel wants it. Untouched pages of it cost nothing."""

    def __init__(self, many: int, control: int, apart: int, room: int) -> None:
        """Bytes of control messages, from packet to packet, and of a packet at most."""
        sizes = (_HEADER.size, _VECTOR.size, _NAME, control, apart)
        self.memory = mmap.mmap(-1, many * sum(sizes))
        self._at = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._many, self._control = many, control
        begins = [many * sum(sizes[:place]) for place in range(len(sizes))]
        self.headers, self.vectors, self.names, self.controls, self.data = (
            [begin + slot * size for slot in range(many)] for begin, size in zip(begins, sizes, strict=True)
        )
        self.end = self.vectors[0]
        for slot in range(many):
            name, vector, aside, data = (
                self._at + each[slot] for each in (self.names, self.vectors, self.controls, self.data)
            )
            _HEADER.pack_into(self.memory, self.headers[slot], name, _NAME, vector, 1, aside, control, 0, 0)
            _VECTOR.pack_into(self.memory, self.vectors[slot], data, room)
        self._fresh = self.memory[: self.end]
        self.sources: dict[bytes, Any] = {}  # `struct sockaddr` → address

    def send(self, fd: int, filled: int) -> int:
        """The first `filled` packets; how many left, -1: none, errno says why."""
        return int(_LIBC.sendmmsg(fd, ctypes.c_void_p(self._at), filled, _DONTWAIT))

    def receive(self, fd: int, flags: int = 0) -> int:
        """Packets into slots; how many, -1: none, errno says why."""
        self.memory[: self.end] = self._fresh  # the kernel has written over lengths
        return int(_LIBC.recvmmsg(fd, ctypes.c_void_p(self._at), self._many, flags | _DONTWAIT, None))

    def control_messages(self, slot: int, room: int) -> list[tuple[int, int, bytes]]:
        """Control messages one by one, as `recvmsg` gives them."""
        at, memory = self.controls[slot], self.memory
        messages, end = [], at + min(room, self._control)
        while at + CONTROL.size <= end:
            size, level, kind = CONTROL.unpack_from(memory, at)
            if size < CONTROL.size:
                break
            messages.append((level, kind, memory[at + CONTROL.size : min(at + size, end)]))
            at += size + 7 & ~7
        return messages

    def source(self, name: bytes) -> Any:
        """A `struct sockaddr` as Python writes the address."""
        if name in self.sources:
            return self.sources[name]
        if len(self.sources) >= KNOWN:
            self.sources.clear()
        port = int.from_bytes(name[2:4], "big")
        if int.from_bytes(name[:2], sys.byteorder) == socket.AF_INET6:
            host, scope = socket.inet_ntop(socket.AF_INET6, name[8:24]), int.from_bytes(name[24:28], sys.byteorder)
            self.sources[name] = (host, port, int.from_bytes(name[4:8], "big"), scope)
        else:
            self.sources[name] = (socket.inet_ntop(socket.AF_INET, name[4:8]), port)
        return self.sources[name]


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
    """Reads a datagram socket, one datagram a call. `overflow`: what its buffer dropped so far."""

    def __init__(self, sock: socket.socket) -> None:
        self.overflow, self._sock = 0, sock
        self._buffer = bytearray(65_536)

    def receive(self) -> tuple[list[tuple[PacketRun, Any]], bool]:
        """(runs with their sources, whether there may be more); raises OSError."""
        length, control, _, source = self._sock.recvmsg_into([self._buffer], 64)
        view = memoryview(self._buffer)[:length]
        return [(PacketRun(view, length, [length], [self._stamp(control)]), source)], True

    def _stamp(self, control: list[tuple[int, int, bytes]]) -> int:
        """When it arrived, out of one datagram's control messages; what was dropped before it is written down."""
        at_ns = 0
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPNS):
                seconds, nanos = _TIMESPEC.unpack_from(value)
                at_ns = seconds * 1_000_000_000 + nanos
            elif (level, kind) == (socket.SOL_SOCKET, _RXQ_OVFL):
                self.overflow = int.from_bytes(value[:4], sys.byteorder)
        return at_ns or time.time_ns()


class BatchReceiver(PlainReceiver):
    """The same with many datagrams a call, where the machine can.

    Packets are not joined on their way up (UDP_GRO): that saved nothing, and a joined one has one stamp.
    """

    def __init__(self, sock: socket.socket, largest: int) -> None:
        self.overflow, self._sock = 0, sock
        self._apart = max(64, -(-largest // 64) * 64)
        self._many = max(1, min(_MAX_AT_ONCE, _MAX_BYTES // self._apart))
        self._slots = slots = PacketSlots(self._many, _CONTROL_ROOM, self._apart, self._apart)
        whole = memoryview(slots.memory)
        self._view = whole[slots.data[0] :]
        self._headers, self._controls = whole[: slots.end].cast("Q"), whole[slots.controls[0] : slots.data[0]].cast("q")
        self._names = whole[slots.names[0] : slots.controls[0]]

    def receive(self) -> tuple[list[tuple[PacketRun, Any]], bool]:
        """See `PlainReceiver.receive`."""
        many = self._slots.receive(self._sock.fileno())
        if many < 0:
            raise OSError(ctypes.get_errno(), "recvmmsg")
        return self._runs(many), many == self._many

    def _runs(self, many: int) -> list[tuple[PacketRun, Any]]:
        words, step = _HEADER.size // 8, _CONTROL_ROOM // 8
        controls, lengths = (self._headers[place : many * words : words].tolist() for place in (5, 7))
        kinds = self._controls[1 : many * step : step].tolist()
        names = bytes(self._names[: many * _NAME])
        first = names[:_NAME]
        plain = controls.count(_STAMP_ONLY) == many and kinds.count(_STAMP_KIND) == many and names == first * many
        if not plain:
            return [self._single(at, lengths[at], controls[at], names[at * _NAME :][:_NAME]) for at in range(many)]
        seconds, nanos = (self._controls[place : many * step : step].tolist() for place in (2, 3))
        stamps = [whole * 1_000_000_000 + part for whole, part in zip(seconds, nanos, strict=True)]
        return [(PacketRun(self._view, self._apart, lengths, stamps), self._slots.source(first))]

    def _single(self, slot: int, length: int, control: int, name: bytes) -> tuple[PacketRun, Any]:
        view = self._view[slot * self._apart :][:length]
        stamps = [self._stamp(self._slots.control_messages(slot, control))]
        return PacketRun(view, max(1, length), [length], stamps), self._slots.source(name)


def receiver(sock: socket.socket, largest: int) -> PlainReceiver:
    """The better one this machine has; stamps and drops are asked for."""
    for option in (_TIMESTAMPNS, _RXQ_OVFL):
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    return BatchReceiver(sock, largest) if AVAILABLE else PlainReceiver(sock)
