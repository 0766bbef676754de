"""Is there a way to a device at all? The libraries would say so without a reason, or call it silence."""

from __future__ import annotations

import socket
from typing import Any

from probes.io import faults
from probes.io.snmp import NoAnswer


def way(family: int, sockaddr: tuple[Any, ...]) -> None:
    """Raises `NoAnswer` ("local") when this machine has no route, no address or no socket; sends nothing."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(sockaddr)
    except OSError as fault:
        raise NoAnswer("local", faults.of_error(fault).why) from None
