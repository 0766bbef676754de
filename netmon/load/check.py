"""Configuration files checked together: each by its role, then one against the other. Nothing is opened but the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inventory.model import Site
from inventory.topology import Network
from netmon.config import files
from netmon.config.agent import AgentConfig
from netmon.config.check import NO_TARGET
from netmon.config.hub import HubConfig
from netmon.config.roles import ROLES, role_of
from netmon.config.walker import yaml_text
from netmon.config.walker.decode import Reader
from netmon.config.walker.value import meant
from netmon.errors import ConfigError, Problem
from netmon.load import conferences, inventory, rules, secret_files
from probes.clean import clean

READ: dict[str, Callable[[Path], tuple[Any, Reader]]] = {
    "agent": files.read_agent,
    "hub": files.read_hub,
    "inventory": inventory.read,
    "rules": rules.read,
}
_TAKEN = ("-", "")  # an agent that leaves its codes to the hub


@dataclass(frozen=True, slots=True)
class Loaded:
    """One file: what it says (None when it cannot be told), and its faults."""

    path: Path
    role: str
    value: Any
    reader: Reader

    @property
    def record(self) -> Any:
        """What was decoded from the file."""
        return self.value.inventory if isinstance(self.value, Network) else self.value


@dataclass(slots=True)
class Together:
    """Files that belong together, what is wrong with them, and what may be meant otherwise."""

    loaded: list[Loaded] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)  # of files that cannot be read at all
    notes: list[Problem] = field(default_factory=list)

    def faults(self) -> list[Problem]:
        """All faults, file by file, each by line."""
        return [*self.problems, *(problem for file in self.loaded for problem in file.reader.problems())]

    def of(self, cls: type[Any]) -> list[Loaded]:
        """Files that say such a thing."""
        return [file for file in self.loaded if isinstance(file.value, cls)]


def check(paths: Iterable[Path], role: str | None = None) -> Together:
    """Read all files and those a hub's file names, and hold them against each other. `role`: of the files given."""
    together = Together()
    for path in paths:
        _add(together, path, role)
    for hub in together.of(HubConfig):
        known = {file.path.resolve() for file in together.loaded}
        for name, its_role in ((hub.value.inventory, "inventory"), (hub.value.rules, "rules")):
            if name and Path(name).resolve() not in known:
                _add(together, Path(name), its_role)
    agents, hubs, networks = together.of(AgentConfig), together.of(HubConfig), together.of(Network)
    for file in together.loaded:
        if file in agents or file in hubs:
            together.notes += secret_files.missing(file.value, file.reader)
    for hub in hubs:
        secret_files.unusable(hub.value, hub.reader)
    if len(networks) == 1:
        together.notes += conferences.notes(networks[0].value, networks[0].reader)
        for file in together.loaded:
            _hold(together, file, networks[0])
    for hub in hubs:
        for agent in agents:
            together.notes += _heavy_notes(agent, hub)
    return together


def load(path: Path, role: str | None = None) -> Loaded:
    """One file by its role (found from its keys or its name). Raises `ConfigError` when nothing can be read."""
    if role is None:
        text = yaml_text.read(path, max_bytes=inventory.MAX_BYTES)
        role = role_of(path, text)
        if role is None:
            raise ConfigError(_unknown(path, text))
    value, reader = READ[role](path)
    return Loaded(path, role, value, reader)


def _unknown(path: Path, text: str) -> list[Problem]:
    """Why nobody knows what a file is: what hinders reading it comes before what its keys say."""
    problems = list[Problem]()
    yaml_text.parse(text, lambda line, key, what, write: problems.append(Problem(f"{path}:{line}", key, what, write)))
    if not text.strip():
        problems.append(Problem(str(path), "", "is empty", "netmon config sample prints a file to begin with"))
    roles = "|".join(ROLES)
    return problems or [Problem(str(path), "", "is none of netmon's files by its keys", f"--as {roles} says which")]


def _add(together: Together, path: Path, role: str | None) -> None:
    try:
        together.loaded.append(load(path, role))
    except ConfigError as error:
        together.problems += error.problems


# --- one against the other ---


def _hold(together: Together, file: Loaded, network: Loaded) -> None:
    if isinstance(file.value, AgentConfig):
        _agent(file, network)
        together.notes += _checks_notes(file, network)
    elif isinstance(file.value, HubConfig):
        together.notes += _owner_notes(file, network)
        _mcus(file, network)


def _agent(file: Loaded, network: Loaded) -> None:
    """What the hub would refuse: an agent it does not know, or one that speaks for another place."""
    config, reader, its, where = file.value, file.reader, network.value.inventory, network.path.name
    known = {agent.agent: agent for agent in its.agents}
    sites = {site.id: site for site in its.sites}
    if config.agent not in known:
        reader.fault_of(config, "agent", f"'{config.agent}' is no agent of {where}", _nearest(config.agent, known))
        return
    site = sites[known[config.agent].site]
    commune, province = codes(site)
    for key, right in (("site", site.id), ("commune", commune), ("province", province)):
        written = getattr(config, key)
        if written != right and (key == "site" or written not in _TAKEN):
            reader.fault_of(config, key, f"'{written}' is not what {where} says of this agent", f"write {right!r}")
    runs = {check.check: check.agent for check in its.checks}
    for check in config.checks:
        runner = runs.get(check.check, config.agent)
        if runner != config.agent:
            what = f"'{check.check}' is a check of agent '{runner}' in {where}"
            reader.fault_of(check, "check", what, "choose another name")


def codes(site: Site) -> tuple[str, str]:
    """(commune, province) codes of a site as points carry them, - where there is none."""
    if site.kind == "commune":
        return site.code, site.province
    return "-", (site.code if site.kind == "province" else site.province) or "-"


def _nearest(text: str, known: Iterable[str]) -> str:
    write = meant(text, known)
    return write if write.startswith("did you mean") else "add it to agents: there"


def _checks_notes(file: Loaded, network: Loaded) -> Iterator[Problem]:
    """Checks that only one of the two knows: measured, but nobody can say what a failure means, or never measured."""
    mine = {check.check for check in file.value.checks}
    listed = {check.check for check in network.value.inventory.checks if check.agent == file.value.agent}
    for check in file.value.checks:
        if check.check not in listed and check.kind not in NO_TARGET:
            what = f"'{check.check}' is not in {network.path.name}: it is measured and stored, and opens no incident"
            yield file.reader.problem(check, "check", what, "add it to checks: there")
    for name in sorted(listed - mine):
        yield Problem(str(file.path), "checks", f"has no '{name}', which {network.path.name} lists for this agent")


def _heavy_notes(file: Loaded, hub: Loaded) -> Iterator[Problem]:
    """Heavy checks that no day and no hour gives a lease for."""
    terms = hub.value.leases
    for check in file.value.checks:
        cost = files.cost_of(check)
        if cost is None:
            continue
        where, key = f"{file.path}:{file.reader.line_of(check, 'check')}", file.reader.path_of(check)
        if cost.seconds > terms.longest_s:
            what = f"may last {cost.seconds:.0f} s, longer than leases.longest of {hub.path.name}: it never runs"
            yield Problem(where, key, what, "write a shorter duration or timeout")
        if cost.bytes is not None and cost.bytes > terms.bytes_per_day:
            limit = f"leases.bytes_per_day of {hub.path.name}"
            what = f"may send {cost.bytes / 1e6:.1f} MB, more than {limit}: it never runs"
            yield Problem(where, key, what, "write fewer bytes, or a lower rate")


def _owner_notes(file: Loaded, network: Loaded) -> Iterator[Problem]:
    """Owners nobody has: pages would never reach such a receiver."""
    its = network.value.inventory
    owners = {row.owner for rows in (its.sites, its.links, its.mcus, its.services, its.rooms) for row in rows}
    for receiver in file.value.receivers:
        for owner in receiver.owners:
            if owner not in owners:
                yield file.reader.problem(receiver, "owners", f"'{owner}' owns nothing in {network.path.name}")


def _mcus(file: Loaded, network: Loaded) -> None:
    known = [mcu.id for mcu in network.value.inventory.mcus]
    for config in file.value.mcus:
        if config.mcu and config.mcu not in known:
            what = f"'{clean(config.mcu, 60)}' is no MCU of {network.path.name}"
            file.reader.fault_of(config, "mcu", what, meant(config.mcu, known))
