"""A readiness run as data: the contract of `-o json`, and a table's rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from inventory.model import Contact
from netmon.conference.plan import Plan, Ports, Trunk
from netmon.conference.verdict import Cause, Verdict, ordered
from netmon.readiness import RUNGS, STATES

Row = dict[str, Any]
_NOBODY = {"vi": "chưa rõ chủ quản", "en": "owner unknown"}
COLUMNS = (
    "room", "name", "province", "commune", "state", "rung", "outcome", "why", "owner", "contact", "phone", "do", "cause",
)  # fmt: skip


def as_json(
    plan: Plan, verdicts: Sequence[Verdict], causes: Sequence[Cause], *, began_s: float, took_s: float, lang: str
) -> Row:
    """The whole run. Times are ISO 8601 in UTC; a value that was not measured is absent."""
    many = {state: sum(one.state == state for one in verdicts) for state in STATES}
    one = plan.conference
    return {
        "conference": one.id,
        "name": one.name,
        "starts": str(one.starts),
        "at": datetime.fromtimestamp(began_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "took_s": round(took_s, 1),
        "summary": many,
        "rooms": [room(verdict, lang) for verdict in ordered(verdicts)],
        "causes": [_cause(cause, lang) for cause in causes],
        "trunks": [trunk(row) for row in plan.trunks],
        "ports": [_ports(row) for row in plan.ports],
    }


def room(one: Verdict, lang: str) -> Row:
    """One room's row."""
    seat = one.seat
    return {
        "room": seat.room,
        "name": seat.name,
        "province": seat.province,
        "commune": seat.commune,
        "state": one.state,
        "rung": one.rung,
        "outcome": one.outcome.name,
        "why": one.why,
        "element": one.element,
        "owner": one.owner,
        "contact": one.contact.name,
        "phone": one.contact.phone,
        "do": (one.do or {}).get(lang, ""),
        "cause": one.cause,
        "values": dict(one.values or {}),
    }


def _cause(one: Cause, lang: str) -> Row:
    return {
        "element": one.element,
        "name": one.name,
        "owner": one.owner,
        "carrier": one.carrier,
        "circuit_id": one.circuit,
        "contact": _contact(one.contact),
        "rung": one.rung,
        "rooms": list(one.rooms),
        "do": one.do[lang],
    }


def _contact(one: Contact) -> Row:
    return {"name": one.name, "phone": one.phone}


def trunk(one: Trunk) -> Row:
    """One link's row of the arithmetic."""
    row = {"link": one.link, "name": one.name, "rooms": one.rooms, "need_bps": one.need_bps, "state": one.state}
    return row if one.capacity_bps is None else {**row, "capacity_bps": one.capacity_bps, "measured": one.measured}


def _ports(one: Ports) -> Row:
    row = {"mcu": one.mcu, "name": one.name, "rooms": one.rooms, "state": one.state}
    return row if one.ports is None else {**row, "ports": one.ports}


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
