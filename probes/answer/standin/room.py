"""A room for labs and tests: takes SIP calls over UDP and TCP and sends back the sound and picture it gets.

`python -I -m probes.answer.standin.room --listen 10.0.0.1:5060 [--answer 200|401|503|silent] [--call take|ring|486|404|488] [--dumb]`

It echoes only to whoever called, packet for packet: nobody gets more from it than he sends.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from probes.answer.standin import sip as standin
from probes.answer.standin.base import run
from probes.answer.standin.echo import EchoPair, send
from probes.answer.standin.sip import COPIED, SipStandIn
from probes.errors import WireError
from probes.target import Endpoint
from probes.wire.session import Arrival
from probes.wire.sip import message as sip
from probes.wire.sip import sdp
from probes.wire.sip.message import SipMessage
from probes.wire.sip.sdp import MediaDescription

CALLS = ("take", "ring", "486", "404", "488")
_REASONS = {
    404: "Not Found", 481: "Call/Transaction Does Not Exist", 486: "Busy Here", 488: "Not Acceptable Here",
    503: "Service Unavailable",
}  # fmt: skip
_MAX_CALLS, _LONGEST_S = 8, 120.0
_log = logging.getLogger("netmon.answer.room")


class _Echo(EchoPair):
    """What comes from the caller goes back to where it came from."""

    def __init__(self, family: int, host: str, peer: str, *, dumb: bool) -> None:
        super().__init__(family, host, peer)
        self.port, self._dumb = self._media.port, dumb

    def _sound(self, arrival: Arrival) -> None:
        if not self._dumb:
            send(self._media, arrival.data, arrival.source, arrival.tos)


class _Call(NamedTuple):
    """A call that is up or rings. `answer`: sent again when the INVITE comes again."""

    until: float
    echoes: tuple[_Echo, ...]
    answer: bytes
    invite: SipMessage


class RoomStandIn(SipStandIn):
    """A stand-in that takes calls. `family`, `host`: where its media is awaited. `answer` is what OPTIONS gets; `alias`:
    the only room it knows, "" knows all."""

    def __init__(
        self, family: int, host: str, *, answer: str = "200", call: str = "take", alias: str = "", dumb: bool = False
    ) -> None:
        super().__init__(answer)
        self._alias = alias
        self._family, self._host, self._how, self._dumb = family, host, call, dumb
        self._calls: dict[str, _Call] = {}

    def message(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        """The answer to one message, b"" for none."""
        method = message.method.upper()
        named = message.uri.rpartition("@")[0].partition(":")[2]
        if self._alias and named not in ("", self._alias) and method in ("OPTIONS", "INVITE") and not self.is_silent:
            return self.encoded(404, _REASONS[404], message, source) if message.first("via") else b""
        if method not in ("INVITE", "BYE", "CANCEL") or not all(message.first(name) for name in COPIED):
            return super().message(message, source)
        if self.is_silent:
            self.counts["silent"] += 1
            return b""
        self._forget()
        if method == "INVITE":
            return self._invited(message, source)
        return self._ended(message, source, method)

    def _invited(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        number = message.first("call-id")
        if number in self._calls:
            return self._calls[number].answer
        if self._how.isdigit():
            self.counts["refused"] += 1
            return self.encoded(int(self._how), _REASONS[int(self._how)], message, source)
        if len(self._calls) >= _MAX_CALLS:
            return self.encoded(486, _REASONS[486], message, source)
        ringing = self.encoded(180, "Ringing", message, source)
        if self._how == "ring":
            self._calls[number] = _Call(time.monotonic() + _LONGEST_S, (), ringing, message)
            return ringing
        return self._take(message, source)

    def _take(self, message: SipMessage, source: tuple[Any, ...]) -> bytes:
        try:
            offered = sdp.read(message.body)
        except WireError:
            self.counts["malformed"] += 1
            return self.encoded(488, _REASONS[488], message, source)
        echoes: list[_Echo] = []
        lines = []
        try:
            for line in offered:
                codec = line.codecs[:1] if line.port else ()
                if codec:
                    echoes.append(self._echo(str(source[0])))
                lines.append(
                    MediaDescription(line.kind, echoes[-1].port if codec else 0, self._host, codec or line.codecs)
                )
        except OSError:
            for echo in echoes:
                echo.close()
            self.counts["no port"] += 1
            return self.encoded(503, _REASONS[503], message, source)
        host = f"[{self._host}]" if ":" in self._host else self._host
        place = f"{host}:{self.port}" if self.port else host
        more = (("contact", f"<sip:room@{place}>"), ("content-type", "application/sdp"))
        answer = self.encoded(200, "OK", message, source, more, sdp.offer(1, self._host, lines))
        self._calls[message.first("call-id")] = _Call(time.monotonic() + _LONGEST_S, tuple(echoes), answer, message)
        self.counts["taken"] += 1
        return answer

    def _echo(self, peer: str) -> _Echo:
        """The sockets of one line; raises OSError."""
        return _Echo(self._family, self._host, peer, dumb=self._dumb)

    def _ended(self, message: SipMessage, source: tuple[Any, ...], method: str) -> bytes:
        call = self._calls.pop(message.first("call-id"), None)
        if call is None:
            return self.encoded(481, _REASONS[481], message, source)
        for echo in call.echoes:
            echo.close()
        self.counts["hung up" if method == "BYE" else "cancelled"] += 1
        good = self.encoded(200, "OK", message, source)
        if method == "CANCEL" and not call.echoes:
            self.later(self.encoded(487, "Request Terminated", call.invite, source), source)
        return good

    def _forget(self) -> None:
        """Calls whose caller never hung up."""
        now = time.monotonic()
        for number in [number for number, call in self._calls.items() if call.until < now]:
            for echo in self._calls.pop(number).echoes:
                echo.close()
            self.counts["forgotten"] += 1

    @property
    def live(self) -> int:
        """Calls that are up or ring now."""
        return len(self._calls)

    def close(self) -> None:
        """End every call."""
        for call in self._calls.values():
            for echo in call.echoes:
                echo.close()
        self._calls.clear()


def main(words: Sequence[str] | None = None) -> int:
    """The command line; 0 when told to stop, 1 when the address cannot be had, 2 for a bad one."""
    parser = argparse.ArgumentParser(
        prog="probes.answer.standin.room", description="a room that takes SIP calls (UDP and TCP)"
    )
    parser.add_argument("--listen", metavar="ADDR:PORT", default="127.0.0.1:5060")
    parser.add_argument("--answer", choices=standin.ANSWERS, default="200", help="what an OPTIONS gets")
    parser.add_argument("--call", choices=CALLS, default="take", help="what an INVITE gets")
    parser.add_argument("--alias", default="", help="the only room it knows")
    parser.add_argument("--dumb", action="store_true", help="take the call and send nothing back")
    args = parser.parse_args(words)
    return run(args.listen, sip.PORT, lambda at: standin.serve(at, _room(at, args)), _log)


def _room(at: Endpoint, args: argparse.Namespace) -> RoomStandIn:
    family, host = 10 if ":" in at.host else 2, at.host.partition("%")[0]
    return RoomStandIn(family, host, answer=args.answer, call=args.call, alias=args.alias, dumb=args.dumb)


if __name__ == "__main__":
    sys.exit(main())
