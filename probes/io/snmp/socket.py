"""Our own socket to one device: libraries make and read the messages, this carries them.

So a repeat is the same bytes again, and whichever of the two is answered, the answer counts; an ICMP message, foreign
bytes and an answer from another address are told whatever library speaks.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from probes import trace
from probes.base import Outcome
from probes.errors import WireError
from probes.io import faults
from probes.io.snmp.device import NoAnswer
from probes.wire import snmp

_LARGEST = 65535
_ENDS = {Outcome.LOST: "lost", Outcome.REFUSED: "refused", Outcome.LOCAL: "local"}
REPEAT_AT = 0.5  # of the timeout: the one repeat


class Carrier:
    """Messages to a device and back; one question at a time. Raises `NoAnswer` when there is no socket or no way."""

    def __init__(self, family: int, sockaddr: tuple[Any, ...]) -> None:
        self._to, self._sent = sockaddr, b""
        self.silence = "silence"  # what it means when nothing comes back: of more meaning once it has spoken
        self._malformed = self._elsewhere = ""
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as tried:
                tried.connect(sockaddr)  # sends nothing, but says whether there is a way
            self._sock = socket.socket(family, socket.SOCK_DGRAM)  # not connected: hears who else answers
        except OSError as fault:
            raise NoAnswer("local", faults.of_error(fault).why) from None
        faults.hear_icmp(self._sock)
        self._sock.setblocking(False)

    def send(self, data: bytes) -> None:
        """A new message; what is known of earlier ones is forgotten."""
        trace.note("sent")
        self._sent, self._malformed, self._elsewhere = data, "", ""
        self._send()

    def send_again(self) -> None:
        """The last message once more."""
        trace.note("sent again")
        self._send()

    def _send(self) -> None:
        if not self._sent:
            return
        try:
            self._sock.sendto(self._sent, self._to)
        except OSError as fault:
            raise _no_answer(faults.of_socket(self._sock, fault)) from None

    async def next(self, until: float) -> bytes | None:
        """The next message of the device, well formed; None when `until` (the loop's clock) is there."""
        while await self._readable(until):
            self._unreachable()
            try:
                data, source = self._sock.recvfrom(_LARGEST)
            except BlockingIOError:
                continue
            except OSError as fault:
                raise _no_answer(faults.of_socket(self._sock, fault)) from None
            if self._is_good(data, source):
                trace.note("received")
                return data
        return None

    def _is_good(self, data: bytes, source: tuple[Any, ...]) -> bool:
        try:
            snmp.check(data)
        except WireError as fault:
            self.malformed(str(fault), source)
            return False
        if _is_same(source, self._to):
            return True
        if snmp.ident(data) == snmp.ident(self._sent):
            self._elsewhere = f"{source[0]} port {source[1]}"
        return False

    def malformed(self, why: str, source: tuple[Any, ...] = ()) -> None:
        """Remember that the device (no stranger) sent what cannot be read."""
        if not source or _is_same(source, self._to):
            self._malformed = why

    def no_answer(self) -> NoAnswer:
        """What it means that no answer to the last message came."""
        if self._elsewhere:
            why = f"it answers from {self._elsewhere}, not from the address that was asked (ask that one instead)"
            return NoAnswer("elsewhere", why)
        if self._malformed:
            return NoAnswer("malformed", self._malformed)
        return NoAnswer(self.silence, "nothing came back in time")

    def _unreachable(self) -> None:
        """Raises `NoAnswer` when an ICMP message came; our own kernel's for a silent neighbour is silence."""
        fault = faults.waiting(self._sock)
        if fault is not None:
            raise _no_answer(fault)

    def close(self) -> None:
        """Give the socket back."""
        self._sock.close()

    async def _readable(self, until: float) -> bool:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not woken.done():
                woken.set_result(None)

        loop.add_reader(self._sock, wake)
        try:
            done, _ = await asyncio.wait([woken], timeout=max(0.0, until - loop.time()))
        finally:
            loop.remove_reader(self._sock)
        return bool(done)


def _is_same(source: tuple[Any, ...], asked: tuple[Any, ...]) -> bool:
    return source[1] == asked[1] and str(source[0]).partition("%")[0] == str(asked[0]).partition("%")[0]


def _no_answer(fault: faults.Fault) -> NoAnswer:
    return NoAnswer(_ENDS[fault.outcome], fault.why)
