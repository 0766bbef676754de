"""Interfaces as a device shows them: which one is meant, what its counters grew by, what the whole device looks like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from probes.base import Value
from probes.clean import clean
from probes.io.snmp import Value as Shown
from probes.kinds import snmpoids as oids
from probes.kinds.snmprates import Change, Counter, Poll
from probes.kinds.snmpuse import Slots

OFF, UP = 0, 1
_WORDS = {OFF: "switched off", 2: "down", 3: "testing", 4: "in an unknown state", 5: "dormant", 6: "not present",
          7: "down because what carries it is down"}  # fmt: skip
_LONGEST = 32  # names told when the wanted one is not there


class Port(NamedTuple):
    """One interface in one poll. `state`: 0 switched off by its admin, else ifOperStatus (1 is up); None: not told."""

    number: str  # ifIndex
    state: int | None
    poll: Poll
    admin: int | None = None
    oper: int | None = None


def whole(value: Shown | None) -> int | None:
    """A number the device gave, None when it is none: devices answer with text, too."""
    return value if isinstance(value, int) else None


def asked(index: str) -> list[str]:
    """What to ask for about one interface, its names included so that a new number is noticed."""
    columns = [*oids.NAMES, oids.ADMIN, oids.OPER, oids.SPEED_MBPS, oids.SPEED_BPS, oids.DISCONTINUITY]
    columns += [column for each in oids.COUNTERS.values() for column, _, _ in each]
    return [oids.UPTIME, oids.ENGINE_TIME, *(f"{column}.{index}" for column in columns)]


def columns() -> tuple[str, ...]:
    """What is walked to see the whole device; of the counters only the better ones first (`fallbacks`)."""
    first = tuple(each[0][0] for each in oids.COUNTERS.values())
    return (oids.NAMES[0], oids.ADMIN, oids.OPER, oids.SPEED_MBPS, oids.DISCONTINUITY, *first)


def read(found: Mapping[str, Shown], index: str, at_s: float) -> Port:
    """The interface as `found` (OID → value) has it."""
    admin, oper = (whole(found.get(f"{column}.{index}")) for column in (oids.ADMIN, oids.OPER))
    counters = {}
    for name, each in oids.COUNTERS.items():
        for column, bits, octets in each:
            value = whole(found.get(f"{column}.{index}"))
            if value is not None:
                counters[name] = Counter(value, bits, octets)
                break
    poll = Poll(
        at_s,
        whole(found.get(oids.UPTIME)),
        counters,
        _speed_bps(found, index),
        whole(found.get(f"{oids.DISCONTINUITY}.{index}")),
        f"{index}/{_name(found, index)}",
    )
    return Port(index, OFF if admin == 2 else oper, poll, admin, oper)


def _speed_bps(found: Mapping[str, Shown], index: str) -> float:
    high = whole(found.get(f"{oids.SPEED_MBPS}.{index}"))
    return high * 1e6 if high else float(whole(found.get(f"{oids.SPEED_BPS}.{index}")) or 0)


def _name(found: Mapping[str, Shown], index: str) -> str:
    names = (text(found.get(f"{column}.{index}")) for column in oids.NAMES)
    return next((name for name in names if name), "")


def text(value: Shown | None) -> str:
    """A name as the device gives it, made harmless."""
    return "" if value is None else clean(value if isinstance(value, bytes) else str(value), 80).strip("\0 ")


def known_as(found: Mapping[str, Shown], index: str) -> set[str]:
    """All the names an interface has."""
    return {text(found.get(f"{column}.{index}")) for column in oids.NAMES} - {""}


def not_there(wanted: str, names: Mapping[str, Shown]) -> str:
    """What to say when no interface has the wanted name or number."""
    shown = [text(name) for name in names.values()][:_LONGEST]
    return f"no interface {clean(wanted, 80)!r}; it has {', '.join(shown) or 'none'}"[:400]


def told(port: Port, change: Change, slots: Mapping[str, Slots], capacity_bps: float, at_s: float) -> dict[str, Value]:
    """The values of one interface; `at_s` is the wall clock. `slots`: of `rx` and `tx`, fed here."""
    values: dict[str, Value] = {}
    for name, value in (("if_state", port.state), ("if_admin", port.admin), ("if_oper", port.oper)):
        values |= {} if value is None else {name: value}
    capacity_bps = capacity_bps or port.poll.speed_bps
    values |= {"speed_bps": capacity_bps} if capacity_bps else {}
    for way in ("rx", "tx"):
        if change.elapsed_s and way in change.grown:
            bits = 8.0 * change.grown[way]
            values |= _rates(way, bits / change.elapsed_s, capacity_bps)
            mean_bps = slots[way].add(at_s, change.elapsed_s, bits)
            values |= (
                {f"{way}_5m_share": round(mean_bps / capacity_bps, 5)} if mean_bps is not None and capacity_bps else {}
            )
    return values | troubles(change)


def _rates(way: str, rate_bps: float, capacity_bps: float) -> dict[str, Value]:
    share = {f"{way}_share": round(rate_bps / capacity_bps, 5)} if capacity_bps else {}
    return {f"{way}_bps": round(rate_bps, 1), **share}


def troubles(change: Change) -> dict[str, Value]:
    """Errors and discards of both directions since the last look; absent unless all of them are known."""
    values: dict[str, Value] = {}
    for what in ("errors", "discards"):
        parts = [change.grown.get(f"{way}_{what}") for way in ("rx", "tx")]
        if None not in parts:
            values[what] = sum(part for part in parts if part is not None)
    return values


def words(port: Port) -> str:
    """What is said of an interface that is not up, "" of one that is."""
    if port.state in (UP, None):
        return ""
    return f"interface {port.poll.identity.partition('/')[2] or port.number} is {_WORDS.get(port.state or 0, 'not up')}"


def summary(ports: Mapping[str, Port], changes: Mapping[str, Change]) -> dict[str, Value]:
    """The device as a whole: how many interfaces are in which state, their troubles, the busiest of them."""
    states = [port.state for port in ports.values() if port.state is not None]
    values: dict[str, Value] = {
        "if_up": states.count(UP),
        "if_off": states.count(OFF),
        "if_down": sum(state not in (UP, OFF) for state in states),
    }
    found = [troubles(change) for change in changes.values()]
    for what in ("errors", "discards"):
        known = [each[what] for each in found if what in each]
        values |= {what: sum(known)} if known else {}
    for way in ("rx", "tx"):
        shares = [
            8.0 * change.grown[way] / change.elapsed_s / ports[index].poll.speed_bps
            for index, change in changes.items()
            if change.elapsed_s and way in change.grown and ports[index].poll.speed_bps
        ]
        values |= {f"{way}_busiest_share": round(max(shares), 5)} if shares else {}
    return values
