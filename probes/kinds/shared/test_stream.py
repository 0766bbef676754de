"""What tests with our own responder share (trains, conference streams): their socket, how they end, and what that means."""

from __future__ import annotations

import logging
from typing import Any

from probes.base import Outcome
from probes.io.datagram.driver import Driver
from probes.io.datagram.socket import PacketSocket, open_train

OUTCOMES = {
    "silence": Outcome.LOST,
    "refused": Outcome.REFUSED,
    "busy": Outcome.REFUSED,
    "nonsense": Outcome.PROTOCOL,
    "ours": Outcome.LOCAL,
}
IPV4 = 28  # bytes of UDP and IP headers around a payload
_log = logging.getLogger("netmon.trains")
ETHERNET = 14  # what a shaper counts beside the IP packet


class Broken(Exception):
    """The test ended early: `outcome` and why."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome, self.why = outcome, why


def opened(family: int) -> PacketSocket:
    """A socket for trains or streams; raises `Broken` when there is none to be had."""
    try:
        return open_train(family)
    except OSError as fault:
        raise Broken(Outcome.LOCAL, f"no socket: {fault.strerror}") from None


def part(driver: Driver, to: Any, farewell: bytes) -> None:
    """The responder may serve others now; when this is lost it finds out by itself."""
    try:
        if farewell:
            driver.sock.send(farewell, to)
    except OSError as fault:
        _log.debug("the responder could not be told that we are done: %s", fault)
    finally:
        driver.close()
