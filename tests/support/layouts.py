"""Layouts of files as they were in December 2026, written down independently of the product: segments, spool, hub.db, Parquet."""

from __future__ import annotations

import gzip
import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

_HEAD, _PLACE, _GROUP = struct.Struct(">4sII"), struct.Struct(">QQI"), struct.Struct(">8sQqIB")
MARK = b"\xa7nmsum1\xa7"


def records(folder: Path, start: Sequence[int] = (0, 0)) -> Iterator[bytes]:
    """Bodies of the records of a folder of segments behind a place (segment, offset): each is `a7 NM 01`, length, CRC over
    (segment, offset, length, body), body."""
    for path in sorted(folder.glob("*.seg")):
        assert re.fullmatch(r"[0-9]{20}", path.stem)
        raw, at = path.read_bytes(), 0
        while at < len(raw):
            magic, length, crc = _HEAD.unpack_from(raw, at)
            body = raw[at + _HEAD.size : at + _HEAD.size + length]
            assert magic == b"\xa7NM\x01" and len(body) == length, (path.name, at)
            assert crc == zlib.crc32(body, zlib.crc32(_PLACE.pack(int(path.stem), at, length))), (path.name, at)
            if (int(path.stem), at) >= tuple(start):
                yield body
            at += _HEAD.size + length


def spool(folder: Path) -> dict[tuple[str, int], str]:
    """(boot id, number) → line of an agent's spool: boot id, first number, frontier, count, flags, lines by zlib, clock."""
    points = {}
    for body in records(folder):
        boot, first, _, many, flags = _GROUP.unpack_from(body)
        inflater = zlib.decompressobj()
        lines = inflater.decompress(body[_GROUP.size :]).decode().split("\n")
        assert len(lines) == many and flags in (0, 1) and len(inflater.unused_data) == 24
        points.update({(boot.hex(), first + number): line for number, line in enumerate(lines)})
    return points


HUB_KEYS = ["v", "gz", "agent", "site", "boot", "first", "last", "frontier_ms", "backfill", "urgent", "arrived_ns"]
HUB_KEYS_SINCE = {"ahead_ms"}  # how far the writer's clock was ahead


def stored(folder: Path, start: Sequence[int] = (0, 0)) -> list[tuple[dict[str, Any], list[str]]]:
    """Header and lines of each record of a hub's segments: JSON, a newline, line protocol that may be gzip."""
    found = []
    for body in records(folder, start):
        head, _, payload = body.partition(b"\n")
        header = json.loads(head)
        assert list(header)[: len(HUB_KEYS)] == HUB_KEYS and header["v"] == 1
        assert set(header) - set(HUB_KEYS) <= HUB_KEYS_SINCE
        text = (gzip.decompress(payload) if header["gz"] else payload).decode()
        found.append((header, [line for line in text.split("\n") if line]))
    return found


def checked_state(path: Path) -> dict[str, Any]:
    """A JSON file that ends with the CRC of what stands before it."""
    text = path.read_text().rstrip("\n")
    rest, _, crc = text.rpartition(', "crc32": ')
    assert zlib.crc32(f"{rest}}}".encode()) == int(crc.rstrip("}")), path
    return dict(json.loads(rest + "}"))


def row_sum(values: Sequence[object]) -> int:
    """The sum beside a row of hub.db."""
    total = 0
    for value in values:
        if isinstance(value, bytes):
            kind, raw = "b", value
        else:
            whole = int(value) if isinstance(value, float) and value.is_integer() else value
            kind, raw = "t" if isinstance(whole, str) else "n", str(whole).encode()
        total = zlib.crc32(raw, zlib.crc32(f"{kind}{len(raw)}:".encode(), total))
    return total


def is_signed(path: Path) -> bool:
    """Does a Parquet file hold its digest before the footer, and is it right?"""
    raw = path.read_bytes()
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    at = footer - 16 - len(MARK)
    return (
        raw[at : at + len(MARK)] == MARK
        and raw[footer - 16 : footer] == blake2b(raw[:at] + raw[footer:], digest_size=16).digest()
    )


def rows(store: Path) -> dict[str, list[float]]:
    """The sealed points: `measurement check field` → how many values, their sum, the first and the last stamp (Unix ms)."""
    import duckdb

    files = sorted(str(path) for path in store.glob("day=*/seg-*.parquet"))
    query = (
        'SELECT name, "check", tags, field, COUNT(*), SUM(value), MIN(epoch_ms(time)), MAX(epoch_ms(time)) FROM ('
        ' SELECT DISTINCT time, name, agent, "check", commune, province, site, target, tags, field, value'
        " FROM read_parquet(?, hive_partitioning = false)) GROUP BY ALL"
    )
    with duckdb.connect() as connection:
        found = connection.execute(query, [files]).fetchall()
    return {" ".join(row[:4]): [row[4], round(row[5], 6), row[6], row[7]] for row in sorted(found)}
