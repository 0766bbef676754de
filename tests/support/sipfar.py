"""A SIP stand-in in a thread and a loop of its own, so that a busy loop of the test's does not hold it up; and such a loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from probes.answer.standin import sip as standin
from probes.answer.standin.sip import SipStandIn
from probes.base import Measurement
from probes.target import Endpoint


@contextmanager
def elsewhere(make: Callable[[], SipStandIn]) -> Iterator[int]:
    """The port of a stand-in on loopback that listens."""
    loop, ports, is_up = asyncio.new_event_loop(), list[int](), threading.Event()
    over = asyncio.Event()

    async def main() -> None:
        listening = await standin.listen(Endpoint("127.0.0.1", 0), make())
        ports.append(listening.endpoint.port or 0)
        is_up.set()
        await over.wait()
        await listening.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        assert is_up.wait(5)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()


def busily(measure: Callable[[], Any], at_s: float, for_s: float) -> Measurement:
    """A measurement in a loop that something else holds up meanwhile."""

    async def both() -> Measurement:
        asyncio.get_running_loop().call_later(at_s, time.sleep, for_s)
        got = await measure()
        assert isinstance(got, Measurement)
        return got

    return asyncio.run(both())
