"""From measurements to lines: `netmon_<kind>`, this agent's tags, the kind's default fields and those asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from netmon.config.agent import AgentConfig, CheckConfig
from netmon.fields import OF_AGENT, OF_GAP, OF_TRAP, PREFIX, of_kind
from netmon.line import Value
from netmon.point import fields_text, head
from probes.base import Field, Kind, Measurement


class LineMaker:
    """Makes the lines of one agent. `target` is always `-`: who a check aims at is looked up by its name."""

    def __init__(self, config: AgentConfig, kinds: Mapping[str, Kind]) -> None:
        """`kinds`: those of the config's checks, by name."""
        self._config = config
        fields = {name: of_kind(kind) for name, kind in kinds.items()}
        self._wanted = {check.check: _Wanted(fields[check.kind], check.also) for check in config.checks}
        self._heads = {check.check: self._head(PREFIX + check.kind, check.check) for check in config.checks}
        self._self_head, self._gap_head, self._trap_head = (
            self._head(name, "-") for name in (OF_AGENT, OF_GAP, OF_TRAP)
        )

    def _head(self, name: str, check: str) -> str:
        config = self._config
        return head(name, (config.agent, check, config.commune, config.province, config.site, "-"))

    def of(self, check: CheckConfig, measured: Measurement) -> str:
        """The line of one measurement; what is not declared, not wanted or not finite is left out."""
        fields = self._wanted[check.check].of(measured.values)
        fields["outcome"] = int(measured.outcome)
        return f"{self._heads[check.check]} {fields_text(fields)} {measured.at_ns // 1_000_000}"

    def of_self(self, fields: Mapping[str, Value], at_ms: int) -> str:
        """The line about the agent itself."""
        return f"{self._self_head} {fields_text(fields)} {at_ms}"

    def of_trap(self, fields: Mapping[str, Value], at_ms: int) -> str:
        """The line of a trap somebody sent here: of no check, for it is no measurement."""
        return f"{self._trap_head} {fields_text(fields)} {at_ms}"

    def of_gap(self, first: int, last: int, at_ms: int) -> str:
        """The line about points that are gone for good, by their sequence numbers (both inclusive)."""
        fields = {"count": last - first + 1, "first": first, "last": last}
        return f"{self._gap_head} {fields_text(fields)} {at_ms}"


class _Wanted:
    """Which values of a check are sent, and as what type."""

    def __init__(self, fields: Iterable[Field], also: Sequence[str]) -> None:
        sent = [field for field in fields if field.default or field.name in also]
        self._plain = {field.name: field.type for field in sent if not field.repeated}
        self._families = {field.name: field.type for field in sent if field.repeated}

    def of(self, values: Mapping[str, Value]) -> dict[str, Value]:
        wanted: dict[str, Value] = {}
        for name, value in values.items():
            kind = self._plain.get(name) or self._families.get(name.rstrip("0123456789"))
            if kind is not None and math.isfinite(value):
                wanted[name] = int(value) if kind == "int" else float(value)
        return wanted
