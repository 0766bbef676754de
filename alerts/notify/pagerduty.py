"""PagerDuty's Events API v2: one event a page, its `dedup_key` the incident. Pure.

Source: developer.pagerduty.com, "Send an Event to PagerDuty" (`POST /v2/enqueue`; a summary has at most 1,024 characters, an
event 512 KB).
"""

from __future__ import annotations

from typing import Any

from alerts.notify.notice import CLIENT, Destination, Notice, Request, cut, json_request
from alerts.notify.webhook import Delivery

URL = "https://events.pagerduty.com/v2/enqueue"
MAX_SUMMARY = 1024


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """The event: `trigger` for what is wrong and for updates of it, `resolve` at its end. The secret is the routing key."""
    event: dict[str, Any] = {"routing_key": to.secret, "dedup_key": notice.key, "client": CLIENT}
    if notice.is_over or notice.is_test:  # to resolve what is not there tries the key and wakes nobody
        return json_request(to.url or URL, event | {"event_action": "resolve"})
    payload = {
        "summary": cut(notice.text(to.lang), MAX_SUMMARY),
        "source": notice.labels.get("element", CLIENT),
        "severity": notice.severity if notice.severity in ("critical", "error", "warning", "info") else "error",
        "timestamp": notice.started,
        "component": str(notice.about.get("name", "")),
        "group": notice.labels.get("owner", ""),
        "class": notice.labels.get("alertname", ""),
        "custom_details": dict(notice.about),
    }
    return json_request(to.url or URL, event | {"event_action": "trigger", "payload": payload})


def read(answer: Delivery, to: Destination) -> Delivery:
    """202 took it; 400 is about the event; 429 and 5xx pass."""
    return answer
