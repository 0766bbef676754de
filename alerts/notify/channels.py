"""The kinds of channels by name: each is imported when a page goes its way."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from alerts.errors import BadSecret
from alerts.notify.notice import Destination, Notice
from alerts.notify.webhook import Delivery, key_of

_TOKEN = re.compile(r"\d+:[\w-]+", re.ASCII)

_HTTP = {  # kind → the module that makes its request and reads its answer
    "pagerduty": "alerts.notify.pagerduty",
    "alertmanager": "alerts.notify.alertmanager",
    "telegram": "alerts.notify.chat.telegram",
    "zalo": "alerts.notify.chat.zalo",
    "slack": "alerts.notify.chat.slack",
    "teams": "alerts.notify.chat.teams",
    "sms": "alerts.notify.sms",
}
_OWN = {  # kind → the module that sends by itself
    "mail": "alerts.notify.senders.mail",
    "syslog": "alerts.notify.senders.syslog",
    "apprise": "alerts.notify.senders.apprise",
}
KINDS = ("webhook", *_HTTP, *_OWN)


def deliver(kind: str, notice: Notice, to: Destination, at_s: float, post: Callable[..., Delivery]) -> Delivery:
    """One attempt of any kind but `webhook`. `post`: sends HTTP (`alerts.notify.senders.http.post`). Raises `BadAddress`."""
    if kind in _OWN:
        sender: Any = import_module(_OWN[kind])
        answer: Delivery = sender.send(notice, to, at_s)
        return answer
    channel: Any = import_module(_HTTP[kind])
    request = channel.request(notice, to, at_s)
    answer = post(
        request.url, request.body, request.headers, timeout_s=to.timeout_s, method=request.method, ca_file=to.ca_file
    )
    meaning: Delivery = channel.read(answer, to)
    return meaning


def check_secret(kind: str, text: str) -> None:
    """Raises `BadSecret` for the text of a secret file that a kind cannot use; the message never holds it."""
    if kind == "webhook":
        key_of(text)
    elif not text:
        raise BadSecret("the secret is empty")
    elif any(letter.isspace() or not letter.isprintable() for letter in text) and kind not in ("apprise", "mail"):
        raise BadSecret("the secret has blanks in it: one word, and no line beside it")
    elif kind in ("slack", "teams") and not text.startswith("https://"):
        raise BadSecret("the secret is no address: write the whole https://… of the channel")
    elif kind in ("telegram", "zalo") and not _TOKEN.fullmatch(text):
        raise BadSecret("the secret is no token of a bot: write it as the maker shows it, 123456:ABC…")
