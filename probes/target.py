"""What a check is aimed at: `name`, `name:port`, `192.0.2.1`, `[2001:db8::1]:862`, `2001:db8::1`."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import threading
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from probes import trace
from probes.clean import clean
from probes.errors import BadTarget

_V6 = r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?"  # the library takes any text for a zone, line ends and all
_BRACKETED = re.compile(rf"\[({_V6})\](?::([0-9]{{1,5}}))?\Z")
_NAMED = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?)(?::([0-9]{1,5}))?\Z")
RESOLVE_S = 5.0  # a name nobody answers for in this time gives no address
_AT_ONCE = 8  # names looked up at the same time
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_SAY = "write an address, a name, or host:port ([v6]:port)"


class Endpoint(NamedTuple):
    """A host (name or address, without brackets) and a port (0: none)."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


class Unresolved(Exception):
    """A name gave no address: an outcome, not a fault of ours."""


def parse(text: str, default_port: int = 0) -> Endpoint:
    """The endpoint a text names; raises `BadTarget`."""
    if _is_v6(text):
        return Endpoint(text, default_port)
    match = _BRACKETED.match(text) or _NAMED.match(text)
    if match is None or (text.startswith("[") and not _is_v6(match[1])):
        raise BadTarget(f"target {clean(text, 80)!r} is not understood ({_SAY})")
    port = int(match[2]) if match[2] else default_port
    if match[2] and not 0 < port < 65536:
        raise BadTarget(f"target {clean(text, 80)!r}: {port} is not a port (1 to 65535)")
    return Endpoint(match[1], port)


def certificate_name(host: str) -> str:
    """A host as it stands in certificates and SNI: without a zone, and without the last dot, which only says that a
    name is whole (RFC 6066 §3)."""
    name = host.partition("%")[0]
    return name.removesuffix(".") or name


def resolver_name(host: str) -> str | bytes:
    """A host as `socket` and `ssl` are handed it: Python sends every text, `192.0.2.1` too, through its tables for names in
    other scripts (0.3 MB that stay); bytes go as they are."""
    return host.encode() if host.isascii() else host


def is_address(host: str) -> bool:
    """True for a written IPv4 or IPv6 address (a zone may follow)."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return _is_v6(host)
    return True


def _is_v6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return re.fullmatch(_V6, text) is not None


async def resolve(endpoint: Endpoint, family: int = 0) -> list[tuple[int, tuple[Any, ...]]]:
    """(address family, socket address) of every address, the resolver's order; raises `Unresolved`, in
    `RESOLVE_S` at the latest. An address needs no name server and no thread."""
    host, port = endpoint
    try:
        if is_address(host):
            name, numeric = resolver_name(host), socket.AI_NUMERICHOST
            addresses = socket.getaddrinfo(name, port, family, socket.SOCK_DGRAM, 0, numeric)
        else:
            addresses = await _look_up(host, port, family)
    except TimeoutError:
        trace.note("not resolved", f"no name server answered in {RESOLVE_S:.0f} s")
        raise Unresolved(f"{clean(host, 80)}: no name server answered in {RESOLVE_S:.0f} s") from None
    except (OSError, UnicodeError) as fault:
        trace.note("not resolved", getattr(fault, "strerror", None) or "no such name")
        raise Unresolved(f"{clean(endpoint.host, 80)}: {getattr(fault, 'strerror', None) or 'no such name'}") from None
    wanted = [
        (int(address[0]), tuple(address[4])) for address in addresses if address[0] in (socket.AF_INET, socket.AF_INET6)
    ]
    if not is_address(host):
        trace.note("resolved", ", ".join(dict.fromkeys(str(address[1][0]) for address in wanted)) or "no address")
    if not wanted:
        raise Unresolved(f"{clean(endpoint.host, 80)}: no address")
    return wanted


async def _look_up(host: str, port: int, family: int) -> list[Any]:
    """`getaddrinfo` in a thread that nobody waits for once its time is over: asyncio's own are joined at the end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def told(addresses: list[Any], fault: Exception | None) -> None:
        if not answer.done():
            answer.set_result(addresses) if fault is None else answer.set_exception(fault)

    def ask() -> None:
        addresses, fault = list[Any](), None
        try:
            addresses = socket.getaddrinfo(resolver_name(host), port, family, socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as caught:
            fault = caught.with_traceback(None)  # else the two hold each other until the collector looks
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(told, addresses, fault)

    async with _gates.setdefault(loop, asyncio.Semaphore(_AT_ONCE)):
        threading.Thread(target=ask, name="resolve", daemon=True).start()
        async with asyncio.timeout(RESOLVE_S):
            return await answer
