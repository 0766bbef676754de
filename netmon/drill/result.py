"""What a run of a scenario came to, in the shape `netmon drill -o json` prints. Pure.

Times are seconds of the scenario, whatever the hub's clock said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict


class DrillPage(TypedDict):
    """One page of the one receiver. `status`: firing, resolved, or another word for what is not counted."""

    at_s: float
    status: str
    element: str
    kind: str
    symptoms: int  # communes that suffer
    severity: str
    id: str  # of the incident
    conferences: list[str]
    hub: str  # id of the site its hub stands in


class DrillIncident(TypedDict):
    """One incident, open or over."""

    id: str
    element: str
    kind: str
    opened_s: float
    ended_s: float | None  # None: open at the end
    part_of: str | None  # id of the incident that explains it
    suspects: list[str]
    share: float | None  # 0..1 of the flows through it that fail; None: all
    outvoted: list[str]  # agents whose word against it was not believed


class DrillTicks(TypedDict):
    """CPU time of the evaluations, of the slowest hub."""

    n: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class DrillResult:
    """One run: of one seed, all hubs together. `rss_mb`: peak memory of the process, megabytes (10^6)."""

    pages: list[DrillPage]
    incidents: list[DrillIncident]
    ticks: DrillTicks
    rss_mb: float

    def plain(self) -> dict[str, Any]:
        """As it is printed."""
        return {"pages": self.pages, "incidents": self.incidents, "ticks": self.ticks, "rss_mb": self.rss_mb}
