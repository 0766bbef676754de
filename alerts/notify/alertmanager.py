"""Alertmanager's own API: `POST /api/v2/alerts`. Pure. Source: its `api/v2/openapi.yaml` (`postableAlerts`)."""

from __future__ import annotations

import base64
from dataclasses import replace

from alerts.notify.notice import Destination, Notice, Request, json_request
from alerts.notify.webhook import Delivery, iso

# Without an end Alertmanager calls an alert resolved five minutes after it came: it is told once, and holds until its
# resolved page comes. An end is no promise: a hub that died does not make a fault go away.
HOLDS_S = 30 * 86400.0
PASSING_HOLDS_S = 3600.0  # of what nothing ends


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """One alert, known by its labels. A secret goes along as a bearer token, or with `user` as a password."""
    alert = {
        "labels": dict(notice.labels),
        "annotations": dict(notice.annotations),
        "startsAt": notice.started,
        "endsAt": _end(notice, at_s),
    }
    return json_request(to.url.rstrip("/") + "/api/v2/alerts", [alert], _authorization(to))


def _end(notice: Notice, at_s: float) -> str:
    if notice.is_over:
        return max(notice.ended or notice.started, notice.started)
    return iso(int((at_s + (PASSING_HOLDS_S if notice.is_digest or notice.is_test else HOLDS_S)) * 1000))


def _authorization(to: Destination) -> dict[str, str]:
    if not to.secret:
        return {}
    if not to.user:
        return {"Authorization": f"Bearer {to.secret}"}
    pair = base64.b64encode(f"{to.user}:{to.secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def read(answer: Delivery, to: Destination) -> Delivery:
    """200 took it; 400 is about the alert, and says why in its body."""
    words = answer.body.decode("utf-8", "replace").strip()
    return replace(answer, trouble=f"answered {answer.status}: {words[:200]}") if answer.status == 400 else answer
