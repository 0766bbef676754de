"""The one typed registry of field names, made from the kinds' `fields`: encoder, hub, rules and docs read it."""

from __future__ import annotations

from functools import cache

from probes import catalog
from probes.base import Field

PREFIX = "netmon_"
OUTCOME = Field("outcome", "", "what became of it: 0 OK, 1 LOST, 2 REFUSED, 3 UNRESOLVED, 4 PROTOCOL, 5 LOCAL", "int")


@cache
def registry() -> dict[str, tuple[Field, ...]]:
    """Measurement name (`netmon_ping`) → its fields, `outcome` last."""
    return {PREFIX + name: (*catalog.load(name).fields, OUTCOME) for name in catalog.names()}


@cache
def types(measurement: str) -> dict[str, str]:
    """Field name → `int` or `float` for one measurement; families (`rtt_b`) stand under their prefix."""
    return {field.name: field.type for field in registry().get(measurement, ())}
