"""One incident in sentences: its life, in whose hands it is. Pure; the hub's JSON in, lines out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from netmon import zone
from netmon.texts import read_texts

Row = dict[str, Any]


@cache
def words(lang: str) -> Mapping[str, str]:
    """What there is to say, by key."""
    return read_texts(Path(__file__).with_name("incidents.txt"))[lang]


def life(row: Row, lang: str) -> list[str]:
    """What it is, in whose hands, and what happened when."""
    said = words(lang)
    head = said["head"].format(**row | {"state": said[row["state"]], "line": row[lang]})
    return [head, *hands(row, lang), *(f"{moment(at_ms)}  {text}" for at_ms, text in happened(row, lang))]


def hands(row: Row, lang: str) -> list[str]:
    """Who works on it, and with which task."""
    said, lines = words(lang), list[str]()
    if row["acked_by"]:
        until_ms = row.get("acked_until_ms")
        until = said["hands.until"].format(at=moment(until_ms)) if until_ms else ""
        lines.append(said["hands.acked"].format(**row | {"at": moment(row["acked_ms"]), "until": until}).rstrip())
    if row.get("assigned"):
        lines.append(_filled(said["hands.assigned"], row["assigned"]))
    return lines or [said["hands.nobody"]]


def happened(row: Row, lang: str) -> list[tuple[int, str]]:
    """Entries and pages, in their order: when (Unix ms), what."""
    said = words(lang)
    lines = [(entry["at_ms"], _entry(entry, lang)) for entry in row["timeline"]]
    for page in row["pages"]:
        state = said.get(f"page.{page['state']}", page["state"])
        lines.append((page["created_ms"], said["page"].format(**page | {"state": state})))
    return sorted(lines, key=lambda line: line[0])


def moment(at_ms: int) -> str:
    """A time of day in Viet Nam."""
    return zone.moment(at_ms / 1000, zone.SHORT)


def _entry(entry: Row, lang: str) -> str:
    what, facts = entry["what"], entry["facts"]
    key = "entry.unmeasured" if facts.get("ended") else f"entry.{what}"
    return _filled(words(lang).get(key, what), facts | {"who": entry["who"]}).rstrip(": ")


def _filled(text: str, facts: Row) -> str:
    """The text with what is known; what a hub does not tell is a dash."""
    known = defaultdict[str, Any](lambda: "–", facts)
    if "by_ms" in facts:
        known["by"] = moment(facts["by_ms"])
    return text.format_map(known)
