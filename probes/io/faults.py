"""Whose fault it is when a socket fails: the system's error numbers and ICMP, as an `Outcome` and words.

The one place that knows this; every probe kind asks here (decision 018). ICMP by itself: `probes.wire.icmp.fault`.
"""

from __future__ import annotations

import errno
import os
import socket

from probes.base import Outcome
from probes.io.datagram.socket import ERRQUEUE, ORIGINS_ICMP, RECVERR, ROOM, offender
from probes.wire.icmp.fault import Fault, icmp_fault

__all__ = ["Fault", "hear_icmp", "icmp_fault", "of_connection", "of_error", "of_socket", "waiting"]

_REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE)
_SILENT = (errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EINPROGRESS)
_GONE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETRESET, errno.EPROTO, errno.ENOPROTOOPT, errno.ENONET)
# What never comes from the network, whenever it is told.
_OURS = (
    errno.ENETDOWN, errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE,
    errno.EACCES, errno.EPERM, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL, errno.EAFNOSUPPORT, errno.EBADF,
    errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EOPNOTSUPP, errno.EAGAIN, errno.EFAULT,
)  # fmt: skip


def hear_icmp(sock: socket.socket) -> None:
    """Let ICMP errors end what this socket does, with their details on its error queue. Raises `OSError`."""
    sock.setsockopt(*RECVERR[socket.AddressFamily(sock.family)], 1)


def of_error(fault: OSError) -> Fault:
    """A socket that could not be made, bound, connected or sent from, when no ICMP message says more.

    No route, no address, a device that is down and our own firewall are this machine's; the network never says those.
    """
    if fault.errno in _REFUSED:
        return Fault(Outcome.REFUSED, _refusal(fault))
    if fault.errno in _SILENT:
        return Fault(Outcome.LOST, _words(fault))
    if fault.errno == errno.EMSGSIZE:
        return Fault(Outcome.LOST, "the path takes only smaller packets")
    if fault.errno in _OURS or fault.errno in _GONE:
        return Fault(Outcome.LOCAL, f"this machine has no way: {_words(fault)}")
    return Fault(Outcome.LOST, _words(fault))


def of_connection(fault: OSError) -> Fault:
    """The end of a connection that stood: what the network says of it then comes late, and is no word of our routes."""
    if isinstance(fault, ConnectionError) or fault.errno in _REFUSED:
        return Fault(Outcome.REFUSED, "it broke the connection off")
    if fault.errno in _GONE:
        return Fault(Outcome.LOST, f"the way broke: {_words(fault)}")
    return of_error(fault)


def of_socket(sock: socket.socket, fault: OSError) -> Fault:
    """The same as `of_error`; an ICMP message on the error queue (see `hear_icmp`) tells more."""
    return waiting(sock) or of_error(fault)


def waiting(sock: socket.socket) -> Fault | None:
    """The next ICMP message on the socket's error queue; None when there is none, or it says that nothing is wrong."""
    try:
        _, control, _, to = sock.recvmsg(512, ROOM, ERRQUEUE)
    except OSError:
        return None
    for level, kind, value in control:
        if (level, kind) in RECVERR.values() and len(value) >= 16 and value[4] in ORIGINS_ICMP:
            there = str(to[0]) if to else ""
            return icmp_fault(there, offender(value, there), value[5], value[6])
    return None


def _refusal(fault: OSError) -> str:
    refused = fault.errno == errno.ECONNREFUSED
    return "the host refuses the port (RST)" if refused else "the far end broke the connection off"


def _words(fault: OSError) -> str:
    return fault.strerror or (os.strerror(fault.errno) if fault.errno else str(fault) or type(fault).__name__)
