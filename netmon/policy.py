"""What a database's answer to a write means for the sender: one table, measured on InfluxDB and VictoriaMetrics.

Source: reference table of answers, InfluxDB 1.6–3 and VictoriaMetrics 1.79. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_DROPPED = re.compile(r"dropped=(\d+)")
MOST_WAIT_S = 60.0


class Act(Enum):
    """What to do with the lines that were sent."""

    DONE = "stored"
    PARTIAL = "the good ones stored, the rest never will be"
    HALVE = "send in smaller parts; a single line that is still refused is set aside"
    KEEP = "keep and send again"
    REFUSED = "keep and send again: an operator's mistake must not cost data; tell people"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An act, the wait the server asked for (0: the sender's own backoff), how many lines a partial write dropped."""

    act: Act
    wait_s: float = 0.0
    dropped: int = 0


_BY_STATUS = {401: Act.REFUSED, 403: Act.REFUSED, 404: Act.REFUSED, 413: Act.HALVE, 429: Act.KEEP}


def verdict(status: int, text: str = "", retry_after: str = "") -> Verdict:
    """The verdict on an HTTP answer; `text` its body, `retry_after` that header ("" without one)."""
    if 200 <= status < 300:
        return Verdict(Act.DONE)
    if status in (400, 422):
        if "partial write" not in text:
            return Verdict(Act.HALVE)
        found = _DROPPED.search(text)
        return Verdict(Act.PARTIAL, dropped=max(1, int(found[1])) if found else 1)
    act = _BY_STATUS.get(status, Act.KEEP)
    wait = float(retry_after) if re.fullmatch(r"\d{1,5}", retry_after) else 0.0
    return Verdict(act, min(wait, MOST_WAIT_S))
