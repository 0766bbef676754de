"""Receives SNMP traps and informs, v2c and v3, and tells them as events. A process of its own: pysnmp is heavy.

`python -I -m probes.answer.traps --listen 0.0.0.0:162 --community-file FILE` prints one JSON object per event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import ntfrcv
from pysnmp.proto.api.v2c import OctetString

from probes.answer.guard import TokenBucket
from probes.answer.trap_events import TrapEvent, event
from probes.clean import clean
from probes.errors import BadSettings, BadTarget, WireError
from probes.io.snmp.device import AUTHS, PRIVS, SnmpAccess
from probes.io.snmp.pysnmp import AUTH_PROTOCOLS, PRIV_PROTOCOLS, plain
from probes.kinds.snmp.kind import SnmpSettings, access_of
from probes.target import Endpoint, parse
from probes.wire import snmp

PORT = 162
_EVENTS_PER_S, _EVENTS_BURST = 50.0, 500.0
_ROOM = 1 << 20
_MAX_BYTES = 8192  # of a trap: devices write some hundred; what is longer only costs time
_log = logging.getLogger("netmon.answer.traps")


class TrapReceiver:
    """Listens once opened. `on_event` gets each event in the event loop; `bucket.dropped` counts what came too fast."""

    def __init__(
        self, accesses: Sequence[SnmpAccess], on_event: Callable[[TrapEvent], None], engines: Sequence[bytes] = ()
    ) -> None:
        """`accesses`: communities and users that are heard; traps of others are dropped unseen. `engines`: ids of the
        devices whose v3 traps are heard, for a trap's keys are its sender's (RFC 3414 §1.5.1); informs need none."""
        self._on_event, self.malformed = on_event, 0
        self.bucket = TokenBucket(_EVENTS_PER_S, _EVENTS_BURST, time.monotonic())
        self._engine = SnmpEngine()
        for number, access in enumerate(accesses):
            _admit(self._engine, number, access, engines)
        self._receiver = ntfrcv.NotificationReceiver(self._engine, self._came)

    def open(self, endpoint: Endpoint) -> None:
        """Listen; raises OSError when the address cannot be had."""
        domain, transport = (udp6.DOMAIN_NAME, _Udp6(self)) if ":" in endpoint.host else (udp.DOMAIN_NAME, _Udp4(self))
        config.add_transport(self._engine, domain, transport.open_server_mode(sock=_bound(endpoint)))

    def close(self) -> None:
        """Stop listening."""
        self._receiver.close(self._engine)
        self._engine.close_dispatcher()

    def unreadable(self) -> None:
        """Count a datagram the library gave up on; a line in the log for each would let strangers fill it."""
        self.malformed += 1

    def _came(self, engine: Any, reference: Any, _engine_id: Any, _name: Any, rows: Any, _context: Any) -> None:
        if not self.bucket.take(time.monotonic()):
            return
        _, address = engine.message_dispatcher.get_transport_info(reference)
        values = {str(name): value for name, shown in rows if (value := plain(shown)) is not None}
        trap = event(time.time_ns(), clean(str(address[0]), 60), values)
        if trap is not None:
            self._on_event(trap)


def _bound(endpoint: Endpoint) -> socket.socket:
    """A socket at `endpoint`, bound here so that a refusal is heard here."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)  # a storm comes at once
        sock.bind((endpoint.host, endpoint.port))
    except OSError:
        sock.close()
        raise
    return sock


class _Checked:
    """A transport of pysnmp that hands on only what is well formed: its decoder raises on other bytes."""

    def __init__(self, receiver: TrapReceiver) -> None:
        super().__init__()
        self._by = receiver

    def datagram_received(self, datagram: bytes, addr: Any) -> None:
        """asyncio's call."""
        try:
            if len(datagram) > _MAX_BYTES:
                raise WireError(_MAX_BYTES, "too long for a trap")
            snmp.check(datagram)
        except WireError:
            self._by.malformed += 1
            return
        super().datagram_received(datagram, addr)  # type: ignore[misc]


class _Udp4(_Checked, udp.UdpAsyncioTransport):  # type: ignore[misc]
    pass


class _Udp6(_Checked, udp6.Udp6AsyncioTransport):  # type: ignore[misc]
    pass


def _admit(engine: Any, number: int, access: SnmpAccess, engines: Sequence[bytes]) -> None:
    if not access.user:
        config.add_v1_system(engine, f"community{number}", access.community)
        return
    words = (
        access.user,
        AUTH_PROTOCOLS[access.auth],
        access.auth_password or None,
        PRIV_PROTOCOLS[access.priv],
        access.priv_password or None,
    )
    config.add_v3_user(engine, *words)
    for engine_id in engines:
        config.add_v3_user(engine, *words, securityEngineId=OctetString(engine_id))


def as_json(trap: TrapEvent) -> str:
    """One event as a line."""
    shown = {key: value for key, value in trap._asdict().items() if value not in (None, "", ())}
    return json.dumps(shown | {"values": dict(trap.values)}, ensure_ascii=False)


async def serve(
    endpoint: Endpoint, accesses: Sequence[SnmpAccess], engines: Sequence[bytes] = (), *, attached: bool = False
) -> None:
    """Print events until SIGTERM or SIGINT, then tell what was dropped. `attached`: also until stdin ends, so that it never
    outlives who started it and holds the port."""
    receiver = TrapReceiver(accesses, lambda trap: print(as_json(trap), flush=True), engines)
    receiver.open(endpoint)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: receiver.unreadable())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if attached:
        loop.add_reader(sys.stdin, lambda: None if os.read(sys.stdin.fileno(), 4096) else stop.set())
    _log.info("listening for traps on %s", endpoint)
    await stop.wait()
    receiver.close()
    _log.info("dropped: %d too fast, %d malformed", receiver.bucket.dropped, receiver.malformed)


def main(words: Sequence[str] | None = None) -> int:
    """The command line; 0 when told to stop, 1 when the address cannot be had, 2 for bad words."""
    parser = argparse.ArgumentParser(prog="probes.answer.traps", description="receives SNMP traps, prints events")
    parser.add_argument("--listen", metavar="ADDR:PORT", default=f"127.0.0.1:{PORT}")
    parser.add_argument("--community-file", metavar="FILE", default="", help="v2c: whose traps are heard")
    parser.add_argument("--user", default="", help="v3: whose traps are heard")
    parser.add_argument(
        "--engine", metavar="HEX", action="append", default=[], help="v3: id of a device whose traps are heard"
    )
    parser.add_argument("--auth", choices=AUTHS, default="sha256")
    parser.add_argument("--auth-password-file", metavar="FILE", default="")
    parser.add_argument("--priv", choices=PRIVS, default="aes")
    parser.add_argument("--priv-password-file", metavar="FILE", default="")
    parser.add_argument("--attached", action="store_true", help="end when stdin ends")
    args = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("pysnmp").setLevel(logging.ERROR)
    try:
        engines = [_engine(written) for written in args.engine]
        asyncio.run(serve(parse(args.listen, PORT), _accesses(args), engines, attached=args.attached))
    except (BadTarget, BadSettings) as fault:
        _log.error("%s", fault)
        return 2
    except OSError as fault:
        _log.error("--listen %s: %s", clean(args.listen), fault.strerror or fault)
        return 1
    return 0


def _engine(text: str) -> bytes:
    try:
        engine = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        engine = b""
    if not 5 <= len(engine) <= 32:
        raise BadSettings(f"--engine {clean(text, 80)!r}: write an engine id, 5 to 32 bytes in hex (RFC 3411 §5)")
    return engine


def _accesses(args: argparse.Namespace) -> list[SnmpAccess]:
    accesses = []
    if args.community_file:
        accesses.append(access_of(SnmpSettings(community_file=args.community_file)))
    if args.user:
        v3 = ("user", "auth", "auth_password_file", "priv", "priv_password_file")
        accesses.append(access_of(SnmpSettings(version="v3", **{name: getattr(args, name) for name in v3})))
    if not accesses:
        raise BadSettings("nobody's traps would be heard (write --community-file, --user, or both)")
    return accesses


if __name__ == "__main__":
    sys.exit(main())
