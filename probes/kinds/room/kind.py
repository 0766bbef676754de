"""A room or MCU as its users need it: a ladder from its port to good sound and picture; the rung that breaks is named.

Each rung has another owner, so it climbs only as far as all is well. What a rung measures, the kinds `tcp`, `tls`, `sip`,
`sipcall`, `h323` and `media` measure.
"""

from __future__ import annotations

from typing import Any

from probes import catalog
from probes.base import Cost, Field, Kind, Measurement, Outcome, Row, Target, Value
from probes.kinds.room import rungs as roomladder
from probes.kinds.room.rungs import RUNGS, Rung, RungContext, RungResult
from probes.kinds.room.settings import RoomSettings
from probes.kinds.shared.begun import Begun

_H323 = "h323:"


FIELDS = (
    Field("rung", "", f"the rung that broke: {', '.join(f'{number} {rung}' for number, rung in enumerate(RUNGS, 1))}; 0: none did", "int"),
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
    climb = RungContext(settings, text)
    rungs = roomladder.h323(climb) if text.lower().startswith(_H323) else roomladder.sip(climb)
    begun = Begun("room", target)
    marks = await _climb(rungs)
    outcome, why = _verdict(marks)
    return begun.ended(outcome, why, _values(marks), _detail(marks))


async def _climb(rungs: list[Rung]) -> list[RungResult]:
    """Each rung in turn until one breaks."""
    marks: list[RungResult] = []
    for rung in rungs:
        mark = await rung()
        if mark is not None:
            marks.append(mark)
            if mark.is_broken:
                break
    return marks


def _verdict(marks: list[RungResult]) -> tuple[Outcome, str]:
    last = marks[-1]
    if last.is_broken:
        return last.outcome, f"{last.rung}: {last.why}"
    return Outcome.OK, "; ".join(f"{result.rung}: {result.why}" for result in marks if result.why)


def _values(marks: list[RungResult]) -> dict[str, Value]:
    last, out = marks[-1], dict[str, Value]()
    if last.outcome not in (Outcome.LOCAL, Outcome.UNRESOLVED):
        held = sum(not result.is_broken for result in marks)
        out = {"rung": RUNGS.index(last.rung) + 1 if last.is_broken else 0, "climbed": held}
        out["risks"] = sum(bool(result.why) for result in marks if not result.is_broken)
    for result in marks:
        out |= result.values
    return out


def _detail(marks: list[RungResult]) -> tuple[Row, ...]:
    said = {True: "broken", False: "holds"}
    return tuple(
        {"rung": result.rung, "it": said[result.is_broken] if not result.why or result.is_broken else "look", "outcome": result.outcome.name, "took_ms": result.took_ms, "why": result.why}
        for result in marks
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
    return Cost(sum(part.bytes or 0 for part in parts), asking_s + sum(part.seconds for part in parts))


def _part(kind: str, **settings: Any) -> list[Cost]:
    probe = catalog.load(kind)
    asked = probe.cost(probe.settings(**settings)) if probe.cost else None
    return [asked] if asked else []


ROOM = Kind(
    "room",
    RoomSettings,
    FIELDS,
    run,
    None,
    "a room or MCU: port, TLS, signalling, alias, call, media, quality",
    cost,
)
