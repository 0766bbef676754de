"""Pages that tell in whose hands an incident is, to receivers that want to know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netmon import zone
from netmon.hub.incidents.timeline import TimelineEntry
from netmon.texts import LANGUAGES, read_texts

_WORDS = read_texts(Path(__file__).with_name("hands.txt"))


def status_of(entry: TimelineEntry) -> str:
    """The status of the page that tells of an entry: one page for each."""
    return f"{entry.what}-{entry.number}"


def said(entry: TimelineEntry) -> dict[str, str]:
    """What the page says before the incident's own line, in each language."""
    return {lang: _said(entry, _WORDS[lang]).rstrip(": ") for lang in LANGUAGES}


def _said(entry: TimelineEntry, words: Mapping[str, str]) -> str:
    facts: dict[str, Any] = {"who": entry.who, "note": "", **entry.facts}
    facts["until"] = words["until"].format(at=_at(facts["until_ms"])) if facts.get("until_ms") else ""
    facts["by"] = _at(facts["by_ms"]) if "by_ms" in facts else ""
    return " ".join(words[entry.what].format(**facts).split()).replace(" :", ":")


def _at(at_ms: int) -> str:
    return zone.moment(at_ms / 1000, zone.MINUTES)
