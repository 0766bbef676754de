"""A file to begin with, from its declaration: what must be written with an example, everything else as a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netmon.config.roles import ROLES
from netmon.config.walker.shape import Key, item_of, record_of, shape_of
from netmon.config.walker.words import as_item, is_comment, kind_of, limits_of, written, yaml_of

# Examples of what has no default. `record.key`, else `key`.
_EXAMPLES: dict[str, tuple[str, ...]] = {
    "AgentConfig.agent": ("c1",),
    "AgentConfig.site": ("c1",),
    "DestinationConfig.name": ("hub",),
    "DestinationConfig.url": ("https://hub.example:8443",),
    "CheckConfig.check": ("c1-core",),
    "CheckConfig.kind": ("ping",),
    "CheckConfig.target": ("192.0.2.1",),
    "ContactConfig.about": ("link",),
    "SinkConfig.url": ("http://influx.example:8086",),
    "ReceiverConfig.url": ("https://pages.example/netmon",),
    "McuConfig.mcu": ("mcu-1",),
    "McuConfig.kind": ("cms",),
    "McuConfig.url": ("https://mcu.example:445",),
    "HubConfig.listen": ("127.0.0.1:8443",),
    "HubConfig.inventory": ("inventory.yaml",),
    "Inventory.hub_site": ("core",),
    "Site.id": ("core", "p01", "c1"),
    "Site.kind": ("core", "province", "commune"),
    "Site.code": ("", "01", "00004"),
    "Site.province": ("", "", "01"),
    "Link.id": ("core-p01", "p01-c1"),
    "Link.from": ("core", "p01"),
    "Link.to": ("p01", "c1"),
    "Mcu.id": ("mcu-1",),
    "Mcu.site": ("core",),
    "Room.id": ("room-1",),
    "Room.site": ("c1",),
    "Conference.id": ("giao-ban",),
    "Conference.starts": ("2026-12-01T08:00:00+07:00",),
    "Conference.ends": ("2026-12-01T11:30:00+07:00",),
    "Conference.mcus": ("mcu-1",),
    "Conference.rooms": ("room-1",),
    "Agent.agent": ("c1",),
    "Agent.site": ("c1",),
    "Check.check": ("c1-core",),
    "Check.agent": ("c1",),
    "Check.to": ("core",),
    "Rule.name": ("far-too-slow",),
    "Rule.kinds": ("ping",),
    "Rule.when": ("p95(rtt, 30s) > 300ms",),
    "Rule.fault": ("quality",),
}
_ROWS = {"Site": 3, "Link": 2}  # rows an example needs; one of all others that are needed
_LISTS = ("links", "agents", "checks")  # lists that may be left out but without which an example means nothing


def sample(role: str) -> str:
    """The text of a sample file; `netmon config check` finds nothing wrong with it."""
    head = [f"# {ROLES[role].file}: {ROLES[role].what}.", "# What is a comment below has the value it shows.", ""]
    return "\n".join([*head, *_table(ROLES[role].shape, 0, "")]) + "\n"


def _table(cls: type[Any], row: int, indent: str) -> Iterator[str]:
    for key in shape_of(cls).keys:
        yield from _key(cls, key, row, indent)


def _key(cls: type[Any], key: Key, row: int, indent: str) -> Iterator[str]:
    yield f"{indent}# {key.name}: {_about(key)}"
    record, many = record_of(key.type), item_of(key.type) is not None
    if record is not None and many:
        if key.needed or key.name in _LISTS:
            yield f"{indent}{key.name}:"
            for at in range(_ROWS.get(record.__name__, 1)):
                rows = list(_table(record, at, indent + "    "))
                yield from as_item(rows if at == 0 else [line for line in rows if not is_comment(line)], indent)
        else:
            yield f"{indent}# {key.name}:"
            yield from _commented(as_item(list(_table(record, 0, indent + "    ")), indent), indent)
    elif record is not None:
        yield f"{indent}# {key.name}:"
        yield from _commented(_table(record, row, indent + "  "), indent)
    else:
        yield f"{indent}{_value(cls, key, row)}"


def _value(cls: type[Any], key: Key, row: int) -> str:
    examples = _EXAMPLES.get(f"{cls.__name__}.{key.name}", ())
    example = examples[min(row, len(examples) - 1)] if examples else ""
    if example:
        text = yaml_of(example)
        return f"{key.name}: [{text}]" if item_of(key.type) is not None else f"{key.name}: {text}"
    if key.needed:
        return f"{key.name}: {yaml_of(key.name)}"
    return f"# {key.name}:" if not key.stated else f"# {key.name}: {written(key.default, key)}"


def _about(key: Key) -> str:
    """Meaning, kind and limits."""
    more = ", ".join(filter(None, (kind_of(key), limits_of(key))))
    return f"{key.meaning} ({more})"


def _commented(lines: Iterator[str], indent: str) -> Iterator[str]:
    for line in lines:
        yield f"{indent}# {line[len(indent) :]}"
