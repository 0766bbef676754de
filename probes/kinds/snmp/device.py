"""What else a device tells: the UPS behind it, its sensors, its processor and memory. Values only; no sockets."""

from __future__ import annotations

from collections.abc import Mapping

from probes.base import Value
from probes.io.snmp.device import Value as Shown
from probes.kinds.snmp import oids
from probes.kinds.snmp.interface import integer, within

_ON_BATTERY = 5  # upsOutputSource
_FROM_MAINS = (3, 4, 6, 7)  # normal, bypass, booster, reducer
# What each value of a UPS can be (RFC 1628 §4): cards write 255, 65535, 2^31 - 1 or more for "not known".
_POSSIBLE = {
    "battery_state": range(1, 5),
    "on_battery_s": range(31 * 86400),
    "battery_left_min": range(14 * 1440),
    "charge_percent": range(101),
    "power_source": range(1, 8),
    "alarms": range(1000),
}
_TIMES, _UNKNOWN_TIMES = ("on_battery_s", "battery_left_min"), (2**15 - 1, 2**16 - 1)
# entPhySensorValue: one billion is "beyond what can be shown", and below (RFC 3433 §3)
_NO_READINGS = (10**9, -(10**9), 2**31 - 1, -(2**31))
_SENSOR_OK, _UNITS = 1, 9  # entPhySensorOperStatus ok, entPhySensorScale units
_CELSIUS, _HUMIDITY, _RPM = 8, 9, 10  # entPhySensorType
# Readings that can be, of equipment in a room: others are no readings. °C, % relative humidity, turns a minute.
_READINGS = {_CELSIUS: (-100.0, 200.0), _HUMIDITY: (0.0, 100.0), _RPM: (0.0, 6e4)}
_LOW_BATTERY = {3: "its battery is low", 4: "its battery is empty"}


def ups(rows: Mapping[str, Shown]) -> dict[str, Value]:
    """Battery and source of power (RFC 1628); empty when it is no UPS. Times in seconds, shares 0 to 1."""
    values: dict[str, Value] = {}
    for name, oid in oids.UPS.items():
        value = possible(name, integer(rows.get(oid)))
        values |= {} if value is None else {name: value}
    if values.get("power_source") in _FROM_MAINS and values.get("on_battery_s"):
        del values["on_battery_s"]  # must be 0 then: what else stands there is no time
    left_min, charge = values.pop("battery_left_min", None), values.pop("charge_percent", None)
    values |= {} if left_min is None else {"battery_left_s": 60 * left_min}
    values |= {} if charge is None else {"charge_share": round(charge / 100.0, 2)}
    return values


def possible(name: str, value: int | None) -> int | None:
    """A value of a UPS (by its name in `oids.UPS`) that can be, None for one that cannot."""
    if name in _TIMES and value in _UNKNOWN_TIMES:
        return None
    return within(value, _POSSIBLE[name])


def ups_words(values: Mapping[str, Value]) -> str:
    """What is said of a UPS that lives from its battery, "" of one that does not."""
    parts = list[str]()
    if values.get("power_source") == _ON_BATTERY or values.get("on_battery_s", 0) > 0:
        for_s = values.get("on_battery_s")
        parts.append(f"on battery for {for_s} s" if for_s else "on battery")
        parts += [f"{int(values['battery_left_s']) // 60} minutes left"] if "battery_left_s" in values else []
    state = int(values.get("battery_state", 0))
    parts += [_LOW_BATTERY[state]] if state in _LOW_BATTERY else []
    return ", ".join(parts)


def sensors(columns: Mapping[str, Mapping[str, Shown]]) -> dict[str, Value]:
    """Hottest, dampest, slowest fan, and how many sensors work (RFC 3433). Column → index → value."""
    values: dict[str, Value] = {}
    status = {index: integer(value) for index, value in columns[oids.SENSOR_STATUS].items()}
    good = [index for index, value in status.items() if value == _SENSOR_OK]
    readings: dict[int, list[float]] = {}
    for index in good:
        kind, reading = integer(columns[oids.SENSOR_TYPE].get(index)), _reading(columns, index)
        if kind is not None and reading is not None and _can_be(kind, reading):
            readings.setdefault(kind, []).append(reading)
    values["sensors_ok"], values["sensors_bad"] = len(good), len(status) - len(good)
    values |= {"temp_max_c": max(readings[_CELSIUS])} if _CELSIUS in readings else {}
    values |= {"humidity_max_share": round(max(readings[_HUMIDITY]) / 100.0, 4)} if _HUMIDITY in readings else {}
    values |= {"fan_min_rpm": min(readings[_RPM])} if _RPM in readings else {}
    return values


def _reading(columns: Mapping[str, Mapping[str, Shown]], index: str) -> float | None:
    value = _signed(integer(columns[oids.SENSOR_VALUE].get(index)))
    scale = integer(columns[oids.SENSOR_SCALE].get(index))
    precision = _signed(integer(columns[oids.SENSOR_PRECISION].get(index)))
    if value in _NO_READINGS:
        return None
    if value is None or scale is None or precision is None or not 1 <= scale <= 17 or not -8 <= precision <= 9:
        return None
    return round(value * 10.0 ** (3 * (scale - _UNITS) - precision), 6)


def _can_be(kind: int, reading: float) -> bool:
    minimum, maximum = _READINGS.get(kind, (reading, reading))
    return minimum <= reading <= maximum


def sensor_words(columns: Mapping[str, Mapping[str, Shown]]) -> str:
    """What is said of sensors that say they work and show what cannot be, "" where there is none."""
    odd = 0
    for index, status in columns[oids.SENSOR_STATUS].items():
        kind = integer(columns[oids.SENSOR_TYPE].get(index))
        if integer(status) == _SENSOR_OK and kind in _READINGS:
            reading = _reading(columns, index)
            odd += reading is None or not _can_be(kind, reading)
    return f"{odd} of its sensors say they work, but show no possible reading" if odd else ""


def _signed(value: int | None) -> int | None:
    """Integer32, also from a device that sends it as its 32 bits."""
    return value - (1 << 32) if value is not None and (1 << 31) <= value < (1 << 32) else value


def system(columns: Mapping[str, Mapping[str, Shown]]) -> dict[str, Value]:
    """Mean of the processors' load, share of RAM in use as the device counts it (RFC 2790)."""
    values: dict[str, Value] = {}
    loads = [
        load for value in columns[oids.CPU_LOAD].values() if (load := integer(value)) is not None and 0 <= load <= 100
    ]
    values |= {"cpu_share": round(sum(loads) / len(loads) / 100.0, 4)} if loads else {}
    for index, kind in columns[oids.STORAGE_TYPE].items():
        size, used = (integer(columns[column].get(index)) for column in (oids.STORAGE_SIZE, oids.STORAGE_USED))
        if kind == oids.RAM and size and used is not None and 0 <= used <= size:
            values["mem_used_share"] = round(used / size, 4)
            break
    return values
