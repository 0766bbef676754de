"""What happened in a run, told as events while it happens and as one summary at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from netmon.lab.receiver import ReceivedPage


def iso(at_s: float) -> str:
    """ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")


class Tally:
    """Counts and tells. `emit` gets each event; `broken_at_s` is the wall time of the break."""

    def __init__(self, emit: Callable[[dict[str, Any]], None]) -> None:
        self._emit = emit
        self.broken_at_s: float | None = None
        self.pages: list[ReceivedPage] = []
        self.answers: list[float] = []
        self._incidents: dict[str, dict[str, Any]] = {}

    def event(
        self, event: str, *, element: str = "", incident: str = "", detail: str = "", at_s: float | None = None
    ) -> None:
        """Tell one event."""
        at = iso(time.time() if at_s is None else at_s)
        self._emit({"at": at, "event": event, "element": element, "incident": incident, "detail": detail})

    def page(self, page: ReceivedPage) -> None:
        """A page the receiver accepted."""
        self.pages.append(page)
        view = page.body.get("incident", {})
        self.event(
            "page", element=view.get("element", ""), incident=view.get("id", ""), detail=page.status, at_s=page.at_s
        )

    def answered(self, at_s: float) -> None:
        """Somebody else's receiver answered a page (a run with a given webhook)."""
        self.answers.append(at_s)

    def incidents(self, rows: Sequence[dict[str, Any]]) -> None:
        """The hub's incidents now: tells what opened, grew, or was resolved since the last look."""
        for row in rows:
            before = self._incidents.get(row["id"])
            self._incidents[row["id"]] = row
            if before is None:
                self._note("incident_opened", row)
            elif before["symptom_count"] != row["symptom_count"]:
                self._note("incident_changed", row)
            if row["state"] == "resolved" and (before is None or before["state"] != "resolved"):
                self._note("incident_resolved", row)

    def _note(self, event: str, row: dict[str, Any]) -> None:
        detail = f"{row['kind']}: {row['name']}, {row['symptom_count']} symptoms"
        self.event(event, element=row["element"], incident=row["id"], detail=detail)

    def summary(self, *, points_sent: int, points_stored: int, pages: dict[str, Any]) -> dict[str, Any]:
        """The last line of a run; `detection_s` from the break to the first firing page, None without either."""
        rows = sorted(self._incidents.values(), key=lambda row: int(row["opened_ms"]))
        return {
            "points_sent": points_sent,
            "points_stored": points_stored,
            "incidents": [_short(row) for row in rows],
            "pages": len(self.pages) if self.pages or not self.answers else pages["accepted"],
            "detection_s": self._detection_s(),
        }

    def _detection_s(self) -> float | None:
        firing = [page.at_s for page in self.pages if page.status == "firing"] or self.answers
        after = [at for at in firing if self.broken_at_s is not None and at >= self.broken_at_s]
        return round(min(after) - self.broken_at_s, 3) if after and self.broken_at_s is not None else None


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "element": row["element"],
        "kind": row["kind"],
        "opened": iso(row["opened_ms"] / 1000),
        "resolved": iso(row["resolved_ms"] / 1000) if row["resolved_ms"] else None,
        "symptoms": row["symptoms"],
    }
