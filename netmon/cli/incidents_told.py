"""One incident in sentences: its life, in whose hands it is, what was seen, the three reports of it. Pure; the hub's JSON in, lines out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from netmon import zone
from netmon.cli.output import span
from netmon.texts import read_texts

NAMES_TOLD = 10  # of those who suffer, in a report
PARTS = ("initial", "progress", "end")
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


# --- what was seen ---


def evidence(row: Row, lang: str) -> list[str]:
    """Who failed and who answered, how packets went, what interfaces counted, at each moment that was kept."""
    lines = [row[lang]]
    for picture in row["pictures"]:
        lines += [seen(picture, lang), *(_check(check, lang) for check in picture["matrix"])]
        for key, name in (("path", "paths"), ("interface", "interfaces")):
            lines += [_measured(key, point, row["first_miss_ms"], lang) for point in picture[name]]
    return lines if row["pictures"] else [*lines, words(lang)["evidence.none"]]


def seen(picture: Row, lang: str) -> str:
    """One moment in one line."""
    said, states = words(lang), [check["state"] for check in picture["matrix"]]
    counts = {state: states.count(state) for state in ("failing", "answering", "unknown")}
    moment_words = said[f"moment.{picture['moment']}"]
    at = {"moment": moment_words, "at": moment(picture["at_ms"]), "checks": picture["checks"], "shown": len(states)}
    return said["picture"].format(**at, **counts)


def _check(check: Row, lang: str) -> str:
    unknown = words(lang)["unknown"]
    miss, ok = (moment(check[key]) if check[key] else unknown for key in ("miss_ms", "ok_ms"))
    return words(lang)[f"check.{check['state']}"].format(**check | {"miss": miss, "ok": ok})


def _measured(key: str, point: Row, first_miss_ms: int, lang: str) -> str:
    said = words(lang)
    values = " ".join(f"{name}={value:g}" for name, value in point["values"].items() if isinstance(value, int | float))
    when = said["before" if point["at_ms"] < first_miss_ms else "after"]
    return said[key].format(**point | {"at": moment(point["at_ms"]), "when": when, "values": values})


# --- reports ---


def report(row: Row, part: str, now_ms: int, lang: str) -> list[str]:
    """The `initial`, `progress` or `end` report, of facts only: what is not known is said to be so."""
    said = words(lang)
    lines = [said[f"report.{part}"].format(id=row["id"], now=moment(now_ms))]
    if part == "end" and row["state"] == "open":
        lines.append(said["report.still"])
    lines += [said["report.what"].format(line=row[lang]), _where(row, lang), _when(row, now_ms, lang), _hit(row, lang)]
    lines += [_cause(row, lang), _told(row, lang), said["report.hands"].format(hands=" ".join(hands(row, lang)))]
    task = row.get("assigned")
    if part != "initial" and row["state"] == "open" and task and task["by_ms"] < now_ms:
        lines.append(said["report.overdue"].format(by=moment(task["by_ms"])))
    if part == "initial":
        return lines
    lines += [said["report.life"], *(f"  {moment(at_ms)}  {text}" for at_ms, text in happened(row, lang))]
    pictures = [seen(picture, lang) for picture in row["pictures"]] or [said["evidence.none"]]
    return [*lines, said["report.seen"], *(f"  {line}" for line in pictures)]


def _where(row: Row, lang: str) -> str:
    unknown, contact = words(lang)["unknown"], " ".join(filter(None, (row["contact"] or {}).values()))
    known = {key: row[key] or unknown for key in ("name", "element", "owner", "carrier", "circuit_id")}
    return words(lang)["report.where"].format(**known, contact=contact or unknown)


def _when(row: Row, now_ms: int, lang: str) -> str:
    said, end_ms = words(lang), row["resolved_ms"]
    key = "superseded" if row["superseded_by"] else "unmeasured" if row["ended"] else "ended"
    key = "lasts" if end_ms is None else key
    lasted = span(((now_ms if end_ms is None else end_ms) - row["first_miss_ms"]) / 1000)
    at = moment(end_ms) if end_ms is not None else ""
    end = said[f"report.{key}"].format(at=at, span=lasted, by=row["superseded_by"])
    times = {"first": moment(row["first_miss_ms"]), "opened": moment(row["opened_ms"])}
    detected = span((row["opened_ms"] - row["first_miss_ms"]) / 1000)
    return said["report.when"].format(**times, found=detected, end=end)


def _hit(row: Row, lang: str) -> str:
    said, shown = words(lang), row["symptoms"][:NAMES_TOLD]
    more = said["more"] if row["symptom_count"] > len(shown) else ""
    names = f" ({', '.join(shown)}{more})" if shown else ""
    conferences = ", ".join(row["conferences"]) or said["none"]
    return said["report.hit"].format(count=row["symptom_count"], names=names, conferences=conferences)


def _cause(row: Row, lang: str) -> str:
    said, proof = words(lang), row["evidence"]
    suspects = [name for name in row["suspects"] if name != row["element"]]
    lists = {"suspects": suspects, "outvoted": proof["outvoted"], "also": proof["also"]}
    named = {key: ", ".join(names) or said["none"] for key, names in lists.items()}
    return said["report.cause"].format(against=proof["against"], clear=proof["clear"], **named)


def _told(row: Row, lang: str) -> str:
    said = words(lang)
    first = [page for page in row["pages"] if page["status"] == "firing"]
    informed = [f"{page['receiver']} ({moment(page['created_ms'])})" for page in first if page["state"] == "accepted"]
    untold = [f"{reason['receiver'] or said['none']} ({reason['reason']})" for reason in row["not_sent"]]
    none = said["none"]
    return said["report.told"].format(told=", ".join(informed) or none, untold=", ".join(untold) or none)
