"""SNMP through pysnmp, where gufo-snmp has no wheel: the one door to that library for questions.

One engine a loop and access, for an engine a device costs memory and time without end, and one a look 80 ms of the loop. It
makes and reads messages only; our own sockets carry them, as with gufo-snmp. Slower than that by far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from pysnmp.carrier.asyncio.base import AbstractAsyncioTransport
from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.proto import rfc1902
from pysnmp.proto.errind import ErrorIndication

from probes.clean import clean
from probes.io.snmp.device import ColumnPage, NoAnswer, SnmpAccess, Value
from probes.io.snmp.socket import REPEAT_AT, Carrier

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
    "EmptyResponse": "empty",
}
_STRANGER = bytes.fromhex("2b060106030f01010400")  # usmStatsUnknownEngineIDs: it is another device than at first
_MAX_ENGINES = 8  # with their user's keys and their devices' clocks; more are closed when nobody uses them
_engines: dict[asyncio.AbstractEventLoop, dict[SnmpAccess, _Shared]] = {}  # an engine belongs to its loop


_MAX_MESSAGES = 4  # of one question: v3 asks who the device is, and again when its clock was another (RFC 3414 §4)
_LATER = 1.0 + _MAX_MESSAGES  # × timeout + 1 s: what the library waits, so that our own waiting ends first


def _unsigned(bits: int, plainly: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """What a number passes before its limits. Some devices leave out the zero byte ahead of a set top bit: that is no
    negative number (RFC 2578 §7.1.6), and net-snmp reads it so, too."""

    def read(self: Any, value: Any) -> Any:
        number = plainly(self, value)
        return number + (1 << bits) if isinstance(number, int) and -(1 << (bits - 1)) <= number < 0 else number

    return read


for _name, _bits in (("Counter32", 32), ("Gauge32", 32), ("Unsigned32", 32), ("TimeTicks", 32), ("Counter64", 64)):
    _type = getattr(rfc1902, _name)  # the library has no other place to say it
    _type.prettyIn = _unsigned(_bits, _type.prettyIn)


class _Carried(AbstractAsyncioTransport):  # type: ignore[misc]
    """The engine's transport: messages leave by the carrier of the conversation that is at work, `now`."""

    def __init__(self, address_type: Any) -> None:
        self.ADDRESS_TYPE = address_type
        self.now: PysnmpDevice | None = None

    def send_message(self, outgoingMessage: Any, transportAddress: Any) -> None:  # noqa: N803  the library's names
        """The library's call."""
        if self.now is not None:
            self.now.carry(bytes(outgoingMessage), transportAddress)

    def receive(self, address: Any, data: bytes) -> None:
        """Hand a message to the engine, which reads it at once."""
        self._callback_function(self, address, data)


class _Shared:
    """An engine, its transports by family, and how many conversations use it."""

    def __init__(self) -> None:
        self.engine, self.users = hlapi.SnmpEngine(), 0
        self.by_ip = {4: _Carried(udp.UdpTransportAddress), 6: _Carried(udp6.Udp6TransportAddress)}
        config.add_transport(self.engine, udp.DOMAIN_NAME, self.by_ip[4])
        config.add_transport(self.engine, udp6.DOMAIN_NAME, self.by_ip[6])


def _shared(access: SnmpAccess, instead_of: _Shared | None = None) -> _Shared:
    """The engine of an access in this loop, made where there is none yet but that one."""
    for old in [loop for loop in _engines if loop.is_closed()]:
        del _engines[old]
    engines = _engines.setdefault(asyncio.get_running_loop(), {})
    if engines.get(access) in (None, instead_of):
        engines[access] = _Shared()
    return engines[access]


def _give_back(access: SnmpAccess, shared: _Shared) -> None:
    shared.users -= 1
    engines = _engines.get(asyncio.get_running_loop(), {})
    is_current = engines.get(access) is shared
    if shared.users or (is_current and len(engines) <= _MAX_ENGINES):
        return
    shared.engine.close_dispatcher()
    if is_current:
        del engines[access]


async def open_device(family: int, sockaddr: tuple[Any, ...], access: SnmpAccess, timeout_s: float) -> PysnmpDevice:
    """A conversation over pysnmp. Raises `NoAnswer`."""
    carrier = Carrier(family, sockaddr)
    is_six = ":" in str(sockaddr[0])
    kind = hlapi.Udp6TransportTarget if is_six else hlapi.UdpTransportTarget
    where = await kind.create(sockaddr[:2], timeout=_LATER * timeout_s + 1.0, retries=0)
    return PysnmpDevice(access, 6 if is_six else 4, carrier, where, timeout_s)


def _auth(access: SnmpAccess) -> Any:
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

    def __init__(self, access: SnmpAccess, ip: int, carrier: Carrier, where: Any, timeout_s: float) -> None:
        self._access, self._ip, self._carrier = access, ip, carrier
        self._where, self._auth, self._timeout_s = where, _auth(access), timeout_s
        self._is_v3, self._is_stranger = bool(access.user), False
        self._use(_shared(access))
        self._address: Any = None  # as the library has it
        self._messages = 0  # of the question under way

    def _use(self, shared: _Shared) -> None:
        self._shared, self._transport = shared, shared.by_ip[self._ip]
        shared.users += 1

    def carry(self, data: bytes, address: Any) -> None:
        """A message of the engine's for this device."""
        self._address = address
        self._messages, self._is_stranger = self._messages + 1, False
        self._carrier.send(data)

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """See `Device.get`."""
        status, rows = await self._ask(hlapi.get_cmd, [], oids)
        return {} if status else dict(rows)

    def pages(self, column: str, size: int) -> Callable[[], Awaitable[ColumnPage]]:
        """See `Device.pages`."""
        place = column

        async def fetch() -> ColumnPage:
            nonlocal place
            command, words = (hlapi.bulk_cmd, [0, size]) if size else (hlapi.next_cmd, [])
            try:
                status, rows = await self._ask(command, words, [place])
            except NoAnswer as fault:
                if fault.end != "empty":
                    raise
                return ColumnPage([], False, abrupt=True)
            if status or not rows:
                return ColumnPage([], False, abrupt=bool(status))
            place = rows[-1][0]
            return ColumnPage(rows, place.startswith(f"{column}."))

        return fetch

    async def _ask(self, command: Any, words: list[int], oids: Sequence[str]) -> tuple[int, list[tuple[str, Value]]]:
        """Error status (RFC 3416 §3; 0: none) and the rows that have a value."""
        try:
            fault, status, _, rows = await self._answered(self._question(command, words, oids))
        except NoAnswer:
            if not self._is_stranger:
                raise
            old = self._shared  # what it knows of the device that was there before cannot be taken from it
            self._use(_shared(self._access, old))
            _give_back(self._access, old)
            fault, status, _, rows = await self._answered(self._question(command, words, oids))
        if fault is not None:
            raise _no_answer(fault)
        self._carrier.silence = "stopped"
        if int(status) == _NOT_ALLOWED:
            raise NoAnswer("auth", "authorizationError")
        read = [(str(name), plain(value)) for name, value in rows]
        return int(status), [(name, value) for name, value in read if value is not None]

    def _question(self, command: Any, words: list[int], oids: Sequence[str]) -> Any:
        objects = [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids]
        access = (self._shared.engine, self._auth, self._where, hlapi.ContextData())
        return command(*access, *words, *objects, lookupMib=False)

    async def _answered(self, question: Coroutine[Any, Any, Any]) -> Any:
        """What the library says once the question is answered; our socket and our time decide."""
        self._messages = 0
        asking = asyncio.create_task(self._begun(question))
        carrying = asyncio.create_task(self._carry())
        try:
            await asyncio.wait((asking, carrying), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                carrying.result()
            return await asking
        finally:
            for task in (asking, carrying):
                task.cancel()
            await asyncio.gather(asking, carrying, return_exceptions=True)

    async def _begun(self, question: Coroutine[Any, Any, Any]) -> Any:
        """The library sends before it first waits: until then this conversation is at work."""
        self._transport.now = self
        return await question

    async def _carry(self) -> None:
        """Messages of the device to the engine; each of ours has its whole time and one repeat after half of it. Raises
        `NoAnswer` in the end."""
        await asyncio.sleep(0)  # the question goes first
        for number in range(1, _MAX_MESSAGES + 1):
            if not await self._is_another_asked(number):
                break
        raise self._carrier.no_answer()

    async def _is_another_asked(self, number: int) -> bool:
        """Until the time of our message of that number is over, or the engine asks anew because of what came."""
        began = asyncio.get_running_loop().time()
        for share in (REPEAT_AT, 1.0):
            if share == 1.0:
                self._carrier.send_again()
            while (data := await self._carrier.next(began + share * self._timeout_s)) is not None:
                self._receive(data)
                if self._messages > number:
                    return True
        return False

    def _receive(self, data: bytes) -> None:
        self._transport.now = self  # it may answer a report with the question itself (RFC 3414 §4)
        self._is_stranger = self._is_v3 and _STRANGER in data
        try:
            self._transport.receive(self._address, data)
        except Exception as fault:  # its decoder lets out whatever it runs into
            self._carrier.malformed(clean(str(fault) or type(fault).__name__))
            return
        if self._is_v3 and self._carrier.silence == "silence":
            self._carrier.silence = "mute"  # it told its engine, no more

    async def close(self) -> None:
        """See `Device.close`; the engine stays for the next one."""
        self._carrier.close()
        _give_back(self._access, self._shared)


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
