"""Many pages told in one: what it says, and which of those that wait go into it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from alerts.notify.webhook import iso, own_page

STATUS = "digest"
MAX_ROWS = 200  # in one digest; the rest is counted
KEEP = 30  # pages that are sent beside it to people, the gravest
EACH = ("pagerduty", "alertmanager")  # kinds that follow each incident by its key, and cope with many
BY_KEY = ("webhook", *EACH)  # kinds whose open incidents are closed by `resolved` alone
_TEXTS = {
    "vi": "TỔNG HỢP: {n} tin từ {since} gộp làm một: {over} sự cố đã hết, {open} chưa thấy hết",
    "en": "SUMMARY: {n} pages since {since} in one: {over} incidents are over, {open} were not when it was made",
}


class WaitingLine(NamedTuple):
    """A page that waits: its place in the outbox, its incident and status."""

    seq: int
    incident: str
    status: str


def catching_up(
    waiting: Iterable[WaitingLine], kind: str, in_digest: Collection[str], weights: Mapping[int, int]
) -> list[int]:
    """Places of the pages that need not be sent one by one, after a receiver was away. What came and went meanwhile need not, nor
    reminders; of the rest the `KEEP` gravest are sent, in their order. `in_digest`: incidents of the digest that waits already;
    `weights`: by place, how many suffer."""
    lines = list(waiting)
    statuses: dict[str, set[str]] = {}
    for line in lines:
        statuses.setdefault(line.incident, set()).add(line.status)
    past = [line.seq for line in lines if _is_past(line, statuses[line.incident], in_digest)]
    if kind in EACH:
        return past
    skipped = set(past)
    rest = [
        line.seq for line in lines if line.seq not in skipped and not (kind in BY_KEY and line.status == "resolved")
    ]
    grave = sorted(rest, key=lambda seq: (-weights.get(seq, 0), seq))
    return sorted([*past, *grave[KEEP:]])


def _is_past(line: WaitingLine, statuses: Collection[str], in_digest: Collection[str]) -> bool:
    if line.status.startswith("repeat"):
        return True
    return {"firing", "resolved"} <= set(statuses) or (line.status == "resolved" and line.incident in in_digest)


def weight(raw: bytes) -> int:
    """How many suffer from what a page is about: a leaf 1, a root cause more, a conference as many as may be."""
    try:
        page = json.loads(raw)
        return 1_000_000 if "conference" in page else int(page["incident"]["symptom_count"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0


def rows_of(raws: Iterable[bytes], earlier: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """One row an incident, in the order they began; `earlier`: those of the digest that waited. The last page says how it is."""
    rows = {str(row["id"]): dict(row) for row in earlier}
    for raw in raws:
        try:
            page = json.loads(raw)
            if "repeat" in page:  # a reminder of what its own page tells
                continue
            alert, notes = page["alerts"][0], page["commonAnnotations"]
            row = {
                "id": alert["fingerprint"],
                "element": alert["labels"]["element"],
                "severity": alert["labels"]["severity"],
                "status": page["status"],
                "since": alert["startsAt"],
                "vi": notes["summary_vi"],
                "en": notes["summary_en"],
            }
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
        ):  # damaged: nobody could be told of it anyway
            continue
        rows[str(row["id"])] = row
    return sorted(rows.values(), key=lambda row: str(row["since"]))


class EarlierDigest(NamedTuple):
    """What a digest that waits tells of. `since_ms` None: of nothing."""

    pages: int = 0
    rows: Sequence[Mapping[str, Any]] = ()
    since_ms: int | None = None


def earlier_of(raw: bytes | None) -> EarlierDigest:
    """A digest that waits, out of its JSON."""
    try:
        digest = json.loads(raw or b"")["digest"]
        return EarlierDigest(int(digest["pages"]), list(digest["rows"]), int(digest["since_ms"]))
    except (ValueError, TypeError, KeyError):
        return EarlierDigest()


def body(
    rows: Sequence[Mapping[str, Any]], pages: int, since_ms: int, receiver: str, hub: str, lang: str, local: str
) -> tuple[str, bytes]:
    """(key, JSON) of a digest: Alertmanager's form and `digest{}`. `pages`: so many are in it; `local`: since when, for people."""
    over = sum(row["status"] == "resolved" for row in rows)
    counts = {"n": pages, "since": local, "over": over, "open": len(rows) - over}
    shown = [
        *(row for row in rows if row["status"] != "resolved"),
        *(row for row in rows if row["status"] == "resolved"),
    ]
    digest = {
        "pages": pages,
        "since": iso(since_ms),
        "since_ms": since_ms,
        "over": over,
        "open": len(rows) - over,
        "rows": shown[:MAX_ROWS],
        "rows_not_shown": max(0, len(rows) - MAX_ROWS),
    }
    key = "digest-" + hashlib.sha256(json.dumps([receiver, digest], sort_keys=True).encode()).hexdigest()[:12]
    texts = {lang: text.format(**counts) for lang, text in _TEXTS.items()}
    return key, own_page(key, "digest", "warning", texts, {"digest": digest}, since_ms, receiver, hub, lang)
