"""An outage told to a real hub: pings of the agents of `hubs.INVENTORY`, a second a point, at event times of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hubs import HubProcess, eventually, now_ms

from alerts.base import LOST, OK

ELEMENT = "link:province-c1"
CODES = {"c1": "26734", "c2": "26737"}


@dataclass
class Outage:
    """`tell(5, bad=("c1",))`: five more seconds in which c1's pings are lost. Begins a minute ago."""

    hub: HubProcess
    at_ms: int = field(default_factory=lambda: now_ms() - 60_000)
    number: int = 0

    def tell(self, seconds: int, bad: tuple[str, ...] = ()) -> Outage:
        """Write the next seconds of both agents."""
        for agent in CODES:
            lines = [
                self._line(agent, self.at_ms + 1000 * second, LOST if agent in bad else OK) for second in range(seconds)
            ]
            first = self.number + 1
            frontier = str(self.at_ms + 1000 * seconds)
            status, _, text = self.hub.write(
                agent, lines, f"{first}-{self.number + seconds}", frontier=frontier, urgent="1"
            )
            assert status == 204, text
        self.at_ms += 1000 * seconds
        self.number += seconds
        return self

    def _line(self, agent: str, at_ms: int, outcome: int) -> str:
        tags = f"agent={agent},check={agent}-uplink,commune={CODES[agent]},province=79,site={agent},target=p79"
        return f"netmon_ping,{tags} sent=1i,rcvd={int(outcome == OK)}i,outcome={outcome}i {at_ms}"

    def incidents(self) -> list[dict[str, Any]]:
        """As the hub shows them."""
        return list(self.hub.read()["incidents"])

    def opened(self) -> dict[str, Any]:
        """The open incident, waited for."""
        found = eventually(lambda: [row for row in self.incidents() if row["state"] == "open"], 15)
        assert found, (self.incidents(), self.hub.log.read_text())
        return dict(found[0])

    def resolved(self) -> dict[str, Any]:
        """The incident that is over, waited for; the agents go on telling meanwhile."""

        def look() -> list[dict[str, Any]]:
            self.tell(1)
            return [row for row in self.incidents() if row["state"] == "resolved"]

        found = eventually(look, 15, 0.4)
        assert found, (self.incidents(), self.hub.log.read_text())
        return dict(found[0])
