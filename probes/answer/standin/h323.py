"""A small H.323 stand-in for labs and tests: a gatekeeper (UDP) and an endpoint (TCP) that takes calls and echoes sound.

`python -I -m probes.answer.standin.h323 --listen 127.0.0.1:1719 [--rooms 8001,8002] [--answer connect|busy|ring|working|silent|elsewhere]`
The endpoint's port is the one after the gatekeeper's.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from probes.answer.standin.base import Sockets, run, until_told
from probes.answer.standin.h323_sound import Echo
from probes.errors import WireError
from probes.target import Endpoint
from probes.wire.h323 import fast_connect, h225, q931
from probes.wire.h323.h225 import Ids, Vendor
from probes.wire.h323.q931 import Q931Message, tpkt_framer
from probes.wire.session import Address

ANSWERS = ("connect", "busy", "ring", "working", "silent", "elsewhere")
_MAX_CONNECTIONS = 64
_LONGEST_S = 300.0  # of one connection
_log = logging.getLogger("netmon.answer.h323")
_VENDOR = Vendor(product=b"netmon stand-in")
_TYPES = {"callProceeding": q931.CALL_PROCEEDING, "alerting": q931.ALERTING, "connect": q931.CONNECT}
_NAMES = {q931.SETUP: "setup", q931.RELEASE_COMPLETE: "releaseComplete"}
_STAGES = {"connect": 3, "ring": 2, "working": 1, "busy": 1}  # how many of them an answer takes


class H323StandIn:
    """What is answered to what; no sockets. `counts`: what came, by its name, and what was not understood.

    `gatekeeper`: "confirm", "reject" or "silent". `rooms`: that it knows; others get an LRJ, or cause 20.
    """

    def __init__(
        self,
        rooms: Sequence[str] = ("8001",),
        answer: str = "connect",
        gatekeeper: str = "confirm",
        vendor: Vendor = _VENDOR,
    ) -> None:
        self._rooms, self.answer, self._gatekeeper, self.vendor = frozenset(rooms), answer, gatekeeper, vendor
        self.counts: Counter[str] = Counter()

    def knows(self, aliases: Sequence[str]) -> bool:
        """One of these is a room of ours."""
        return not self._rooms.isdisjoint(aliases)

    def ras(self, data: bytes, here: Address, signalling: Address) -> bytes:
        """The answer to one datagram, b"" for none. Never raises for what a peer sent."""
        try:
            asked = h225.read_ras(data)
        except WireError:
            self.counts["malformed"] += 1
            return b""
        self.counts[asked.name] += 1
        if self._gatekeeper == "silent":
            return b""
        if asked.name == "gatekeeperRequest":
            if self._gatekeeper == "reject":
                return h225.gatekeeper_reject(asked.number, "terminalExcluded")
            return h225.gatekeeper_confirm(asked.number, "standin", here)
        if asked.name == "locationRequest":
            if self.knows(asked.aliases):
                return h225.location_confirm(asked.number, signalling, here)
            return h225.location_reject(asked.number, "requestDenied")
        return b""


class Incoming(NamedTuple):
    """A SETUP: whom it is for, the channels it offers, and what its answers must carry."""

    reference: int
    ids: Ids
    aliases: tuple[str, ...]
    fast: tuple[bytes, ...]


def incoming(frame: Q931Message) -> Incoming | None:
    """The SETUP in a frame; None for another message. Raises `WireError`."""
    if frame.type != q931.SETUP or frame.user is None or frame.from_called:
        return None
    call, conference = h225.read_call(frame.user), h225.conference_of(frame.user)
    return Incoming(frame.reference, Ids(call.call or bytes(16), conference or bytes(16)), call.aliases, call.fast)


def answers(standin: H323StandIn, asked: Incoming, here: Address, media: tuple[Address, Address] | None) -> bytes:
    """All a called end sends back to a SETUP. `media`: where it listens for sound, RTP and RTCP."""

    def message(type: int, user: bytes, cause: int | None = None) -> bytes:
        return q931.message(asked.reference, True, type, user, cause_number=cause)

    def gone(cause: int, reason: str) -> bytes:
        return message(q931.RELEASE_COMPLETE, h225.release(asked.ids, reason), cause)

    if standin.answer == "silent":
        return b""
    if not standin.knows(asked.aliases):
        return gone(20, "calledPartyNotRegistered")
    if standin.answer == "elsewhere":
        return message(q931.FACILITY, h225.facility(asked.ids, "callForwarded", here))
    out = b""
    for name in list(_TYPES)[: _STAGES[standin.answer]]:
        fast = fast_connect.answers(asked.fast, *media) if media and name == "connect" else []
        out += message(_TYPES[name], h225.answer(name, asked.ids, fast=fast, vendor=standin.vendor, what="mcu"))
    return out + (gone(17, "inConf") if standin.answer == "busy" else b"")


class H323Sockets(Sockets):
    """The sockets of a stand-in. `ras`, `signalling`: where they listen, with the ports the system gave."""

    def __init__(self, standin: H323StandIn, ras: Endpoint, signalling: Endpoint) -> None:
        super().__init__(standin, partial(_connection, standin), _MAX_CONNECTIONS)
        self.ras, self.signalling = ras, signalling
        self._h323 = standin

    async def open(self) -> None:
        """Listen; raises OSError when an address cannot be had."""
        self.signalling = await self.open_stream(self.signalling)
        signalling = (self.signalling.host, self.signalling.port)
        self.ras = await self.open_datagrams(self.ras, lambda data, _, here: self._h323.ras(data, here, signalling))


async def _connection(standin: H323StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    framer, echo = tpkt_framer(), None
    here, peer = writer.get_extra_info("sockname")[:2], writer.get_extra_info("peername")[:2]
    try:
        async with asyncio.timeout(_LONGEST_S):
            over = False
            while not over and (data := await reader.read(65_536)):
                for frame in framer.feed(data):
                    standin.counts[_NAMES.get(frame.type, "other")] += 1
                    over = over or frame.type == q931.RELEASE_COMPLETE
                    asked = incoming(frame)
                    if asked and echo is None:
                        echo = _sound(asked, here, peer)
                        media = (echo.rtp, echo.rtcp) if echo else None
                        writer.write(answers(standin, asked, here, media))
                await writer.drain()
    finally:
        if echo:
            standin.counts["sound"] += echo.reception.totals.received
            echo.close()


def _sound(asked: Incoming, here: Address, peer: Address) -> Echo | None:
    """An echo for the channels a SETUP offers, None when they do not fit or point to somebody else."""
    back = next((offer.media for offer in fast_connect.read(asked.fast) if offer.backward and offer.alaw), None)
    if back is None or back.rtp is None or back.rtp[0] != peer[0]:
        return None
    return Echo(here[0], back.rtp, back.rtcp or back.rtp)


async def listen(standin: H323StandIn, ras: Endpoint, signalling: Endpoint | None = None) -> H323Sockets:
    """A stand-in that listens; raises OSError when an address cannot be had. `signalling`: by default the next port."""
    after = Endpoint(ras.host, ras.port + 1 if ras.port else 0)
    listening = H323Sockets(standin, ras, signalling or after)
    await listening.open()
    return listening


async def serve(standin: H323StandIn, ras: Endpoint) -> None:
    """Answer until SIGTERM or SIGINT, then tell the counts."""
    listening = await listen(standin, ras)
    where = f"H.323 stand-in: gatekeeper {listening.ras}, endpoint {listening.signalling}"
    await until_told(listening, _log, where)


def main(words: Sequence[str] | None = None) -> int:
    """The command line; 0 when told to stop, 1 when an address cannot be had, 2 for a bad one."""
    parser = argparse.ArgumentParser(
        prog="probes.answer.standin.h323", description="a small H.323 gatekeeper and endpoint"
    )
    parser.add_argument("--listen", metavar="ADDR:PORT", default=f"127.0.0.1:{h225.RAS_PORT}")
    parser.add_argument("--rooms", default="8001", help="rooms it knows, with commas between")
    parser.add_argument("--answer", choices=ANSWERS, default="connect", help="what a call gets")
    args = parser.parse_args(words)
    standin = H323StandIn(args.rooms.split(","), args.answer)
    return run(args.listen, h225.RAS_PORT, lambda at: serve(standin, at), _log)


if __name__ == "__main__":
    sys.exit(main())
