"""The objects asked for, by number: no MIB files at run time.

IF-MIB (RFC 2863), SNMPv2-MIB (RFC 3418), SNMP-FRAMEWORK-MIB (RFC 3411), UPS-MIB (RFC 1628), ENTITY-SENSOR-MIB (RFC
3433), HOST-RESOURCES-MIB (RFC 2790).
"""

from __future__ import annotations

UPTIME = "1.3.6.1.2.1.1.3.0"  # sysUpTime
ENGINE_TIME = "1.3.6.1.6.3.10.2.1.3.0"  # snmpEngineTime
_IF, _IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"

# Names an interface may be called by, tried in this order.
NAMES = (f"{_IFX}.1", f"{_IF}.2", f"{_IFX}.18")  # ifName, ifDescr, ifAlias
ADMIN, OPER = f"{_IF}.7", f"{_IF}.8"
SPEED_MBPS, SPEED_BPS = f"{_IFX}.15", f"{_IF}.5"  # ifHighSpeed, ifSpeed
DISCONTINUITY = f"{_IFX}.19"  # ifCounterDiscontinuityTime

# Counter → (column, bits, counts octets), the better one first; the second where a device has only 32 bits.
COUNTERS = {
    "rx": ((f"{_IFX}.6", 64, True), (f"{_IF}.10", 32, True)),
    "tx": ((f"{_IFX}.10", 64, True), (f"{_IF}.16", 32, True)),
    "rx_errors": ((f"{_IF}.14", 32, False),),
    "tx_errors": ((f"{_IF}.20", 32, False),),
    "rx_discards": ((f"{_IF}.13", 32, False),),
    "tx_discards": ((f"{_IF}.19", 32, False),),
}

UPS = {
    "battery_state": "1.3.6.1.2.1.33.1.2.1.0",  # upsBatteryStatus
    "on_battery_s": "1.3.6.1.2.1.33.1.2.2.0",  # upsSecondsOnBattery
    "battery_left_min": "1.3.6.1.2.1.33.1.2.3.0",  # upsEstimatedMinutesRemaining
    "charge_percent": "1.3.6.1.2.1.33.1.2.4.0",  # upsEstimatedChargeRemaining
    "power_source": "1.3.6.1.2.1.33.1.4.1.0",  # upsOutputSource
    "alarms": "1.3.6.1.2.1.33.1.6.1.0",  # upsAlarmsPresent
}

_SENSOR = "1.3.6.1.2.1.99.1.1.1"
SENSOR_TYPE, SENSOR_SCALE, SENSOR_PRECISION = f"{_SENSOR}.1", f"{_SENSOR}.2", f"{_SENSOR}.3"
SENSOR_VALUE, SENSOR_STATUS = f"{_SENSOR}.4", f"{_SENSOR}.5"
SENSOR = (SENSOR_TYPE, SENSOR_SCALE, SENSOR_PRECISION, SENSOR_VALUE, SENSOR_STATUS)

CPU_LOAD = "1.3.6.1.2.1.25.3.3.1.2"  # hrProcessorLoad
STORAGE_TYPE, STORAGE_SIZE, STORAGE_USED = (f"1.3.6.1.2.1.25.2.3.1.{column}" for column in (2, 5, 6))
RAM = "1.3.6.1.2.1.25.2.1.2"  # hrStorageRam
