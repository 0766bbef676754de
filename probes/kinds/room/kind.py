"""A room or MCU as its users need it: a ladder from its port to good sound and picture; the rung that breaks is named.

Each rung has another owner, so it climbs only as far as all is well. What a rung measures, the kinds `tcp`, `tls`, `sip`,
`sipcall`, `h323` and `media` measure.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from probes import catalog
from probes.base import Cost, Field, Kind, Measurement, Outcome, Row, Target, Value
from probes.kinds.room import rungs as roomladder
from probes.kinds.room.rungs import RUNGS, Climb, Mark, Rung
from probes.settings import setting

_H323 = "h323:"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings:
    """Settings of `room`."""

    every_s: float = setting("time between climbs", unit="s", key="every", low=10, high=604_800, default=3600.0)
    timeout_s: float = setting("for each rung that only asks", unit="s", key="timeout", low=0.1, high=30, default=2.0)
    transport: str = setting(
        "how to carry SIP; a target's own `;transport=` wins", choices=("udp", "tcp", "tls"), default="udp"
    )
    gatekeeper: str = setting("H.323: HOST or HOST:PORT of the gatekeeper to ask for the alias", default="")
    alias: str = setting("H.323: what the room is called; SIP targets name it themselves", default="")
    call: bool = setting("make a test call; never aim it at a room in use", default=False)
    ring_s: float = setting("let it ring for so long", unit="s", key="ring", low=0.5, high=60, default=5.0)
    call_s: float = setting(
        "sound and picture both ways for so long", unit="s", key="call_for", low=0.5, high=60, default=3.0
    )
    reports_s: float = setting(
        "without a responder: let a SIP call last so long when the room has not yet reported (RTCP) whether it hears us; 0s: not",
        unit="s", key="reports", low=0, high=60, default=6.5,
    )  # fmt: skip
    video: bool = setting("a picture, too", default=True)
    responder: str = setting("HOST:PORT of the media responder beside it; without one quality is not asked", default="")
    responder_key_file: str = setting("file with the key shared with the responder", default="", secret=True)
    profile: str = setting("how good it must be", choices=("conf-720p", "conf-1080p"), default="conf-720p")
    rate_bps: float = setting(
        "of the pictures (0: the profile's)", unit="bps", key="rate", low=0, high=8e6, default=0.0
    )
    media_s: float = setting(
        "conference-shaped streams for so long", unit="s", key="media_for", low=0.5, high=60, default=5.0
    )
    user: str = setting("user of the digest", default="")
    password_file: str = setting("file with the digest's password", default="", secret=True)
    ca_file: str = setting("certificates (PEM) to trust instead of the system's", default="")
    verify: bool = setting("check the far end's certificate; false trusts whoever answers", default=True)
    server_name: str = setting("name the certificate must be for (tls) when it is not the target's", default="")


FIELDS = (
    Field("rung", "", f"the rung that broke: {', '.join(f'{number} {one}' for number, one in enumerate(RUNGS, 1))}; 0: none did", "int"),
    Field("climbed", "rungs", "rungs that held", "int"),
    Field("risks", "", "things that held and deserve a look", "int"),
    Field("signalling_ms", "ms", "round trip of the OPTIONS or the gatekeeper's answer"),
    Field("answer_ms", "ms", "from the call to its being taken"),
    Field("audio_rcvd", "packets", "sound that came back in the call", "int", default=False),
    Field("lost_fwd_percent", "%", "of the conference-shaped stream, lost there"),
    Field("lost_bwd_percent", "%", "of the conference-shaped stream, lost back"),
    Field("port_ms", "ms", "TCP connect", default=False),
    Field("cert_days", "days", "until the certificate ends", default=False),
    Field("verdict", "", "of the stream: 0 good, 1 barely good enough, 2 not", "int"),
    Field("limit", "", "which limit the verdict is due to (see `media`)", "int", default=False),
)  # fmt: skip


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One climb. `count` means packets elsewhere and nothing here."""
    text = target.text.strip()
    climb = Climb(settings, text)
    rungs = roomladder.h323(climb) if text.lower().startswith(_H323) else roomladder.sip(climb)
    at_ns, began = time.time_ns(), time.monotonic()
    marks = await _climb(rungs)
    took_ms = round((time.monotonic() - began) * 1000, 3)
    outcome, why = _verdict(marks)
    return Measurement("room", target.text, at_ns, took_ms, outcome, _values(marks), why, _detail(marks))


async def _climb(rungs: list[Rung]) -> list[Mark]:
    """Each rung in turn until one breaks."""
    marks: list[Mark] = []
    for rung in rungs:
        mark = await rung()
        if mark is not None:
            marks.append(mark)
            if mark.is_broken:
                break
    return marks


def _verdict(marks: list[Mark]) -> tuple[Outcome, str]:
    last = marks[-1]
    if last.is_broken:
        return last.outcome, f"{last.rung}: {last.why}"
    return Outcome.OK, "; ".join(f"{one.rung}: {one.why}" for one in marks if one.why)


def _values(marks: list[Mark]) -> dict[str, Value]:
    last, out = marks[-1], dict[str, Value]()
    if last.outcome not in (Outcome.LOCAL, Outcome.UNRESOLVED):
        held = sum(not one.is_broken for one in marks)
        out = {"rung": RUNGS.index(last.rung) + 1 if last.is_broken else 0, "climbed": held}
        out["risks"] = sum(bool(one.why) for one in marks if not one.is_broken)
    for one in marks:
        out |= one.values
    return out


def _detail(marks: list[Mark]) -> tuple[Row, ...]:
    said = {True: "broken", False: "holds"}
    return tuple(
        {"rung": one.rung, "it": said[one.is_broken] if not one.why or one.is_broken else "look", "outcome": one.outcome.name, "took_ms": one.took_ms, "why": one.why}
        for one in marks
    )  # fmt: skip


def cost(settings: RoomSettings) -> Cost | None:
    """Its call's and its streams'; None when it only asks."""
    parts: list[Cost] = []
    if settings.call:
        reports_s = roomladder.reports_s(settings)
        parts += _part(
            "sipcall", duration_s=settings.call_s, ring_s=settings.ring_s, video=settings.video, reports_s=reports_s
        )
    if settings.responder:
        parts += _part("media", duration_s=settings.media_s, profile=settings.profile, rate_bps=settings.rate_bps)
    if not parts:
        return None
    asking_s = 5 * settings.timeout_s
    return Cost(sum(one.bytes or 0 for one in parts), asking_s + sum(one.seconds for one in parts))


def _part(kind: str, **settings: Any) -> list[Cost]:
    one = catalog.load(kind)
    found = one.cost(one.settings(**settings)) if one.cost else None
    return [found] if found else []


ROOM = Kind(
    "room",
    RoomSettings,
    FIELDS,
    run,
    None,
    "a room or MCU: port, TLS, signalling, alias, call, media, quality",
    cost,
)
