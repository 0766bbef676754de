"""Kind name → where it lives. Imported on first use, so a process pays only for what it measures.

Others add kinds through the entry-point group `netmon.probes`.
"""

from __future__ import annotations

from importlib import import_module

from probes.base import Kind
from probes.errors import BadSettings

KINDS: dict[str, str] = {
    "capacity": "probes.kinds.capacity:CAPACITY",
    "dns": "probes.kinds.dns:DNS",
    "headroom": "probes.kinds.headroom:HEADROOM",
    "h323": "probes.kinds.h323:H323",
    "host": "probes.kinds.host:HOST",
    "http": "probes.kinds.http:HTTP",
    "media": "probes.kinds.media:MEDIA",
    "ntp": "probes.kinds.ntp:NTP",
    "path": "probes.kinds.path:PATH",
    "ping": "probes.kinds.ping:PING",
    "room": "probes.kinds.room:ROOM",
    "sip": "probes.kinds.sip:SIP",
    "sipcall": "probes.kinds.sipcall:SIPCALL",
    "snmp": "probes.kinds.snmp:SNMP",
    "stamp": "probes.kinds.stamp:STAMP",
    "tcp": "probes.kinds.tcp:TCP",
    "throughput": "probes.kinds.throughput:THROUGHPUT",
    "tls": "probes.kinds.tls:TLS",
}


def names() -> tuple[str, ...]:
    """Names of the kinds that ship with netmon, sorted."""
    return tuple(sorted(KINDS))


def load(name: str) -> Kind:
    """The kind called `name`; raises `BadSettings` for an unknown one."""
    where = KINDS.get(name) or _elsewhere(name)
    if where is None:
        raise BadSettings(f"{name!r} is not a probe kind (known: {', '.join(names())})")
    module, _, attribute = where.partition(":")
    kind: Kind = getattr(import_module(module), attribute)
    return kind


def _elsewhere(name: str) -> str | None:
    from importlib.metadata import entry_points  # 4 MB that only a kind of others' costs

    for entry in entry_points(group="netmon.probes"):
        if entry.name == name:
            return entry.value
    return None
