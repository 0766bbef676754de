"""One TCP connect, watched: how long, and if not, whose fault that is (`probes.io.faults`)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import time
from typing import Any, NamedTuple

from probes import trace
from probes.base import Outcome
from probes.io import faults

_TOS = {socket.AF_INET: (0, socket.IP_TOS), socket.AF_INET6: (41, 67)}
_RTT, _REPEATS = (68, 72), (100, 104)  # <linux/tcp.h> struct tcp_info: tcpi_rtt (µs), tcpi_total_retrans
_SYN_SENT, _CLOSED = 2, 7  # <linux/tcp.h>: tcpi_state, the first byte of it


class Connected(NamedTuple):
    """What became of a connect: OK when the connection stands, else whose trouble it is."""

    outcome: Outcome
    took_ms: float
    why: str = ""

    @property
    def open(self) -> bool:
        """The connection stands."""
        return self.outcome is Outcome.OK


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
        return Connected(Outcome.LOCAL, 0.0, f"no socket: {fault.strerror}"), None
    made = None
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request never waits for an acknowledgement
        faults.hear_icmp(sock)
        if tos:
            sock.setsockopt(*_TOS[socket.AddressFamily(family)], tos)
        made = await _connect(sock, sockaddr, timeout_s)
    finally:
        if made is None or not made.open:
            sock.close()
    return made, sock if made.open else None


async def _connect(sock: socket.socket, sockaddr: tuple[Any, ...], timeout_s: float) -> Connected:
    began = time.monotonic_ns()
    trace.note("connecting", f"TCP to {sockaddr[0]} port {sockaddr[1]}")
    try:
        async with asyncio.timeout(timeout_s):
            await established(sock, sockaddr)
        made = Connected(Outcome.OK, open_ms(sock, _since(began)))
    except TimeoutError:
        made = Connected(Outcome.LOST, _since(began), "nothing came back in time")
    except OSError as fault:
        outcome, why = faults.of_socket(sock, fault)
        made = Connected(outcome, _since(began), why)
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
    trace.note("connected" if made.open else "not connected", made.why or f"{made.took_ms:.3f} ms")


def _repeats(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _REPEATS[1])
    return int.from_bytes(info[slice(*_REPEATS)], sys.byteorder)


def open_ms(sock: socket.socket, took_ms: float) -> float:
    """The kernel's own round trip of SYN and SYN-ACK, so that our lateness is not in it; with repeats all the time."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _REPEATS[1])
    if len(info) < _REPEATS[1] or any(info[slice(*_REPEATS)]):
        return took_ms
    rtt_ms = int.from_bytes(info[slice(*_RTT)], sys.byteorder) / 1000.0
    return min(took_ms, rtt_ms) if rtt_ms else took_ms


def _since(began_ns: int) -> float:
    return (time.monotonic_ns() - began_ns) / 1e6
