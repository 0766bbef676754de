"""Kind name → where it lives. Imported on first use, so a process pays only for what it measures.

Others add kinds through the entry-point group `netmon.probes`.
"""

from __future__ import annotations

from importlib import import_module

from probes.base import Kind
from probes.errors import BadSettings

KINDS: dict[str, str] = {
    "capacity": "probes.kinds.capacity.kind:CAPACITY",
    "dns": "probes.kinds.dns:DNS",
    "headroom": "probes.kinds.capacity.headroom:HEADROOM",
    "h323": "probes.kinds.h323.kind:H323",
    "host": "probes.kinds.host:HOST",
    "http": "probes.kinds.http.kind:HTTP",
    "media": "probes.kinds.media.kind:MEDIA",
    "ntp": "probes.kinds.ntp:NTP",
    "path": "probes.kinds.path.kind:PATH",
    "ping": "probes.kinds.ping:PING",
    "room": "probes.kinds.room.kind:ROOM",
    "sip": "probes.kinds.sip.kind:SIP",
    "sipcall": "probes.kinds.sip.call.kind:SIPCALL",
    "snmp": "probes.kinds.snmp.kind:SNMP",
    "stamp": "probes.kinds.stamp:STAMP",
    "tcp": "probes.kinds.tcp:TCP",
    "throughput": "probes.kinds.throughput.kind:THROUGHPUT",
    "tls": "probes.kinds.tls.kind:TLS",
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
