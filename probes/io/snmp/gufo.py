"""SNMP through gufo-snmp, which only makes and reads messages here: our own socket carries them. The one door to it.

Its socket is put into one end of a pair, and we hold the other. Its decoder panics on some bytes no honest device sends:
the carrier lets through what is well formed, and a panic within what was encrypted is foreign bytes, too. It gives no
error status: a refused question is an empty answer, a refused GETBULK an abrupt end.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gufo.snmp import NoSuchInstance, SnmpAuthError, SnmpDecodeError, SnmpEncodeError
from gufo.snmp import user as usm
from gufo.snmp._fast import GetIter, SnmpV2cClientSocket, SnmpV3ClientSocket, get_master_key

from probes.io.snmp.device import ColumnPage, NoAnswer, SnmpAccess, Value
from probes.io.snmp.socket import REPEAT_AT, Carrier
from probes.target import Endpoint

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
T = TypeVar("T")


async def open_device(family: int, sockaddr: tuple[Any, ...], access: SnmpAccess, timeout_s: float) -> GufoDevice:
    """A conversation over gufo-snmp; with v3 the engine is discovered first. Raises `NoAnswer`."""
    carrier = Carrier(family, sockaddr)
    where = str(Endpoint(_zoned(sockaddr), sockaddr[1]))
    try:
        if not access.user:
            return GufoDevice(SnmpV2cClientSocket(where, access.community, 0, 0, 0, 0), carrier, timeout_s)
        device = GufoDevice(SnmpV3ClientSocket(where, b"", "", 0, b"", 0, b"", 0, 0, 0, 0), carrier, timeout_s)
    except OSError as fault:
        carrier.close()
        raise NoAnswer("local", f"no socket: {fault.strerror}") from None
    try:
        await device.discover(access)
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

    def __init__(self, sock: Any, carrier: Carrier, timeout_s: float) -> None:
        self._sock, self._carrier, self._timeout_s = sock, carrier, timeout_s
        theirs, self._ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        theirs.setblocking(False)
        self._ours.setblocking(False)
        os.dup2(theirs.fileno(), sock.get_fd(), inheritable=False)
        theirs.close()

    async def discover(self, access: SnmpAccess) -> None:
        """v3: learn the engine, then its boots and time with our own name (RFC 3414 §4)."""
        await self._ask(lambda sock: sock.send_refresh(), lambda sock: sock.recv_refresh())
        self._carrier.silence = "mute"
        self._sock.set_keys(*_keys(access))
        if access.auth != "none":
            await self._ask(lambda sock: sock.send_refresh(), lambda sock: sock.recv_refresh())
            self._carrier.silence = "mute"  # a report about the clock proves no password

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """See `Device.get`."""
        try:
            return await self._ask(lambda sock: sock.send_get_many(list(oids)), lambda sock: sock.recv_get_many())
        except SnmpEncodeError:
            return {}  # does not fit the library's own buffer: asked in halves

    def pages(self, column: str, size: int) -> Callable[[], Awaitable[ColumnPage]]:
        """See `Device.pages`."""
        place = GetIter(column, size or None)

        def receive(sock: Any) -> ColumnPage:
            try:
                rows = sock.recv_get_bulk(place)
            except StopAsyncIteration:
                return ColumnPage([], False, abrupt=True)
            ended = not rows or rows[-1] is None
            return ColumnPage([row for row in rows if row is not None], not ended)

        def receive_one(sock: Any) -> ColumnPage:
            try:
                return ColumnPage([sock.recv_get_next(place)], True)
            except (StopAsyncIteration, NoSuchInstance):
                return ColumnPage([], False)

        if not size:
            return lambda: self._ask(lambda sock: sock.send_get_next(place), receive_one)
        return lambda: self._ask(lambda sock: sock.send_get_bulk(place), receive)

    async def close(self) -> None:
        """See `Device.close`. The library closes its socket when nobody holds it: no frame may, either."""
        self._ours.close()
        self._carrier.close()
        self._sock = None

    async def _ask(self, send: Callable[[Any], None], receive: Callable[[Any], T]) -> T:
        """One question and its one repeat; foreign bytes never end the waiting, for anybody can forge them."""
        began = asyncio.get_running_loop().time()
        send(self._sock)
        self._carrier.send(self._ours.recv(_LARGEST))
        for share in (REPEAT_AT, 1.0):
            if share == 1.0:
                self._carrier.send_again()
            while (data := await self._carrier.next(began + share * self._timeout_s)) is not None:
                self._ours.send(data)
                try:
                    answer = receive(self._sock)
                except BlockingIOError:
                    continue  # an answer to another question
                except SnmpDecodeError as fault:
                    self._carrier.malformed(str(fault))
                except SnmpAuthError:
                    raise NoAnswer("auth", "") from None
                except BaseException as fault:
                    if type(fault).__name__ != "PanicException":  # pyo3's own, which no module names
                        raise
                    self._carrier.malformed("what it sent cannot be read")
                else:
                    self._carrier.silence = "stopped"
                    return answer
        raise self._carrier.no_answer()


@lru_cache(maxsize=64)
def _keys(access: SnmpAccess) -> tuple[str, int, bytes, int, bytes]:
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
