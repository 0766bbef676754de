"""A small SIP stand-in for labs and tests: answers OPTIONS over UDP and TCP, and counts what it does not understand.

`python -I -m probes.answer.standin.sip --listen 127.0.0.1:5060 [--answer 200|401|503|silent]`
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from probes.answer.standin.base import Sockets, run, until_told
from probes.errors import WireError
from probes.target import Endpoint
from probes.wire.sip import message as sip
from probes.wire.sip.message import SipMessage

ANSWERS = ("200", "401", "503", "silent")
_MAX_CONNECTIONS = 256
_IDLE_S, _HEAD_S = 60.0, 10.0  # a connection that says nothing, or ends no head it began, for so long is closed
_REASONS = {200: "OK", 401: "Unauthorized", 405: "Method Not Allowed", 503: "Service Unavailable"}
_MORE: dict[int, tuple[tuple[str, str], ...]] = {
    200: (("allow", "OPTIONS"), ("accept", "application/sdp")),
    401: (("www-authenticate", 'Digest realm="standin", nonce="0", algorithm=MD5, qop="auth"'),),
    405: (("allow", "OPTIONS"),),
    503: (("retry-after", "30"),),
}
COPIED = ("via", "from", "to", "call-id", "cseq")  # RFC 3261 §8.2.6.2
_log = logging.getLogger("netmon.answer.sip")


class SipStandIn:
    """What is answered to what; no sockets. `counts`: "answered" and, by reason, what was not."""

    def __init__(self, answer: str = "200") -> None:
        self._status = 0 if answer == "silent" else int(answer)
        self.counts: Counter[str] = Counter()
        self.port = 0  # where it listens, once it does
        self.later: Callable[[bytes, tuple[Any, ...]], None] = lambda data, source: None  # says something unasked

    @property
    def is_silent(self) -> bool:
        """True when nothing is answered."""
        return not self._status

    def close(self) -> None:
        """Nothing to give back here."""

    def datagram(self, data: bytes, source: tuple[Any, ...]) -> bytes:
        """The answer to one datagram, b"" for none. Never raises for what a peer sent."""
        try:
            return self.message(sip.parse(data), source)
        except WireError:
            self.counts["malformed"] += 1
            return b""

    def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        """The answer to one message, b"" for none."""
        if message.status or message.method.upper() == "ACK":
            self.counts["not asked"] += 1
            return b""
        if not all(message.first(name) for name in COPIED):
            self.counts["incomplete"] += 1
            return b""
        if not self._status:
            self.counts["silent"] += 1
            return b""
        status = self._status if message.method.upper() == "OPTIONS" else 405
        return self.encoded(status, _REASONS[status], message, source, _MORE[status])

    def encoded(
        self,
        status: int,
        reason: str,
        message: SipMessage,
        source: tuple[Any, ...],
        more: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> bytes:
        """An answer's bytes, b"" when the request's headers cannot be given back."""
        headers = tuple(_copied(name, value, source) for name, value in message.headers if name in COPIED)
        try:
            data = sip.encode(SipMessage(status, reason, "", "", _seen(headers, source) + more, body))
        except ValueError:  # a line end hidden inside a header
            self.counts["malformed"] += 1
            return b""
        self.counts["answered"] += 1
        return data


def _copied(name: str, value: str, source: tuple[Any, ...]) -> tuple[str, str]:
    if name == "to" and sip.parameter(value, "tag") is None:
        return name, f"{value};tag=standin"
    return name, value


def _seen(headers: tuple[tuple[str, str], ...], source: tuple[Any, ...]) -> tuple[tuple[str, str], ...]:
    """The topmost Via tells the sender how we saw it (RFC 3581 §4)."""
    out = list(headers)
    at = next(place for place, (name, _) in enumerate(out) if name == "via")
    top, comma, rest = out[at][1].partition(",")
    if sip.parameter(top, "rport") == "":
        head, _, tail = top.partition(";rport")
        out[at] = ("via", f"{head};received={source[0]};rport={source[1]}{tail}{comma}{rest}")
    return tuple(out)


async def _read(reader: asyncio.StreamReader, within_s: float) -> bytes:
    async with asyncio.timeout(within_s):
        return await reader.read(65_536)


async def _connection(standin: SipStandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    framer, source = sip.SipFramer(bodies=True), writer.get_extra_info("peername") or ("", 0)
    clock = asyncio.get_running_loop().time
    until = clock() + _IDLE_S
    while data := await _read(reader, until - clock()):
        began = framer.pending
        for message in framer.feed(data):
            writer.write(standin.message(message, source))
        async with asyncio.timeout(_IDLE_S):
            await writer.drain()
        if not (began and framer.pending):
            until = clock() + (_HEAD_S if framer.pending else _IDLE_S)


class SipSockets(Sockets):
    """The two sockets of a stand-in. `endpoint`: where it listens (with the port the system gave)."""

    def __init__(self, standin: SipStandIn, endpoint: Endpoint) -> None:
        super().__init__(standin, partial(_connection, standin), _MAX_CONNECTIONS)
        self.endpoint = endpoint
        self._sip = standin

    async def open(self) -> None:
        """Listen on UDP and TCP of one port; raises OSError when it cannot be had."""
        self.endpoint = Endpoint(self.endpoint.host, (await self.open_stream(self.endpoint)).port)
        await self.open_datagrams(self.endpoint, lambda data, source, here: self._sip.datagram(data, source))
        self._sip.later = self.send
        self._sip.port = self.endpoint.port or 0

    async def close(self) -> None:
        """The calls that are up end too."""
        self._sip.close()
        await super().close()


async def listen(endpoint: Endpoint, standin: SipStandIn) -> SipSockets:
    """A stand-in that listens; raises OSError when the address cannot be had."""
    listening = SipSockets(standin, endpoint)
    await listening.open()
    return listening


async def serve(endpoint: Endpoint, standin: SipStandIn) -> None:
    """Answer until SIGTERM or SIGINT, then tell the counts."""
    listening = await listen(endpoint, standin)
    await until_told(listening, _log, f"SIP stand-in on {listening.endpoint}")


def main(words: Sequence[str] | None = None) -> int:
    """The command line; 0 when told to stop, 1 when the address cannot be had, 2 for a bad one."""
    parser = argparse.ArgumentParser(prog="probes.answer.standin.sip", description="a small SIP stand-in (UDP and TCP)")
    parser.add_argument("--listen", metavar="ADDR:PORT", default="127.0.0.1:5060")
    parser.add_argument("--answer", choices=ANSWERS, default="200", help="what an OPTIONS gets")
    args = parser.parse_args(words)
    return run(args.listen, sip.PORT, lambda at: serve(at, SipStandIn(args.answer)), _log)


if __name__ == "__main__":
    sys.exit(main())
