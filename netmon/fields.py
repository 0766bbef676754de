"""The one typed registry of field names, made from the kinds' `fields`: encoder, hub, rules and docs read it."""

from __future__ import annotations

from functools import cache

from probes import catalog
from probes.base import Field, Kind

PREFIX = "netmon_"
OUTCOME = Field("outcome", "", "what became of it: 0 OK, 1 LOST, 2 REFUSED, 3 UNRESOLVED, 4 PROTOCOL, 5 LOCAL", "int")
DEFERRED = Field(
    "deferred", "", "1: a heavy run was put off and nothing was measured; says nothing of the target", "int"
)


def of_kind(kind: Kind) -> tuple[Field, ...]:
    """The values points of a kind may carry beside `outcome`: its own, and of a heavy kind that a run was put off."""
    return kind.fields if kind.cost is None else (*kind.fields, DEFERRED)


@cache
def registry() -> dict[str, tuple[Field, ...]]:
    """Measurement name (`netmon_ping`) → its fields, `outcome` last."""
    return {PREFIX + name: (*of_kind(catalog.load(name)), OUTCOME) for name in catalog.names()}


@cache
def types(measurement: str) -> dict[str, str]:
    """Field name → `int` or `float` for one measurement; families (`rtt_b`) stand under their prefix."""
    return {field.name: field.type for field in registry().get(measurement, ())}
