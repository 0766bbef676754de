"""The socket trains leave by and come in at: kernel arrival stamps, no send stamps, room for a whole train."""

from __future__ import annotations

import socket

from probes.io.datagram.socket import PacketSocket, open_udp

_SNDBUFFORCE, _RCVBUFFORCE = 32, 33
_MTU_DISCOVER, _MTU_DISCOVER6, _DONTFRAG6, _DO = 10, 23, 62, 2  # <linux/in.h>, <linux/in6.h>
_ROOM = 8 * 1024 * 1024


def open_train(family: int, host: str = "", port: int = 0) -> PacketSocket:
    """A UDP socket, bound; raises OSError when it cannot be. Without privilege its buffers are what the system allows, and
    a train then waits for room now and then, behind a queue that is full in any case."""
    sock = open_udp(family, host, port, answers=True)
    _whole(sock.sock)
    for forced, plain in ((_SNDBUFFORCE, socket.SO_SNDBUF), (_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            sock.sock.setsockopt(socket.SOL_SOCKET, forced, _ROOM)
        except OSError:
            sock.sock.setsockopt(socket.SOL_SOCKET, plain, _ROOM)
    return sock


def _whole(sock: socket.socket) -> None:
    """A packet cut in two has two headers, and a shaper counts both: it is not sent rather."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _MTU_DISCOVER6, _DO)
        sock.setsockopt(socket.IPPROTO_IPV6, _DONTFRAG6, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _DO)
