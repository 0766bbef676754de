"""One row a commune: is its link fine? Judged incidents speak first, its own last measurements second. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from netmon.hub.ingest.writers import Commune
from netmon.hub.state.live import Live, PacketLoss, Row
from probes.base import Outcome

FRESH_MS = 60_000  # a commune heard of longer ago than this is unknown
LOSSY = 0.05  # share lost over a minute from which people notice it
LINK_KINDS = ("stamp", "ping")  # kinds whose round trip stands for the link, best first
ENDS = ("mcu", "service", "room", "agent")  # elements whose fault leaves the commune's link alone

Incident = dict[str, Any]


class Communes:
    """Rows of all communes; `symptoms` is the topology's (element → elements that suffer)."""

    def __init__(self, communes: Iterable[Commune], symptoms: Callable[[str], tuple[str, ...]]) -> None:
        self._communes = tuple(communes)
        self._symptoms = symptoms
        self._shown: dict[str, Row] = {}
        self._struck_before = frozenset[str]()

    def rows(self, live: Live, incidents: Iterable[Incident], now_ms: int) -> list[Row]:
        """Every commune's row."""
        struck = self._struck(incidents)
        turned = self._struck_before ^ struck.keys()
        live.forget_losses(commune.site for commune in self._communes if commune.id in turned)
        self._struck_before = frozenset(struck)
        heard = {name: row["arrived_ms"] for name, row in live.agents.items()}
        by_site: dict[str, list[Row]] = {}
        for row in live.checks.values():
            by_site.setdefault(row["site"], []).append(row)
        return [
            _row(commune, by_site.get(commune.site, ()), live.losses, struck.get(commune.id), heard, now_ms)
            for commune in self._communes
        ]

    def changed(self, live: Live, incidents: Iterable[Incident], now_ms: int) -> list[Row]:
        """The rows that are not as they were at the last call."""
        rows = self.rows(live, incidents, now_ms)
        fresh = [row for row in rows if self._shown.get(row["id"]) != row]
        self._shown.update((row["id"], row) for row in fresh)
        return fresh

    def _struck(self, incidents: Iterable[Incident]) -> dict[str, Incident]:
        """Commune id → the open incident it suffers from, the worst for its link first."""
        struck: dict[str, Incident] = {}
        for incident in incidents:
            if incident.get("state") != "open":
                continue
            others = () if incident.get("fault") == "state" else self._symptoms(incident["element"])
            for element in (incident["element"], *others):
                if element not in struck or _state(incident) == "bad":
                    struck[element] = incident
        return struck


def _row(
    commune: Commune,
    checks: Iterable[Row],
    losses: Mapping[tuple[str, str], PacketLoss],
    incident: Incident | None,
    heard: Mapping[str, int],
    now_ms: int,
) -> Row:
    fresh = [row for row in checks if now_ms - max(row["at_ms"], heard.get(row["agent"], 0)) <= FRESH_MS]
    row: Row = {
        "id": commune.id,
        "code": commune.code,
        "site": commune.site,
        "name": commune.name,
        "province": commune.province,
        "state": _state(incident) if incident else _measured(fresh, losses),
        "at_ms": max((check["at_ms"] for check in checks), default=0),
        "incident": incident["id"] if incident else None,
    }
    since_ms = incident.get("first_miss_ms", 0) if incident else 0
    links = (check for check in fresh if check["kind"] in LINK_KINDS and check["at_ms"] >= since_ms)
    link = min(links, key=_preference, default=None)
    if link is not None:  # a figure from before the fault says nothing of the state that stands beside it
        share = _share(link, losses)
        row |= {} if share is None else {"loss": round(share, 4)}
        if "rtt_p50_ms" in link["values"]:
            row["rtt_ms"] = link["values"]["rtt_p50_ms"]
    return row


def _preference(check: Row) -> tuple[int, str]:
    return LINK_KINDS.index(check["kind"]), check["check"]


def _state(incident: Incident) -> str:
    """What an open incident makes of the communes it strikes."""
    elsewhere = incident["element"].partition(":")[0] in ENDS
    return "bad" if incident.get("severity") == "critical" and not elsewhere else "degraded"


def _share(check: Row, losses: Mapping[tuple[str, str], PacketLoss]) -> float | None:
    known = losses.get((check["agent"], check["check"]))
    return known.share if known else None


def _measured(checks: Sequence[Row], losses: Mapping[tuple[str, str], PacketLoss]) -> str:
    """What the last outcomes say alone: all good, all bad, or some; our own faults (LOCAL) say nothing. A link that lost
    packets within the minute is not good because its last one came back."""
    votes = [check["outcome"] == Outcome.OK for check in checks if check["outcome"] != Outcome.LOCAL]
    if not votes:
        return "unknown"
    if all(votes):
        shares = (_share(check, losses) for check in checks if check["kind"] in LINK_KINDS)
        return "degraded" if any(share is not None and share >= LOSSY for share in shares) else "ok"
    return "degraded" if any(votes) else "bad"
