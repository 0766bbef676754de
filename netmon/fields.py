"""The one typed registry of field names, made from the kinds' `fields`: encoder, hub, rules and docs read it."""

from __future__ import annotations

from functools import cache

from probes import catalog
from probes.base import Field, Kind

PREFIX = "netmon_"
OF_AGENT, OF_GAP, OF_TRAP = PREFIX + "agent", PREFIX + "gap", PREFIX + "trap"  # measurements of no kind
OUTCOME = Field("outcome", "", "what became of it: 0 OK, 1 LOST, 2 REFUSED, 3 UNRESOLVED, 4 PROTOCOL, 5 LOCAL", "int")
DEFERRED = Field(
    "deferred", "", "1: a heavy run was put off and nothing was measured; says nothing of the target", "int"
)

HEAVY = Field(
    "heavy", "", "1: a heavy test of this agent ran meanwhile, and its delay and losses may be that test's", "int"
)
BY_ANOTHER = Field(
    "by_another", "", "1: not the far host refused, but a router without a way to it, or a firewall before it", "int"
)


def of_kind(kind: Kind) -> tuple[Field, ...]:
    """The values points of a kind may carry beside `outcome`: its own; who refused, of a heavy kind that a run was put
    off, of a light one that a heavy test ran meanwhile."""
    return (*kind.fields, BY_ANOTHER, HEAVY if kind.cost is None else DEFERRED)


SELF = (  # what an agent says about itself (`netmon_agent`)
    Field("spool_points", "points", "points not delivered yet", "int"),
    Field("spool_bytes", "B", "size of the spool on disk", "int"),
    Field("dropped", "points", "points gone unsent in this run", "int"),
    Field("clock_offset_ms", "ms", "hub's clock minus the agent's"),
    Field("rss_bytes", "B", "resident memory", "int"),
    Field("cpu_share", "", "share of one core used since the last point"),
    Field("late_ms", "ms", "most a measurement or flush began after its time"),
    Field("floor_p50_us", "µs", "median round trip to itself"),
    Field("floor_p99_us", "µs", "99th percentile of round trips to itself"),
    Field("cpu_per_1000_ms", "ms", "CPU that 1,000 packets cost"),
    Field("local_drop", "packets", "packets the machine dropped itself since the last proof", "int"),
    Field("troubles", "", "troubles of the agent itself, as `netmon status` tells them", "int"),
    Field("late_sends", "intervals", "intervals since the last proof in which a packet left late", "int"),
)


@cache
def registry() -> dict[str, tuple[Field, ...]]:
    """Measurement name (`netmon_ping`) → its fields, `outcome` last."""
    return {PREFIX + name: (*of_kind(catalog.load(name)), OUTCOME) for name in catalog.names()}


@cache
def types(measurement: str) -> dict[str, str]:
    """Field name → `int` or `float` for one measurement; families (`rtt_b`) stand under their prefix."""
    return {field.name: field.type for field in registry().get(measurement, ())}
