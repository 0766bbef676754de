"""Which HTTP answer is which outcome: the table of `docs/probes/http.md`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from probes.base import Outcome
from probes.clean import clean
from probes.wire.http import Response

_STATUS = re.compile(r"[1-9](?:\d\d|xx)\Z", re.ASCII)
REDIRECTS = (301, 302, 303, 307, 308)
_TOO_MANY_REQUESTS = 429
_PLAIN = ("", "identity")


def is_status(text: str) -> bool:
    """True for `200` and `2xx`."""
    return bool(_STATUS.match(text))


def expected(status: int, wanted: Sequence[str]) -> bool:
    """Whether a status is among `200`, `2xx`, …"""
    code = f"{status:03}"
    return any(code == pattern or (pattern.endswith("xx") and pattern[0] == code[0]) for pattern in wanted)


def judge(answer: Response, wanted: Sequence[str], contains: str) -> tuple[Outcome, str]:
    """The outcome of an answer that came whole, or as far as we read."""
    if not expected(answer.status, wanted):
        said = f"{answer.status:03}{_to(answer)}, not {' or '.join(wanted)}"
        refuses = not 100 <= answer.status < 500 or answer.status == _TOO_MANY_REQUESTS
        return (Outcome.REFUSED if refuses else Outcome.PROTOCOL), f"it answers {said}"
    if contains and contains.encode() not in answer.body:
        return Outcome.PROTOCOL, f"its answer does not contain {clean(contains, 60)!r}{_unread(answer)}"
    return Outcome.OK, ""


def _to(answer: Response) -> str:
    location = answer.first("location")
    return f" to {clean(location, 80)}" if answer.status in REDIRECTS and location else ""


def _unread(answer: Response) -> str:
    coding = answer.first("content-encoding").lower()
    if coding not in _PLAIN:
        return f" (it is packed, unasked: {clean(coding, 20)})"
    return f" in its first {len(answer.body)} bytes" if answer.capped else ""
