"""Pages as short messages by an HTTP gateway, whose request is a template of the hub's file. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote
from xml.sax.saxutils import escape

from alerts.notify.notice import CLIENT, Destination, Notice, Request
from alerts.notify.sms_text import shortened
from alerts.notify.webhook import Delivery

NAMES = ("to", "text", "sender", "id", "secret")
_GAP = re.compile(r"\{(" + "|".join(NAMES) + r")\}")


def gaps(template: str) -> set[str]:
    """The names a template has gaps for."""
    return {match[1] for match in _GAP.finditer(template)}


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """The gateway's request: `url` and `template` with their gaps filled, each in the form its place needs."""
    words = {
        "to": ",".join(to.to),
        "text": shortened(notice.text(to.lang), to.max_parts),
        "sender": to.sender,
        "id": notice.page_id,
        "secret": to.secret,
    }
    url = _filled(to.url, words, lambda text: quote(text, safe=""))
    body = _filled(to.template, words, _escaper(to.content_type)).encode("utf-8", "replace")
    headers = {"User-Agent": CLIENT} | ({"Content-Type": f"{to.content_type}; charset=utf-8"} if body else {})
    if to.secret and "secret" not in gaps(to.url + to.template):
        headers["Authorization"] = f"Bearer {to.secret}"
    return Request(url, body, headers, to.method)


def _filled(template: str, words: Mapping[str, str], escaped: Callable[[str], str]) -> str:
    """One pass: what a text brings along is no gap."""
    return _GAP.sub(lambda match: escaped(words[match[1]]), template)


def _escaper(content_type: str) -> Callable[[str], str]:
    if content_type.endswith("json"):
        return lambda text: json.dumps(text, ensure_ascii=False)[1:-1]
    if content_type.endswith("x-www-form-urlencoded"):
        return lambda text: quote(text, safe="")
    if content_type.endswith("xml"):
        return lambda text: escape(text, {'"': "&quot;"})
    return str


def read(answer: Delivery, to: Destination) -> Delivery:
    """Gateways say 200 to what they refuse, too: with `accepted` the answer must have that text in it."""
    reply = answer.body.decode("utf-8", "replace")
    if not 200 <= answer.status < 300 or not to.accepted or to.accepted in reply:
        return answer
    return replace(answer, status=422, trouble=f"the gateway did not take it: {reply.strip()[:200]}")
