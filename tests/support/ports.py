"""Ports for servers that must be told theirs before they listen."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

_chance = random.Random()  # not the one tests seed: two of them at once must not try the same ports


def free_port(host: str = "127.0.0.1") -> int:
    """See `free_ports`."""
    return free_ports(1, host)[0]


def free_ports(many: int, host: str = "127.0.0.1") -> list[int]:
    """Ports nobody listens on just now, neither TCP nor UDP. Below those the kernel gives to whoever asks for any: nobody
    else's connection takes one before our server does."""
    ports = list[int]()
    while len(ports) < many:
        port = _chance.randrange(10_000, _first_ephemeral())
        if port not in ports and _is_free(host, port):
            ports.append(port)
    return ports


def _first_ephemeral() -> int:
    try:
        return max(11_000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
    except (OSError, ValueError):
        return 32_768


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with suppress(OSError):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as sock:
                sock.bind((host, port))
        return True
    return False
