"""A small SNMP v2c agent made of a table, for devices that cannot be had: wraps, reboots, too big answers, nonsense.

It writes BER by itself (X.690, RFC 3416), so that what the product's libraries read was made by somebody else.
"""

from __future__ import annotations

import asyncio
import bisect
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

INTEGER, OCTETS, NULL, OID = 0x02, 0x04, 0x05, 0x06
COUNTER32, GAUGE, TICKS, COUNTER64 = 0x41, 0x42, 0x43, 0x46
NO_OBJECT, END = 0x80, 0x82
GET, GETNEXT, RESPONSE, BULK = 0xA0, 0xA1, 0xA2, 0xA5
TOO_BIG, GEN_ERR = 1, 5
SILENCE = b"silence"  # sent instead of waiting in vain, see snmplooks.told_silence
IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
UPTIME, UPS = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.33.1"
Table = dict[str, tuple[int, Any]]  # OID → (tag, value)


def tlv(tag: int, body: bytes) -> bytes:
    """One BER element."""
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def number(value: int, tag: int = INTEGER) -> bytes:
    """A whole number, signed as BER wants it."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(text: str) -> bytes:
    """An object identifier."""
    first, second, *rest = map(int, text.split("."))
    body = bytearray([40 * first + second])
    for part in rest:
        chunk = [part & 127]
        while part := part >> 7:
            chunk.append(0x80 | part & 127)
        body += bytes(reversed(chunk))
    return tlv(OID, bytes(body))


def value(tag: int, what: Any) -> bytes:
    """A value of a row."""
    if tag == OID:
        return oid(what)
    return tlv(tag, what) if isinstance(what, bytes) else number(what, tag)


def read(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """Tag, body and end of the element at `at`."""
    tag, size, at = data[at], data[at + 1], at + 2
    if size & 0x80:
        many = size & 127
        size, at = int.from_bytes(data[at : at + many], "big"), at + many
    return tag, data[at : at + size], at + size


def parts(body: bytes) -> list[tuple[int, bytes]]:
    """All elements of a body."""
    found, at = [], 0
    while at < len(body):
        tag, one, at = read(body, at)
        found.append((tag, one))
    return found


def dotted(body: bytes) -> str:
    """An object identifier as text."""
    found, part = [body[0] // 40, body[0] % 40], 0
    for byte in body[1:]:
        part = part << 7 | byte & 127
        if not byte & 0x80:
            found.append(part)
            part = 0
    return ".".join(map(str, found))


def message(
    request: int, rows: list[bytes], status: int = 0, community: bytes = b"public", kind: int = RESPONSE
) -> bytes:
    """A v2c message."""
    pdu = number(request) + number(status) + number(0) + tlv(0x30, b"".join(rows))
    return tlv(0x30, number(1) + tlv(OCTETS, community) + tlv(kind, pdu))


def row(name: str, tag: int, what: Any) -> bytes:
    """One variable and its value."""
    return tlv(0x30, oid(name) + value(tag, what))


class Agent:
    """Answers from `table`. `most_rows`: bigger answers are "too big"; `loop`: GETBULK goes round in circles."""

    def __init__(self, table: Table, *, most_rows: int = 1000, loop: bool = False) -> None:
        self.table, self.most_rows, self.loop = table, most_rows, loop
        self.community = b"public"
        self.asked: list[tuple[int, int, list[str]]] = []  # (kind, max repetitions, names)
        self.before: Callable[[], None] = lambda: None  # called ahead of each answer

    def answer(self, data: bytes) -> list[bytes]:
        """What is sent back for one datagram."""
        _, community, pdu = parts(read(data)[1])
        if community[1] != self.community:
            return []
        self.before()
        request, _, repeat, rows = parts(pdu[1])
        names = [dotted(parts(one)[0][1]) for _, one in parts(rows[1])]
        most = int.from_bytes(repeat[1], "big") if pdu[0] == BULK else 0
        self.asked.append((pdu[0], most, names))
        number_ = int.from_bytes(request[1], "big", signed=True)
        found = self._rows(pdu[0], names, most)
        if len(found) > self.most_rows:
            return [message(number_, [], TOO_BIG)]
        return [message(number_, found)]

    def _rows(self, kind: int, names: list[str], most: int) -> list[bytes]:
        if kind == GET:
            return [row(one, *self.table.get(one, (NO_OBJECT, b""))) for one in names]
        if self.loop:
            return [row(f"{names[0]}.7", INTEGER, 7), row(f"{names[0]}.3", INTEGER, 3)]
        order = sorted((tuple(map(int, one.split("."))), one) for one in self.table)
        at = bisect.bisect_right(order, (tuple(map(int, names[0].split("."))), "~"))
        found = [row(one, *self.table[one]) for _, one in order[at : at + (most or 1)]]
        return found if len(found) == (most or 1) else [*found, row("1.3.9", END, b"")]


def request_of(data: bytes) -> int:
    """The number of the question in this message."""
    return int.from_bytes(parts(parts(read(data)[1])[2][1])[0][1], "big", signed=True)


def ups_table(**values: int) -> Table:
    """A UPS that shows these: state, seconds, minutes, charge, source, alarms."""
    where = {"state": "2.1", "seconds": "2.2", "minutes": "2.3", "charge": "2.4", "source": "4.1", "alarms": "6.1"}
    table: Table = {UPTIME: (TICKS, 5000)}
    return table | {f"{UPS}.{where[name]}.0": (INTEGER, value) for name, value in values.items()}


@contextmanager
def speaking(answer: Callable[[bytes], list[bytes]], *, tells_silence: bool = False) -> Iterator[int]:
    """A thread that answers datagrams on a loopback port, the port. `tells_silence`: no answer is `SILENCE`."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    stop = threading.Event()

    def body() -> None:
        while True:
            data, source = sock.recvfrom(65535)
            if stop.is_set():
                return
            for answered in answer(data) or [SILENCE] * tells_silence:
                sock.sendto(answered, source)

    thread = threading.Thread(target=body)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        stop.set()
        sock.sendto(b"", sock.getsockname())
        thread.join()
        sock.close()


async def serve(agent: Agent, host: str, port: int) -> None:
    """Answer in this loop until cancelled."""

    class Talk(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            for one in agent.answer(data):
                self.transport.sendto(one, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Talk, (host, port))
    try:
        await asyncio.Event().wait()
    finally:
        transport.close()


def router(names: list[str], ticks: int = 100_000, speed_mbps: int = 1000) -> Table:
    """A device with these interfaces, all up, numbered from 1, with 64-bit counters."""
    table: Table = {UPTIME: (TICKS, ticks), "1.3.6.1.6.3.10.2.1.3.0": (INTEGER, ticks // 100)}
    for index, name in enumerate(names, 1):
        table |= port(index, name, speed_mbps)
    return table


def port(index: int, name: str, speed_mbps: int = 1000) -> Table:
    """One interface's rows."""
    rows: dict[str, tuple[int, Any]] = {
        f"{IF}.2": (OCTETS, f"port {name}".encode()),
        f"{IF}.5": (GAUGE, min(speed_mbps * 10**6, 2**32 - 1)),
        f"{IF}.7": (INTEGER, 1),
        f"{IF}.8": (INTEGER, 1),
        f"{IFX}.1": (OCTETS, name.encode()),
        f"{IFX}.6": (COUNTER64, 10**10),
        f"{IFX}.10": (COUNTER64, 10**10),
        f"{IFX}.15": (GAUGE, speed_mbps),
        f"{IFX}.18": (OCTETS, f"to {name}".encode()),
        f"{IFX}.19": (TICKS, 0),
    }
    rows |= {f"{IF}.{column}": (COUNTER32, 50) for column in (10, 13, 14, 16, 19, 20)}
    return {f"{column}.{index}": one for column, one in rows.items()}
