"""Configuration files checked together: each by its role, then one against the other. Nothing is opened but the files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alerts.rules import RulesFile
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
from netmon.config.walker.yaml_text import Entry, Rows, Table
from netmon.errors import ConfigError, Problem
from netmon.load import conferences as meetings
from netmon.load import inventory, rules
from netmon.load import secret_files as secretfiles
from probes.clean import clean


def _rules(path: Path) -> tuple[RulesFile, Reader]:
    read, reader = rules.read(path)
    table = Table((Entry("rules", 1, Rows((), 1)),), 1)
    return reader.note(RulesFile(rules=read), 1, table), reader


READ: dict[str, Callable[[Path], tuple[Any, Reader]]] = {
    "agent": files.read_agent,
    "hub": files.read_hub,
    "inventory": inventory.read,
    "rules": _rules,
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
        return [*self.problems, *(one for file in self.loaded for one in file.reader.problems())]


def check(paths: Iterable[Path], role: str | None = None) -> Together:
    """Read all files and those a hub's file names, and hold them against each other. `role`: of the files given."""
    together = Together()
    for path in paths:
        _add(together, path, role)
    for hub in [one for one in together.loaded if one.role == "hub"]:
        known = {one.path.resolve() for one in together.loaded}
        for name, its_role in ((hub.value.inventory, "inventory"), (hub.value.rules, "rules")):
            if name and Path(name).resolve() not in known:
                _add(together, Path(name), its_role)
    for one in together.loaded:
        if isinstance(one.value, AgentConfig | HubConfig):
            together.notes += secretfiles.missing(one.value, one.reader, one.path)
        if isinstance(one.value, HubConfig):
            secretfiles.unusable(one.value, one.reader)
    networks = [one for one in together.loaded if isinstance(one.value, Network)]
    if len(networks) == 1:
        together.notes += meetings.notes(networks[0].value, networks[0].reader, networks[0].path)
        for one in together.loaded:
            _hold(together, one, networks[0])
    for hub in [one for one in together.loaded if isinstance(one.value, HubConfig)]:
        for one in together.loaded:
            together.notes += _heavy_notes(one, hub) if isinstance(one.value, AgentConfig) else ()
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
    found = list[Problem]()
    yaml_text.parse(text, lambda line, key, what, write: found.append(Problem(f"{path}:{line}", key, what, write)))
    if not text.strip():
        found.append(Problem(str(path), "", "is empty", "netmon config sample prints a file to begin with"))
    roles = "|".join(ROLES)
    return found or [Problem(str(path), "", "is none of netmon's files by its keys", f"--as {roles} says which")]


def _add(together: Together, path: Path, role: str | None) -> None:
    try:
        together.loaded.append(load(path, role))
    except ConfigError as error:
        together.problems += error.problems


# --- one against the other ---


def _hold(together: Together, one: Loaded, network: Loaded) -> None:
    if isinstance(one.value, AgentConfig):
        _agent(one, network)
        together.notes += _checks_notes(one, network)
    elif isinstance(one.value, HubConfig):
        together.notes += _owner_notes(one, network)
        _mcus(one, network)


def _agent(one: Loaded, network: Loaded) -> None:
    """What the hub would refuse: an agent it does not know, or one that speaks for another place."""
    config, its, where = one.value, network.value.inventory, network.path.name
    known = {agent.agent: agent for agent in its.agents}
    sites = {site.id: site for site in its.sites}
    if config.agent not in known:
        _fault(one, "agent", f"'{config.agent}' is no agent of {where}", _nearest(config.agent, known))
        return
    site = sites[known[config.agent].site]
    commune, province = codes(site)
    for key, told, right in (
        ("site", config.site, site.id),
        ("commune", config.commune, commune),
        ("province", config.province, province),
    ):
        if told != right and (key == "site" or told not in _TAKEN):
            _fault(one, key, f"'{told}' is not what {where} says of this agent", f"write {right!r}")
    runs = {check.check: check.agent for check in its.checks}
    for number, check in enumerate(config.checks, 1):
        runner = runs.get(check.check, config.agent)
        if runner != config.agent:
            what = f"'{check.check}' is a check of agent '{runner}' in {where}"
            one.reader.fault(one.reader.line_of(check, "check"), f"checks[{number}].check", what, "choose another name")


def codes(site: Site) -> tuple[str, str]:
    """(commune, province) codes of a site as points carry them, - where there is none."""
    if site.kind == "commune":
        return site.code, site.province
    return "-", (site.code if site.kind == "province" else site.province) or "-"


def _fault(one: Loaded, key: str, what: str, write: str) -> None:
    one.reader.fault(one.reader.line_of(one.value, key), key, what, write)


def _nearest(text: str, known: Iterable[str]) -> str:
    write = meant(text, known)
    return write if write.startswith("did you mean") else "add it to agents: there"


def _checks_notes(one: Loaded, network: Loaded) -> Iterator[Problem]:
    """Checks that only one of the two knows: measured, but nobody can say what a failure means, or never measured."""
    mine = {check.check for check in one.value.checks}
    listed = {check.check for check in network.value.inventory.checks if check.agent == one.value.agent}
    for number, check in enumerate(one.value.checks, 1):
        if check.check not in listed and check.kind not in NO_TARGET:
            where = f"{one.path}:{one.reader.line_of(check, 'check')}"
            what = f"'{check.check}' is not in {network.path.name}: it is measured and stored, and opens no incident"
            yield Problem(where, f"checks[{number}].check", what, "add it to checks: there")
    for name in sorted(listed - mine):
        yield Problem(str(one.path), "checks", f"has no '{name}', which {network.path.name} lists for this agent")


def _heavy_notes(one: Loaded, hub: Loaded) -> Iterator[Problem]:
    """Heavy checks that no day and no hour gives a lease for."""
    terms = hub.value.leases
    for number, check in enumerate(one.value.checks, 1):
        cost = files.cost_of(check)
        if cost is None:
            continue
        where = f"{one.path}:{one.reader.line_of(check, 'check')}"
        if cost.seconds > terms.longest_s:
            what = f"may last {cost.seconds:.0f} s, longer than leases.longest of {hub.path.name}: it never runs"
            yield Problem(where, f"checks[{number}]", what, "write a shorter duration or timeout")
        if cost.bytes is not None and cost.bytes > terms.bytes_per_day:
            what = (
                f"may send {cost.bytes / 1e6:.1f} MB, more than leases.bytes_per_day of {hub.path.name}: it never runs"
            )
            yield Problem(where, f"checks[{number}]", what, "write fewer bytes, or a lower rate")


def _owner_notes(one: Loaded, network: Loaded) -> Iterator[Problem]:
    """Owners nobody has: pages would never reach such a receiver."""
    its = network.value.inventory
    owners = {row.owner for rows in (its.sites, its.links, its.mcus, its.services, its.rooms) for row in rows}
    for number, receiver in enumerate(one.value.receivers, 1):
        for owner in _strange(receiver.owners, owners):
            where = f"{one.path}:{one.reader.line_of(receiver, 'owners')}"
            yield Problem(where, f"receivers[{number}].owners", f"'{owner}' owns nothing in {network.path.name}")


def _mcus(one: Loaded, network: Loaded) -> None:
    known = [mcu.id for mcu in network.value.inventory.mcus]
    for number, told in enumerate(one.value.mcus, 1):
        if told.mcu and told.mcu not in known:
            what = f"'{clean(told.mcu, 60)}' is no MCU of {network.path.name}"
            write = meant(told.mcu, known)
            one.reader.fault(one.reader.line_of(told, "mcu"), f"mcus[{number}].mcu", what, write)


def _strange(told: Sequence[str], known: set[str]) -> list[str]:
    return [one for one in told if one not in known]
