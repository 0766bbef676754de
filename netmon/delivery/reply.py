"""What an answer to a write means for the sender: one table, measured on InfluxDB and VictoriaMetrics.

Lines are at fault only when a database says so of lines. Everything else (a proxy's page, plain HTTP to a TLS port, a
redirect, a wrong path) is somebody's mistake or an outage: the lines wait, and people are told.

Source: reference table of answers, InfluxDB 1.6–3 and VictoriaMetrics 1.79; bodies of QuestDB and Telegraf. Pure, but for `jitter`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

MAX_WAIT_S = 60.0
# Patterns are compiled when they are first used: an agent whose writes are taken never does.
_DROPPED = r"dropped=(\d+)"
_LINE_NUMBER = r"\bline (\d{1,9}):"
_OF_LINES = (
    r"(?i)unable to parse\b"  # InfluxDB 1 and 2
    r"|field type conflict|points? beyond retention"
    r"|partial write of line protocol|parsing failed for write_lp"  # InfluxDB 3
    r"|failed to parse line protocol|errors? (?:encountered )?on line|\bline \d+:"  # QuestDB, InfluxDB Cloud, netmon
    r"|metric parse error"  # Telegraf
    r"|too long line"  # VictoriaMetrics
)
_PAGE = r"(?is)[\s\ufeff·]*(?><!--.*?-->\s*)*+(?:<!doctype|<html|<\?xml|<h\d|<head|<body)"
_TITLE = r"(?i)<(title|h1)[^>]*>\s*([^<]*)"
_TAGS = r"<[^>]*>|\s+"


class WriteReply(NamedTuple):
    """What a far side said to a write; `status` 0 when it said nothing: then `text` says why."""

    status: int
    text: str = ""
    retry_after: str = ""
    location: str = ""
    version: str = ""  # X-Influxdb-Version
    clock: str = ""  # X-Netmon-Clock
    sent_ns: int = 0  # when the write began, and when its answer was here, by our clock
    back_ns: int = 0
    is_mistake: bool = False  # no answer, and only somebody who mends a file can change that


class Act(Enum):
    """What to do with the lines that were sent."""

    DONE = "stored"
    PARTIAL = "some lines stored, those the database names never will be"
    HALVE = "send in smaller parts; a single line that is still refused is set aside"
    KEEP = "keep and send again"
    REFUSED = "keep and send again: an operator's mistake must not cost data; tell people"


@dataclass(frozen=True, slots=True)
class WriteVerdict:
    """An act, why (for people, "" when all is stored), the wait the server asked for (0: the sender's own backoff), how many
    lines a partial write dropped, and the numbers of the lines it named (from 1)."""

    act: Act
    why: str = ""
    wait_s: float = 0.0
    dropped: int = 0
    named: tuple[int, ...] = ()

    @property
    def is_of_lines(self) -> bool:
        """Does it say anything of the lines? If not they wait, all of them."""
        return self.act not in (Act.KEEP, Act.REFUSED)


def judge(reply: WriteReply) -> WriteVerdict:
    """What an answer means."""
    status, text = reply.status, reply.text
    if 200 <= status < 300 and (status == 204 or not _is_foreign(text)):
        return WriteVerdict(Act.DONE)
    why = said(reply)
    if status >= 400 and _is_partial(text):
        dropped = re.search(_DROPPED, text)
        named = tuple(sorted({int(number) for number in re.findall(_LINE_NUMBER, text)}))
        return WriteVerdict(Act.PARTIAL, why, dropped=max(1, int(dropped[1])) if dropped else 1, named=named)
    if status == 413 or (status in (400, 422) and is_of_lines(text)):
        return WriteVerdict(Act.HALVE, why)
    wait_s = min(float(reply.retry_after), MAX_WAIT_S) if re.fullmatch(r"\d{1,5}", reply.retry_after) else 0.0
    is_outage = status in (0, 408, 425, 429) or status >= 500
    return WriteVerdict(Act.KEEP if is_outage else Act.REFUSED, why, wait_s)


def _is_partial(text: str) -> bool:
    if "partial write" not in text or re.match(_PAGE, text):
        return False
    return re.search(_DROPPED, text) is not None or is_of_lines(text)


def is_of_lines(text: str) -> bool:
    """Does a body speak of lines, as a database does that cannot take one?"""
    if re.match(_PAGE, text):
        return False
    plain = _json(text)
    if isinstance(plain, dict) and (isinstance(plain.get("line"), int) or _names_rows(plain.get("data"))):
        return True
    return re.search(_OF_LINES, text) is not None


def _names_rows(rows: Any) -> bool:
    """InfluxDB 3: `data: [{original_line, line_number, error_message}]`."""
    return isinstance(rows, list) and any(isinstance(row, dict) and "line_number" in row for row in rows)


def _is_foreign(text: str) -> bool:
    """A 2xx with a body: databases and hubs answer a stored write with 204, or say nothing. Whoever says something (a login
    page, an error told with 200, quite another service) stored nothing."""
    return text.strip() not in ("", "{}")


def _json(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.JSONDecoder().raw_decode(text.lstrip())[0]  # a line's end may follow
    except (ValueError, RecursionError):
        return None


def said(reply: WriteReply) -> str:
    """An answer that stored nothing, for people: what it said, in a line, and what may be wrong."""
    status, text = reply.status, reply.text
    if not status:
        return f"no answer: {text[:200]}"
    sentence = f"{status}: {_words(text)}" if text.strip() else str(status)
    if 300 <= status < 400:
        sentence = f"{status}: a redirect to {reply.location or 'nowhere'} (write that address as its url)"
    elif re.search(r"\bhttps\b|\btls\b|\bssl\b", text, re.IGNORECASE) and status in (400, 426, 497):
        sentence += " (its url should say https://?)"
    elif re.match(_PAGE, text) or status < 300:
        sentence += " (that is no database and no hub: look at its url, and at what stands between)"
    return sentence


def _words(text: str) -> str:
    plain = _json(text)
    if isinstance(plain, dict):
        words = plain.get("message") or plain.get("error")
        return str(words)[:300] if isinstance(words, str) else text[:300]
    if not re.match(_PAGE, text):
        return text.strip(" ·")[:300]
    title = re.search(_TITLE, text)
    return "a web page: " + (title[2] if title else re.sub(_TAGS, " ", text)).strip()[:150]
