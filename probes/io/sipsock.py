"""Carries one SIP conversation over UDP, TCP or TLS, and tells silence, refusals and our own faults apart."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from probes import tlswords, trace
from probes.base import Outcome
from probes.clean import clean
from probes.errors import BadSettings
from probes.io import faults
from probes.io.tcp import established
from probes.target import certificate_name
from probes.wire.session import Arrival, Session, Stream

_RECV_BYTES = 65_536
_ENDS = {Outcome.LOST: "silence", Outcome.REFUSED: "refused", Outcome.LOCAL: "local"}


class Ended(NamedTuple):
    """How the conversation was carried. `end`: "session" (it ended itself), "silence" (no connection came up in
    time), "refused" (RST, ICMP), "tls" (no trust or no TLS there), "local" (our own fault).
    """

    end: str
    why: str = ""
    connect_ms: float | None = None
    tls_ms: float | None = None
    cert_days: float | None = None  # until the far end's certificate ends; only when it was checked


Events = Callable[[list[Any]], None]
SocketAddress = tuple[Any, ...]
Tls = tuple[ssl.SSLContext, str]  # and the name the certificate must have


async def over_udp(
    family: int,
    to: SocketAddress,
    make: Callable[[str], Session],
    on_events: Events,
    on_cancel: Callable[[], None] | None = None,
) -> Ended:
    """One conversation on a connected socket, so that an ICMP error reaches us. Never raises for the network.

    `make` gets our own `host:port` and makes the session. `on_cancel` is called when this is cut short: cancelled, ended
    by ICMP, or by a fault of `on_events`, which is raised here. What the session then wants to say is said once, without
    waiting for an answer.
    """
    try:
        sock = _open(family, socket.SOCK_DGRAM)
    except OSError as fault:
        return Ended("local", f"no socket: {fault.strerror}")
    try:
        sock.connect(to)
        talk = _Udp(sock, make(local_name(sock)), on_events)
        try:
            return await talk.ended
        finally:
            talk.last_words(on_cancel)
            talk.close()
    except OSError as fault:
        return _failure(sock, fault)
    finally:
        sock.close()


def _open(family: int, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    faults.hear_icmp(sock)
    return sock


class _Udp:
    """A session on a connected datagram socket: nothing is cancelled, what arrived is taken before any timer fires."""

    def __init__(self, sock: socket.socket, session: Session, on_events: Events) -> None:
        self._sock, self._session, self._on_events = sock, session, on_events
        self._peer = sock.getpeername()[:2]
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Ended] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._sent: set[bytes] = set()
        self._loop.add_reader(sock.fileno(), self._turn)
        self._turn()

    def _turn(self) -> None:
        if self.ended.done():
            return
        try:
            self._step()
        except (
            Exception
        ) as fault:  # raised where the conversation is awaited: in a callback it would be awaited for ever
            if not self.ended.done():
                self.ended.set_exception(fault)

    def _step(self) -> None:
        try:
            self._take()
            for datagram in self._session.transmit(time.monotonic(), time.time_ns()):
                self._note_send(datagram.data)
                self._sock.send(datagram.data)
        except OSError as fault:
            self._failed(fault)
        _tell(self._on_events, self._session.events())
        if self._session.done:
            self._end(Ended("session"))
        self._sleep()

    def last_words(self, ask: Callable[[], None] | None) -> None:
        """What the session says when it is cut short."""
        if ask is None or self._session.done:
            return
        ask()
        try:
            for datagram in self._session.transmit(time.monotonic(), time.time_ns()):
                self._sock.send(datagram.data)
        except OSError:
            return  # nobody waits for it any more

    def _note_send(self, data: bytes) -> None:
        if trace.is_on():
            trace.note("sent again" if data in self._sent else "sent", f"{len(data)} bytes to {self._peer[0]}")
            self._sent.add(data)

    def _take(self) -> None:
        while not self._session.done:
            try:
                data = self._sock.recv(_RECV_BYTES)
            except BlockingIOError:
                return
            trace.note("received", f"{len(data)} bytes from {self._peer[0]}")
            self._session.receive(Arrival(data, self._peer, time.time_ns()), time.monotonic())

    def _failed(self, fault: OSError) -> None:
        """Only a refusal or a fault of ours ends it; a full queue or a smaller MTU is mended by the next repeat."""
        ended = _failure(self._sock, fault)
        trace.note("failed", ended.why)
        if ended.end != "silence":
            self._end(ended)

    def _end(self, ended: Ended) -> None:
        if not self.ended.done():
            self.ended.set_result(ended)

    def _sleep(self) -> None:
        if self._timer:
            self._timer.cancel()
        wake = None if self.ended.done() else self._session.wake_at()
        self._timer = None if wake is None else self._loop.call_later(max(0.0, wake - time.monotonic()), self._turn)

    def close(self) -> None:
        """Leave the loop; the socket is its owner's."""
        self._loop.remove_reader(self._sock.fileno())
        if self._timer:
            self._timer.cancel()


async def over_stream(
    family: int,
    to: SocketAddress,
    make: Callable[[str], Stream],
    on_events: Events,
    deadline: float,
    tls: Tls | None = None,
    on_cancel: Callable[[], None] | None = None,
) -> Ended:
    """One conversation over TCP, or TLS with (context, name to check). `deadline` (monotonic s) is for connecting, the
    session has its own. `on_cancel` as in `over_udp`.
    """
    try:
        sock = _open(family, socket.SOCK_STREAM)
    except OSError as fault:
        return Ended("local", f"no socket: {fault.strerror}")
    began, so_far = time.monotonic(), Ended("session")
    trace.note("connecting", f"TCP to {to[0]} port {to[1]}")
    try:
        async with asyncio.timeout(max(0.0, deadline - began)):
            await established(sock, to)
            so_far = so_far._replace(connect_ms=_ms_since(began))
            trace.note("connected", f"{so_far.connect_ms:.3f} ms")
            reader, writer = await _streams(sock, tls)
        try:
            if tls:
                so_far = _secured(writer, so_far, began)
                trace.note("TLS agreed", f"{so_far.tls_ms:.3f} ms")
            await _pump(reader, writer, make(local_name(sock)), on_events, on_cancel)
        finally:
            writer.transport.abort()
    except TimeoutError:
        part = "no TLS handshake" if so_far.connect_ms else "no answer to the connect"
        return so_far._replace(end="silence", why=f"{part} in time")
    except ssl.SSLError as fault:
        return so_far._replace(end="tls", why=_distrust(fault))
    except OSError as fault:
        ended = _failure(sock, fault, stood=so_far.connect_ms is not None)
        return so_far._replace(end=ended.end, why=ended.why)
    finally:
        sock.close()
    return so_far


def tls(name: str, ca_file: str = "", verify: bool = True) -> Tls:
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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=ca_file or None)
        context.hostname_checks_common_name = False  # RFC 9525 §2: a name is one of the subjectAltName
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _streams(sock: socket.socket, tls: Tls | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if tls is None:
        return await asyncio.open_connection(sock=sock)
    return await asyncio.open_connection(sock=sock, ssl=tls[0], server_hostname=tls[1])


def _secured(writer: asyncio.StreamWriter, so_far: Ended, began: float) -> Ended:
    ends = (writer.get_extra_info("peercert") or {}).get("notAfter")
    days = (ssl.cert_time_to_seconds(ends) - time.time()) / 86400 if ends else None
    return so_far._replace(tls_ms=_ms_since(began) - (so_far.connect_ms or 0.0), cert_days=days)


def _distrust(fault: ssl.SSLError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        named = fault.verify_code in tlswords.OTHER_NAME  # whose name is asked for, OpenSSL says best
        told = fault.verify_message if named else tlswords.distrust(fault.verify_code, fault.verify_message)
        return f"its certificate is not trusted: {told}"
    return f"no TLS to be had there: {fault.reason or fault.strerror or 'handshake failed'}"


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    session: Stream,
    on_events: Events,
    on_cancel: Callable[[], None] | None,
) -> None:
    """Until the session is done. One read is pending for the whole time; timers never cancel it."""
    pending = asyncio.ensure_future(reader.read(_RECV_BYTES))
    try:
        while True:
            if data := session.transmit(time.monotonic(), time.time_ns()):
                trace.note("sent", f"{len(data)} bytes")
                writer.write(data)
            _tell(on_events, session.events())
            if session.done:
                return
            wake = session.wake_at()
            await asyncio.wait([pending], timeout=None if wake is None else max(0.0, wake - time.monotonic()))
            if pending.done():
                trace.note("received", f"{len(pending.result())} bytes")
                session.receive(pending.result(), time.monotonic())
                pending = asyncio.ensure_future(reader.read(_RECV_BYTES))
    finally:
        if on_cancel and not session.done:
            on_cancel()
            writer.write(session.transmit(time.monotonic(), time.time_ns()))
        pending.cancel()


def _tell(on_events: Events, events: list[Any]) -> None:
    """What the session says, handed on; in a trace under the name of its type."""
    for event in events:
        trace.note(type(event).__name__.lower(), getattr(getattr(event, "message", None), "reason", ""))
    on_events(events)


def local_name(sock: socket.socket) -> str:
    """Our own address as `host:port` of a SIP header."""
    host, port = sock.getsockname()[:2]
    host = host.partition("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _failure(sock: socket.socket, fault: OSError, stood: bool = False) -> Ended:
    outcome, why = faults.of_connection(fault) if stood else faults.of_socket(sock, fault)
    return Ended(_ENDS[outcome], why)


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000.0
