"""Interfaces as a device shows them: which one is meant, what its counters grew by, what the whole device looks like."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from probes.base import Value
from probes.clean import clean
from probes.io.snmp.device import Value as Shown
from probes.kinds.snmp import oids
from probes.kinds.snmp.rates import OVER, Counter, Poll, PollChange
from probes.kinds.snmp.utilisation import Slots

OFF, UP = 0, 1
_WORDS = {OFF: "switched off", 2: "down", 3: "testing", 4: "in an unknown state", 5: "dormant", 6: "not present",
          7: "down because what carries it is down"}  # fmt: skip
_SHOWN = 80  # letters of a name in what is told
_LONGEST = 32  # names told when the wanted one is not there
_MAX_NAME = 255  # letters of a name (RFC 2863 ifName, ifDescr): two may differ in the last one
_UNKNOWN_SPEEDS = (2**32 - 1, 2**31 - 1)  # ifSpeed: "does not fit" (RFC 2863 §3.1.6), and what some write for it
_UNKNOWN_MBPS = (4294, 4295)  # made of the former, with no speed behind it
_MAX_MBPS = 10**6  # nothing here is faster than 1 Tbit/s
_STATES, _ADMINS = range(1, 8), range(1, 4)  # ifOperStatus, ifAdminStatus


class Interface(NamedTuple):
    """One interface in one poll. `state`: 0 switched off by its admin, else ifOperStatus (1 is up); None: not told."""

    number: str  # ifIndex
    state: int | None
    poll: Poll
    admin: int | None = None
    oper: int | None = None


def integer(value: Shown | None) -> int | None:
    """A number the device gave, None when it is none: devices answer with text, too."""
    return value if isinstance(value, int) else None


def asked(index: str) -> list[str]:
    """What to ask for about one interface, its names included so that a new number is noticed."""
    columns = [*oids.NAMES, oids.ADMIN, oids.OPER, oids.SPEED_MBPS, oids.SPEED_BPS, oids.DISCONTINUITY]
    columns += [column for each in oids.COUNTERS.values() for column, _, _ in each]
    return [oids.UPTIME, oids.ENGINE_TIME, *(f"{column}.{index}" for column in columns)]


def columns() -> tuple[str, ...]:
    """What is walked to see the whole device: the 32-bit counters, too, for some devices have no others."""
    counters = tuple(column for each in oids.COUNTERS.values() for column, _, _ in each)
    return (*oids.NAMES[:2], oids.ADMIN, oids.OPER, oids.SPEED_MBPS, oids.SPEED_BPS, oids.DISCONTINUITY, *counters)


def read(rows: Mapping[str, Shown], index: str, at_s: float) -> Interface:
    """The interface as `rows` (OID → value) has it."""
    admin = within(integer(rows.get(f"{oids.ADMIN}.{index}")), _ADMINS)
    oper = within(integer(rows.get(f"{oids.OPER}.{index}")), _STATES)
    poll = Poll(
        at_s,
        integer(rows.get(oids.UPTIME)),
        _counters(rows, index),
        _speed_bps(rows, index),
        integer(rows.get(f"{oids.DISCONTINUITY}.{index}")),
        f"{index}/{_name(rows, index)}",
    )
    return Interface(index, OFF if admin == 2 else oper, poll, admin, oper)


def _counters(rows: Mapping[str, Shown], index: str) -> dict[str, Counter]:
    """The best counter of each sort there is, a 64-bit one with its twin of 32 bits."""
    counters = {}
    for name, each in oids.COUNTERS.items():
        shown = [
            Counter(value, bits, octets)
            for column, bits, octets in each
            if (value := integer(rows.get(f"{column}.{index}"))) is not None
        ]
        if shown:
            counters[name] = shown[0]._replace(twin=shown[1].value if len(shown) > 1 else None)
    return counters


def within(value: int | None, allowed: range) -> int | None:
    """A number that can be: what is outside of its range is how some devices say that they do not know."""
    return value if value is not None and value in allowed else None


def _speed_bps(rows: Mapping[str, Shown], index: str) -> float:
    """0 where the device does not know it."""
    high = integer(rows.get(f"{oids.SPEED_MBPS}.{index}"))
    low = integer(rows.get(f"{oids.SPEED_BPS}.{index}")) or 0
    is_low_good = low > 0 and low not in _UNKNOWN_SPEEDS
    if high and 0 < high <= _MAX_MBPS and (is_low_good or high not in _UNKNOWN_MBPS):
        return high * 1e6
    return float(low) if is_low_good else 0.0


def _name(rows: Mapping[str, Shown], index: str) -> str:
    names = (text(rows.get(f"{column}.{index}")) for column in oids.NAMES)
    return next((name for name in names if name), "")


def text(value: Shown | None) -> str:
    """A name as the device gives it, whole, made harmless."""
    return "" if value is None else name_of(value if isinstance(value, bytes) else str(value))


def name_of(said: str | bytes) -> str:
    """A name in the form two are compared in: without what pads it, accents in one way (NFC)."""
    padding = "\0 \t\r\n"
    shown = clean(said.strip(padding.encode()) if isinstance(said, bytes) else said.strip(padding), _MAX_NAME)
    return unicodedata.normalize("NFC", shown)


def known_as(rows: Mapping[str, Shown], index: str) -> set[str]:
    """All the names an interface has."""
    return {text(rows.get(f"{column}.{index}")) for column in oids.NAMES} - {""}


def not_there(wanted: str, names: Mapping[str, Shown]) -> str:
    """What to say when no interface has the wanted name or number."""
    shown = [clean(text(name), _SHOWN) for name in names.values()][:_LONGEST]
    return f"no interface {clean(wanted, _SHOWN)!r}; it has {', '.join(shown) or 'none'}"[:400]


def several(wanted: str, others: Mapping[str, str]) -> str:
    """What to say when a name is that of several interfaces. `others`: number → what else tells it from its fellows."""
    shown = [f"{number} {clean(other, _SHOWN)}".rstrip() for number, other in others.items()][:_LONGEST]
    way_out = "write its number, or a name that only one has"
    return f"{len(others)} interfaces are called {clean(wanted, _SHOWN)!r}: {', '.join(shown)} ({way_out})"


def values_of(
    interface: Interface, change: PollChange, slots: Mapping[str, Slots], capacity_bps: float, at_s: float
) -> dict[str, Value]:
    """The values of one interface; `at_s` is the wall clock. `slots`: of `rx` and `tx`, fed here."""
    values: dict[str, Value] = {}
    for name, value in (("if_state", interface.state), ("if_admin", interface.admin), ("if_oper", interface.oper)):
        values |= {} if value is None else {name: value}
    capacity_bps = capacity_bps or _believed_bps(interface, change)
    values |= {"speed_bps": capacity_bps} if capacity_bps else {}
    for direction in ("rx", "tx"):
        if change.elapsed_s and direction in change.grown:
            bits = 8.0 * change.grown[direction]
            values |= _rates(direction, bits / change.elapsed_s, capacity_bps)
            mean_bps = slots[direction].add(at_s, change.elapsed_s, bits)
            values |= (
                {f"{direction}_5m_share": round(mean_bps / capacity_bps, 5)}
                if mean_bps is not None and capacity_bps
                else {}
            )
    return values | troubles(change)


def _believed_bps(interface: Interface, change: PollChange) -> float:
    """The speed an interface says it has, 0 (not known) where it carried more than that: many tunnels say 100 kbit/s."""
    highest_bps = max((_bps(change, direction) for direction in ("rx", "tx") if direction in change.grown), default=0.0)
    return interface.poll.speed_bps if highest_bps <= OVER * interface.poll.speed_bps else 0.0


def _bps(change: PollChange, direction: str) -> float:
    return 8.0 * change.grown[direction] / change.elapsed_s if change.elapsed_s else 0.0


def _rates(direction: str, rate_bps: float, capacity_bps: float) -> dict[str, Value]:
    share = {f"{direction}_share": round(rate_bps / capacity_bps, 5)} if capacity_bps else {}
    return {f"{direction}_bps": round(rate_bps, 1), **share}


def troubles(change: PollChange) -> dict[str, Value]:
    """Errors and discards of both directions since the last look; absent unless all of them are known."""
    values: dict[str, Value] = {}
    for what in ("errors", "discards"):
        parts = [change.grown.get(f"{direction}_{what}") for direction in ("rx", "tx")]
        if None not in parts:
            values[what] = sum(part for part in parts if part is not None)
    return values


def words(interface: Interface) -> str:
    """What is said of an interface that is not up, "" of one that is."""
    if interface.state in (UP, None):
        return ""
    return f"interface {interface.poll.identity.partition('/')[2] or interface.number} is {_WORDS.get(interface.state or 0, 'not up')}"


def summary(interfaces: Mapping[str, Interface], changes: Mapping[str, PollChange]) -> dict[str, Value]:
    """The device as a whole: how many interfaces are in which state, their troubles, the busiest of them."""
    states = [interface.state for interface in interfaces.values() if interface.state is not None]
    values: dict[str, Value] = {
        "if_up": states.count(UP),
        "if_off": states.count(OFF),
        "if_down": sum(state not in (UP, OFF) for state in states),
    }
    each = [troubles(change) for change in changes.values()]
    for what in ("errors", "discards"):
        known = [trouble[what] for trouble in each if what in trouble]
        values |= {what: sum(known)} if known else {}
    for direction in ("rx", "tx"):
        shares = [
            _bps(change, direction) / speed_bps
            for index, change in changes.items()
            if change.elapsed_s
            and direction in change.grown
            and (speed_bps := _believed_bps(interfaces[index], change))
        ]
        values |= {f"{direction}_busiest_share": round(max(shares), 5)} if shares else {}
    return values
