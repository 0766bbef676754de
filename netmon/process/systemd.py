"""Telling systemd that a role is ready, alive, stopping (sd_notify(3)); silent where there is no systemd."""

from __future__ import annotations

import asyncio
import os
import socket


def notify(text: str) -> bool:
    """Send `READY=1` and the like; whether somebody listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(text.encode(), address)
        except OSError:
            return False
    return True


def watchdog_s() -> float | None:
    """Time between two signs of life, half of what systemd allows; None when it does not ask."""
    period_us = os.environ.get("WATCHDOG_USEC", "")
    return int(period_us) / 2_000_000 if period_us.isdecimal() and int(period_us) > 0 else None


async def watchdog_for_ever() -> None:
    """Give signs of life from the event loop (a stuck loop is a dead role); where systemd does not ask only wait."""
    every_s = watchdog_s()
    while every_s is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
    await asyncio.Event().wait()
