"""Looks at an SNMP device made of a table: one event loop for all of them, as an agent has, and silence that is told.

Of a stand-in that chooses to be silent nothing is learned by waiting: it sends `SILENCE` instead (see `told_silence`), so
that answers may take as long as a busy machine needs and no test waits for what will not come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from snmpagent import SILENCE

from probes.base import Measurement, Target
from probes.io.snmp.socket import Carrier
from probes.kinds.snmp import kind
from probes.kinds.snmp.kind import SnmpSettings, run

ANSWERS_WITHIN_S = 4.0  # ends when the answer comes
SILENT_FOR_S = 0.2  # where nothing at all is answered

_loop: list[asyncio.Runner] = []


def look(port: int, host: str = "127.0.0.1", **settings: Any) -> Measurement:
    """One measurement of the device on that port."""
    if not _loop:
        _loop.append(asyncio.Runner())
    chosen = SnmpSettings(**{"timeout_s": ANSWERS_WITHIN_S, **settings})
    return _loop[0].run(run(Target(f"{host}:{port}"), chosen, 1))


def forget() -> None:
    """Nothing is known of any device, as at the start of an agent."""
    kind._memories.clear()


def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Our clock as the rates see it (monotonic and wall), moved by hand."""
    now = [1000.0]

    class Time:
        monotonic = staticmethod(lambda: now[0])
        time = staticmethod(lambda: 1_790_000_000.0 + now[0])
        time_ns = staticmethod(lambda: int((1_790_000_000.0 + now[0]) * 1e9))

    monkeypatch.setattr(kind, "time", Time)
    return now


def told_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SILENCE` from the device ends the present wait as its end of time would."""
    is_good: Callable[..., bool] = Carrier._is_good
    readable: Callable[..., Any] = Carrier._readable
    over: set[Carrier] = set()

    def listen(carrier: Carrier, data: bytes, source: tuple[Any, ...]) -> bool:
        if data != SILENCE:
            return is_good(carrier, data, source)
        over.add(carrier)
        return False

    async def wait(carrier: Carrier, until: float) -> bool:
        if carrier in over:
            over.remove(carrier)
            return False
        return bool(await readable(carrier, until))

    monkeypatch.setattr(Carrier, "_is_good", listen)
    monkeypatch.setattr(Carrier, "_readable", wait)
