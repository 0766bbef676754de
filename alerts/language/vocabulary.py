"""The words of conditions: units, functions, what they take and what they give. Docs and hints come from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["number", "time", "rate", "size", "share", "truth"]

# Unit → (type, factor to the type's own unit: s, bit/s, B, 1).
UNITS: dict[str, tuple[Type, float]] = {
    "ms": ("time", 0.001), "s": ("time", 1), "m": ("time", 60), "h": ("time", 3600), "d": ("time", 86400),
    "%": ("share", 0.01),
    "bit": ("rate", 1), "kbit": ("rate", 1e3), "Mbit": ("rate", 1e6), "Gbit": ("rate", 1e9),
    "B": ("size", 1), "kB": ("size", 1e3), "MB": ("size", 1e6), "GB": ("size", 1e9),
}  # fmt: skip

# The end of a field's name → (type, factor).
FIELD_ENDS: tuple[tuple[str, Type, float], ...] = (
    ("_ms", "time", 0.001),
    ("_days", "time", 86400.0),
    ("_bps", "rate", 1.0),
    ("_bytes", "size", 1.0),
    ("_share", "share", 1.0),
    ("_s", "time", 1.0),
)
SAY: dict[Type, str] = {
    "number": "a plain number, as 3",
    "time": "a duration, as 150ms or 3s",
    "rate": "a rate, as 5Mbit",
    "size": "a size, as 20MB",
    "share": "a share, as 5% or 0.05",
    "truth": "a condition, as loss(20s) > 5%",
}

EVENTS = ("reply", "ok")
OUTCOMES = ("ok", "lost", "refused", "unresolved", "protocol", "local")
TAGS = ("agent", "commune", "kind", "province", "site")
ARRIVAL, PERIOD, RTT = "arrival", "period", "rtt"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: what its arguments are, the type of its value ("field": its field's), and what it means."""

    takes: tuple[str, ...]  # `window`, `field`, `event`, `when`, `what`, `spread`, `tag`, `cond`
    gives: str
    meaning: str


FUNCTIONS: dict[str, Function] = {
    "age": Function(("when",), "time", "time since the last reply (`reply`), the last good answer (`ok`), the last point that had the field; since the first point when there was none; `arrival` (rules about silence): since anything of the agent came in"),
    "missed": Function(("event",), "number", "points in a row, up to now, without a reply (`reply`) or a good answer (`ok`) though we sent; our own faults neither count nor break the row"),
    "sent": Function(("window",), "number", "packets (requests, connects) sent in the window; those of points that were our own fault do not count"),
    "lost": Function(("window",), "number", "of these, how many got no answer"),
    "loss": Function(("window",), "share", "lost of sent; unknown when nothing was sent"),
    "count": Function(("what", "window"), "number", "answers (`reply`), points with an outcome (`ok lost refused unresolved protocol local`), or points that had a field"),
    "avg": Function(("field", "window"), "field", "mean of a field's values in the window"),
    "min": Function(("field", "window"), "field", "smallest value in the window"),
    "max": Function(("field", "window"), "field", "largest value in the window"),
    "p50": Function(("spread", "window"), "time", "median of all round trips (`rtt`) in the window, from merged log buckets"),
    "p95": Function(("spread", "window"), "time", "95th percentile, likewise"),
    "last": Function(("field",), "field", "a field's latest value, however old"),
    "changed": Function(("field",), "time", "time since a field's value became another one; longer than any when it never did"),
    "rate": Function(("field", "window"), "rate", "by how much a counter grew in the window, a second; of bytes in bit/s; one that begins anew counts from 0"),
    "slope": Function(("field", "window"), "field", "by how much a field's value rises in the window, along the straight line that fits best; unknown with fewer than three points"),
    "missing": Function(("when",), "truth", "true when it last came three periods and 15 s ago or longer: `reply`, `ok` or a field the check no longer tells"),
    "base": Function(("spread",), "time", "the usual median of round trips (`rtt`) at this hour of the week, learnt from the weeks before; until an hour is known, the mean of those that are, from 24 on"),
    "mad": Function(("spread",), "time", "how far round trips of this hour usually are from it"),
    "p95_7d": Function(("field",), "field", "95th percentile of the last seven days' five-minute means; unknown below 95 % of them"),
    "trend_7d": Function(("field",), "field", "by how much the 95th percentile of a day rises a day, from the same weekdays of the last four weeks; unknown below 14 days"),
    "share_by": Function(("tag", "cond"), "share", "of the series judged by the rule with the same tag, the share for which a condition holds; those nobody can judge are left out"),
    "count_by": Function(("tag", "cond"), "number", "how many of them"),
}  # fmt: skip

ARGUMENTS: dict[str, str] = {
    "window": "a window, as 20s",
    "field": "the name of a field, as rtt_p50_ms",
    "event": "reply or ok",
    "when": "reply, ok, arrival or the name of a field",
    "what": "reply, an outcome (ok, lost, refused, unresolved, protocol, local) or the name of a field",
    "spread": "rtt",
    "tag": "a tag: agent, commune, kind, province or site",
    "cond": "a condition, as loss(20s) > 5%",
}


def field_type(name: str) -> tuple[Type, float]:
    """The type of a field's values and the factor to the type's own unit, told by the end of its name."""
    for end, kind, factor in FIELD_ENDS:
        if name.endswith(end):
            return kind, factor
    return "number", 1.0
