"""A scenario's file → a scenario, with everything that is wrong with it at once.

The file is a little laxer than netmon's own: where a list is wanted one value will do, communes may be one number, and rooms
`c00001..c00012`. Such a text is made the list it stands for before the walker reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from inventory.check import faults
from inventory.model import Inventory
from netmon.config.walker import decode
from netmon.config.walker.decode import Reader, Special
from netmon.config.walker.shape import item_of, record_of, shape_of
from netmon.config.walker.value import meant
from netmon.config.walker.yaml_text import Node, Rows, Table, Text
from netmon.drill import network as networks
from netmon.drill.names import fits
from netmon.drill.scenario import (
    FAMILIES,
    KINDS,
    MAX_PROVINCES,
    ChecksPlan,
    DrillConference,
    DrillEvent,
    DrillNetwork,
    DrillScenario,
    Expectation,
    NamedPage,
    OddAgent,
)
from probes.clean import clean

HUB = "hub"
MAX_COMMUNES = 99_999  # five digits
_ROOMS = re.compile(r"c(\d{5})\.\.c(\d{5})", re.ASCII)
# do → keys it wants, and further ones that mean something to it
_WANTED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cut": ((), ("kinds",)),
    "lose": (("share",), ("one_way",)),
    "slow": (("ms",), ()),
    "flows": (("share",), ()),
    "refuse": (("kinds",), ()),
    "power": ((), ("boot",)),
    "restart": (("away",), ()),
    "clock": (("by",), ()),
    "stall": (("until",), ()),
    "silence": ((), ()),
    "maintenance": ((), ("known",)),
}
_OF_SOME = ("kinds", "share", "one_way", "ms", "boot", "away", "by", "known")


def load(path: Path) -> DrillScenario:
    """The scenario of a file; raises `ConfigError` with all its faults."""
    scenario, reader = read(path)
    reader.check()
    return scenario


def read(path: Path) -> tuple[DrillScenario, Reader]:
    """The scenario of a file and all faults of it. Raises `ConfigError` when nothing can be read."""
    scenario, reader = decode.read(path, DrillScenario, SPECIAL)
    if scenario.name and scenario.name != path.stem:
        reader.fault_of(scenario, "name", f"'{clean(scenario.name, 60)}' is not the file's name", f"write {path.stem}")
    for event in scenario.events:
        _event(event, reader)
    if not reader.faults:  # the rest is about names in a network that can be understood
        _names(scenario, reader)
    return scenario, reader


# --- what is written shorter ---


def _one_or_list(cls: type[Any], reader: Reader, node: Node, key: str) -> Any:
    """A record, where one value stands for a list of it."""
    return reader.record(_listed(cls, node), cls, key, given={})


def _listed(cls: type[Any], node: Node) -> Node:
    lists = {name for name, known in shape_of(cls).by_name.items() if item_of(known.type) and not record_of(known.type)}
    return _changed(node, lambda name, value: Rows((value,), value.line) if name in lists else value)


def _changed(node: Node, change: Callable[[str, Text], Node]) -> Node:
    """A table whose values of one text may have become something else."""
    if not isinstance(node, Table):
        return node
    entries = tuple(
        entry._replace(value=change(entry.key, entry.value))
        if isinstance(entry.value, Text) and entry.value.text
        else entry
        for entry in node.entries
    )
    return node._replace(entries=entries)


def _network(reader: Reader, node: Node, key: str) -> DrillNetwork:
    """A network: a number of communes is spread over the provinces, the first get one more."""
    spread = _spread(node) if isinstance(node, Table) else node
    record = reader.record(_listed(DrillNetwork, spread), DrillNetwork, key, given={})
    if spread is node and isinstance(node, Table) and any(entry.key == "provinces" for entry in node.entries):
        what = "is only for a number of communes: this is a list of each province's"
        reader.fault_of(record, "provinces", what, "leave it out")
    if sum(record.communes) > MAX_COMMUNES or len(record.communes) > MAX_PROVINCES:
        what = f"are more than {MAX_COMMUNES}, or of more than {MAX_PROVINCES} provinces"
        reader.fault_of(record, "communes", what, "write fewer")
    return reader.again(record, replace(record, provinces=len(record.communes)))


def _spread(table: Table) -> Table:
    written = {entry.key: entry.value.text for entry in table.entries if isinstance(entry.value, Text)}
    provinces = written.get("provinces", str(shape_of(DrillNetwork).by_name["provinces"].default))
    communes = written.get("communes", "")
    if not all(re.fullmatch(r"\d{1,5}", text, re.ASCII) for text in (communes, provinces)) or int(provinces) == 0:
        return table
    each, more = divmod(int(communes), int(provinces))
    counts = [each + (number < more) for number in range(int(provinces))]

    def change(name: str, value: Text) -> Node:
        return (
            Rows(tuple(value._replace(text=str(count)) for count in counts), value.line)
            if name == "communes"
            else value
        )

    changed = _changed(table, change)
    assert isinstance(changed, Table)
    return changed


def _conference(reader: Reader, node: Node, key: str) -> DrillConference:
    """A conference: `c00001..c00012` are twelve rooms."""
    record = reader.record(_listed(DrillConference, node), DrillConference, key, given={})
    rooms = tuple(dict.fromkeys(site for text in record.rooms for site in _sites(text)))
    return reader.again(record, replace(record, rooms=rooms))


def _sites(text: str) -> Iterable[str]:
    match = _ROOMS.fullmatch(text)
    return [text] if match is None else [f"c{number:05}" for number in range(int(match[1]), int(match[2]) + 1)]


SPECIAL: dict[type[Any], Special] = {
    DrillNetwork: _network,
    DrillConference: _conference,
    **{
        cls: partial(_one_or_list, cls)
        for cls in (ChecksPlan, DrillEvent, DrillScenario, Expectation, NamedPage, OddAgent)
    },
}


# --- events ---


def _event(event: DrillEvent, reader: Reader) -> None:
    """Faults of one event that no key has alone."""
    needed, further = _WANTED.get(event.do, ((), _OF_SOME))
    table = reader.table_of(event)
    written = {entry.key for entry in table.entries} if table is not None else set()
    for key in needed:
        if key not in written:
            reader.fault_of(event, key, f"is missing: {event.do} needs it", shape_of(DrillEvent).by_name[key].meaning)
    for key in _OF_SOME:
        if key in written and key not in (*needed, *further):
            reader.fault_of(event, key, f"means nothing to {event.do}", "leave it out")
    if event.until is not None and event.until <= event.at:
        reader.fault_of(event, "until", "is not after at", f"write more than {event.at:g}")
    if event.times > 1 and not event.every:
        reader.fault_of(event, "every", "is missing: times needs it", "write how much later each time")


# --- names ---


def _names(scenario: DrillScenario, reader: Reader) -> None:
    """Faults of what names something in the network."""
    network = scenario.network
    for hub_site in network.hub:
        _buildable(networks.inventory(network, hub_site), network, reader)
    whole = networks.inventory(network, network.hub[0])
    elements = (*networks.elements(whole), HUB, *networks.hub_elements(network))
    for record, key, patterns in _patterns(scenario):
        for pattern in patterns:
            if not _fits_any(elements, pattern):
                reader.fault_of(
                    record, key, f"'{clean(pattern, 60)}' is no element of this network", _say(pattern, elements)
                )
    _checks(network.checks, whole, network, reader)
    for odd in scenario.agents.odd:
        _odd(odd, whole, reader)


def _buildable(inventory: Inventory, network: DrillNetwork, reader: Reader) -> None:
    for fault in faults(inventory):
        reader.fault_of(network, "", f"{fault.key}: {clean(fault.what, 400)}", clean(fault.write, 400))


def _patterns(scenario: DrillScenario) -> Iterator[tuple[Any, str, tuple[str, ...]]]:
    for event in scenario.events:
        yield event, "element", event.element
    for named in scenario.expect.named:
        yield named, "any", named.any


def _fits_any(names: Iterable[str], pattern: str) -> bool:
    return any(fits(name, (pattern,)) for name in names)


def _say(pattern: str, elements: Iterable[str]) -> str:
    """What may be meant: of a few hundred names of the same sort the nearest."""
    sort = pattern.partition(":")[0]
    near = [name for name in elements if name.partition(":")[0] == sort][:300]
    hint = meant(pattern, near)
    return hint if hint.startswith("did you mean") else "write as site:core, province:01, commune:00001, link:core-p01"


def _checks(plan: ChecksPlan, inventory: Inventory, network: DrillNetwork, reader: Reader) -> None:
    for family, kind in plan.kinds.items():
        if family not in FAMILIES:
            reader.fault_of(plan, "kinds", f"'{clean(family, 60)}' is no family", meant(family, FAMILIES))
        if kind not in KINDS:
            reader.fault_of(plan, "kinds", f"'{clean(kind, 60)}' is not known", meant(kind, KINDS))
    ends = {*(site.id for site in inventory.sites), *network.mcus, *network.services}
    for more in plan.more:
        if more.to not in ends and (more.to, more.from_agents == networks.CORE) != (networks.OWN_PROVINCE, False):
            write = "write the id of a site, MCU or service, or province for an agent's own"
            reader.fault_of(more, "to", f"'{clean(more.to, 60)}' is not there", write)


def _odd(odd: OddAgent, inventory: Inventory, reader: Reader) -> None:
    if not any(fits(agent.agent, (odd.agent,)) for agent in inventory.agents):
        reader.fault_of(odd, "agent", f"'{clean(odd.agent, 60)}' is no agent of this network", "write as c00001")
        return
    for pattern in odd.checks:
        if not _fits_any((check.check for check in inventory.checks if fits(check.agent, (odd.agent,))), pattern):
            reader.fault_of(odd, "checks", f"'{clean(pattern, 60)}' is no check of it", "write as *-dns")
