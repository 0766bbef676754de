"""What of an inventory's conferences will not go well though nothing is wrong with the file: rooms asked for twice at one
time, more rooms than an MCU has ports, links too narrow. Looked at as each conference starts: never is more on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from inventory.model import Conference
from inventory.topology import Network
from netmon.config.walker.decode import Reader
from netmon.config.walker.units import UNITS
from netmon.errors import Problem
from probes.clean import clean

NAMED = 3  # rooms or links a note names before it counts the rest


def notes(network: Network, reader: Reader) -> Iterator[Problem]:
    """One for each trouble of each conference, in the order of the file."""
    for conference in network.inventory.conferences:
        where = f"{reader.file}:{reader.line_of(conference)}"
        on = [other for other in network.live(conference.starts.at_s) if other is not conference]
        troubles = (*_twice(conference, on), *_ports(network, conference, on), *_narrow(network, conference, on))
        for key, what in troubles:
            yield Problem(where, reader.path_of(conference, key), what)


def _twice(conference: Conference, on: list[Conference]) -> Iterator[tuple[str, str]]:
    for other in on:
        both = [room for room in conference.rooms if room in set(other.rooms)]
        if both:
            yield "rooms", f"{_some(both)} will be in conference '{clean(other.id, 60)}' then"


def _ports(network: Network, conference: Conference, on: list[Conference]) -> Iterator[tuple[str, str]]:
    wanted = Counter(route.mcu for going in (conference, *on) for route in network.routes(going.id))
    for mcu in network.inventory.mcus:
        if mcu.id in conference.mcus and mcu.ports is not None and wanted[f"mcu:{mcu.id}"] > mcu.ports:
            yield "mcus", f"'{mcu.id}' has {mcu.ports} ports and needs {wanted[f'mcu:{mcu.id}']} then"


def _narrow(network: Network, conference: Conference, on: list[Conference]) -> Iterator[tuple[str, str]]:
    need = Counter[str]()
    for going in (conference, *on):
        for crossing in network.crossings(going.id):
            need[crossing.link] += crossing.need_bps
    narrow = [
        f"{link} ({_rate(capacity)}, needs {_rate(need[link])})"
        for link in dict.fromkeys(crossing.link for crossing in network.crossings(conference.id))
        if (capacity := network.capacity_bps(link)) is not None and need[link] > capacity
    ]
    if narrow:
        yield "rooms", f"too narrow for all on it then: {_some(narrow)}"


def _rate(bps: int) -> str:
    return UNITS["bps"].format(round(bps, -5) if bps > 1_000_000 else bps)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
