"""One TCP connect, watched: how long, and if not, whether a reset, an ICMP message or silence ended it."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import Any, NamedTuple

_ERRQUEUE, _ROOM = 0x2000, 512
_RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
_ORIGIN_ICMP = (2, 3)


class Connected(NamedTuple):
    """What became of a connect. `end`: "open", "reset", "icmp", "silence", "local"; `by`: who sent the ICMP."""

    end: str
    took_ms: float
    why: str = ""


_NO_WAY = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.ENOBUFS)


async def connect(family: int, sockaddr: tuple[Any, ...], timeout_s: float, tos: int = 0) -> Connected:
    """Connect and close at once. Never raises for what the network does."""
    made, sock = await dial(family, sockaddr, timeout_s, tos)
    if sock:
        sock.close()
    return made


async def dial(
    family: int, sockaddr: tuple[Any, ...], timeout_s: float, tos: int = 0
) -> tuple[Connected, socket.socket | None]:
    """Connect; the non-blocking socket is the caller's, None when there is no connection. Never raises for the network."""
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as fault:
        return Connected("local", 0.0, f"no socket: {fault.strerror}"), None
    made = None
    try:
        sock.setblocking(False)
        level, option = _RECVERR[socket.AddressFamily(family)]
        sock.setsockopt(level, option, 1)  # ICMP ends the connect, and its details can be read
        if tos and family == socket.AF_INET:
            sock.setsockopt(0, socket.IP_TOS, tos)
        made = await _connect(sock, sockaddr, timeout_s)
    finally:
        if made is None or made.end != "open":
            sock.close()
    return made, sock if made.end == "open" else None


async def _connect(sock: socket.socket, sockaddr: tuple[Any, ...], timeout_s: float) -> Connected:
    began = time.monotonic_ns()
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, sockaddr), timeout_s)
        return Connected("open", _since(began))
    except TimeoutError:
        return Connected("silence", _since(began), "nothing came back in time")
    except OSError as fault:
        return _ended(sock, fault, _since(began))


def _ended(sock: socket.socket, fault: OSError, took_ms: float) -> Connected:
    said = _icmp(sock)
    if said:
        return Connected("icmp", took_ms, said)
    if fault.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return Connected("reset", took_ms, "the host refuses the port (RST)")
    if fault.errno in _NO_WAY:
        return Connected("local", took_ms, f"this machine has no way: {fault.strerror}")
    return Connected("silence", took_ms, fault.strerror or str(fault))


def _icmp(sock: socket.socket) -> str:
    """The ICMP message on the error queue in words, "" when there is none."""
    try:
        _, control, _, _ = sock.recvmsg(512, _ROOM, _ERRQUEUE)
    except OSError:
        return ""
    for _, kind, value in control:
        if kind in (11, 25) and len(value) >= 16 and value[4] in _ORIGIN_ICMP:
            return f"ICMP type {value[5]} code {value[6]}"
    return ""


def _since(began_ns: int) -> float:
    return (time.monotonic_ns() - began_ns) / 1e6
