"""Values and columns of a device over SNMP: questions as big as the device bears."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from probes import trace
from probes.io.snmp.device import Device, NoAnswer, Value

SIZES = (10, 25, 50)  # rows asked for in one GETBULK: from the first, upwards while the device keeps pace
MAX_ROWS = 20_000  # a device that has more in one column is not believed
_MAX_VALUES = 64  # asked for in one GET, at first
_SILENT = ("silence", "stopped")
_SMALLEST = "1.3.6.1.2.1.1.3.0"  # sysUpTime: every device has it, and a question for it alone always fits


async def get(device: Device, oids: Sequence[str]) -> dict[str, Value]:
    """What the device has of `oids`; a question it finds too big is asked in halves. Foreign rows are left out."""
    trace.note("asked", f"{len(oids)} values")
    values = await device.get(oids)
    trace.note("answered", f"{len(values)} values")
    if not values and len(oids) > 1:
        half = len(oids) // 2
        values = await get(device, oids[:half]) | await get(device, oids[half:])
    return {oid: value for oid, value in values.items() if oid in oids}


class Getter:
    """Asks for values, as many at once as the device bears; what it learned holds for the next look. One a device.

    Silence may mean that the question was too big, or its answer: some devices drop what they cannot handle. It is told
    from a dead device by the smallest question there is.
    """

    def __init__(self) -> None:
        self._max = _MAX_VALUES
        self._proven = 0  # values at once this device has answered; 0: nothing is known of it

    async def begin(self, device: Device) -> None:
        """Of a device that nothing is known of: does it answer at all? So a dead one costs one question. Raises
        `NoAnswer`."""
        if not self._proven:
            await device.get([_SMALLEST])
            self._proven = 1

    def forget(self) -> None:
        """The device did not answer: the next look begins with the smallest question."""
        self._proven = 0

    async def get(self, device: Device, oids: Sequence[str]) -> dict[str, Value]:
        """What the device has of `oids`. Raises `NoAnswer`."""
        values, rest = dict[str, Value](), list(oids)
        while rest:
            part = rest[: self._max]
            try:
                values |= await get(device, part)
            except NoAnswer as fault:
                if fault.end not in _SILENT or len(part) <= max(1, self._proven):
                    raise
                await device.get([_SMALLEST])
                self._max = len(part) // 2
                continue
            self._proven = max(self._proven, len(part))
            rest = rest[len(part) :]
        return values


class Walker:
    """Walks columns with pages as big as the device bears; what it learned holds for the next walk.

    One walker a device. `size`: rows asked for at once.
    """

    def __init__(self) -> None:
        self.size = SIZES[0]
        self._max = SIZES[-1]

    async def column(self, device: Device, column: str) -> dict[str, Value]:
        """Index (the OID behind the column) → value, all rows. Raises `NoAnswer`."""
        size, before = self.size, -1
        while True:
            try:
                rows, abrupt = await _column(device, column, size)
            except NoAnswer as fault:
                if fault.end not in _SILENT or size == 0:
                    raise
                await device.get([_SMALLEST])  # raises for a dead one
                rows, abrupt = {}, True  # too big an answer may have been lost on the way in pieces
            if not abrupt or size == 0 or len(rows) == before > 0:
                break
            before, size = len(rows), size // 2  # 0: by GETNEXT, for some devices do not know GETBULK
        self._learn(size, rows, abrupt)
        return rows

    def _learn(self, size: int, rows: dict[str, Value], abrupt: bool) -> None:
        if size < self.size and not abrupt and rows:
            self._max = self.size = size
        elif not abrupt and len(rows) >= size:
            self.size = min(self._max, next((larger for larger in SIZES if larger > size), SIZES[-1]))


async def _column(device: Device, column: str, size: int) -> tuple[dict[str, Value], bool]:
    """Rows of a column, and whether it ended abruptly. Some devices list rows out of order or twice: all are taken. Some
    never end: left where a page brings nothing new, or a name that cannot be of the same table comes out of order."""
    fetch, rows = device.pages(column, size), dict[str, Value]()
    last, parts = tuple[int, ...](), 0
    while len(rows) < MAX_ROWS:
        page, before = await fetch(), len(rows)
        trace.note("page", f"{len(page.rows)} rows of {column}{'' if page.more else ', the last'}")
        for oid, value in page.rows:
            key = _key(oid, column)
            if key is None or (key < last and len(key) != parts):
                return rows, False
            last, parts = key, parts or len(key)
            rows.setdefault(oid[len(column) + 1 :], value)
        if page.more and len(rows) == before:
            return rows, False
        if not page.more:
            return rows, page.abrupt
        await asyncio.sleep(0)
    return rows, False


def _key(oid: str, column: str) -> tuple[int, ...] | None:
    if not oid.startswith(f"{column}."):
        return None
    tail = oid[len(column) + 1 :]
    return (int(tail),) if tail.isdecimal() else tuple(map(int, tail.split(".")))
