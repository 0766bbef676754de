"""What is there before a scenario begins: rules, and incidents that were over long ago with their pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from alerts.incident import Incident, incident_id
from alerts.rules import Rule
from netmon.drill.hubs import accept_all, config_of
from netmon.drill.scenario import ZERO_S
from netmon.hub.incidents.pages import Pages
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.tables import FILE, open_database
from netmon.load import rules as rules_file
from netmon.load.inventory import HubTopology

OVER_S, LASTED_S = 3_000.0, 300.0  # they were over so long before 0 s, and had lasted so long
PERIOD_MS = 1_000


def rules_of(wanted: int) -> tuple[Rule, ...]:
    """The shipped rules; repeated under other names until there are so many."""
    shipped = rules_file.load(None)
    copies = range(max(1, -(-wanted // len(shipped))))
    repeated = (replace(rule, name=f"{rule.name}-{copy}") if copy else rule for copy in copies for rule in shipped)
    return tuple(islice(repeated, max(wanted, len(shipped))))


def keep_resolved(folder: Path, name: str, topology: HubTopology, wanted: int) -> None:
    """So many incidents of different commune links, each paged and resolved, into a hub's database."""
    database = open_database(folder / FILE)
    try:
        tables, pages = IncidentTables(database), Pages(config_of(name), topology, {})
        incidents = [_incident(link, topology) for link in islice(_commune_links(topology), wanted)]
        firing = pages.missing(incidents, [], ZERO_S - OVER_S - LASTED_S)
        tables.commit(incidents, firing, now_ms=_ms(-OVER_S - LASTED_S))
        pages.kept(firing, [])
        for incident in incidents:
            incident.resolved_ms = _ms(-OVER_S)
        tables.commit(incidents, pages.missing(incidents, [], ZERO_S - OVER_S), now_ms=_ms(-OVER_S))
        accept_all(tables)
    finally:
        database.close()


def _commune_links(topology: HubTopology) -> Sequence[str]:
    return [
        link
        for link in topology.elements
        if link.startswith("link:")
        and any(far.startswith("commune:") for far in topology.symptoms(link)[:1])
        and len(topology.symptoms(link)) == 1
    ]


def _incident(link: str, topology: HubTopology) -> Incident:
    start_ms = _ms(-OVER_S - LASTED_S)
    member = ("link-down", f"{topology.symptoms(link)[0].replace('commune:', 'c')}-uplink")
    return Incident(
        incident_id(link, start_ms, PERIOD_MS),
        link,
        "down",
        "reach",
        "critical",
        start_ms + 4_000,
        start_ms,
        {member},
        start_ms,
        (link,),
        1,
    )


def _ms(at_s: float) -> int:
    return int((ZERO_S + at_s) * 1000)
