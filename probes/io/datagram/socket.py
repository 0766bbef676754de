"""Datagram sockets that tell the truth: kernel stamps of every send and arrival, errors, and what we dropped ourselves.

Linux. Stamps are CLOCK_REALTIME nanoseconds (`SOTIMESTAMPING`, software); the send stamp comes back on the socket's
error queue, which must be drained before the data so that an answer never meets a packet without its send time.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from probes.wire.session import Arrival, Datagram

# <asm/socket.h>, <linux/net_tstamp.h>, <linux/in.h>, <linux/in6.h>: not all named by Python's socket module
TIMESTAMPING, _RXQ_OVFL, _MEMINFO = 37, 40, 55
_TX_SW, _RX_SW, _SOFTWARE, _OPT_ID, _OPT_CMSG, _OPT_TSONLY = 2, 8, 16, 128, 1024, 2048
_RX_STAMPS = _RX_SW | _SOFTWARE
_STAMPS = _TX_SW | _RX_STAMPS | _OPT_ID | _OPT_CMSG | _OPT_TSONLY
_WANTED = (socket.SOL_SOCKET, TIMESTAMPING, struct.pack("=I", _TX_SW))  # one packet's send stamp
ERRQUEUE = 0x2000
RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}  # of each family: level and kind of an ICMP error
_IP_RECVTOS, _IP_RECVTTL, _IP_MTU_DISCOVER = 13, 12, 10
_IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT, _IPV6_RECVTCLASS, _IPV6_TCLASS = 51, 52, 66, 67
_IPV6_MTU_DISCOVER, _IPV6_DONTFRAG, _PMTUDISC_DO, _PMTUDISC_PROBE = 23, 62, 2, 3
_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50
_ORIGIN_LOCAL, ORIGINS_ICMP, ORIGIN_STAMP = 1, (2, 3), 4
ROOM = 512  # bytes of control messages a packet may bring
MAX_TAKEN = 16_384  # packets taken in one go: more than the socket's buffer holds
KEPT = 16_384  # sends whose stamp may still come; a device that gives none must not fill our memory
# An ICMP error about one packet makes the next send fail with these, whoever that is for: nothing was sent.
_ANOTHERS = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT, errno.EPROTO, errno.EMSGSIZE,
             errno.EACCES, errno.EOPNOTSUPP, errno.EHOSTDOWN, errno.ENONET)  # fmt: skip
_SNDBUFFORCE, _RCVBUFFORCE = 32, 33
_BUFFER, _TRAIN_BUFFER = 4 * 1024 * 1024, 8 * 1024 * 1024
_TIMESPEC, _SERIAL, _EXTENDED = struct.Struct("=qq"), struct.Struct("=I"), struct.Struct("=IBBBBII")


class Stamped(NamedTuple):
    """A packet left this machine: `token` of the datagram, wall ns by the kernel."""

    token: Any
    at_ns: int


class Unreachable(NamedTuple):
    """Somebody on the way, or the far host, says the packet cannot be delivered."""

    to: str  # address the packet was sent to
    by: str  # who says so; "": our own kernel, because the next hop answers no ARP or neighbour solicitation
    data: bytes  # what of our packet is quoted, from behind its UDP header or from its ICMP or TCP header on
    type: int
    code: int
    info: int = 0  # the MTU, when the packet was too big
    at_ns: int = 0  # when it came, wall ns by the kernel; 0: not stamped
    after: int = 0  # where in `data` an ICMP extension begins (RFC 4884), 0: not asked for or not told


class PacketSocket:
    """A non-blocking datagram socket with kernel stamps. `kernel_tx`: send stamps were granted.

    `answers`: for a far side, which answers from the address it was asked at and needs the send stamps of those
    datagrams only that bring a token.
    """

    def __init__(self, sock: socket.socket, *, skip_ip: bool = False, answers: bool = False) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.v6 = sock.family == socket.AF_INET6
        self.overflow = 0  # datagrams our own socket buffer had no room for, since the socket was made
        self._own_mtu = 0  # what our own kernel said of a packet it found too big
        self._skip_ip = skip_ip  # raw IPv4 sockets give the IP header too
        self._tokens: dict[int, Any] = {}
        self._serial = 0
        self._early: list[Stamped | Unreachable] = []  # taken from the error queue ahead of `errors`
        _prepare(sock, self.v6)
        if answers:
            _try(sock, *((41, _IPV6_RECVPKTINFO, 1) if self.v6 else (0, _IP_PKTINFO, 1)))
        self._some = answers  # send stamps are asked for packet by packet; the kernel counts those only
        self._options = _STAMPS & ~_TX_SW if answers else _STAMPS
        self.kernel_tx = _try(sock, socket.SOL_SOCKET, TIMESTAMPING, self._options)
        if not self.kernel_tx:
            _try(sock, socket.SOL_SOCKET, TIMESTAMPING, _RX_STAMPS)

    def dont_fragment(self, how: int = _PMTUDISC_PROBE) -> None:
        """From now on nothing is cut into pieces, and unless `how` says otherwise what routers said before of the path's MTU
        is not believed."""
        if self.v6:
            self.sock.setsockopt(41, _IPV6_MTU_DISCOVER, how)
            self.sock.setsockopt(41, _IPV6_DONTFRAG, 1)
        else:
            self.sock.setsockopt(0, _IP_MTU_DISCOVER, how)

    def fileno(self) -> int:
        """The descriptor."""
        return self.sock.fileno()

    @property
    def port(self) -> int:
        """Our own port (an ICMP socket's identifier)."""
        return int(self.sock.getsockname()[1])

    @property
    def room(self) -> int:
        """Bytes of memory what arrives may wait in, as the kernel granted it."""
        return int(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))

    def close(self) -> None:
        """Give the descriptor back."""
        self.sock.close()

    def send(self, data: bytes, to: Any, tos: int = 0, ttl: int = 0, token: Any = None, via: bytes = b"") -> None:
        """Send one datagram now; raises OSError when it did not leave."""
        control = self._control(tos, ttl, via) if tos or ttl or via else None
        stamped = self.kernel_tx and (token is not None or not self._some)
        if stamped and self._some:
            control = [*(control or ()), _WANTED]
        try:
            self._send(data, control, to)
        except OSError as fault:
            self._count_anew()
            if fault.errno not in _ANOTHERS:
                raise
            self._send_again(data, control, to)
        if stamped:
            serial, tokens = self._serial, self._tokens
            if token is not None:
                tokens[serial] = token
            tokens.pop(serial - KEPT & 0xFFFFFFFF, None)
            self._serial = serial + 1 & 0xFFFFFFFF

    def send_all(self, packets: Iterable[Datagram], unsent: Callable[[Any, str], None]) -> int:
        """Send them now; how many were tried. `unsent` gets the token of each that did not leave, and why."""
        many = 0
        for data, to, tos, ttl, token, via in packets:
            many += 1
            try:
                self.send(data, to, tos, ttl, token, via)
            except OSError as fault:
                unsent(token, fault.strerror or str(fault))
        return many

    def _send(self, data: bytes, control: list[tuple[int, int, bytes]] | None, to: Any) -> None:
        if control is None:
            self.sock.sendto(data, to)
        else:
            self.sock.sendmsg([data], control, 0, to)

    def _send_again(self, data: bytes, control: list[tuple[int, int, bytes]] | None, to: Any) -> None:
        try:
            self._send(data, control, to)
        except OSError as fault:
            self._count_anew()
            if fault.errno == errno.EMSGSIZE and self._own_mtu:
                why = f"{len(data)} bytes of ICMP or UDP do not fit its own MTU of {self._own_mtu}"
                raise OSError(fault.errno, why) from None
            raise

    def _count_anew(self) -> None:
        """After a failed send nobody knows whether the kernel has counted it (nft drops: yes): both begin at 0 again."""
        if self.kernel_tx:
            self._early.extend(self._queued())
            self._tokens.clear()
            self._serial = 0
            _try(self.sock, socket.SOL_SOCKET, TIMESTAMPING, _RX_STAMPS)
            self.kernel_tx = _try(self.sock, socket.SOL_SOCKET, TIMESTAMPING, self._options)

    def _control(self, tos: int, ttl: int, via: bytes) -> list[tuple[int, int, bytes]]:
        if self.v6:
            level, pairs, info = 41, [(_IPV6_TCLASS, tos), (_IPV6_HOPLIMIT, ttl)], _IPV6_PKTINFO
        else:
            level, pairs, info = 0, [(socket.IP_TOS, tos), (socket.IP_TTL, ttl)], _IP_PKTINFO
        messages = [(level, kind, struct.pack("=i", value)) for kind, value in pairs if value]
        return [*messages, (level, info, via)] if via else messages

    def errors(self) -> Iterator[Stamped | Unreachable]:
        """Everything on the error queue: send stamps and what routers and hosts complain of."""
        early, self._early = self._early, []
        yield from early
        yield from self._queued()

    def hear(self, sent: Callable[[Any, int], None], said: Callable[[Unreachable], None]) -> None:
        """The same, told: token and time of each send, and each complaint."""
        for entry in self.errors():
            if isinstance(entry, Stamped):
                sent(*entry)
            else:
                said(entry)

    def _queued(self) -> Iterator[Stamped | Unreachable]:
        receive = self.sock.recvmsg
        for _ in range(MAX_TAKEN):
            try:
                data, control, _, to = receive(2048, ROOM, ERRQUEUE)
            except BlockingIOError:
                return
            except OSError:
                continue  # a pending error told by errno: its details come with the queue's next entry
            if len(control) == 2 and control[1][2][4] == ORIGIN_STAMP and control[0][1] == TIMESTAMPING:
                token = self._tokens.pop(_SERIAL.unpack_from(control[1][2], 12)[0], None)
                if token is not None:
                    seconds, nanos = _TIMESPEC.unpack_from(control[0][2])
                    yield Stamped(token, seconds * 1_000_000_000 + nanos)
                continue
            error = self._error(data, control, to)
            if error is not None:
                yield error

    def _error(self, data: bytes, control: list[tuple[int, int, bytes]], to: Any) -> Stamped | Unreachable | None:
        at_ns = -1
        for level, kind, value in control:
            if kind == TIMESTAMPING and level == 1:
                seconds, nanos = _TIMESPEC.unpack_from(value)
                at_ns = seconds * 1_000_000_000 + nanos
            elif (level, kind) in RECVERR.values():
                _, origin, type_, code, _, info, serial = _EXTENDED.unpack_from(value)
                if origin == ORIGIN_STAMP:
                    token = self._tokens.pop(serial, None)
                    return None if token is None else Stamped(token, at_ns)
                if origin == _ORIGIN_LOCAL and info:
                    self._own_mtu = info
                if origin in ORIGINS_ICMP:
                    there = to[0] if to else ""
                    return Unreachable(
                        there, offender(value, there), data, type_, code, info, max(at_ns, 0), serial & 0xFFFF
                    )
        return None

    def dropped(self) -> int:
        """`overflow` as the kernel counts it now: `SO_RXQ_OVFL` alone is told with a later arrival only."""
        try:
            self.overflow = struct.unpack("=9I", self.sock.getsockopt(socket.SOL_SOCKET, _MEMINFO, 36))[8]
        except (OSError, struct.error):  # Linux before 4.12
            return self.overflow
        return self.overflow

    def arrivals(self) -> Iterator[Arrival]:
        """Packets waiting, each with the kernel's arrival stamp."""
        receive, skip = self.sock.recvmsg, self._skip_ip
        for _ in range(MAX_TAKEN):
            try:
                data, control, _, source = receive(65535, ROOM)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier send; the error queue has its details
            at_ns, hops, tos, via = self._control_of(control)
            if skip:
                hops, data = data[8], data[(data[0] & 15) * 4 :]
            yield Arrival(data, source, at_ns or time.time_ns(), hops, tos, via)

    def _control_of(self, control: list[tuple[int, int, bytes]]) -> tuple[int, int, int, bytes]:
        at_ns, hops, tos, via = 0, -1, -1, b""
        for level, kind, value in control:
            if level == 1:
                if kind == TIMESTAMPING:
                    seconds, nanos = _TIMESPEC.unpack_from(value)
                    at_ns = seconds * 1_000_000_000 + nanos
                elif kind == _RXQ_OVFL:
                    self.overflow = int.from_bytes(value[:4], sys.byteorder)
            elif level == 0:
                if kind == 2:  # IP_TTL
                    hops = value[0]
                elif kind == 1:  # IP_TOS
                    tos = value[0]
                elif kind == _IP_PKTINFO:
                    via = bytes(4) + value[4:8] + bytes(4)  # struct in_pktinfo: any interface, our address
            elif kind == _IPV6_HOPLIMIT:
                hops = value[0]
            elif kind == _IPV6_TCLASS:
                tos = value[0]
            elif kind == _IPV6_PKTINFO:
                via = value
        return at_ns, hops, tos, via


def own_address(family: int, to: Any) -> str:
    """Our own address on the way to `to`; raises OSError when there is no way. Nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(to)
        return str(sock.getsockname()[0]).partition("%")[0]


def is_own(address: str) -> bool:
    """True when this machine has the address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


def offender(value: bytes, there: str) -> str:
    """Who sent an ICMP error about a packet to `there`: the sockaddr behind `struct sock_extended_err`. "" when it is not
    said, and for our own kernel, unless we asked ourselves."""
    rest, by = value[16:], ""
    family = int.from_bytes(rest[:2], sys.byteorder)
    if family == socket.AF_INET and len(rest) >= 8:
        by = socket.inet_ntop(socket.AF_INET, rest[4:8])
    if family == socket.AF_INET6 and len(rest) >= 24:
        by = socket.inet_ntop(socket.AF_INET6, rest[8:24])
    return "" if by != there and is_own(by) else by


def _prepare(sock: socket.socket, v6: bool) -> None:
    _buffer(sock)
    level, errors = RECVERR[socket.AddressFamily(sock.family)]
    wanted = (_IPV6_RECVHOPLIMIT, _IPV6_RECVTCLASS) if v6 else (_IP_RECVTTL, _IP_RECVTOS)
    for option in (errors, *wanted):
        _try(sock, level, option, 1)
    _try(sock, socket.SOL_SOCKET, _RXQ_OVFL, 1)


def _buffer(sock: socket.socket) -> None:
    """4 MB where we may (SO_RCVBUFFORCE), else what the system allows: send stamps share it with the answers."""
    if not _try(sock, socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER):
        _try(sock, socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _try(sock: socket.socket, level: int, option: int, value: int) -> bool:
    try:
        sock.setsockopt(level, option, value)
    except OSError:
        return False
    return True


@contextmanager
def closed_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    """Give the descriptor back when what is made of it fails."""
    try:
        yield sock
    except OSError:
        sock.close()
        raise


def open_udp(family: int, host: str = "", port: int = 0, *, answers: bool = False) -> PacketSocket:
    """A UDP socket, bound; raises OSError when it cannot be (the port is taken, no such address).

    `answers`: see `PacketSocket`."""
    with closed_on_error(socket.socket(family, socket.SOCK_DGRAM)) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        return PacketSocket(sock, answers=answers)


def open_train(family: int, host: str = "", port: int = 0) -> PacketSocket:
    """The UDP socket trains leave by and come in at, bound: room for a whole train, no send stamps but those asked for, and
    nothing is cut in two, for a shaper counts both headers. Raises OSError when it cannot be. Without privilege its buffers
    are what the system allows, and a train then waits for room now and then, behind a queue that is full in any case."""
    sock = open_udp(family, host, port, answers=True)
    sock.dont_fragment(_PMTUDISC_DO)
    for forced, plain in ((_SNDBUFFORCE, socket.SO_SNDBUF), (_RCVBUFFORCE, socket.SO_RCVBUF)):
        if not _try(sock.sock, socket.SOL_SOCKET, forced, _TRAIN_BUFFER):
            sock.sock.setsockopt(socket.SOL_SOCKET, plain, _TRAIN_BUFFER)
    return sock
