"""What else a device tells: the UPS behind it, its sensors, its processor and memory. Values only; no sockets."""

from __future__ import annotations

from collections.abc import Mapping

from probes.base import Value
from probes.io.snmp import Value as Shown
from probes.kinds import snmpoids as oids
from probes.kinds.snmpport import whole

_ON_BATTERY = 5  # upsOutputSource
_SENSOR_OK, _UNITS = 1, 9  # entPhySensorOperStatus ok, entPhySensorScale units
_CELSIUS, _HUMIDITY, _RPM = 8, 9, 10  # entPhySensorType
_LOW_BATTERY = {3: "its battery is low", 4: "its battery is empty"}


def ups(found: Mapping[str, Shown]) -> dict[str, Value]:
    """Battery and source of power (RFC 1628); empty when it is no UPS. Times in seconds, shares 0 to 1."""
    told = {name: whole(found.get(oid)) for name, oid in oids.UPS.items()}
    values: dict[str, Value] = {name: value for name, value in told.items() if value is not None and value >= 0}
    left_min, charge = values.pop("battery_left_min", None), values.pop("charge_percent", None)
    values |= {} if left_min is None else {"battery_left_s": 60 * left_min}
    values |= {} if charge is None else {"charge_share": round(charge / 100.0, 2)}
    return values


def ups_words(values: Mapping[str, Value]) -> str:
    """What is said of a UPS that lives from its battery, "" of one that does not."""
    parts = list[str]()
    if values.get("power_source") == _ON_BATTERY or values.get("on_battery_s", 0) > 0:
        parts.append(f"on battery for {values.get('on_battery_s', 0)} s")
        parts += [f"{int(values['battery_left_s']) // 60} minutes left"] if "battery_left_s" in values else []
    state = int(values.get("battery_state", 0))
    parts += [_LOW_BATTERY[state]] if state in _LOW_BATTERY else []
    return ", ".join(parts)


def sensors(columns: Mapping[str, Mapping[str, Shown]]) -> dict[str, Value]:
    """Hottest, dampest, slowest fan, and how many sensors work (RFC 3433). Column → index → value."""
    values: dict[str, Value] = {}
    status = {index: whole(value) for index, value in columns[oids.SENSOR_STATUS].items()}
    good = [index for index, value in status.items() if value == _SENSOR_OK]
    readings: dict[int, list[float]] = {}
    for index in good:
        kind, reading = whole(columns[oids.SENSOR_TYPE].get(index)), _reading(columns, index)
        if kind is not None and reading is not None:
            readings.setdefault(kind, []).append(reading)
    values["sensors_ok"], values["sensors_bad"] = len(good), len(status) - len(good)
    values |= {"temp_max_c": max(readings[_CELSIUS])} if _CELSIUS in readings else {}
    values |= {"humidity_max_share": round(max(readings[_HUMIDITY]) / 100.0, 4)} if _HUMIDITY in readings else {}
    values |= {"fan_min_rpm": min(readings[_RPM])} if _RPM in readings else {}
    return values


def _reading(columns: Mapping[str, Mapping[str, Shown]], index: str) -> float | None:
    value = _signed(whole(columns[oids.SENSOR_VALUE].get(index)))
    scale = whole(columns[oids.SENSOR_SCALE].get(index))
    precision = _signed(whole(columns[oids.SENSOR_PRECISION].get(index)))
    if value is None or scale is None or precision is None or not 1 <= scale <= 17 or not -8 <= precision <= 9:
        return None
    return round(value * 10.0 ** (3 * (scale - _UNITS) - precision), 6)


def _signed(value: int | None) -> int | None:
    """Integer32, also from a device that sends it as its 32 bits."""
    return value - (1 << 32) if value is not None and (1 << 31) <= value < (1 << 32) else value


def system(columns: Mapping[str, Mapping[str, Shown]]) -> dict[str, Value]:
    """Mean of the processors' load, share of RAM in use as the device counts it (RFC 2790)."""
    values: dict[str, Value] = {}
    loads = [load for one in columns[oids.CPU_LOAD].values() if (load := whole(one)) is not None and 0 <= load <= 100]
    values |= {"cpu_share": round(sum(loads) / len(loads) / 100.0, 4)} if loads else {}
    for index, kind in columns[oids.STORAGE_TYPE].items():
        size, used = (whole(columns[column].get(index)) for column in (oids.STORAGE_SIZE, oids.STORAGE_USED))
        if kind == oids.RAM and size and used is not None and 0 <= used <= size:
            values["mem_used_share"] = round(used / size, 4)
            break
    return values
