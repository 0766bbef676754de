"""The body of one record in the hub's segments: a JSON header, a newline, the lines (ms, canonical tags).

A writer's gzip body is kept as it came when every line of it was accepted unchanged; else the lines are written anew.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from netmon.line import Line, decode, escaped_field, head_text
from netmon.point import fields_text

VERSION = 1


class Header(NamedTuple):
    """What a record says beside its lines.

    `agent` and `site` are "" for writers without `X-Netmon-Agent` (Telegraf) and for a token's default site.
    `boot`, `first`, `last`: the consecutive sequence numbers (inclusive) this record makes *seen*; `boot` is "" and
    both are 0 for writers that do not number. `frontier_ms`: Unix ms up to which the agent's live points are complete.
    `arrived_ns`: the hub's wall clock; `ahead_ms`: how far the writer's clock was ahead of it then, None when it told none.
    """

    agent: str
    site: str
    boot: str
    first: int
    last: int
    frontier_ms: int | None
    backfill: bool
    urgent: bool
    arrived_ns: int
    ahead_ms: int | None = None


def encode(header: Header, payload: bytes, *, gzipped: bool) -> bytes:
    """The body of one record; `payload` is line protocol in ms with canonical tags, gzip or plain."""
    plain: dict[str, Any] = {"v": VERSION, "gz": gzipped, **header._asdict()}
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n" + payload


def text_of(lines: Iterable[Line]) -> str:
    """Lines as line protocol, one a line, stamps as they are."""
    heads: dict[int, str] = {}  # by the identity of its tags: lines of one series share them
    written = []
    for line in lines:
        head = heads.get(id(line.tags))
        if head is None:
            head = heads[id(line.tags)] = head_text(line.name, line.tags)
        written.append(f"{head} {_fields(line)} {line.time}")
    return "\n".join(written)


def read(body: bytes) -> tuple[Header, tuple[Line, ...]]:
    """Header and lines of a record; raises ValueError for a body that is not one."""
    header, text = split(body)
    return header, tuple(line for line in decode(text) if isinstance(line, Line))


def split(body: bytes) -> tuple[Header, str]:
    """Header and lines' text of a record; raises ValueError for a body that is not one."""
    head, newline, payload = body.partition(b"\n")
    if not newline:
        raise ValueError("no header")
    plain = json.loads(head)
    try:
        if plain["v"] != VERSION:
            raise ValueError(f"version {plain['v']} of a record is not known")
        header = Header(
            **{key: plain[key] for key in Header._fields if key in plain or key not in Header._field_defaults}
        )
        text = (_unpacked(payload) if plain["gz"] else payload).decode()
    except (KeyError, TypeError, zlib.error) as fault:
        raise ValueError(f"not a record: {fault!r}") from fault
    return header, text


def _unpacked(payload: bytes) -> bytes:
    """A gzip payload of one member or more (RFC 1952 §2.2)."""
    parts = []
    while payload:
        inflater = zlib.decompressobj(31)
        parts.append(inflater.decompress(payload) + inflater.flush())
        if not inflater.eof:
            raise ValueError("not a record: its gzip ends early")
        payload = inflater.unused_data
    return b"".join(parts)


def _fields(line: Line) -> str:
    return fields_text({escaped_field(key): value for key, value in line.fields.items()})
