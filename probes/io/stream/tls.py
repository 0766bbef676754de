"""One TCP connection, plain or TLS, whose handshake is watched: what was agreed, what was shown, and if not, why not.

TLS runs over two memory buffers, so the server's plain bytes pass through our hands (`probes.wire.tls_record`): even
when verification fails, or the server refuses, something true can be told.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import time
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from probes import tls_faults, trace
from probes.base import Outcome
from probes.clean import clean
from probes.errors import BadSettings
from probes.io import faults
from probes.io.faults import Fault
from probes.target import certificate_name
from probes.wire.session import StreamSession
from probes.wire.tls_record import ALERTS, Plaintext

READ_BYTES = 65_536
SHOWS_ALL = hasattr(ssl.SSLObject, "get_unverified_chain")  # Python 3.13
_ENDS = {Outcome.REFUSED: "closed", Outcome.LOST: "silence", Outcome.LOCAL: "local"}
_ALERT = re.compile(r"(?:TLSV1\d?|SSLV3)_ALERT_(\w+)\Z")  # OpenSSL's names of what the far end says
_PLACE = re.compile(r"\s*\(_ssl\.c:\d+\)")  # where in Python's source it was noticed
_DEMAND, _CERTIFICATE_REQUIRED = "it wants a certificate of ours, and we have none", 116
Trust = tuple[ssl.SSLContext, str]  # and the name the certificate must have
_VERSIONS = {"TLSv1": 10, "TLSv1.1": 11, "TLSv1.2": 12, "TLSv1.3": 13}


class Shaken(NamedTuple):
    """What became of a handshake. `end`: "open", "untrusted" (its certificate is not good for us), "refused" (an alert),
    "closed" (it broke the connection off), "foreign" (no TLS), "silence", "local" (our own name for it is no name).

    `verify_code`: OpenSSL's number of what is wrong with the certificate (0: nothing; None: it was not looked at).
    `version`: 12 for TLS 1.2; `cipher`: its IANA number. `chain`: DER certificates as shown, the server's own first;
    only that one when the Python and TLS in use show no more.
    """

    end: str
    why: str = ""
    took_ms: float | None = None
    verify_code: int | None = None
    version: int | None = None
    cipher: int | None = None
    chain: tuple[bytes, ...] = ()
    message: str = ""  # OpenSSL's own words for `verify_code`


class TlsConnection:
    """A connection. The socket is non-blocking and becomes ours; `close` gives it back."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    async def secure(self, context: ssl.SSLContext, name: str, deadline: float) -> Shaken:
        """Shake hands until `deadline` (monotonic s); `name`: for SNI, and what the certificate must be for."""
        shaken = await self._secured(context, name, deadline)
        took = "" if shaken.took_ms is None else f"TLS {(shaken.version or 0) / 10:.1f}, {shaken.took_ms:.3f} ms"
        trace.note("TLS agreed" if shaken.end == "open" else "TLS failed", shaken.why or took)
        return shaken

    async def _secured(self, context: ssl.SSLContext, name: str, deadline: float) -> Shaken:
        began, seen = time.monotonic(), Plaintext()
        trace.note("TLS begins", f"for {name}")
        try:
            tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        except ValueError as fault:
            return Shaken("local", f"no name for a certificate: {fault}")
        try:
            async with asyncio.timeout(max(0.0, deadline - began)):
                await self._shake(tls, seen)
        except TimeoutError:
            return Shaken("silence", "no TLS handshake in time", chain=seen.certificates)
        except OSError as fault:  # SSLError too
            with suppress(OSError):
                self._sock.send(self._out.read())  # our alert
            return _failed(fault, seen)
        self._tls = tls
        return _agreed(tls, context, seen, (time.monotonic() - began) * 1000.0)

    async def _shake(self, tls: ssl.SSLObject, seen: Plaintext) -> None:
        while True:
            try:
                tls.do_handshake()
                return await self._flush()
            except ssl.SSLWantReadError:
                await self._flush()
            data = await self._received()
            if not data:
                raise ConnectionError("it closes the connection in the handshake")
            seen.feed(data)
            self._in.write(data)

    async def _flush(self) -> None:
        if data := self._out.read():
            await self._sent(data)

    async def _sent(self, data: bytes) -> None:
        trace.note("sent", f"{len(data)} bytes")
        await self._loop.sock_sendall(self._sock, data)

    async def _received(self) -> bytes:
        data = await self._loop.sock_recv(self._sock, READ_BYTES)
        trace.note("received", f"{len(data)} bytes" if data else "the end: it has closed")
        return data

    async def write(self, data: bytes) -> None:
        """Send all of it; raises OSError."""
        if self._tls is None:
            await self._sent(data)
        else:
            self._tls.write(data)
            await self._flush()

    async def objection(self, within_s: float) -> Fault | None:
        """What the far end says against a handshake that we think is over, None when nothing came in time.

        TLS 1.3: a server sees only then that we have no certificate for it, and says so an instant later.
        """
        if self._tls is None:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                try:
                    data = await self._received()
                    self._in.write(data) if data else self._in.write_eof()
                    self._tls.read(1)
                except (ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLEOFError):
                    return None  # tickets, or a farewell
                except ssl.SSLError as fault:
                    return broken(fault)
                except OSError:
                    return None
        return None

    def carried(self, session: StreamSession) -> tuple[socket.socket, StreamSession | SecuredSession]:
        """What `probes.io.stream.driver` needs to carry a session here. Whoever does reads and writes alone from then on."""
        return self._sock, session if self._tls is None else SecuredSession(self._tls, self._in, self._out, session)

    def own_name(self) -> str:
        """Our own address as `host:port`; raises OSError when the connection has gone."""
        host, port = self._sock.getsockname()[:2]
        host = host.partition("%")[0]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def read(self) -> bytes:
        """What comes next, `b""` when the far end has closed; raises OSError."""
        if self._tls is None:
            return await self._received()
        while True:
            try:
                return self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            data = await self._received()
            self._in.write(data) if data else self._in.write_eof()

    def close(self) -> None:
        """Say goodbye as far as that needs no waiting."""
        with suppress(OSError):
            if self._tls is not None:
                with suppress(ssl.SSLError):
                    self._tls.unwrap()
                self._sock.send(self._out.read())
        self._sock.close()


class SecuredSession:
    """A session whose bytes go encrypted: a `probes.wire.session.StreamSession`. `fault`: the TLS error that ended it."""

    def __init__(self, tls: ssl.SSLObject, arrived: ssl.MemoryBIO, out: ssl.MemoryBIO, session: StreamSession) -> None:
        self.fault: ssl.SSLError | None = None
        self._tls, self._in, self._out, self._session = tls, arrived, out, session
        self.wake_at, self.events = session.wake_at, session.events

    @property
    def done(self) -> bool:
        """The session's own end."""
        return self._session.done

    def receive(self, data: bytes, now: float) -> None:
        """Encrypted bytes, b"" when the far end has closed."""
        self._in.write(data) if data else self._in.write_eof()
        self._read(now)

    def _read(self, now: float) -> None:
        try:
            while plain := self._tls.read(READ_BYTES):
                self._session.receive(plain, now)
        except ssl.SSLWantReadError:
            return
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        except ssl.SSLError as fault:
            self.fault = fault
        self._session.receive(b"", now)

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """What the session says, encrypted, and what TLS says by itself."""
        if self._in.pending:
            self._read(now)  # it came with the end of the handshake
        if said := self._session.transmit(now, clock_ns):
            try:
                self._tls.write(said)
            except ssl.SSLError as fault:
                self.fault = self.fault or fault
                self._session.receive(b"", now)
        return self._out.read()


def trust(name: str, ca_file: str = "", verify: bool = True) -> Trust:
    """What TLS needs: whom to trust (the system's authorities without `ca_file`), and the name or address to check.

    Raises `BadSettings` when the file cannot be used.
    """
    try:
        changed_ns = os.stat(ca_file).st_mtime_ns if ca_file else 0
        return _context(ca_file, changed_ns, verify), certificate_name(name)
    except OSError as fault:  # an SSLError too: no certificate in it
        why = "no certificate in it" if isinstance(fault, ssl.SSLError) else fault.strerror
        raise BadSettings(f"ca_file {clean(ca_file)}: {why}") from None


@lru_cache(maxsize=16)
def _context(ca_file: str, changed_ns: int, verify: bool) -> ssl.SSLContext:
    """Kept, for the system's certificates take long to read; a changed file is read again."""
    if not verify:
        context = _trusting()
    else:
        context = ssl.create_default_context(cafile=ca_file or None)
        context.hostname_checks_common_name = False  # RFC 9525 §2: a name is one of the subjectAltName
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@lru_cache(maxsize=1)
def looking() -> ssl.SSLContext:
    """Trusts anybody and speaks TLS 1.2 at most, which shows all certificates in plain bytes: for looking only."""
    context = _trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def broken(fault: OSError) -> Fault:
    """Whose trouble an error of `read` or `write` is, and in words."""
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Fault(Outcome.REFUSED, "it closed the connection")
    if isinstance(fault, ssl.SSLError):
        return Fault(Outcome.REFUSED, f"it ends the TLS connection: {_demand(fault) or _reason(fault)}")
    return faults.of_connection(fault)


def _failed(fault: OSError, seen: Plaintext) -> Shaken:
    chain = seen.certificates
    if isinstance(fault, ssl.SSLCertVerificationError):
        code, message = fault.verify_code, fault.verify_message
        why = message if code in tls_faults.OTHER_NAME else tls_faults.distrust(code, message)
        why = f"its certificate is not trusted: {why}"
        return Shaken("untrusted", why, verify_code=code, chain=chain, message=message)
    if seen.foreign:
        return Shaken("foreign", "what answers is no TLS")
    if seen.alert is not None:
        why = ALERTS.get(seen.alert, f"alert {seen.alert}")
        why = f"{_DEMAND} ({why})" if seen.demands_certificate or seen.alert == _CERTIFICATE_REQUIRED else why
        return Shaken("refused", f"it refuses the handshake: {why}", chain=chain)
    if not isinstance(fault, ssl.SSLError):
        outcome, why = faults.of_connection(fault)
        said = "it breaks the connection off" if outcome is Outcome.REFUSED else why
        return Shaken(_ENDS[outcome], f"{said} in the handshake", chain=chain)
    end = "refused" if "ALERT" in (fault.reason or "") else "foreign"
    return Shaken(end, f"no TLS to be had there: {_reason(fault)}", chain=chain)


def _demand(fault: ssl.SSLError) -> str:
    """TLS 1.3: a server refuses a client without a certificate only when the client thinks that all is agreed."""
    return f"{_DEMAND} ({_reason(fault)})" if "CERTIFICATE_REQUIRED" in (fault.reason or "") else ""


def _reason(fault: ssl.SSLError) -> str:
    alert = _ALERT.match(fault.reason or "")
    if alert:
        return f"it says {alert[1].replace('_', ' ').lower()}"
    said = fault.reason or _PLACE.sub("", fault.strerror or "") or "handshake failed"
    return said.replace("_", " ").lower()


def _agreed(tls: ssl.SSLObject, context: ssl.SSLContext, seen: Plaintext, took_ms: float) -> Shaken:
    agreed = tls.cipher()
    return Shaken(
        "open",
        took_ms=took_ms,
        verify_code=0 if context.verify_mode == ssl.CERT_REQUIRED else None,
        version=_VERSIONS.get(tls.version() or ""),
        cipher=_ciphers(context).get(agreed[0]) if agreed else None,
        chain=_chain(tls, seen),
    )


def _chain(tls: ssl.SSLObject, seen: Plaintext) -> tuple[bytes, ...]:
    """All that was shown: Python 3.13 and later say it, plain bytes of TLS 1.2 too; else the server's own alone."""
    whole = getattr(tls, "get_unverified_chain", None)
    if whole is not None:
        return tuple(whole())
    own = tls.getpeercert(binary_form=True)
    return seen.certificates or ((own,) if own else ())


@lru_cache(maxsize=8)
def _ciphers(context: ssl.SSLContext) -> dict[str, int]:
    """Names of the ciphers we offer → IANA numbers."""
    return {cipher["name"]: int(cipher["id"]) & 0xFFFF for cipher in context.get_ciphers()}
