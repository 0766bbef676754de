"""Who gets the pages of an incident, and why somebody gets none. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, Protocol

from alerts.calendar import is_office_hours
from alerts.incident import Incident
from alerts.silences import Silence

Reason = Literal[
    "nobody", "severity", "owner", "scope", "hours", "not-yet", "acked", "silenced", "over", "waiting", "given-up"
]
"""`nobody`: there are no receivers; `severity`, `owner`, `scope`: it asks for others; `hours`: it is off now; `not-yet`: somebody
else has time to acknowledge it first; `acked`: somebody did; `silenced`: work on the element is known; `over`: well again before
anybody was to be told; `waiting`: tried, and tried again; `given-up`: not tried any more."""
HOURS = ("always", "office", "off")


class Recipient(Protocol):
    """What routing needs to know of somebody who gets pages (`netmon.config.receiver.ReceiverConfig` is one)."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def severities(self) -> Sequence[str]:
        """Severities it wants."""

    @property
    def owners(self) -> Sequence[str]:
        """Owners whose elements it wants; empty: all."""

    @property
    def carriers(self) -> Sequence[str]:
        """Carriers whose links it wants; empty: all."""

    @property
    def elements(self) -> Sequence[str]:
        """Elements (or patterns) it wants, with what is behind them; empty: all."""

    @property
    def provinces(self) -> Sequence[str]:
        """Codes of provinces it wants: what is in them, and what they hang on; empty: all."""

    @property
    def hours(self) -> str:
        """One of `HOURS`: when it takes pages, in Viet Nam."""

    @property
    def after_s(self) -> float:
        """It is told when nobody acknowledged the incident for so long."""


class Scope(NamedTuple):
    """Where an element belongs. `steps`: itself and all between it and the hub; `provinces`: codes of those it is in, and of
    those that hang on it."""

    owner: str
    carrier: str
    steps: tuple[str, ...]
    provinces: frozenset[str]


@dataclass(frozen=True, slots=True)
class NotSent:
    """A page about an open or ended incident that its receiver ("": there is none) does not have. `since_ms`: Unix ms."""

    receiver: str
    reason: Reason
    since_ms: int
    detail: str = ""  # for people: the silence's id and note, the last answer


def unwanted(incident: Incident, scope: Scope, receiver: Recipient, now_ms: int) -> Reason | None:
    """Why a receiver wants no page of an incident at this moment; None when it does."""
    if incident.severity not in receiver.severities:
        return "severity"
    if receiver.owners and scope.owner not in receiver.owners:
        return "owner"
    if not _is_in(scope, receiver):
        return "scope"
    if receiver.after_s and incident.acked_ms is not None:
        return "acked"
    if receiver.after_s and now_ms - incident.opened_ms < receiver.after_s * 1000:
        return "not-yet"
    return None if is_on(receiver, now_ms) else "hours"


def _is_in(scope: Scope, receiver: Recipient) -> bool:
    if receiver.carriers and scope.carrier not in receiver.carriers:
        return False
    if receiver.provinces and scope.provinces.isdisjoint(receiver.provinces):
        return False
    patterns = receiver.elements
    return not patterns or any(fnmatchcase(step, pattern) for step in scope.steps for pattern in patterns)


def is_on(receiver: Recipient, now_ms: int) -> bool:
    """Does it take pages now?"""
    return receiver.hours == "always" or (receiver.hours == "office") == is_office_hours(now_ms)


def not_sent(
    incident: Incident,
    scope: Scope,
    receivers: Sequence[Recipient],
    paged: Collection[str],
    silence: Silence | None,
    now_ms: int,
) -> list[NotSent]:
    """Why receivers without a page (`paged`: those with one, whatever became of it) have none. `silence`: the one that
    covers the element now. Those whose page is due at this very tick are not among them."""
    if not receivers:
        return [NotSent("", "nobody", incident.opened_ms)]
    missing = [receiver for receiver in receivers if receiver.name not in paged]
    reasons = (_reason(incident, unwanted(incident, scope, receiver, now_ms), silence) for receiver in missing)
    return [
        NotSent(receiver.name, *reason) for receiver, reason in zip(missing, reasons, strict=True) if reason is not None
    ]


def _reason(incident: Incident, why: Reason | None, silence: Silence | None) -> tuple[Reason, int, str] | None:
    is_over = incident.resolved_ms is not None
    if why is not None and not (is_over and why in ("hours", "not-yet", "acked")):
        return why, incident.opened_ms, ""
    if incident.resolved_ms is not None:
        return "over", incident.resolved_ms, ""
    if silence is None:
        return None
    since_ms = max(incident.opened_ms, int(silence.from_s * 1000))
    return "silenced", since_ms, " ".join(filter(None, (silence.id, silence.note)))
