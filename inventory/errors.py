"""What can go wrong in this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class InventoryFault(NamedTuple):
    """One fault of an inventory. The room knows records, not lines: whoever read the file knows where they stand."""

    record: Any  # what is at fault: a site, a link, …, or the inventory itself
    key: str  # dotted path, lists counted from 1: `links[3].to`
    what: str  # texts of the file in it are as written: clean them before a terminal sees them
    write: str = ""
    first: Any = None  # the earlier record that has the name already


class InventoryError(Exception):
    """Root of this room's errors."""


class BadInventory(InventoryError, ValueError):
    """An inventory no network can be built from, with all its faults."""

    def __init__(self, faults: Sequence[InventoryFault]) -> None:
        super().__init__("; ".join(f"{fault.key}: {fault.what}" for fault in faults[:5]))
        self.faults = tuple(faults)
