"""From measurements to verdicts: each room's state, the rung that broke, whose it is; and what many rooms have in common.

Rooms that all break at a rung of the way behind one link have one cause. A room is never worse for others' sake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inventory.model import Contact
from inventory.topology import Network
from netmon.conference import advice
from netmon.conference.plan import Plan, Seat
from netmon.conference.run import NoAddress, Result
from probes.base import Measurement, Outcome
from probes.clean import clean
from probes.kinds.room.rungs import RUNGS

ORDER = ("not_ready", "not_measured", "risk", "ready")
_OF_THE_WAY = {("port", Outcome.LOST), ("signalling", Outcome.LOST)}
_OF_THE_WAY_ALWAYS = ("media", "quality")
_EVIDENCE = {"media": ("audio_rcvd",), "quality": ("verdict", "lost_fwd_percent")}  # that streams were sent at all
_MIN_TOGETHER = 2


@dataclass(frozen=True, slots=True)
class RoomVerdict:
    """One room. `rung` and `outcome` of what broke ("" and OK when nothing did); `element`, `owner`, `contact`: whose it
    is; `cause`: the element that many share, "" when it stands alone."""

    seat: Seat
    state: str
    rung: str = ""
    outcome: Outcome = Outcome.OK
    why: str = ""
    element: str = ""
    owner: str = ""
    contact: Contact = Contact(id="", name="")  # noqa: RUF009  frozen
    do: Mapping[str, str] | None = None
    cause: str = ""
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """One element that explains several rooms."""

    element: str
    name: str
    owner: str
    carrier: str
    circuit: str
    contact: Contact
    rung: str
    rooms: tuple[str, ...]
    do: Mapping[str, str]


def judge(network: Network, seat: Seat, got: Result) -> RoomVerdict:
    """One room by itself."""
    if isinstance(got, NoAddress):
        return _broken(network, seat, "address", Outcome.LOCAL, got.why, {})
    if got.outcome is Outcome.OK:
        state = "risk" if got.values.get("risks") else "ready"
        return RoomVerdict(seat, state, why=clean(got.why), values=dict(got.values))
    if got.outcome is Outcome.LOCAL:
        return RoomVerdict(
            seat,
            "not_measured",
            outcome=Outcome.LOCAL,
            why=clean(got.why),
            do=advice.to_do("", Outcome.LOCAL),
            values={},
        )
    if got.outcome is Outcome.UNRESOLVED:
        return _broken(network, seat, "name", got.outcome, got.why, got.values)
    rung = RUNGS[int(got.values.get("rung", 1)) - 1]
    if rung == "quality" and not _was_measured(rung, got.values):
        return _unanswered(network, seat, got)
    return _broken(network, seat, rung, got.outcome, got.why, got.values)


def _unanswered(network: Network, seat: Seat, got: Measurement) -> RoomVerdict:
    """The room holds as far as it was asked, and no stream came about: the responder beside it is not running, or a
    firewall is before it. That is no word about a line, and none about the room."""
    about = network.about(seat.site)
    broken = _broken(network, seat, "quality", got.outcome, got.why, got.values)
    return replace(
        broken, state="risk", element=seat.site, owner=about.owner, contact=about.contact, do=advice.RESPONDER
    )


def _was_measured(rung: str, values: Mapping[str, Any]) -> bool:
    return not set(_EVIDENCE[rung]).isdisjoint(values)


def _broken(
    network: Network, seat: Seat, rung: str, outcome: Outcome, why: str, values: Mapping[str, Any]
) -> RoomVerdict:
    element = _owner_element(network, seat, rung)
    about = network.about(element)
    shown = clean(why).removeprefix(f"{rung}: ")
    do = advice.to_do(rung, outcome if rung != "address" else Outcome.REFUSED)
    return RoomVerdict(
        seat,
        "not_ready",
        rung,
        outcome,
        shown,
        element,
        about.owner or about.carrier,
        about.contact,
        do,
        values=dict(values),
    )


def _owner_element(network: Network, seat: Seat, rung: str) -> str:
    """The element whose owner mends a rung: the room's own, its MCU's, or its narrowest link's."""
    if rung == "alias":
        return seat.mcu
    if rung == "quality" and seat.links:
        capacity = {f"link:{link.id}": link.capacity_bps for link in network.inventory.links}
        return min(seat.links, key=lambda link: capacity.get(link) or float("inf"))
    return seat.site if rung == "media" else seat.element


def together(
    network: Network, plan: Plan, verdicts: Sequence[RoomVerdict]
) -> tuple[tuple[RoomVerdict, ...], tuple[Cause, ...]]:
    """Verdicts with what they have in common, and the causes, those of most rooms first."""
    causes: list[Cause] = []
    known = list(verdicts)
    for rung in RUNGS:
        failing = {verdict.seat.room for verdict in verdicts if _is_of_the_way(verdict, rung)}
        asked = [verdict for verdict in verdicts if _reached(verdict, rung)]
        for link in _links(asked, failing):
            behind = tuple(
                sorted(
                    verdict.seat.room
                    for verdict in asked
                    if link in verdict.seat.links and verdict.seat.room in failing
                )
            )
            causes.append(_cause(network, link, rung, behind))
            known = [
                replace(verdict, cause=link) if verdict.seat.room in behind and not verdict.cause else verdict
                for verdict in known
            ]
    causes.sort(key=lambda cause: -len(cause.rooms))
    return tuple(known), tuple(causes)


def _is_of_the_way(verdict: RoomVerdict, rung: str) -> bool:
    return (
        verdict.state == "not_ready"
        and verdict.rung == rung
        and ((rung, verdict.outcome) in _OF_THE_WAY or rung in _OF_THE_WAY_ALWAYS)
    )


def _reached(verdict: RoomVerdict, rung: str) -> bool:
    """True when the rung was tried: everything below it held, and a room that was only asked was not spared it."""
    if verdict.state == "not_measured" or verdict.rung in ("address", "name"):
        return False
    if rung in _EVIDENCE and (verdict.rung != rung or verdict.state == "risk"):
        return _was_measured(rung, verdict.values or {})
    return not verdict.rung or RUNGS.index(verdict.rung) >= RUNGS.index(rung)


def _links(asked: Iterable[RoomVerdict], failing: set[str]) -> list[str]:
    """Links behind which all that were asked fail, at least two, the one nearest the MCU for each room."""
    behind: dict[str, list[str]] = {}
    nearest: dict[str, tuple[str, ...]] = {}
    for verdict in asked:
        nearest[verdict.seat.room] = tuple(reversed(verdict.seat.links))
        for link in verdict.seat.links:
            behind.setdefault(link, []).append(verdict.seat.room)
    guilty = {link for link, rooms in behind.items() if len(rooms) >= _MIN_TOGETHER and failing.issuperset(rooms)}
    chosen = (
        next((link for link in nearest[room] if link in guilty), None) for room in sorted(failing) if room in nearest
    )
    return list(dict.fromkeys(link for link in chosen if link))


def _cause(network: Network, link: str, rung: str, rooms: tuple[str, ...]) -> Cause:
    about = network.about(link)
    name, owner = about.name or link, about.owner or about.carrier
    do = advice.common(len(rooms), name, owner)
    return Cause(link, name, owner, about.carrier, about.circuit, about.contact, rung, rooms, do)


def ordered(verdicts: Iterable[RoomVerdict]) -> list[RoomVerdict]:
    """The worst first, then by province and name."""
    return sorted(
        verdicts,
        key=lambda verdict: (ORDER.index(verdict.state), verdict.seat.province, verdict.seat.name, verdict.seat.room),
    )
