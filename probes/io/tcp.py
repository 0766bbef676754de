"""One TCP connect, watched: how long, and if not, whether a reset, an ICMP message or silence ended it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import time
from typing import Any, NamedTuple

from probes import trace
from probes.io.net import is_own, offender

_ERRQUEUE, _ROOM, _TCLASS = 0x2000, 512, 67
_RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}
_ORIGIN_ICMP = (2, 3)


_RTT, _REPEATS = (68, 72), (100, 104)  # <linux/tcp.h> struct tcp_info: tcpi_rtt (µs), tcpi_total_retrans
_SYN_SENT, _CLOSED = 2, 7  # <linux/tcp.h>: tcpi_state, the first byte of it
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.EACCES,
           errno.EPERM, errno.ENOBUFS, errno.EINVAL)  # fmt: skip
_DELIVERY = {socket.AF_INET: 3, socket.AF_INET6: 1}  # ICMP type of "destination unreachable"


class Connected(NamedTuple):
    """What became of a connect. `end`: "open", "reset", "icmp", "silence", "local"."""

    end: str
    took_ms: float
    why: str = ""


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
        if tos:
            sock.setsockopt(level, _TCLASS if family == socket.AF_INET6 else socket.IP_TOS, tos)
        made = await _connect(sock, sockaddr, timeout_s)
    finally:
        if made is None or made.end != "open":
            sock.close()
    return made, sock if made.end == "open" else None


async def _connect(sock: socket.socket, sockaddr: tuple[Any, ...], timeout_s: float) -> Connected:
    began = time.monotonic_ns()
    trace.note("connecting", f"TCP to {sockaddr[0]} port {sockaddr[1]}")
    try:
        async with asyncio.timeout(timeout_s):
            await established(sock, sockaddr)
        made = Connected("open", open_ms(sock, _since(began)))
    except TimeoutError:
        made = Connected("silence", _since(began), "nothing came back in time")
    except OSError as fault:
        made = _ended(sock, fault, _since(began))
    if trace.is_on():
        _note(sock, made)
    return made


async def established(sock: socket.socket, sockaddr: tuple[Any, ...]) -> None:
    """Connect a non-blocking socket that asked for ICMP errors (`IP_RECVERR`); raises `OSError` when it did not come up.

    The kernel queues an ICMP message, and wakes who waits, a moment before it sets `SO_ERROR`: the event loop, which asks
    for that alone, takes such a wake-up for an open port. The state of the connection tells.
    """
    await asyncio.get_running_loop().sock_connect(sock, sockaddr)
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    if state == _SYN_SENT:
        raise OSError(errno.EINPROGRESS, "an ICMP message ended the connect")
    fault = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if state == _CLOSED else 0
    if fault not in (0, errno.ECONNRESET, errno.EPIPE):  # these two came after it was up
        raise OSError(fault, os.strerror(fault))


def _note(sock: socket.socket, made: Connected) -> None:
    """The connect as events; how often its SYN was repeated the kernel says only afterwards."""
    if repeats := _repeats(sock):
        trace.note("retransmitted", f"the SYN, {repeats} times meanwhile")
    trace.note("connected" if made.end == "open" else "not connected", made.why or f"{made.took_ms:.3f} ms")


def _repeats(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _REPEATS[1])
    return int.from_bytes(info[slice(*_REPEATS)], sys.byteorder)


def _ended(sock: socket.socket, fault: OSError, took_ms: float) -> Connected:
    told = icmp(sock)
    if told is not None:
        return Connected(told[0], took_ms, told[1])
    if fault.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return Connected("reset", took_ms, "the host refuses the port (RST)")
    if fault.errno in _NO_WAY:
        return Connected("local", took_ms, f"this machine has no way: {fault.strerror}")
    return Connected("silence", took_ms, fault.strerror or str(fault))


def icmp(sock: socket.socket) -> tuple[str, str] | None:
    """How the ICMP message on the error queue ended the connect, and in words; None when there is none.

    A next hop that answers no ARP makes our own kernel say "host unreachable": that is silence.
    """
    try:
        _, control, _, to = sock.recvmsg(512, _ROOM, _ERRQUEUE)
    except OSError:
        return None
    for _, kind, value in control:
        if kind in (11, 25) and len(value) >= 16 and value[4] in _ORIGIN_ICMP:
            told, by = f"ICMP type {value[5]} code {value[6]}", offender(value)
            if not by or (by != to[0] and is_own(by)):
                return "silence", f"the next hop does not answer ({told})"
            refused = value[5] == _DELIVERY[sock.family]  # not an exceeded hop limit
            return "icmp" if refused else "silence", f"{by} says it cannot be delivered ({told})"
    return None


def open_ms(sock: socket.socket, took_ms: float) -> float:
    """The kernel's own round trip of SYN and SYN-ACK, so that our lateness is not in it; with repeats all the time."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _REPEATS[1])
    if len(info) < _REPEATS[1] or any(info[slice(*_REPEATS)]):
        return took_ms
    rtt_ms = int.from_bytes(info[slice(*_RTT)], sys.byteorder) / 1000.0
    return min(took_ms, rtt_ms) if rtt_ms else took_ms


def _since(began_ns: int) -> float:
    return (time.monotonic_ns() - began_ns) / 1e6
