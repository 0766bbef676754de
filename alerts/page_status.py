"""Which page of an incident is due to somebody who had others of it. Pure.

`firing` first; `resolved` when all is well; `superseded` when another incident turned out to be the cause: its trouble goes
on, so nobody is told of a recovery; `reopened` when what was over begins again. The second time around a word has a
number: `resolved-1`.
"""

from __future__ import annotations

from collections.abc import Collection

from alerts.incident import Incident


def due(incident: Incident, sent: Collection[str]) -> str:
    """The status of the page that is due to a receiver that had `sent`; "" when none is."""
    if "firing" not in sent:
        return "firing" if incident.is_open else ""
    times = incident.reopened
    is_told_over = _has_end(sent, times)
    was_told_over = times > 0 and _has_end(sent, times - 1)
    is_told_again = f"reopened-{times}" in sent
    if incident.is_open:
        return f"reopened-{times}" if was_told_over and not is_told_again else ""
    if is_told_over or (was_told_over and not is_told_again):
        return ""
    return ("superseded" if incident.superseded_by else "resolved") + (f"-{times}" if times else "")


def _has_end(sent: Collection[str], times: int) -> bool:
    mark = f"-{times}" if times else ""
    return f"resolved{mark}" in sent or f"superseded{mark}" in sent
