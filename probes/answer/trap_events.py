"""What a trap says, as a typed event: link down, link up, on battery, started again. Pure: no socket, no library.

SNMPv2-MIB (RFC 3418 §2), IF-MIB (RFC 2863 §6), UPS-MIB (RFC 1628 §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from probes.io.snmp.device import Value
from probes.kinds.snmp import oids
from probes.kinds.snmp.device import possible
from probes.kinds.snmp.interface import integer, text

TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"  # snmpTrapOID
_STANDARD, _UPS = "1.3.6.1.6.3.1.1.5", "1.3.6.1.2.1.33.2"
NAMES = {
    f"{_STANDARD}.1": "cold_start",
    f"{_STANDARD}.2": "warm_start",
    f"{_STANDARD}.3": "link_down",
    f"{_STANDARD}.4": "link_up",
    f"{_STANDARD}.5": "authentication_failure",
    f"{_UPS}.1": "on_battery",
    f"{_UPS}.3": "ups_alarm",
    f"{_UPS}.4": "ups_alarm_over",
}
_IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
_NUMBERS = {  # value of an event → the column or object it stands in
    "if_admin": oids.ADMIN,
    "if_oper": oids.OPER,
    "on_battery_s": oids.UPS["on_battery_s"],
    "battery_left_min": oids.UPS["battery_left_min"],
}


class TrapEvent(NamedTuple):
    """One trap. `name`: one of `NAMES`' values, or "other" with the trap's own number in `oid`."""

    at_ns: int  # when it came, wall clock
    source: str  # address it came from: v2c proves nothing about it
    name: str
    oid: str
    interface: str = ""  # name of the interface, else its number, "" when it is about none
    uptime_s: int | None = None  # of the device when it sent the trap
    values: tuple[tuple[str, int], ...] = ()  # what else is known: if_admin, if_oper, on_battery_s, battery_left_s


def event(at_ns: int, source: str, rows: Mapping[str, Value]) -> TrapEvent | None:
    """The event a trap's rows (OID → value) tell; None when they name no trap. Never raises."""
    oid = rows.get(TRAP_OID)
    if not isinstance(oid, str):
        return None
    ticks = integer(rows.get(oids.UPTIME))
    shown = {name: _under(rows, column) for name, column in _NUMBERS.items()}
    shown = {name: possible(name, value) if name in oids.UPS else value for name, value in shown.items()}
    values = {name: value for name, value in shown.items() if value is not None}
    left_min = values.pop("battery_left_min", None)
    values |= {} if left_min is None else {"battery_left_s": 60 * left_min}
    up_s = None if ticks is None else ticks // 100
    return TrapEvent(at_ns, source, NAMES.get(oid, "other"), text(oid), _interface(rows), up_s, tuple(values.items()))


def _under(rows: Mapping[str, Value], column: str) -> int | None:
    """The first number that stands at `column` or below it."""
    numbers = (integer(value) for name, value in rows.items() if name == column or name.startswith(f"{column}."))
    return next((value for value in numbers if value is not None), None)


def _interface(rows: Mapping[str, Value]) -> str:
    for column in oids.NAMES:
        for name, value in rows.items():
            if name.startswith(f"{column}.") and text(value):
                return text(value)
    number = _under(rows, _IF_INDEX)
    return "" if number is None else str(number)
