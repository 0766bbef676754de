"""What conferences, rooms and MCUs alone can be wrong about: times, doubles, addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from inventory.errors import InventoryFault
from inventory.model import Conference, Inventory
from inventory.timestamp import BadTimestamp, seconds

LONGEST_S = 14 * 86400.0  # of a conference: a mistyped month would keep heavy tests away for ever
MAX_ALIAS = 256
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_ADDRESS = re.compile(
    rf"(?:(?:sips?|h323):[A-Za-z0-9._~%!$&'()*+,;=:@\[\]-]{{1,250}}|{_HOST}(?::\d{{1,5}})?)", re.ASCII
)
_RESPONDER = re.compile(rf"{_HOST}:(\d{{1,5}})", re.ASCII)


class _Text(NamedTuple):
    """What may stand in one key of some rows."""

    rows: str
    key: str
    what: str
    write: str


_TEXTS = tuple(
    _Text(rows, key, what, write)
    for rows in ("mcus", "rooms")
    for key, what, write in (
        ("address", "is no address to call", "write sip:room@host, sips:…, h323:… or a host"),
        ("responder", "is not HOST:PORT", "write responder.example:8622 or [2001:db8::1]:8622"),
    )
)


def faults_of(inventory: Inventory) -> Iterator[InventoryFault]:
    """Every such fault of an inventory."""
    for rule in _TEXTS:
        for number, row in enumerate(getattr(inventory, rule.rows), 1):
            text = getattr(row, rule.key)
            if text and not _FITS[rule.key](text):
                yield InventoryFault(row, f"{rule.rows}[{number}].{rule.key}", f"'{text[:60]}' {rule.what}", rule.write)
    for number, room in enumerate(inventory.rooms, 1):
        if room.alias and not (room.alias.isprintable() and len(room.alias) <= MAX_ALIAS):
            what = f"'{room.alias[:60]}' cannot be dialled"
            yield InventoryFault(
                room, f"rooms[{number}].alias", what, f"write printable text, at most {MAX_ALIAS} letters"
            )
    for number, conference in enumerate(inventory.conferences, 1):
        for key, what, write in (*_times(conference), *_doubles(conference)):
            yield InventoryFault(conference, f"conferences[{number}].{key}", what, write)


def is_address(text: str) -> bool:
    """A signalling address: a `sip:`, `sips:` or `h323:` URI, or a host, perhaps with a port."""
    return _ADDRESS.fullmatch(text) is not None


def is_responder(text: str) -> bool:
    """`HOST:PORT` or `[v6]:PORT`."""
    match = _RESPONDER.fullmatch(text)
    return match is not None and 0 < int(match[1]) < 65536


_FITS = {"address": is_address, "responder": is_responder}


def _times(conference: Conference) -> Iterator[tuple[str, str, str]]:
    at: dict[str, float] = {}
    for key in ("starts", "ends"):
        text = getattr(conference, key)
        if text:
            try:
                at[key] = seconds(text)
            except BadTimestamp as fault:
                yield key, fault.what, fault.write
    if len(at) < 2:
        return
    if at["ends"] <= at["starts"]:
        yield "ends", f"'{conference.ends}' is not after it starts ('{conference.starts}')", "write a later time"
    elif at["ends"] - at["starts"] > LONGEST_S:
        days = int(LONGEST_S // 86400)
        yield "ends", f"'{conference.ends}' is more than {days} days after it starts", "write one conference a meeting"


def _doubles(conference: Conference) -> Iterator[tuple[str, str, str]]:
    for key in ("mcus", "rooms", "contacts"):
        seen: set[str] = set()
        for number, id in enumerate(getattr(conference, key), 1):
            if id in seen:
                yield f"{key}[{number}]", f"'{id[:60]}' is named twice", "name it once"
            seen.add(id)
