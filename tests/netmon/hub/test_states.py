"""A certificate that runs out, through the whole evaluator: one page for its service, kept over kills, one all-clear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from evaluations import BASE_MS, Hub, Measured
from incident_world import Fault

from netmon.line import Line

SERVICE = "service:portal"


class Portal(Measured):
    """Every commune's agent looks at a service in the core, too."""

    def __init__(self, communes: int, seed: int, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(communes, seed, faults)
        self.days = 5.0
        self.tree._parent[SERVICE] = "site:core"
        self.tree._ends |= {f"{name}-portal": (name, SERVICE) for name in self.tree.names}

    def _report(self, agent: str) -> None:
        before = len(self.batches)
        super()._report(agent)
        if len(self.batches) > before and agent in self.tree.names:
            check = f"{agent}-portal"
            tags = {"agent": agent, "check": check, "commune": "-", "province": "-", "site": agent, "target": "-"}
            values: dict[str, int | float] = {"sent": 1, "rcvd": 1, "outcome": 0, "cert_days": self.days}
            line = Line("netmon_tls", tags, values, self.frontier[agent] + BASE_MS - 1)
            self.batches[-1] = replace(self.batches[-1], lines=(*self.batches[-1].lines, line))


@pytest.mark.parametrize("restart_ms", [0, 20_000, 45_000])
def test_a_certificate_is_one_page_for_its_service_over_kills_and_one_all_clear(
    tmp_path: Path, restart_ms: int
) -> None:
    world = Portal(6, 1)
    hub = Hub(tmp_path, world)
    if restart_ms:
        hub.run(restart_ms).restart()
    hub.run(60_000)
    (row,) = hub.rows
    assert (row["element"], row["kind"], row["fault"], row["state"]) == (SERVICE, "certificate", "state", "open")
    assert row["symptoms"] == [SERVICE] and row["severity"] == "warning"
    assert [page[1:] for page in hub.pages()] == [("duty", "firing")]
    world.days = 89.0
    hub.run(80_000)
    assert [page[1:] for page in hub.pages()] == [("duty", "firing"), ("duty", "resolved")]
    assert [one["state"] for one in hub.rows] == ["resolved"]


def test_a_cut_link_meanwhile_is_an_incident_and_a_page_of_its_own(tmp_path: Path) -> None:
    hub = Hub(tmp_path, Portal(6, 2, (Fault("link:province-c2", 30_000, 60_000),))).run(100_000)
    assert sorted((row["element"], row["state"]) for row in hub.rows) == [
        ("link:province-c2", "resolved"),
        (SERVICE, "open"),
    ]
    assert sorted(page[2] for page in hub.pages()) == ["firing", "firing", "resolved"]
