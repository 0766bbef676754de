"""Is a row of the hub's state what was written? A sum over it says so; rows of before there were sums are judged by their
shape. Pure, but for the clock that stands in for a page's lost time.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable
from typing import Any, get_type_hints

from alerts.incidents import Incident
from netmon.files import MISFITS
from netmon.hub.leases.rules import Lease
from netmon.segments import position_of

# What of a row its sum covers, in this order. Of a page all that people get; what became of it can be mended.
SUMMED = {
    "incidents": ("id", "data"),
    "outbox": ("id", "incident", "receiver", "status", "body"),
    "silences": ("id", "element", "from_s", "until_s", "who", "note"),
    "leases": ("id", "data"),
    "lease_use": ("day", "what", "much"),
    "readiness": ("conference", "starts_ms", "stage", "at_ms", "ends_ms", "brief", "result"),
    "meta": ("key", "value"),
}
PAGE_STATES = ("waiting", "accepted", "failed")
STATUSES = ("firing", "resolved")
MOST_TRIES = 1 << 20
_TYPES: dict[str, type | tuple[type, ...]] = {
    "body": bytes, "result": bytes, "from_s": (int, float), "until_s": (int, float), "day": int, "much": int,
    "starts_ms": int, "at_ms": int, "ends_ms": int,
}  # fmt: skip


def sum_of(values: Iterable[object]) -> int:
    """A sum over the values of a row: another one for another value or another type."""
    total = 0
    for value in values:
        kind, raw = _written(value)
        total = zlib.crc32(raw, zlib.crc32(f"{kind}{len(raw)}:".encode(), total))
    return total


def _written(value: object) -> tuple[str, bytes]:
    """A number is the same whether SQLite gives it back whole or with a fraction of nothing."""
    if isinstance(value, bytes):
        return "b", value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "n" if isinstance(value, (int, float)) else "t", str(value).encode("utf-8", "surrogatepass")


def sound(table: str, row: dict[str, Any]) -> dict[str, Any] | None:
    """The row to go on with; None for one that is damaged."""
    columns = SUMMED.get(table)
    if columns is None:
        return row
    try:
        if row.get("sum") is not None and row["sum"] != sum_of(row[name] for name in columns):
            return None
        for name in columns:
            if not isinstance(row[name], _TYPES.get(name, str)):
                return None
        return _SHAPES.get(table, dict)(row)
    except (*MISFITS, zlib.error):
        return None


def incident(text: str) -> Incident:
    """An incident out of its JSON. Raises one of `MISFITS` for what is none."""
    plain = json.loads(text)
    plain["members"] = {(rule, series) for rule, series in plain["members"]}
    for name in ("suspects", "also_told"):
        plain[name] = tuple(plain.get(name, ()))
    return Incident(**plain)


def lease(text: str) -> Lease:
    """A lease out of its JSON. Raises one of `MISFITS` for what is none."""
    plain = json.loads(text)
    return Lease(**(plain | {"links": tuple(plain["links"]), "shared": tuple(plain.get("shared", ()))}))


def _incident_row(row: dict[str, Any]) -> dict[str, Any] | None:
    one = incident(row["data"])
    hints = get_type_hints(Incident)
    fits = all(_fits(getattr(one, name), hint) for name, hint in hints.items())
    texts = (*one.suspects, *one.also_told, *(text for member in one.members for text in member))
    return row if fits and one.id == row["id"] and all(isinstance(text, str) for text in texts) else None


def _fits(value: object, hint: Any) -> bool:
    """Plain types and `X | None` alone are looked at."""
    if hint is str:
        return isinstance(value, str)
    if hint is int:
        return type(value) is int and abs(value) < 1 << 63
    if hint == int | None:
        return value is None or _fits(value, int)
    return True


def _lease_row(row: dict[str, Any]) -> dict[str, Any] | None:
    one = lease(row["data"])
    known = () if one.narrowest_bps is None else (one.narrowest_bps,)
    numbers = all(type(number) in (int, float) for number in (one.bytes, one.granted_s, one.expires_s, *known))
    texts = all(isinstance(text, str) for text in (one.id, one.agent, one.check, *one.links, *one.shared))
    return row if numbers and texts and one.id == row["id"] else None


def _page_row(row: dict[str, Any]) -> dict[str, Any] | None:
    """A page whose text is right goes out, whatever happened to the notes of its tries."""
    if row["status"] not in STATUSES:
        return None
    created_ms = _count(row["created_ms"], 1 << 53, time.time_ns() // 1_000_000)
    return row | {
        "state": row["state"] if row["state"] in PAGE_STATES else "waiting",
        "tries": _count(row["tries"], MOST_TRIES, 0),
        "created_ms": created_ms,
        "next_ms": _count(row["next_ms"], 1 << 53, 0),
        "trouble": row["trouble"] if isinstance(row["trouble"], str) else "",
    }


def _count(value: object, most: int, otherwise: int) -> int:
    return value if type(value) is int and 0 <= value <= most else otherwise


def _stage_row(row: dict[str, Any]) -> dict[str, Any] | None:
    zlib.decompress(row["result"])
    return row if isinstance(json.loads(row["brief"]), dict) else None


def _meta_row(row: dict[str, Any]) -> dict[str, Any] | None:
    if row["key"] == "position":
        position_of(json.loads(row["value"]))
    return row


_SHAPES = {
    "incidents": _incident_row,
    "leases": _lease_row,
    "outbox": _page_row,
    "readiness": _stage_row,
    "meta": _meta_row,
}
