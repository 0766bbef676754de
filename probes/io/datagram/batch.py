"""A datagram socket that moves many packets in one system call (`sendmmsg`, `recvmmsg`): for fleets of targets.

A call of its own for each packet costs more than the packet, and each such call lets another thread of this process take
the interpreter, for 5 ms if that is busy. These calls keep it: they never wait, the socket being non-blocking. Every
packet still gets kernel stamps of its own. Linux, 64 bits; elsewhere `fleet_socket` gives a plain `PacketSocket`.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from probes.io.datagram import mmsg
from probes.io.datagram.mmsg import AVAILABLE, CONTROL, PacketSlots
from probes.io.datagram.socket import (
    ERRQUEUE,
    KEPT,
    MAX_TAKEN,
    ORIGIN_STAMP,
    RECVERR,
    ROOM,
    TIMESTAMPING,
    PacketSocket,
    Stamped,
    Unreachable,
)
from probes.wire.session import Arrival, Datagram

_MANY = 64  # packets a call
_SIZE = struct.Struct("@N")
_FILLED = struct.Struct("@40xNi4xI4x")  # of a header: control's length, flags, the packet's length
_CONTROL_AT = 40  # where in a header its control's room stands
_LARGE, _SMALL = 65_536, 2048  # the largest datagram; up to so many bytes packets are sent together
_SPREAD = 256  # the packets' first bytes must not share the processor's cache lines
_ASIDE = 64  # bytes of control messages a packet takes along
# What nearly every send stamp brings: the time, then struct sock_extended_err with the packet's number. An ICMP error has
# other messages between the two, whose filling the kernel does not write: the second one's level and kind must be right.
_SENT, _SENT_ROOM = struct.Struct("@12xiqq32x8xii4xB7xI"), 96
# What nearly every answer brings: the time, TTL, TOS; for IPv6 hop limit and traffic class. Their kinds tell the rest.
_CAME, _CAME_ROOM = struct.Struct("@12xiqq32x12xii4x12xiB"), 112
_KINDS = {socket.AF_INET: (2, 1), socket.AF_INET6: (52, 67)}


def fleet_socket(sock: socket.socket, *, skip_ip: bool = False) -> PacketSocket:
    """The cheapest socket this machine allows."""
    return (BatchSocket if AVAILABLE else PacketSocket)(sock, skip_ip=skip_ip)


class BatchSocket(PacketSocket):
    """See the top. What it does is what `PacketSocket` does."""

    def __init__(self, sock: socket.socket, *, skip_ip: bool = False) -> None:
        super().__init__(sock, skip_ip=skip_ip)
        self._in = PacketSlots(_MANY, ROOM, _LARGE + _SPREAD, _LARGE)
        self._out = PacketSlots(_MANY, _ASIDE, _SMALL, 0)
        self._room = [0] * _MANY  # what the slots for sending say of their packet's and control's length
        self._aside = [-1] * _MANY
        self._name_bytes = 28 if self.v6 else 16
        for header in self._out.headers:
            struct.pack_into("@I", self._out.memory, header + 8, self._name_bytes)
        self._named: dict[Any, bytes] = {}  # address → struct sockaddr
        self._marks: dict[tuple[int, int], bytes] = {}  # (TOS, TTL) → control messages

    # --- sending ---

    def send_all(self, packets: Iterable[Datagram], unsent: Callable[[Any, str], None]) -> int:
        """See `PacketSocket.send_all`; a packet that fails goes the way of single ones, which tells why."""
        whole = packets if isinstance(packets, list) else list(packets)
        at = 0
        while at < len(whole):
            filled = self._fill(whole[at : at + _MANY])
            many = self._out.send(self.sock.fileno(), filled) if filled else 0
            if many > 0:
                self._left(whole[at : at + many])
                at += many
            if many < filled or not filled:
                super().send_all(whole[at : at + 1], unsent)
                at += 1
        return len(whole)

    def _fill(self, packets: list[Datagram]) -> int:
        """Packets into slots; how many from the first on fit."""
        out = self._out
        memory, names, datas, room, aside = out.memory, out.names, out.data, self._room, self._aside
        named, wide = self._named, self._name_bytes
        for slot, (data, to, tos, ttl, _, via) in enumerate(packets):
            name, size = named.get(to) or self._name(to), len(data)
            if via or not name or size > _SMALL:
                return slot
            at, place = datas[slot], names[slot]
            memory[at : at + size] = data
            memory[place : place + wide] = name
            if room[slot] != size:
                _SIZE.pack_into(memory, out.vectors[slot] + 8, size)
                room[slot] = size
            mark = tos << 8 | ttl
            if aside[slot] != mark:
                self._mark(slot, tos, ttl)
                aside[slot] = mark
        return len(packets)

    def _mark(self, slot: int, tos: int, ttl: int) -> None:
        control = b""
        for level, kind, value in self._control(tos, ttl, b""):
            control += CONTROL.pack(CONTROL.size + len(value), level, kind) + value.ljust(8, b"\0")
        memory, at = self._out.memory, self._out.controls[slot]
        memory[at : at + len(control)] = control
        _SIZE.pack_into(memory, self._out.headers[slot] + _CONTROL_AT, len(control))

    def _name(self, to: Any) -> bytes:
        """`struct sockaddr`; nothing for what only the system can tell."""
        if len(self._named) >= mmsg.KNOWN:
            self._named.clear()
        try:
            host = socket.inet_pton(self.sock.family, to[0])
        except OSError:
            return b""
        family, port = struct.pack("=H", self.sock.family), to[1].to_bytes(2, "big")
        if self.v6:
            flow, scope = (*to[2:], 0, 0)[:2]
            host = flow.to_bytes(4, "big") + host + struct.pack("=I", scope)
        name: bytes = (family + port + host).ljust(self._name_bytes, b"\0")
        self._named[to] = name
        return name

    def _left(self, packets: list[Datagram]) -> None:
        """They left: their numbers wait for the kernel's stamps."""
        if not self.kernel_tx:
            return
        tokens, serial = self._tokens, self._serial
        for packet in packets:
            if packet[4] is not None:
                tokens[serial] = packet[4]
            serial = serial + 1 & 0xFFFFFFFF
        self._serial = serial
        if len(tokens) > KEPT:
            for old in list(islice(tokens, len(tokens) - KEPT)):
                del tokens[old]

    # --- receiving ---

    def _receive(self, flags: int) -> int:
        """Packets into slots; how many, 0: none waits, -1: an error of an earlier send was told."""
        many = self._in.receive(self.sock.fileno(), flags)
        return 0 if many < 0 and ctypes.get_errno() == errno.EAGAIN else many

    def hear(self, sent: Callable[[Any, int], None], said: Callable[[Unreachable], None]) -> None:
        """See `PacketSocket.hear`."""
        if self._early:
            super().hear(sent, said)
            return
        for _ in range(MAX_TAKEN):
            many = self._receive(ERRQUEUE)
            if not many:
                return
            self._stamped(many, sent, said)

    def _queued(self) -> Iterator[Stamped | Unreachable]:
        queued: list[Stamped | Unreachable] = []
        for _ in range(MAX_TAKEN):
            many = self._receive(ERRQUEUE)
            if not many:
                break
            self._stamped(many, lambda token, at_ns: queued.append(Stamped(token, at_ns)), queued.append)
        return iter(queued)

    def _stamped(self, many: int, sent: Callable[[Any, int], None], said: Callable[[Unreachable], None]) -> None:
        slots, tokens = self._in, self._tokens
        level, error = RECVERR[socket.AddressFamily(self.sock.family)]
        for slot in range(many):
            kind, seconds, nanos, second, its_kind, origin, serial = _SENT.unpack_from(
                slots.memory, slots.controls[slot]
            )
            room, _, size = _FILLED.unpack_from(slots.memory, slots.headers[slot])
            stamps = kind == TIMESTAMPING and its_kind == error and second == level
            if stamps and origin == ORIGIN_STAMP and room >= _SENT_ROOM:
                token = tokens.pop(serial, None)
                if token is not None:
                    sent(token, seconds * 1_000_000_000 + nanos)
                continue
            entry = self._error(self._data(slot, size), slots.control_messages(slot, room), self._source(slot))
            if isinstance(entry, Unreachable):
                said(entry)
            elif entry is not None:
                sent(*entry)

    def arrivals(self) -> Iterator[Arrival]:
        """Packets waiting, each with the kernel's arrival stamp."""
        for _ in range(MAX_TAKEN):
            many = self._receive(0)
            if not many:
                return
            yield from self._came(many)

    def _came(self, many: int) -> list[Arrival]:
        slots, sources, wide = self._in, self._in.sources, self._name_bytes
        memory, first, second = slots.memory, *_KINDS[self.sock.family]
        new = tuple.__new__  # half of what the class itself costs to call
        arrivals: list[Arrival] = []
        for slot in range(many):
            kind, seconds, nanos, its_first, hops, its_second, tos = _CAME.unpack_from(memory, slots.controls[slot])
            room, _, size = _FILLED.unpack_from(memory, slots.headers[slot])
            name, via = slots.names[slot], b""
            source = sources.get(memory[name : name + wide]) or self._source(slot)
            at_ns = seconds * 1_000_000_000 + nanos
            if room != _CAME_ROOM or kind != TIMESTAMPING or its_first != first or its_second != second:
                at_ns, hops, tos, via = self._control_of(slots.control_messages(slot, room))
            data = self._data(slot, size)
            if self._skip_ip:
                hops, data = data[8], data[(data[0] & 15) * 4 :]
            arrivals.append(new(Arrival, (data, source, at_ns or time.time_ns(), hops, tos, via)))
        return arrivals

    def _data(self, slot: int, size: int) -> bytes:
        at = self._in.data[slot]
        return self._in.memory[at : at + size]

    def _source(self, slot: int) -> Any:
        place = self._in.names[slot]
        return self._in.source(self._in.memory[place : place + self._name_bytes])
