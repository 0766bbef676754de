"""SNMP through gufo-snmp's sockets, driven by our own loop: the one door to that library.

What the library keeps to itself is told here: an ICMP message (from the socket's error queue), foreign bytes (waited
past), a repeat. Its decoder panics on some bytes no honest device sends: datagrams are checked ahead of it, and a
panic within what was encrypted is foreign bytes, too. It gives no error status: a refused question is an empty answer, a refused GETBULK an abrupt end.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gufo.snmp import SnmpAuthError, SnmpDecodeError, SnmpEncodeError
from gufo.snmp import user as usm
from gufo.snmp._fast import GetIter, SnmpV2cClientSocket, SnmpV3ClientSocket, get_master_key

from probes import trace
from probes.base import Outcome
from probes.errors import WireError
from probes.io import faults
from probes.io.snmp import Access, NoAnswer, Page, Value
from probes.io.snmpway import way
from probes.target import Endpoint
from probes.wire import ber

_AUTHS = {
    "md5": usm.Md5Key,
    "sha": usm.Sha1Key,
    "sha224": usm.Sha224Key,
    "sha256": usm.Sha256Key,
    "sha384": usm.Sha384Key,
    "sha512": usm.Sha512Key,
}
_PRIVS = {"des": usm.DesKey, "aes": usm.Aes128Key, "aes192": usm.Aes192Key, "aes256": usm.Aes256Key}
_LARGEST = 65535
_ENDS = {Outcome.LOST: "silence", Outcome.REFUSED: "refused", Outcome.LOCAL: "local"}
T = TypeVar("T")


async def open_device(family: int, sockaddr: tuple[Any, ...], access: Access, timeout_s: float) -> GufoDevice:
    """A conversation over gufo-snmp; with v3 the engine is discovered first. Raises `NoAnswer`."""
    where = str(Endpoint(_zoned(sockaddr), sockaddr[1]))
    way(family, sockaddr)
    try:
        if not access.user:
            return GufoDevice(SnmpV2cClientSocket(where, access.community, 0, 0, 0, 0), timeout_s)
        device = GufoDevice(SnmpV3ClientSocket(where, b"", "", 0, b"", 0, b"", 0, 0, 0, 0), timeout_s)
    except OSError as fault:
        raise NoAnswer("local", f"no socket: {fault}") from None
    try:
        await device.meet(access)
    except BaseException:
        await device.close()
        raise
    return device


def _zoned(sockaddr: tuple[Any, ...]) -> str:
    """The address with its zone as a number, the only form the library takes."""
    host = str(sockaddr[0]).partition("%")[0]
    return f"{host}%{sockaddr[3]}" if len(sockaddr) > 3 and sockaddr[3] else host


class GufoDevice:
    """A `Device` of gufo-snmp."""

    def __init__(self, sock: Any, timeout_s: float) -> None:
        self._sock, self._timeout_s = sock, timeout_s
        self._silence = "silence"  # what it means when nothing comes back: of more meaning once it has spoken
        self._fd = sock.get_fd()
        self._own = socket.socket(fileno=os.dup(self._fd))  # the same socket, for what the library does not read
        faults.hear_icmp(self._own)
        self._own.setblocking(False)

    async def meet(self, access: Access) -> None:
        """v3: learn the engine, then its boots and time with our own name (RFC 3414 §4)."""
        await self._ask(lambda sock: sock.send_refresh(), lambda sock: sock.recv_refresh())
        self._silence = "mute"
        self._sock.set_keys(*_keys(access))
        if access.auth != "none":
            await self._ask(lambda sock: sock.send_refresh(), lambda sock: sock.recv_refresh())
            self._silence = "mute"  # a report about the clock proves no password

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """See `Device.get`."""
        try:
            return await self._ask(lambda sock: sock.send_get_many(list(oids)), lambda sock: sock.recv_get_many())
        except SnmpEncodeError:
            return {}  # does not fit the library's own buffer: asked in halves

    def pages(self, column: str, size: int) -> Callable[[], Awaitable[Page]]:
        """See `Device.pages`."""
        place = GetIter(column, size)

        def receive(sock: Any) -> Page:
            try:
                rows = sock.recv_get_bulk(place)
            except StopAsyncIteration:
                return Page([], False, abrupt=True)
            ended = not rows or rows[-1] is None
            return Page([row for row in rows if row is not None], not ended)

        return lambda: self._ask(lambda sock: sock.send_get_bulk(place), receive)

    async def close(self) -> None:
        """See `Device.close`. The library closes its socket when nobody holds it: no frame may, either."""
        self._own.close()
        self._sock = None

    async def _ask(self, send: Callable[[Any], None], receive: Callable[[Any], T]) -> T:
        """One question and its one repeat; foreign bytes never end the waiting, for anybody can forge them."""
        loop, malformed = asyncio.get_running_loop(), ""
        began = loop.time()
        for share in (0.5, 1.0):
            trace.note("sent" if share < 1.0 else "sent again")
            try:
                send(self._sock)
            except OSError as fault:
                self._unreachable()
                raise _no_answer(faults.of_error(fault)) from None
            while await self._readable(began + share * self._timeout_s):
                self._unreachable()
                try:
                    self._well_formed()
                    found = receive(self._sock)
                    trace.note("received")
                    self._silence = "stopped"
                    return found
                except BlockingIOError:
                    continue
                except (SnmpDecodeError, WireError) as fault:
                    malformed = str(fault)
                except SnmpAuthError:
                    raise NoAnswer("auth", "") from None
                except OSError as fault:
                    raise _no_answer(faults.of_socket(self._own, fault)) from None
                except BaseException as fault:
                    if type(fault).__name__ != "PanicException":  # pyo3's own, which no module names
                        raise
                    malformed = "what it sent cannot be read"
        if malformed:
            raise NoAnswer("malformed", malformed)
        raise NoAnswer(self._silence, "nothing came back in time")

    def _well_formed(self) -> None:
        """Look at the next datagram before the library does; raises `WireError` for one it must not see."""
        data = self._own.recv(_LARGEST, socket.MSG_PEEK)
        try:
            ber.check(data)
        except WireError:
            self._own.recv(_LARGEST)
            raise

    def _unreachable(self) -> None:
        """Raises `NoAnswer` when an ICMP message came; our own kernel's for a silent neighbour is silence."""
        fault = faults.waiting(self._own)
        if fault is not None:
            raise _no_answer(fault)

    async def _readable(self, until: float) -> bool:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        loop.add_reader(self._fd, wake)
        try:
            done, _ = await asyncio.wait([woken], timeout=max(0.0, until - loop.time()))
        finally:
            loop.remove_reader(self._fd)
        return bool(done)


def _no_answer(fault: faults.Fault) -> NoAnswer:
    return NoAnswer(_ENDS[fault.outcome], fault.why)


@lru_cache(maxsize=64)
def _keys(access: Access) -> tuple[str, int, bytes, int, bytes]:
    """The user as the library wants it. Passwords become master keys once (RFC 3414 §2.6: a megabyte of hashing)."""
    if access.auth == "none":
        return access.user, 0, b"", 0, b""
    auth = _AUTHS[access.auth]
    master = get_master_key(auth.AUTH_ALG, access.auth_password.encode())
    privacy = None
    if access.priv != "none":
        key = get_master_key(auth.AUTH_ALG, access.priv_password.encode())
        privacy = _PRIVS[access.priv](key, key_type=usm.KeyType.Master)
    user = usm.User(access.user, auth_key=auth(master, key_type=usm.KeyType.Master), priv_key=privacy)
    return access.user, user.get_auth_alg(), user.get_auth_key(), user.get_priv_alg(), user.get_priv_key()
