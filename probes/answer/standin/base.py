"""What every stand-in for labs has in common: its sockets, its end by a signal, its command line's exit codes."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from probes.clean import clean
from probes.errors import BadTarget, WireError
from probes.target import Endpoint, parse
from probes.wire.session import Address

_TURNS_TO_TALK = 4  # of the event loop, at most: from a connection that was taken to its talk


class Counting(Protocol):
    """A stand-in. `counts`: what came, by its name."""

    counts: Counter[str]


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Datagrams(asyncio.DatagramProtocol):
    """A UDP port. `answer`: gets a datagram, where it came from and our own address; b"" for none."""

    def __init__(self, standin: Counting, answer: Callable[[bytes, Address, Address], bytes]) -> None:
        self._standin, self._answer = standin, answer
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """It listens."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """What is asked is answered."""
        if answer := self._answer(data, addr, self._transport.get_extra_info("sockname")[:2]):
            self._transport.sendto(answer, addr)

    def error_received(self, fault: Exception) -> None:
        """An answer of ours was not wanted."""
        self._standin.counts["asker gone"] += 1


class Sockets:
    """A TCP port that takes at most `maximum` connections at once, and a UDP port. `talk`: serves one connection until it ends, or
    raises what ended it."""

    def __init__(self, standin: Counting, talk: Talk, maximum: int) -> None:
        self.standin = standin
        self._talk, self._max = talk, maximum
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._talks: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def open_stream(self, at: Endpoint) -> Endpoint:
        """Listen on TCP; where it is, with the port the system gave. Raises OSError when the address cannot be had."""
        self._server = await asyncio.start_server(self._accept, at.host, at.port)
        return Endpoint(*self._server.sockets[0].getsockname()[:2])

    async def open_datagrams(self, at: Endpoint, answer: Callable[[bytes, Address, Address], bytes]) -> Endpoint:
        """The same on UDP (`Datagrams`); TCP is given back when it cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: Datagrams(self.standin, answer), (at.host, at.port)
            )
        except OSError:
            if self._server:
                self._server.close()
            raise
        return Endpoint(*self._datagrams.get_extra_info("sockname")[:2])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._talks) >= self._max:
            self.standin.counts["too many"] += 1
            writer.close()
            return
        self._talks[task] = writer
        try:
            await self._talk(reader, writer)
        except WireError:
            self.standin.counts["malformed"] += 1
        except (OSError, TimeoutError):
            self.standin.counts["asker gone"] += 1
        finally:
            writer.close()
            del self._talks[task]

    def send(self, data: bytes, to: Address) -> None:
        """Say something unasked, by UDP."""
        if self._datagrams:
            self._datagrams.sendto(data, to)

    async def close(self) -> None:
        """Stop listening and end what is open, each by itself: a cancelled stream handler makes asyncio complain."""
        if self._datagrams:
            self._datagrams.close()
        if self._server:
            self._server.close()
            for _ in range(_TURNS_TO_TALK):
                await asyncio.sleep(0)
        talks = dict(self._talks)
        for writer in talks.values():
            writer.transport.abort()
        await asyncio.gather(*talks)


async def until_told(sockets: Sockets, log: logging.Logger, where: str) -> None:
    """Say `where` it listens, wait for SIGTERM or SIGINT, close, tell the counts."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.info("%s", where)
    await stop.wait()
    await sockets.close()
    log.info("%s", ", ".join(f"{why} {many}" for why, many in sorted(sockets.standin.counts.items())) or "nobody asked")


def run(listen: str, port: int, work: Callable[[Endpoint], Coroutine[Any, Any, None]], log: logging.Logger) -> int:
    """Work at the address a command line names (`port`: when it names none).

    0 when told to stop, 1 when the address cannot be had, 2 for a bad one.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        asyncio.run(work(parse(listen, port)))
    except BadTarget as fault:
        log.error("--listen: %s", fault)
        return 2
    except OSError as fault:
        log.error("--listen %s: %s", clean(listen), fault.strerror or fault)
        return 1
    return 0
