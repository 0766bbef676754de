"""A kept page as channels read it, where it goes, and what they make of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alerts.errors import BadPage
from alerts.notify.webhook import NEVER, page_id

CLIENT = "netmon"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a channel's pages go. Which of these a kind reads is said in docs/channels.md; "" or () where nothing is set.

    `secret` is the text of the receiver's secret file; `timeout_s` is for one whole attempt."""

    url: str = ""
    secret: str = ""
    to: tuple[str, ...] = ()
    sender: str = ""
    user: str = ""
    tls: str = "starttls"
    ca_file: str = ""
    method: str = "POST"
    content_type: str = "application/json"
    template: str = ""
    accepted: str = ""
    max_parts: int = 3
    facility: int = 16
    lang: str = "vi"
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request that hands a page over."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says. `key` is the same for all pages of one incident; `page_id` for all attempts of one page.

    `status`: `firing`, `resolved`; any other word is an update of what is firing. `started`, `ended`: RFC 3339 in UTC, `ended`
    "" until it is over. `about`: the page's own object (`incident` or `conference`)."""

    key: str
    page_id: str
    receiver: str
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started: str
    ended: str
    texts: Mapping[str, str]
    about: Mapping[str, Any]
    repeat: int = 0  # the how manieth time it is told again

    @property
    def is_over(self) -> bool:
        """Does it say that all is well again?"""
        return self.status == "resolved"

    @property
    def is_digest(self) -> bool:
        """Does it tell of many pages at once? Nothing ends it."""
        return self.labels.get("alertname") == "digest"

    @property
    def is_test(self) -> bool:
        """Does it only try whether pages come through?"""
        return self.labels.get("alertname") == "test"

    @property
    def severity(self) -> str:
        """`critical`, `warning` or `info`."""
        return self.labels.get("severity", "warning")

    @property
    def first_id(self) -> str:
        """Id of the page that opened the incident, for the same receiver."""
        return page_id(self.key, self.receiver, "firing")

    def text(self, lang: str) -> str:
        """The summary in a language."""
        return self.texts.get(lang) or self.texts.get("en", "")


def notice_of(raw: bytes, id: str) -> Notice:
    """A page as it is kept in the outbox, by its id. Raises `BadPage` for what is none."""
    try:
        page = json.loads(raw)
        alert, ended = page["alerts"][0], str(page["alerts"][0]["endsAt"])
        texts = {lang: str(page["commonAnnotations"][f"summary_{lang}"]) for lang in ("vi", "en")}
        return Notice(
            key=str(alert["fingerprint"]),
            page_id=id,
            receiver=str(page["receiver"]),
            status=str(page["status"]),
            labels={str(name): str(value) for name, value in alert["labels"].items()},
            annotations={str(name): str(value) for name, value in alert["annotations"].items()},
            started=str(alert["startsAt"]),
            ended="" if ended == NEVER else ended,
            texts=texts,
            about=page.get("incident") or page.get("conference") or page.get("digest") or {},
            repeat=int(page.get("repeat", 0)),
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as fault:
        raise BadPage(f"the page cannot be read: {fault!r}") from fault


def json_request(url: str, content: object, headers: Mapping[str, str] | None = None) -> Request:
    """A POST of JSON."""
    raw = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Request(url, raw, {"Content-Type": "application/json", "User-Agent": CLIENT, **(headers or {})})


def cut(text: str, longest: int) -> str:
    """At most so many characters; … shows where the rest was."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
