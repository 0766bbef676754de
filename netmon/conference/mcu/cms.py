"""Cisco Meeting Server (and Acano): call legs over its REST API (XML; API reference guide 2.0, chapter 8 and appendix A).

`/api/v1/callLegs?offset=&limit=` lists, `<callLegs total="N">` says how many there are; `/api/v1/callLegs/ID` tells media
in `rxAudio`, `txAudio`, `rxVideo`, `txVideo` (`role` main or presentation): rates in bit/s, jitter and round trip in ms.
Received (rx) is from the room. Names of conferences come from `/api/v1/calls`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from netmon.conference.mcu.base import (
    BWD,
    FWD,
    MAX_LEGS,
    Get,
    Leg,
    McuTrouble,
    Pass,
    Stream,
    names,
    number,
    percent,
    resolution,
    settled,
    text,
)  # fmt: skip

PAGE = 20
_SECTIONS = {"rxAudio": ("audio", FWD), "txAudio": ("audio", BWD), "rxVideo": ("video", FWD), "txVideo": ("video", BWD)}


class Cms:
    """The adapter."""

    complete = True

    def poll(self, get: Get) -> list[Leg]:
        """All call legs. Raises `McuTrouble`."""
        calls, _, _ = settled(lambda: _all(get, "calls", "call"))
        conferences = {id: _of(row, "name") for id, row in calls.items()}
        legs = []
        rows, _, self.complete = settled(lambda: _all(get, "callLegs", "callLeg"))
        for id in rows:
            data = get(f"/api/v1/callLegs/{quote(id, safe='')}")
            if data is not None:  # None: it has hung up since the list was made
                legs.append(leg(data, conferences))
        return legs


def leg(data: bytes, conferences: dict[str, str]) -> Leg:
    """One call leg's document. Raises `McuTrouble`."""
    root = parsed(data, "callLeg")
    status = root.find("status")
    streams = [] if status is None else [stream for child in status if (stream := _stream(child)) is not None]
    call = _of(root, "call")
    return Leg(
        id=text(root.get("id")),
        name=_of(root, "name"),
        names=names(*(_of(root, key) for key in ("remoteParty", "originalRemoteParty", "name", "remoteAddress"))),
        conference=conferences.get(call) or call,
        state=_of(status, "state") if status is not None else "",
        streams=tuple(streams),
    )


def _stream(section: Any) -> Stream | None:
    if section.tag not in _SECTIONS:
        return None
    media, toward = _SECTIONS[section.tag]
    if media == "video" and section.get("role") == "presentation":
        media = "presentation"
    return Stream(
        media=media,
        toward=toward,
        loss_percent=percent(section.findtext("packetLossPercentage")),
        jitter_ms=number(section.findtext("jitter"), 1e6),
        rtt_ms=number(section.findtext("roundTripTime"), 1e6),
        rate_bps=number(section.findtext("bitRate"), 1e12),
        codec=_of(section, "codec"),
        resolution=resolution(section.findtext("width"), section.findtext("height")),
    )


def _all(get: Get, node: str, item: str) -> Pass:
    """A list, page by page; a page may be shorter than it was asked to be. Without a `total` it ends with a page on which
    nobody new is."""
    legs: dict[str, Any] = {}
    seen = pages = 0
    while seen < MAX_LEGS:
        data = get(f"/api/v1/{node}?offset={seen}&limit={PAGE}")
        if data is None:
            raise McuTrouble(f"has no /api/v1/{node}: is it a Cisco Meeting Server?")
        root = parsed(data, node)
        rows = root.findall(item)
        total, known = number(root.get("total")), len(legs)
        legs |= {id: row for row in rows if (id := text(row.get("id")))}
        seen, pages = seen + len(rows), pages + 1
        if total is None and len(legs) == known:
            return Pass(legs, pages)
        if total is not None and (not rows or seen >= total):
            return Pass(legs, pages, is_whole=seen >= total)
    return Pass(legs, pages, is_whole=False)


def parsed(data: bytes, tag: str) -> Any:
    """A document's root; no entity is expanded and no other document fetched. Raises `McuTrouble`."""
    from xml.etree.ElementTree import ParseError  # noqa: S405 - the name of an error; parsing is defusedxml's

    from defusedxml.ElementTree import fromstring  # only a CMS needs it

    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, ValueError, LookupError, RecursionError) as fault:
        raise McuTrouble(f"answered with no XML that can be read ({type(fault).__name__})") from fault
    if root.tag != tag:
        raise McuTrouble(f"answered with <{text(root.tag)[:40]}> where <{tag}> was asked for")
    return root


def _of(element: Any, tag: str) -> str:
    return text(element.findtext(tag))
