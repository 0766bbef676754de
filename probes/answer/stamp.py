"""The STAMP Session-Reflector (RFC 8762 §4.3), stateful: it counts its answers for each session.

No answer is longer than its request; what is too short, forged or from a port nobody may send from is counted and
dropped. A session is (source, port, SSID); the oldest make room for new ones.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from probes.clean import clean
from probes.errors import WireError
from probes.io.drive import Driver
from probes.io.net import PacketSocket, open_udp
from probes.wire import stamp
from probes.wire.session import Arrival, Datagram

MOST_SESSIONS = 10_000
_LEAST_PORT = 1024  # below it only a reflector's own port 862 may speak, and reflectors are not answered
_log = logging.getLogger("netmon.reflector")


class Reflector:
    """The reflector as a state machine. With a key it answers authenticated packets only. `now_ns`: the wall clock."""

    done = False

    def __init__(
        self, clock: stamp.Clock, key: bytes = b"", own_port: int = stamp.PORT,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:  # fmt: skip
        self._error, self._key, self._own_port, self._now_ns = clock.field, key, own_port, now_ns
        self._counts: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._waiting: list[tuple[Arrival, stamp.Test]] = []
        self.answered = 0
        self.dropped: Counter[str] = Counter()

    def receive(self, arrival: Arrival, now: float) -> None:
        """Take a request; its answer leaves with the next `transmit`."""
        port = arrival.source[1]
        if port < _LEAST_PORT or port == self._own_port:
            self.dropped["source port"] += 1  # two reflectors must never answer each other
            return
        try:
            test = stamp.decode_test(arrival.data, self._key)
        except WireError as fault:
            self.dropped["forged" if fault.offset == 96 else "too short"] += 1
            return
        if stamp.is_answer(arrival.data, bool(self._key)):
            self.dropped["an answer"] += 1  # from another reflector: answering it would never end
            return
        self._waiting.append((arrival, test))

    def transmit(self, now: float, clock_ns: int) -> Iterable[Datagram]:
        """Answers, each stamped as late as can be."""
        waiting, self._waiting = self._waiting, []
        for arrival, test in waiting:
            yield self._answer(arrival, test)

    def _answer(self, arrival: Arrival, test: stamp.Test) -> Datagram:
        # TWAMP-Light pads with anything, in the SSID's place too: then it tells no sessions apart.
        padded = not self._key and arrival.data[16:44].count(0) < len(arrival.data[16:44])
        count = self._next((arrival.source[0], arrival.source[1], 0 if padded else test.ssid))
        self.answered += 1
        ttl = max(0, arrival.hops)
        reply = stamp.Reply(
            count, self._now_ns(), self._error, test.ssid, arrival.at_ns, test.seq, test.sent_ns, test.error, ttl
        )
        data = stamp.encode_reply(reply, self._key, len(arrival.data))
        return Datagram(data, arrival.source, max(0, arrival.tos) & 0xFC, via=arrival.via)

    def _next(self, session: tuple[str, int, int]) -> int:
        counts = self._counts
        count = counts.pop(session, 0)
        counts[session] = count + 1
        if len(counts) > MOST_SESSIONS:
            counts.popitem(last=False)
        return count

    def wake_at(self) -> float | None:
        """At once while answers wait."""
        return 0.0 if self._waiting else None

    def events(self) -> list[Any]:
        """Nothing is told."""
        return []

    def judges_at(self) -> float:
        """Always: what came is to be answered."""
        return 0.0

    def clocks(self, now: float, clock_ns: int) -> None:
        """Stamps are sent as they are: the asker tells when a clock was set."""

    def sent(self, token: Any, at_ns: int) -> None:
        """Answers carry no token."""

    def unsent(self, token: Any, why: str) -> None:
        """Nobody waits for it here."""
        self.dropped["not sent"] += 1

    def unreachable(self, to: str, by: str, data: bytes, type: int, code: int, now: float) -> None:
        """The asker is gone."""
        self.dropped["asker gone"] += 1

    def overflow(self, total: int) -> None:
        """Requests our buffer had no room for."""
        self.dropped["overflow"] = total


class _Answering(Driver):
    """Answers in the same breath: residence is what the sender must subtract, so it stays small."""

    def _readable(self) -> None:
        self._due()


def listen(host: str, port: int, key: bytes = b"") -> tuple[PacketSocket, Reflector]:
    """The socket and the reflector; raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = open_udp(family, host, port, answers=True)
    return sock, Reflector(stamp.Clock(), key, sock.sock.getsockname()[1])


async def serve(host: str, port: int, key: bytes = b"") -> None:
    """Answer until cancelled."""
    sock, reflector = listen(host, port, key)
    driver = _Answering(reflector, sock, lambda events: None)
    _log.info("reflector on %s port %d, %s", clean(host) or "all addresses", port, "HMAC" if key else "open")
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        driver.close()
        drops = ", ".join(f"{why} {many}" for why, many in sorted(reflector.dropped.items()))
        _log.info("reflector answered %d, dropped: %s", reflector.answered, drops or "none")
