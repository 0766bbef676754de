"""Pages into a Teams channel: an adaptive card to the address of a workflow ("post to a channel when a webhook request comes"). Pure.

Sources: learn.microsoft.com, "Create incoming webhooks with Workflows"; adaptivecards.io, schema 1.4. A message has at most 28 KB.
"""

from __future__ import annotations

from typing import Any

from alerts.notify.notice import Destination, Notice, Request, cut, json_request
from alerts.notify.said import facts, headline
from alerts.notify.webhook import Delivery

MAX_TEXT = 4000
_COLOURS = {"critical": "attention", "warning": "warning", "info": "accent"}


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """The address is the secret (or `url`)."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": _body(notice, to.lang),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return json_request(to.url or to.secret, {"type": "message", "attachments": [attachment]})


def _body(notice: Notice, lang: str) -> list[dict[str, Any]]:
    colour = "good" if notice.is_over else _COLOURS.get(notice.severity, "default")
    head = {"type": "TextBlock", "text": cut(headline(notice, lang), MAX_TEXT), "wrap": True, "weight": "bolder"}
    rows = [{"title": title, "value": cut(value, MAX_TEXT)} for title, value in facts(notice, lang)]
    return [head | {"color": colour}, *([{"type": "FactSet", "facts": rows}] if rows else [])]


def read(answer: Delivery, to: Destination) -> Delivery:
    """The workflow was started (202): it answers no more than that."""
    return answer
