"""Pexip Infinity: participants and their media over the management node's status API (JSON; guide "Management status API").

`/api/admin/status/v1/participant/` and `…/participant/ID/media_stream/` answer `{"meta": {"next": …}, "objects": […]}`;
`meta.next` is the path of the next page or null. Rates are in kbit/s, loss in percent, jitter in ms. Received (rx) is from
the room. There is no round trip.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from netmon.conference.mcu.base import (
    BWD,
    FWD,
    MAX_LEGS,
    MEDIA,
    Get,
    Leg,
    McuTrouble,
    Pass,
    Stream,
    names,
    number,
    percent,
    settled,
    text,
)  # fmt: skip

BASE = "/api/admin/status/v1/participant/"
PAGE = 100
_WAYS = (("rx", FWD), ("tx", BWD))
_NAMES = ("source_alias", "participant_alias", "destination_alias", "display_name", "remote_address")


class Pexip:
    """The adapter."""

    complete = True

    def poll(self, get: Get) -> list[Leg]:
        """All participants with media. Raises `McuTrouble`."""
        legs = []
        rows, last, self.complete = settled(lambda: _participants(get))
        for id, row in rows.items():
            streams = list(_all(get, f"{BASE}{quote(id, safe='')}/media_stream/", gone=True).rows)
            if id in last or streams:  # else it has left since an earlier reading of the list
                legs.append(leg(row, streams))
        return legs


def _participants(get: Get) -> Pass:
    listed = _all(get, f"{BASE}?limit={PAGE}")
    return Pass({id: row for row in listed.rows if (id := text(row.get("id")))}, listed.pages, listed.is_whole)


def leg(row: dict[str, Any], streams: list[dict[str, Any]]) -> Leg:
    """One participant with its media streams."""
    has_media = row.get("has_media") is not False
    return Leg(
        id=text(row.get("id")),
        name=text(row.get("display_name")),
        names=names(*(row.get(key) for key in _called(row))),
        conference=text(row.get("conference")),
        state="connected" if has_media else "no media",
        streams=tuple(stream for raw in streams for stream in _streams(raw)),
    )


def _called(row: dict[str, Any]) -> Iterator[str]:
    """Keys that name the far end: what was dialled is the far end only where the MCU dialled."""
    for key in _NAMES:
        if key != "destination_alias" or row.get("call_direction") == "out":
            yield key


def _streams(raw: dict[str, Any]) -> Iterator[Stream]:
    media = text(raw.get("type")) or text(raw.get("stream_type"))
    if media not in MEDIA or text(raw.get("end_time")):  # ended: an earlier stream of the same call
        return
    for way, toward in _WAYS:
        rate = number(raw.get(f"{way}_bitrate"), 1e9)
        now = percent(raw.get(f"{way}_current_packet_loss"))
        yield Stream(
            media=media,
            toward=toward,
            loss_percent=percent(raw.get(f"{way}_packet_loss")) if now is None else now,
            jitter_ms=number(raw.get(f"{way}_jitter"), 1e6),
            rate_bps=None if rate is None else rate * 1000,
            codec=text(raw.get(f"{way}_codec")),
            resolution=text(raw.get(f"{way}_resolution")),
        )


class _Listed(NamedTuple):
    """Objects of a list; `is_whole`: it was read to its end."""

    rows: list[dict[str, Any]]
    pages: int
    is_whole: bool = True


def _all(get: Get, path: str, gone: bool = False) -> _Listed:
    """All objects of a list, page by page. `gone`: the whole list may have gone meanwhile."""
    first, asked = path.partition("?")[0], set[str]()
    objects: list[dict[str, Any]] = []
    while path and len(objects) < MAX_LEGS and path not in asked:
        asked.add(path)
        data = get(path)
        if data is None:
            if gone:
                break
            raise McuTrouble(f"has no {first}: is it a Pexip management node?")
        rows, path = page(data)
        objects += rows
        if path and path.partition("?")[0] != first:
            raise McuTrouble("its list goes on at another place: not followed")
    return _Listed(objects, len(asked), not path)


def page(data: bytes) -> tuple[list[dict[str, Any]], str]:
    """(objects of a page, path of the next, "" after the last). Raises `McuTrouble`."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise McuTrouble(f"answered with no JSON that can be read ({type(fault).__name__})") from fault
    objects = whole.get("objects") if isinstance(whole, dict) else None
    if not isinstance(objects, list):
        raise McuTrouble("answered with no list of objects")
    meta = whole.get("meta")
    following = meta.get("next") if isinstance(meta, dict) else None
    return [each for each in objects if isinstance(each, dict)], following if isinstance(following, str) else ""
