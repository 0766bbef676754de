"""What an MCU reports and what agents measure of one room, side by side. Pure.

Loss that both see is the network between; loss the MCU alone sees is the room's own network, its endpoint, or the MCU;
loss agents alone see is real and has not yet been felt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from inventory.model import Conference, Room
from inventory.topology import Network
from netmon.conference.mcu.base import BWD, FWD, Leg
from probes.base import Outcome

LOSSY_PERCENT = 1.0  # loss below this is not worth a word
STALE_S = 900.0  # measurements older than this say nothing of now
_SCHEME = re.compile(r"(?:sips?|h323|tel):", re.IGNORECASE)
_KINDS = ("media", "room", "sipcall", "stamp", "ping")  # the nearest to a conference's own packets first


class Measured(NamedTuple):
    """What agents measured. `way_percent`: there and back together, where no direction is known."""

    fwd_percent: float | None = None
    bwd_percent: float | None = None
    way_percent: float | None = None
    rtt_ms: float | None = None
    check: str = ""
    kind: str = ""
    outcome: str = ""


class RoomReading(NamedTuple):
    """One room's call (None: the MCU has none), with what agents measured of its way. `hint`: a key of the words."""

    room: str
    name: str
    mcu: str
    leg: Leg | None
    measured: Measured
    hint: str


class Matched(NamedTuple):
    """All rooms of a conference, in its order, then what could not be put beside one of them."""

    rows: tuple[RoomReading, ...]
    unclear: tuple[tuple[str, Leg], ...]  # (MCU, leg) that fits several rooms
    others: int  # legs of nobody here: other conferences, guests


def beside(
    network: Network,
    conference: Conference,
    legs: Iterable[tuple[str, Leg]],
    checks: Sequence[Mapping[str, Any]],
    now_ms: float,
    complete: bool = True,
) -> Matched:
    """`legs`: (MCU, leg); `checks`: rows of the hub's state; `complete`: all MCUs of the conference answered, so a room
    without a leg is not in it."""
    known = {room.id: room for room in network.inventory.rooms}
    rooms = [known[id] for id in conference.rooms]
    index = _Index(rooms)
    legs_of: dict[str, list[tuple[str, Leg]]] = {}
    unclear, others = [], 0
    for mcu, leg in legs:
        fits = index.fits(leg)
        if len(fits) == 1:
            legs_of.setdefault(fits[0], []).append((mcu, leg))
        elif fits:
            unclear.append((mcu, leg))
        else:
            others += 1
    agents, rows = _Agents(network, checks, now_ms), list[RoomReading]()
    for room in rooms:
        measured, name = agents.of(room), room.name or room.id
        mine = legs_of.get(room.id, [])
        rows += [RoomReading(room.id, name, mcu, leg, measured, _hint(leg, measured)) for mcu, leg in mine]
        if not mine:
            rows.append(RoomReading(room.id, name, "", None, measured, "absent" if complete else ""))
    return Matched(tuple(rows), tuple(unclear), others)


# --- whose leg it is ---


def key_of(text: str) -> str:
    """An alias, URI or address in a form that can be compared: no scheme, no parameters, no port, lower case."""
    plain = _SCHEME.sub("", text.strip()).partition(";")[0].casefold()
    user, at, host = plain.rpartition("@")
    return f"{user}{at}{_no_port(host)}"


def _no_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    return host.partition(":")[0] if host.count(":") == 1 else host


def _keys_of(room: Room) -> tuple[set[str], set[str], set[str]]:
    """What names a room, the surest first: a whole URI or alias, the part before @, the host alone."""
    address, alias = key_of(room.address), key_of(room.alias)
    whole = {name for name in (address, alias) if name}
    users = {user for name in whole if (user := name.rpartition("@")[0])} | ({alias} if alias else set())
    hosts = {name.rpartition("@")[2] for name in whole if "@" in name or name == address}
    return whole, users, hosts


class _Index:
    """Rooms by all that names them."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._levels: tuple[dict[str, list[str]], ...] = ({}, {}, {})
        for room in rooms:
            for level, keys in zip(self._levels, _keys_of(room), strict=True):
                for key in keys:
                    level.setdefault(key, []).append(room.id)

    def fits(self, leg: Leg) -> list[str]:
        """Rooms a leg may be, by the surest thing that fits any; where that fits several, the host decides."""
        names = {key_of(name) for name in leg.names}
        users = {name.rpartition("@")[0] or name for name in names}
        hosts = {name.rpartition("@")[2] for name in names}
        there = self._of(2, hosts)
        for level, mine in enumerate((names, users, hosts)):
            if fits := self._of(level, mine):
                return [room for room in fits if room in there] or fits
        return []

    def _of(self, level: int, keys: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(room for key in keys for room in self._levels[level].get(key, ())))


# --- what agents say ---


class _Agents:
    """Asks the hub's rows about a room."""

    def __init__(self, network: Network, checks: Sequence[Mapping[str, Any]], now_ms: float) -> None:
        self._to = {check.check: check.to for check in network.inventory.checks}
        self._mcus = {mcu.id for mcu in network.inventory.mcus}
        self._site_of = {agent.agent: agent.site for agent in network.inventory.agents}
        self._towards: dict[str, list[Mapping[str, Any]]] = {}  # room or other end → rows
        self._from: dict[str, list[Mapping[str, Any]]] = {}  # site of the agent → rows
        for row in checks:
            fresh = now_ms - row["at_ms"] <= STALE_S * 1000
            if fresh and row["kind"] in _KINDS and row["outcome"] != Outcome.LOCAL:  # our own fault says nothing
                self._towards.setdefault(self._to.get(row["check"], ""), []).append(row)
                self._from.setdefault(self._site_of.get(row["agent"], ""), []).append(row)

    def of(self, room: Room) -> Measured:
        """The best of its checks: those that end at the room from elsewhere, those of its site's agent to an MCU, then
        whatever else that agent sends across its link."""
        ranked = []
        for row in self._towards.get(room.id, ()):
            if self._site_of.get(row["agent"]) != room.site:
                ranked.append((_KINDS.index(row["kind"]), 0, row["check"], _values(row, inward=True)))
        for row in self._from.get(room.site, ()):
            to = self._to.get(row["check"], "")
            if to not in ("", room.id, room.site):
                far = 0 if to in self._mcus else len(_KINDS)
                ranked.append((_KINDS.index(row["kind"]) + far, 1, row["check"], _values(row, inward=False)))
        ranked.sort(key=lambda rank: rank[:3])
        values = [rank[3] for rank in ranked]
        best = next((value for value in values if value.fwd_percent is not None or value.bwd_percent is not None), None)
        best = (
            best
            or next((value for value in values if value.way_percent is not None), None)
            or next(iter(values), Measured())
        )
        rtt_ms = (
            best.rtt_ms
            if best.rtt_ms is not None
            else next((value.rtt_ms for value in values if value.rtt_ms is not None), None)
        )
        return best._replace(rtt_ms=rtt_ms)


def _values(row: Mapping[str, Any], *, inward: bool) -> Measured:
    """A row's loss by the room's directions. `inward`: measured towards the room, whose fwd is then their bwd."""
    values = row["values"]
    fwd, bwd, way = values.get("lost_fwd_percent"), values.get("lost_bwd_percent"), None
    sent = values.get("sent") or 0
    if sent and "lost_fwd" in values and "lost_bwd" in values:
        fwd, bwd = 100.0 * values["lost_fwd"] / sent, 100.0 * values["lost_bwd"] / sent
    elif sent and "rcvd" in values:
        way = max(0.0, 100.0 * (sent - values["rcvd"]) / sent)
    if bwd is None and "video_lost_bwd" in values and values.get("video_rcvd"):
        bwd = 100.0 * values["video_lost_bwd"] / (values["video_lost_bwd"] + values["video_rcvd"])
    if inward:
        fwd, bwd = bwd, fwd
    outcome = Outcome(row["outcome"]).name if row["outcome"] in set(Outcome) else ""
    return Measured(fwd, bwd, way, values.get("rtt_p50_ms"), row["check"], row["kind"], outcome)


# --- what both together say ---


def _hint(leg: Leg, measured: Measured) -> str:
    """`network`, `room_or_mcu`, `not_felt`, `good`, or "" when one of the two says nothing."""
    felt = [loss for toward in (FWD, BWD) if (loss := leg.loss_percent(toward)) is not None]
    seen = [
        percent for percent in (measured.fwd_percent, measured.bwd_percent, measured.way_percent) if percent is not None
    ]
    if not felt or not seen:
        return ""
    lossy, real = max(felt) >= LOSSY_PERCENT, max(seen) >= LOSSY_PERCENT
    return {(True, True): "network", (True, False): "room_or_mcu", (False, True): "not_felt"}.get((lossy, real), "good")
