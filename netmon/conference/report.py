"""A readiness run as data: the contract of `-o json`, and a table's rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from inventory.model import Contact
from netmon.conference.plan import Plan, Ports, Trunk
from netmon.conference.verdict import Cause, RoomVerdict, ordered
from netmon.readiness import RUNGS, STATES, RunResult

Row = dict[str, Any]
_NOBODY = {"vi": "chưa rõ chủ quản", "en": "owner unknown"}
COLUMNS = (
    "room", "name", "province", "commune", "state", "rung", "outcome", "why", "owner", "contact", "phone", "do", "cause",
)  # fmt: skip


def as_json(
    plan: Plan, verdicts: Sequence[RoomVerdict], causes: Sequence[Cause], *, began_s: float, took_s: float, lang: str
) -> RunResult:
    """The whole run. Times are ISO 8601 in UTC; a value that was not measured is absent."""
    many = {state: sum(verdict.state == state for verdict in verdicts) for state in STATES}
    conference = plan.conference
    return {
        "conference": conference.id,
        "name": conference.name,
        "starts": str(conference.starts),
        "at": datetime.fromtimestamp(began_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "took_s": round(took_s, 1),
        "summary": many,
        "rooms": [room(verdict, lang) for verdict in ordered(verdicts)],
        "causes": [_cause(cause, lang) for cause in causes],
        "trunks": [trunk(row) for row in plan.trunks],
        "ports": [_ports(row) for row in plan.ports],
    }


def room(verdict: RoomVerdict, lang: str) -> Row:
    """One room's row."""
    seat = verdict.seat
    return {
        "room": seat.room,
        "name": seat.name,
        "province": seat.province,
        "commune": seat.commune,
        "state": verdict.state,
        "rung": verdict.rung,
        "outcome": verdict.outcome.name,
        "why": verdict.why,
        "element": verdict.element,
        "owner": verdict.owner,
        "contact": verdict.contact.name,
        "phone": verdict.contact.phone,
        "do": (verdict.do or {}).get(lang, ""),
        "cause": verdict.cause,
        "values": dict(verdict.values or {}),
    }


def _cause(cause: Cause, lang: str) -> Row:
    return {
        "element": cause.element,
        "name": cause.name,
        "owner": cause.owner,
        "carrier": cause.carrier,
        "circuit_id": cause.circuit,
        "contact": _contact(cause.contact),
        "rung": cause.rung,
        "rooms": list(cause.rooms),
        "do": cause.do[lang],
    }


def _contact(contact: Contact) -> Row:
    return {"name": contact.name, "phone": contact.phone}


def trunk(trunk: Trunk) -> Row:
    """One link's row of the arithmetic."""
    row = {
        "link": trunk.link,
        "name": trunk.name,
        "rooms": trunk.rooms,
        "need_bps": trunk.need_bps,
        "state": trunk.state,
    }
    return (
        row if trunk.capacity_bps is None else {**row, "capacity_bps": trunk.capacity_bps, "measured": trunk.measured}
    )


def _ports(ports: Ports) -> Row:
    row = {"mcu": ports.mcu, "name": ports.name, "rooms": ports.rooms, "state": ports.state}
    return row if ports.ports is None else {**row, "ports": ports.ports}


def cells(rows: Iterable[Mapping[str, Any]], lang: str) -> list[list[str]]:
    """Rows of rooms as a table shows them: state, room, province, rung, why, owner, whom to call, what to do."""
    out = []
    for row in rows:
        rung = RUNGS[row["rung"]][lang] if row["rung"] else ""
        call = " ".join(text for text in (row["contact"], row["phone"]) if text)
        place = row["commune"] or row["province"]
        owner = row["owner"] or (_NOBODY[lang] if row["element"] else "")
        out.append([STATES[row["state"]][lang], row["name"], place, rung, row["why"], owner, call, row["do"]])
    return out
