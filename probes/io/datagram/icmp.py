"""How ICMP sockets are had: without privilege where the system allows it, else raw, with a filter so that only what is
ours wakes us."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from probes.errors import NeedsPrivilege
from probes.io.datagram.socket import PacketSocket, closed_on_error

_ATTACH_FILTER = 26  # <asm/socket.h>


class IcmpSocket(NamedTuple):
    """An ICMP echo socket: `ident` is the identifier its packets carry, `raw` how it was had."""

    packets: PacketSocket
    ident: int
    raw: bool


Make = Callable[..., PacketSocket]


def open_icmp(family: int, *, raw: bool | None = None, make: Make = PacketSocket) -> IcmpSocket:
    """The unprivileged datagram socket (`net.ipv4.ping_group_range`), else a raw one that sees only our identifier.

    `raw` True or False asks for one of the two; `make`: `probes.io.datagram.batch.fleet_socket` for many targets. Raises
    `NeedsPrivilege` when neither is allowed.
    """
    proto = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    refused: OSError | None = None
    for how, opener in ((False, _open_ping), (True, _open_raw)):
        if raw is None or raw is how:
            try:
                return opener(family, proto, make)
            except OSError as fault:
                refused = fault.with_traceback(None)  # else it holds our callers, and they their sockets, in a ring
    if refused is not None and refused.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT):
        raise refused
    raise NeedsPrivilege(
        "ICMP sockets are closed to us: set net.ipv4.ping_group_range to hold this group"
        " (examples/systemd/netmon-ping.sysctl), or give CAP_NET_RAW"
    )


def _open_ping(family: int, proto: int, make: Make) -> IcmpSocket:
    with closed_on_error(socket.socket(family, socket.SOCK_DGRAM, proto)) as sock:
        sock.bind(("", 0))  # the kernel gives the identifier as a port
        return IcmpSocket(make(sock), sock.getsockname()[1], False)


def _open_raw(family: int, proto: int, make: Make) -> IcmpSocket:
    ident = int.from_bytes(os.urandom(2), "big")
    with closed_on_error(socket.socket(family, socket.SOCK_RAW, proto)) as sock:
        _only_ours(sock, family == socket.AF_INET6, ident)
        return IcmpSocket(make(sock, skip_ip=family == socket.AF_INET), ident, True)


def open_errors(family: int) -> PacketSocket:
    """A raw socket that gets this machine's ICMP errors about packets, whole. Raises `NeedsPrivilege` or OSError."""
    proto = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    try:
        sock = socket.socket(family, socket.SOCK_RAW, proto)
    except PermissionError:
        raise NeedsPrivilege("to hear ICMP errors whole, give CAP_NET_RAW") from None
    with closed_on_error(sock):
        _only_errors(sock, family == socket.AF_INET6)
        return PacketSocket(sock, skip_ip=family == socket.AF_INET)


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _only_ours(sock: socket.socket, v6: bool, ident: int) -> None:
    """Classic BPF: echo replies with our identifier pass, the rest never wakes us."""
    reply = 129 if v6 else 0
    code = [(0x01, 0, 0, 0)] if v6 else [(0xB1, 0, 0, 0)]  # X = 0, or the IP header's length
    code += [
        (0x50, 0, 0, 0),  # A = type
        (0x15, 0, 3, reply),
        (0x48, 0, 0, 4),  # A = identifier
        (0x15, 0, 1, ident),
        (0x06, 0, 0, 0xFFFFFFFF),  # pass
        (0x06, 0, 0, 0),  # drop
    ]
    _filter(sock, code)


def _only_errors(sock: socket.socket, v6: bool) -> None:
    """Classic BPF: destination unreachable, packet too big and time exceeded pass."""
    unreachable, exceeded = (1, 3) if v6 else (3, 11)
    _filter(sock, [
        (0x01, 0, 0, 0) if v6 else (0xB1, 0, 0, 0),  # X = 0, or the IP header's length
        (0x50, 0, 0, 0),  # A = type
        (0x15, 2, 0, unreachable),
        (0x15, 1, 0, exceeded),
        (0x15, 0, 1, 2 if v6 else exceeded),
        (0x06, 0, 0, 0xFFFFFFFF),  # pass
        (0x06, 0, 0, 0),  # drop
    ])  # fmt: skip


def _filter(sock: socket.socket, code: list[tuple[int, int, int, int]]) -> None:
    text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in code))
    program = _Program(len(code), ctypes.addressof(text))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, bytes(program))
