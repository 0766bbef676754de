"""An inventory's file → what the hub and the alerts room ask of the network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from alerts.base import Info
from inventory.errors import BadInventory, InventoryFault
from inventory.model import Conference, Contact, Inventory, Link, Mcu, Room, Service, Site
from inventory.topology import Network
from netmon.config.walker import decode
from netmon.config.walker.decode import Reader, Special
from netmon.config.walker.shape import shape_of
from netmon.config.walker.words import for_people
from netmon.config.walker.yaml_text import Node
from probes.clean import clean

MAX_BYTES = 16 << 20  # 3,321 communes with all their checks are a third of it
_SHOWN_IN = (Contact, Site, Link, Mcu, Service, Room, Conference)
_SHOWN = ("name", "owner", "carrier", "circuit", "phone")  # texts for people


AHEAD_S = 1800.0  # rules of conferences hold from half an hour before one


class HubTopology(Network):
    """The network as `alerts.base.Topology` wants it."""

    def __init__(self, inventory: Inventory) -> None:
        super().__init__(inventory)
        self._live = (frozenset[str](), frozenset[str]())  # ids of conferences, checks on the ways of their rooms

    def conference_checks(self, now_ms: int) -> frozenset[str]:
        """Checks that cross nothing but links between the rooms and MCUs of conferences that are on or begin soon."""
        ids = frozenset(conference.id for conference in self.live(now_ms / 1000, AHEAD_S))
        if ids != self._live[0]:
            links = {link for id in ids for route in self.routes(id) for link in route.links}
            crossed = {
                check: {element for element in self.path(check) if element.startswith("link:")}
                for check in self.checks()
            }
            self._live = ids, frozenset(check for check, its in crossed.items() if its and its <= links)
        return self._live[1]

    def agent_names(self) -> tuple[str, ...]:
        """Names of all agents: each has a token and ought to speak."""
        return tuple(agent.agent for agent in self.inventory.agents)

    def info(self, element: str) -> Info:
        """Name, owner, carrier, contact of an element; its id alone when it is not in the inventory."""
        about = self.about(element)
        return Info(*about[:-1], about.contact.name, about.contact.phone)


def load(path: Path) -> HubTopology:
    """The network of a file; raises `ConfigError` with all faults of the file."""
    network, reader = read(path)
    reader.check()
    assert network is not None
    return network


def read(path: Path) -> tuple[HubTopology | None, Reader]:
    """The network of a file (None when none can be built) and all faults. Raises `ConfigError` when nothing can be
    read."""
    inventory, reader = decode.read(path, Inventory, SPECIAL, MAX_BYTES)
    try:
        return HubTopology(inventory), reader
    except BadInventory as error:
        known = {problem.key for _, problem in reader.faults}
        for fault in error.faults:
            _note_fault(reader, fault, known)
    return None, reader


def _note_fault(reader: Reader, fault: InventoryFault, known: set[str]) -> None:
    """A fault of the whole at its line, unless the key was told while decoding or never was a table."""
    line = reader.line_of(fault.record, fault.key.rpartition(".")[2].partition("[")[0])
    if fault.key in known or line < 1:
        return
    what = clean(fault.what, 400)
    if fault.first is not None:
        what += f" in line {reader.line_of(fault.first)}"
    reader.fault(line, fault.key, what, clean(fault.write, 400))


def _cleaned(cls: type[Any], reader: Reader, node: Node, key: str) -> Any:
    """A record whose texts for people are harmless and in one form."""
    record = reader.record(node, cls, key, given={})
    changed = {name: for_people(getattr(record, name)) for name in _SHOWN if name in shape_of(cls).by_name}
    if all(getattr(record, name) == text for name, text in changed.items()):
        return record
    return reader.again(record, replace(record, **changed))


SPECIAL: dict[type[Any], Special] = {cls: partial(_cleaned, cls) for cls in _SHOWN_IN}
