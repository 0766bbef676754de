"""Pages into a Slack channel by its incoming webhook. Pure.

Source: docs.slack.dev, "Sending messages using incoming webhooks" (200 `ok`; a section's text has at most 3,000 characters; `& < >` are
escaped).
"""

from __future__ import annotations

from dataclasses import replace

from alerts.notify.notice import Destination, Notice, Request, cut, json_request
from alerts.notify.said import details, headline
from alerts.notify.webhook import Delivery

MAX_TEXT = 3000


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """The address is the secret (or `url`, behind a proxy that adds it)."""
    blocks = [_section(headline(notice, to.lang)), _section("\n".join(details(notice, to.lang)))]
    content = {
        "text": _escaped(headline(notice, to.lang)),
        "blocks": [block for block in blocks if block["text"]["text"]],
    }
    return json_request(to.url or to.secret, content)


def _section(text: str) -> dict[str, dict[str, str]]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(text)}}  # type: ignore[dict-item]


def _escaped(text: str) -> str:
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, name)
    return cut(text, MAX_TEXT)


def read(answer: Delivery, to: Destination) -> Delivery:
    """Slack says why in plain text (`invalid_payload`, `no_service`, `channel_is_archived`)."""
    words = answer.body.decode("utf-8", "replace").strip()[:100]
    is_good = answer.status == 0 or 200 <= answer.status < 300
    return answer if is_good or not words else replace(answer, trouble=f"answered {answer.status}: {words}")
