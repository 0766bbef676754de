"""Who may write what: a site's token speaks for that site's agents, commune and province, and for nobody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alerts.base import own_series
from inventory.model import Agent, Check, Site
from probes.clean import clean

NONE = "-"
OWN_SERIES = own_series("")


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune as the state API shows it."""

    code: str
    name: str
    province: str
    site: str

    @property
    def id(self) -> str:
        """Element id."""
        return f"commune:{self.code}"


@dataclass(frozen=True, slots=True)
class Writer:
    """What one site's token allows: the only values of these tags its lines may carry. `owners`: whose each check of the
    whole inventory is."""

    site: str
    commune: str
    province: str
    agents: frozenset[str]
    owners: Mapping[str, str] = field(default_factory=dict, repr=False)

    def check_of(self, check: str, agent: str) -> tuple[str, str]:
        """(the agent a line about a check is of, why it is forged or ""). `agent` as the line tells it, `-` when not.

        Rules and blame go by a check's name, so it is bound like the names of sites: whoever told of another's check
        could accuse or clear what that crosses. A name as an agent's own points have among the series is no check's.
        """
        owner = self.owners.get(check)
        if owner is None:
            own = check.startswith(OWN_SERIES)
            return agent, f"tag check={clean(check, 64)}: no check has such a name: forged" if own else ""
        if owner in self.agents and agent in (NONE, owner):
            return owner, ""
        return agent, f"tag check={clean(check, 64)} is of agent {owner} (see the hub's inventory): forged"


@dataclass(frozen=True, slots=True)
class Writers:
    """The part of the inventory that ingest and live state read."""

    writers: Mapping[str, Writer]  # site id → what its token allows; only sites with an agent
    communes: tuple[Commune, ...]

    @classmethod
    def of(cls, sites: Iterable[Site], agents: Iterable[Agent], checks: Iterable[Check] = ()) -> Writers:
        """From an inventory's sites, agents and checks."""
        owners = {check.check: check.agent for check in checks}
        by_site: dict[str, set[str]] = {}
        for agent in agents:
            by_site.setdefault(agent.site, set()).add(agent.agent)
        writers, communes = {}, []
        for site in sites:
            if site.id in by_site:
                writers[site.id] = Writer(site.id, *_codes(site), frozenset(by_site[site.id]), owners)
            if site.kind == "commune":
                communes.append(Commune(site.code, site.name, site.province or NONE, site.id))
        return cls(writers, tuple(communes))


def _codes(site: Site) -> tuple[str, str]:
    """(commune, province) codes a site's points carry, `-` where there is none."""
    if site.kind == "commune":
        return site.code or NONE, site.province or NONE
    if site.kind == "province":
        return NONE, site.code or NONE
    return NONE, site.province or NONE
