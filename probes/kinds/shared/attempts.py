"""Tries of one measurement at one target, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from probes import early, trace
from probes.target import Endpoint, is_address, resolve

SPACING_S = 0.2  # between the tries of one measurement
SocketAddress = tuple[Any, ...]
T = TypeVar("T")


async def attempts(
    endpoint: Endpoint, timeout_s: float, count: int, once: Callable[[int, SocketAddress, float], Awaitable[T]]
) -> tuple[list[T], float | None]:
    """`count` tries, one after the other, each with its own deadline; fewer when what is known by then is asked for. And how long the look-up
    of the name took (ms), None for an address. Raises `Unresolved`."""
    began = time.monotonic()
    family, sockaddr = (await resolve(endpoint))[0]
    resolve_ms = None if is_address(endpoint.host) else round((time.monotonic() - began) * 1000.0, 3)
    tries = [await once(family, sockaddr, time.monotonic() + timeout_s)]
    while len(tries) < count:
        await asyncio.sleep(SPACING_S)
        if early.is_asked():
            break
        trace.note("try", f"{len(tries) + 1} of {count}")
        tries.append(await once(family, sockaddr, time.monotonic() + timeout_s))
    return tries, resolve_ms
