"""SNMP through pysnmp, where gufo-snmp has no wheel: the one door to that library for questions.

One engine a process, for an engine a device costs memory and time without end. Slower than gufo-snmp by far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.proto.errind import ErrorIndication

from probes.clean import clean
from probes.io.snmp import Access, NoAnswer, Page, Value
from probes.io.snmpway import way

_NOT_ALLOWED = 16  # authorizationError
AUTH_PROTOCOLS = {
    "none": hlapi.usmNoAuthProtocol,
    "md5": hlapi.usmHMACMD5AuthProtocol,
    "sha": hlapi.usmHMACSHAAuthProtocol,
    "sha224": hlapi.usmHMAC128SHA224AuthProtocol,
    "sha256": hlapi.usmHMAC192SHA256AuthProtocol,
    "sha384": hlapi.usmHMAC256SHA384AuthProtocol,
    "sha512": hlapi.usmHMAC384SHA512AuthProtocol,
}
PRIV_PROTOCOLS = {
    "none": hlapi.usmNoPrivProtocol,
    "des": hlapi.usmDESPrivProtocol,
    "aes": hlapi.usmAesCfb128Protocol,
    "aes192": hlapi.usmAesCfb192Protocol,
    "aes256": hlapi.usmAesCfb256Protocol,
}
_ENDS = {
    "RequestTimedOut": "silence",
    **dict.fromkeys(("UnknownUserName", "WrongDigest", "UnsupportedSecurityLevel", "DecryptionError"), "auth"),
    **dict.fromkeys(("AuthenticationFailure", "AuthenticationError", "UnknownSecurityName"), "auth"),
    "UnknownEngineID": "malformed",
}
_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()  # an engine belongs to its loop


class _Shared:
    """A loop's engine, and how many conversations use it."""

    def __init__(self) -> None:
        self.engine, self.users = hlapi.SnmpEngine(), 0


async def open_device(family: int, sockaddr: tuple[Any, ...], access: Access, timeout_s: float) -> PysnmpDevice:
    """A conversation over pysnmp. Raises `NoAnswer`."""
    way(family, sockaddr)
    loop = asyncio.get_running_loop()
    shared = _engines.setdefault(loop, _Shared()) if loop not in _engines else _engines[loop]
    kind = hlapi.Udp6TransportTarget if ":" in str(sockaddr[0]) else hlapi.UdpTransportTarget
    where = await kind.create(sockaddr[:2], timeout=timeout_s / 2, retries=1)
    return PysnmpDevice(shared, where, _auth(access))


def _auth(access: Access) -> Any:
    if not access.user:
        return hlapi.CommunityData(access.community, mpModel=1)  # noqa: S508  v2c is what many of these devices speak
    return hlapi.UsmUserData(
        access.user,
        access.auth_password or None,
        access.priv_password or None,
        authProtocol=AUTH_PROTOCOLS[access.auth],
        privProtocol=PRIV_PROTOCOLS[access.priv],
    )


class PysnmpDevice:
    """A `Device` of pysnmp."""

    def __init__(self, shared: _Shared, where: Any, auth: Any) -> None:
        self._shared, self._where, self._auth = shared, where, auth
        shared.users += 1

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """See `Device.get`."""
        status, rows = await self._ask(hlapi.get_cmd, [], oids)
        return {} if status else dict(rows)

    def pages(self, column: str, size: int) -> Callable[[], Awaitable[Page]]:
        """See `Device.pages`."""
        place = column

        async def fetch() -> Page:
            nonlocal place
            status, rows = await self._ask(hlapi.bulk_cmd, [0, size], [place])
            if status or not rows:
                return Page([], False, abrupt=bool(status))
            place = rows[-1][0]
            return Page(rows, place.startswith(f"{column}."))

        return fetch

    async def _ask(self, command: Any, words: list[int], oids: Sequence[str]) -> tuple[int, list[tuple[str, Value]]]:
        """Error status (RFC 3416 §3; 0: none) and the rows that have a value."""
        objects = [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids]
        context = hlapi.ContextData()
        fault, status, _, rows = await command(
            self._shared.engine, self._auth, self._where, context, *words, *objects, lookupMib=False
        )
        if fault is not None:
            raise _no_answer(fault)
        if int(status) == _NOT_ALLOWED:
            raise NoAnswer("auth", "authorizationError")
        found = [(str(name), plain(value)) for name, value in rows]
        return int(status), [(name, value) for name, value in found if value is not None]

    async def close(self) -> None:
        """See `Device.close`; with the last conversation the engine and its one socket go, too."""
        self._shared.users -= 1
        if not self._shared.users:
            self._shared.engine.close_dispatcher()
            _engines.pop(asyncio.get_running_loop(), None)


def _no_answer(fault: ErrorIndication) -> NoAnswer:
    name = type(fault).__name__
    return NoAnswer(_ENDS.get(name, "malformed"), clean(str(fault)))


def plain(value: Any) -> Value | None:
    """A number, bytes or an OID as text; None for "no such" and the end of all."""
    name = type(value).__name__
    if name in ("NoSuchObject", "NoSuchInstance", "EndOfMibView", "Null"):
        return None
    if hasattr(value, "asOctets"):
        return bytes(value.asOctets())
    return str(value) if name == "ObjectIdentifier" else int(value)
