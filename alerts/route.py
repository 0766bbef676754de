"""Who gets the pages of an incident, and why somebody gets none. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from alerts.incident import Incident
from alerts.silences import Silence

Reason = Literal["nobody", "severity", "owner", "silenced", "over", "waiting", "given-up"]
"""`nobody`: there are no receivers; `severity`, `owner`: it asks for others; `silenced`: work on the element is known;
`over`: well again before anybody was to be told; `waiting`: tried, and tried again; `given-up`: not tried any more."""


class Recipient(Protocol):
    """What routing needs to know of somebody who gets pages (`netmon.config.hub.ReceiverConfig` is one)."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def severities(self) -> Sequence[str]:
        """Severities it wants."""

    @property
    def owners(self) -> Sequence[str]:
        """Owners whose elements it wants; empty: all."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """A page about an open or ended incident that its receiver ("": there is none) does not have. `since_ms`: Unix ms."""

    receiver: str
    reason: Reason
    since_ms: int
    detail: str = ""  # for people: the silence's id and note, the last answer


def wanted_by(severity: str, owner: str, receivers: Iterable[Recipient]) -> list[str]:
    """Names of the receivers that want a page of this severity about an element of this owner."""
    return [receiver.name for receiver in receivers if _unwanted(severity, owner, receiver) is None]


def _unwanted(severity: str, owner: str, receiver: Recipient) -> Literal["severity", "owner"] | None:
    if severity not in receiver.severities:
        return "severity"
    return "owner" if receiver.owners and owner not in receiver.owners else None


def not_sent(
    incident: Incident, owner: str, receivers: Sequence[Recipient], paged: Collection[str], silence: Silence | None
) -> list[NotSent]:
    """Why receivers without a page (`paged`: those with one, whatever became of it) have none. `silence`: the one that
    covers the element now. Those whose page is due at this very tick are not among them."""
    if not receivers:
        return [NotSent("", "nobody", incident.opened_ms)]
    missing = [receiver for receiver in receivers if receiver.name not in paged]
    reasons = (_reason(incident, _unwanted(incident.severity, owner, receiver), silence) for receiver in missing)
    return [
        NotSent(receiver.name, *reason) for receiver, reason in zip(missing, reasons, strict=True) if reason is not None
    ]


def _reason(
    incident: Incident, unwanted: Literal["severity", "owner"] | None, silence: Silence | None
) -> tuple[Reason, int, str] | None:
    if unwanted is not None:
        return unwanted, incident.opened_ms, ""
    if incident.resolved_ms is not None:
        return "over", incident.resolved_ms, ""
    if silence is None:
        return None
    since_ms = max(incident.opened_ms, int(silence.from_s * 1000))
    return "silenced", since_ms, " ".join(filter(None, (silence.id, silence.note)))
