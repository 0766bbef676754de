"""One webhook page: body, signatures, and what an answer means. Pure; times are arguments.

Sources: Alertmanager webhook v4 (`template/template.go`), Standard Webhooks 1.0.0 (symmetric `v1` signatures),
GitHub `X-Hub-Signature-256`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from alerts.errors import BadSecret
from alerts.notify.status import word_of

Status = str  # `firing`, `resolved`; any other word is an update of what is firing
SYMPTOMS_TOLD = 20
NEVER = "0001-01-01T00:00:00Z"  # Alertmanager's end of what has not ended
BACKOFF_S = (1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # after the first try, the second, …; the last one repeats
GIVE_UP_S = 3 * 86400.0  # a page older than this helps nobody
REFUSED_S = 86400.0  # nor one that was refused for so long: a proxy, a deploy or an old page of somebody may refuse too
MAX_RETRY_AFTER_S = 3600.0
# Answers about the body itself, or (410) that nothing is wanted. A redirect, 401, 404, … tell of a receiver (or the proxy
# before it) that is being set up or mended: pages wait for it.
REFUSALS = (400, 406, 410, 411, 413, 415, 422, 431)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one attempt. `status` 0: nobody answered, `trouble` says why; channels that are no HTTP answer as HTTP
    would. `retry_after`: the header; `body`: the beginning of what was answered."""

    status: int
    trouble: str = ""
    retry_after: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Fate:
    """What to do with a page after an attempt. `wait_s`: until the next one."""

    state: Literal["accepted", "waiting", "failed"]
    wait_s: float = 0.0


def page_id(incident: str, receiver: str, status: Status) -> str:
    """The page's idempotency key: the same after every restart and at every retry."""
    return "msg_" + hashlib.sha256(f"{incident}|{receiver}|{status}".encode()).hexdigest()[:24]


def body(view: Mapping[str, Any], status: Status, receiver: str, hub: str, lang: str, *, repeat: int = 0) -> bytes:
    """The JSON of a page from an incident as the state API shows it; Alertmanager v4 and `incident{}`. `repeat`: it is told
    again, the how manieth time."""
    spanned = view["first_miss_ms"], view["resolved_ms"]
    more = {"incident": _incident(view)} | ({"repeat": repeat} if repeat else {})
    return _page(view, view["id"], spanned, more, status, receiver, hub, lang)


def conference_body(rehearsal: Mapping[str, Any], status: Status, receiver: str, hub: str, lang: str) -> bytes:
    """The JSON of a page about a rehearsal: Alertmanager v4 and `conference{}`, which is `rehearsal`. Of it are read `id`,
    `owner`, `at`, `starts_ms`, `at_ms`, `vi` and `en`. All pages of one conference are one alert of Alertmanager's."""
    view = {**rehearsal, "kind": "conference", "element": f"conference:{rehearsal['id']}", "severity": "warning"}
    mark = hashlib.sha256(f"conference|{rehearsal['id']}|{rehearsal['starts_ms']}".encode()).hexdigest()[:12]
    spanned = rehearsal["at_ms"], rehearsal["at_ms"] if status == "resolved" else None
    return _page(view, mark, spanned, {"conference": rehearsal}, status, receiver, hub, lang)


def own_page(
    key: str,
    kind: str,
    severity: str,
    texts: Mapping[str, str],
    more: Mapping[str, Any],
    since_ms: int,
    receiver: str,
    hub: str,
    lang: str,
) -> bytes:
    """The JSON of a page about pages: `digest` tells of many (`alerts.notify.digest`), `test` of nothing. `more`: its object."""
    view = {**texts, "kind": kind, "element": f"hub:{hub}", "severity": severity, "owner": ""}
    return _page(view, key, (since_ms, None), more, "firing", receiver, hub, lang)


def _page(
    view: Mapping[str, Any],
    mark: str,
    spanned: tuple[int, int | None],
    more: Mapping[str, Any],
    status: Status,
    receiver: str,
    hub: str,
    lang: str,
) -> bytes:
    """Alertmanager's form with one alert. `spanned`: from, until; `more`: our own beside it."""
    status = "firing" if word_of(status) == "reopened" else word_of(status)  # what begins again fires
    labels = {"alertname": view["kind"], **{key: view[key] for key in ("element", "severity", "owner")}, "hub": hub}
    annotations = {"summary": view[lang], "summary_vi": view["vi"], "summary_en": view["en"]}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": iso(spanned[0]),
        "endsAt": NEVER if spanned[1] is None else iso(spanned[1]),
        "generatorURL": "",
        "fingerprint": mark,
    }
    page = {
        "version": "4",
        "groupKey": f"netmon:{mark}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": {"element": labels["element"]},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [alert],
        **more,
    }
    return _json(page)


def _json(page: Mapping[str, Any]) -> bytes:
    return json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


_COPIED = (
    "id", "element", "kind", "severity", "name", "owner", "carrier", "circuit_id", "contact", "symptom_count",
    "suspects", "evidence", "conferences", "vi", "en",
)  # fmt: skip


def _incident(view: Mapping[str, Any]) -> dict[str, Any]:
    copied = {key: view[key] for key in _COPIED} | {"do": view.get("do", {})}
    copied |= {key: view[key] for key in ("siblings", "share", "reopened") if key in view}
    resolved = None if view["resolved_ms"] is None else iso(view["resolved_ms"])
    times = {"first_miss": iso(view["first_miss_ms"]), "opened": iso(view["opened_ms"]), "resolved": resolved}
    return copied | {"symptoms": list(view["symptoms"][:SYMPTOMS_TOLD])} | times


def iso(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key_of(secret: str) -> bytes:
    """The signing key: of `whsec_` + base64 the decoded bytes, with or without the version `v1,` before it as some
    services show it, else the text itself. Raises `BadSecret`."""
    secret = secret.strip().removeprefix("\ufeff").strip()
    if secret.startswith("v1,whsec_"):
        secret = secret[3:]
    if not secret:
        raise BadSecret("the signing secret is empty")
    if secret.startswith(("whsk_", "whpk_", "v1a,")):
        raise BadSecret("the signing secret is a key pair's (whsk_, whpk_): write a shared one (whsec_)")
    if "whsec_" in secret and not secret.startswith("whsec_"):
        raise BadSecret("the signing secret has something before whsec_")
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        key = base64.b64decode(secret[6:], validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadSecret("the signing secret begins with whsec_ but is not base64") from fault
    if not key:
        raise BadSecret("the signing secret is empty")
    return key


def headers(id: str, at_s: int, raw: bytes, key: bytes) -> dict[str, str]:
    """Headers of one attempt; `at_s` is the Unix time of the attempt itself (Standard Webhooks §3)."""
    signed = hmac.new(key, f"{id}.{at_s}.".encode() + raw, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "netmon",
        "webhook-id": id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": "v1," + base64.b64encode(signed).decode(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest(),
    }


def fate(answer: Delivery, tries: int, age_s: float, now_s: float, jitter: float) -> Fate:
    """What an answer to the `tries`-th attempt (from 1) means. `age_s`: since the page was owed (`tried_s` is as true, and
    knows no clock). `jitter` (0..1) spreads the retries of many hubs."""
    status = answer.status
    if 200 <= status < 300:
        return Fate("accepted")
    if age_s >= (REFUSED_S if status in REFUSALS else GIVE_UP_S):
        return Fate("failed")
    wait_s = BACKOFF_S[min(tries, len(BACKOFF_S)) - 1] * (0.75 + 0.5 * jitter)
    return Fate("waiting", max(wait_s, retry_after_s(answer.retry_after, now_s)))


def tried_s(tries: int) -> float:
    """For how long a page was tried that often, at least: clocks are set, waits are kept."""
    listed = BACKOFF_S[: max(0, tries - 1)]
    return 1.25 * (sum(listed) + BACKOFF_S[-1] * max(0, tries - 1 - len(listed)))


def labelled_as(raw: bytes, firing: bytes) -> bytes:
    """A page's body with labels and start of the incident's `firing` page: receivers know an alert by them."""
    page, first = json.loads(raw), json.loads(firing)
    try:
        first_alert = first["alerts"][0]
        same = {"labels": first_alert["labels"], "startsAt": first_alert["startsAt"]}
        kept = {key: first[key] for key in ("groupLabels", "commonLabels")}
        alerts = [{**alert, **same} for alert in page["alerts"]]
    except (KeyError, TypeError, IndexError):  # of an older version, or damaged
        return raw
    return _json(page | kept | {"alerts": alerts})


def retry_after_s(text: str, now_s: float) -> float:
    """Seconds a `Retry-After` asks for (RFC 9110 §10.2.3: a number or a date), at most an hour; 0 when it says none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    at_s = _unix(text)
    return 0.0 if at_s is None else min(max(0.0, at_s - now_s), MAX_RETRY_AFTER_S)


def by_its_clock(retry_after: str, date: str) -> str:
    """A `Retry-After` that is a date as seconds from the answer's own `Date`: the hub's clock may be another."""
    until_s, now_s = _unix(retry_after), _unix(date)
    return retry_after if until_s is None or now_s is None else str(max(0, int(until_s - now_s)))


def _unix(date: str) -> float | None:
    try:
        at = parsedate_to_datetime(date)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
