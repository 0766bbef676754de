"""What the console knows: the hub's last snapshot with its changes laid over. Pure; rows are the hub's JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netmon.console.words import STATES, say_state

Row = Mapping[str, Any]
STALE_S = 10.0
_KEYED = {"agents": "agent", "checks": "check", "communes": "id"}
_WHOLE = ("hub", "incidents", "silences", "pages")


@dataclass(slots=True)
class ConsoleState:
    """Everything on screen comes from here. `heard_s`: when the hub last spoke (wall clock of this machine)."""

    at_ms: int = 0
    heard_s: float = 0.0
    fault: str = ""
    hub: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, Any] = field(default_factory=dict)
    incidents: list[Row] = field(default_factory=list)
    silences: list[Row] = field(default_factory=list)
    agents: dict[str, Row] = field(default_factory=dict)
    checks: dict[str, Row] = field(default_factory=dict)
    communes: dict[str, Row] = field(default_factory=dict)

    def apply(self, name: str, body: Mapping[str, Any], heard_s: float) -> None:
        """Lay an event of the stream over: `snapshot` replaces, `change` updates."""
        self.heard_s, self.fault = heard_s, ""
        self.at_ms = int(body.get("at_ms", self.at_ms))
        for part in _WHOLE:
            if part in body:
                setattr(self, part, body[part])
        for part, key in _KEYED.items():
            rows = {str(row[key]): row for row in body.get(part, ())}
            setattr(self, part, rows if name == "snapshot" else getattr(self, part) | rows)

    def is_stale(self, now_s: float) -> bool:
        """Whether nobody can tell from this how things stand now: no data, old data, or no hub."""
        return bool(self.fault) or not self.at_ms or now_s - self.at_ms / 1000 > STALE_S

    def open_incidents(self) -> list[Row]:
        """Incidents that are not resolved, the newest first."""
        rows = [row for row in self.incidents if row["state"] == "open"]
        return sorted(rows, key=lambda row: -int(row["opened_ms"]))

    def closed_incidents(self) -> list[Row]:
        """Resolved ones the hub still tells, the last resolved first."""
        rows = [row for row in self.incidents if row["state"] != "open"]
        return sorted(rows, key=lambda row: -int(row["resolved_ms"] or 0))

    def commune_rows(self, wanted: str) -> list[Row]:
        """Communes whose code, name, site or state contains every word of `wanted`, the sick first. A word typed without
        marks finds the marked one (`ba dinh` Ba Đình), a word with marks only itself; states are those on screen."""
        words = [unicodedata.normalize("NFC", word.casefold()) for word in wanted.split()]
        rows = [row for row in self.communes.values() if not words or _has(row, words)]
        return sorted(rows, key=lambda row: (_urgency(row["state"]), str(row["code"])))

    def checks_of(self, site: str) -> list[Row]:
        """Checks whose agent stands at `site`."""
        return sorted((row for row in self.checks.values() if row["site"] == site), key=lambda row: str(row["check"]))


def _urgency(state: object) -> int:
    return STATES.index(state) if state in STATES else 0


def _has(row: Row, words: Iterable[str]) -> bool:
    written = " ".join(str(row.get(key, "")) for key in ("code", "name", "site", "state", "province"))
    state = row.get("state", "")
    marked = unicodedata.normalize("NFC", f"{written} {say_state(state, 'vi')} {say_state(state, 'en')}".casefold())
    plain = _without_marks(marked)
    return all(word in marked or word in plain for word in words)


def _without_marks(text: str) -> str:
    """Vietnamese letters as a keyboard without them types them."""
    parts = unicodedata.normalize("NFD", text.replace("đ", "d"))
    return "".join(part for part in parts if not unicodedata.combining(part))
