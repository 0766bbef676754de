"""Incidents as people and receivers see them, and which pages are still owed. Pure but for the hub's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from alerts import texts
from alerts.base import Topology, inward
from alerts.incidents import Incident
from alerts.notify import webhook
from alerts.route import NotSent, is_on, not_sent, unwanted
from alerts.silences import Silence, is_pattern, silence_of
from alerts.texts import EndangeredConference
from netmon.config.hub import HubConfig
from netmon.hub.incidents.scopes import Scopes
from netmon.hub.outbox_table import NewPage, Undelivered

SYMPTOMS_SHOWN = webhook.SYMPTOMS_TOLD
Key = tuple[str, str, str]  # incident, receiver, status
Endangered = Callable[[str, float], Sequence[EndangeredConference]]
"""Which conferences an element endangers at a Unix time."""


def nothing_endangered(_element: str, _now_s: float) -> Sequence[EndangeredConference]:
    """No conference is ever in danger."""
    return ()


class Pages:
    """Which page is owed to whom, and why one was not sent. `paged`: pages there are, with their state."""

    def __init__(
        self,
        config: HubConfig,
        topology: Topology,
        paged: Mapping[Key, str],
        undelivered: Iterable[Undelivered] = (),
        endangered: Endangered = nothing_endangered,
    ) -> None:
        self._config, self._topology, self._endangered = config, topology, endangered
        self._paged = dict[Key, str]()
        self.refresh(paged, undelivered)
        self._hub = f"hub:{config.name}"
        self.note = ""  # what is wrong with the hub itself, for its own incident
        self._scopes = Scopes(topology, config.receivers)
        self._repeating = [receiver for receiver in config.receivers if receiver.repeat_s]
        self._crossed = {element for check in topology.checks() for element in topology.path(check)}

    def knows(self, element: str) -> bool:
        """Is it an element of the inventory, or this hub, or a pattern that fits one at least?"""
        if element == self._hub:
            return True
        if is_pattern(element):
            return any(fnmatchcase(known, element) for known in self._all_elements())
        if element in self._crossed or self._topology.parent(element) is not None:
            return True
        if element.startswith("agent:"):
            return bool(self._topology.site_of(element.removeprefix("agent:")))
        return self._topology.info(element).name not in ("", element)

    def _all_elements(self) -> set[str]:
        stations = {self._topology.site_of(agent) for agent in self._topology.agent_names()}
        return {step for element in self._crossed | stations for step in inward(element, self._topology)} | {self._hub}

    def missing(self, incidents: Iterable[Incident], silences: Sequence[Silence], now_s: float) -> list[NewPage]:
        """Firing pages of open incidents whose element is not silenced; resolved pages to whoever got firing."""
        owed = list[NewPage]()
        for incident in incidents:
            status = "firing" if incident.is_open else "resolved"
            names = self._firing(incident, silences, now_s) if incident.is_open else self._resolved(incident)
            if names:
                row = self._paged_row(incident, now_s)
                owed += [self._page(row, name, status) for name in names]
            if incident.is_open and (repeats := self._repeats(incident, silences, now_s)):
                row = self.row(incident, now_s)
                owed += [self._page(row, name, "firing", repeat=count) for name, count in repeats]
        return owed

    def _paged_row(self, incident: Incident, now_s: float) -> dict[str, Any]:
        """An incident as a page tells it: its line begins with the conferences it endangers at this moment."""
        row, endangered = self.row(incident, now_s), self._endangered(incident.element, now_s)
        for lang in texts.LANGUAGES:
            row[lang] = texts.conferences(lang, incident, endangered, int(now_s * 1000)) + row[lang]
        return row

    def _firing(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> list[str]:
        without = [
            receiver for receiver in self._config.receivers if (incident.id, receiver.name, "firing") not in self._paged
        ]
        if not without:
            return []
        scope, now_ms = self._scopes.of(incident.element), int(now_s * 1000)
        names = [receiver.name for receiver in without if unwanted(incident, scope, receiver, now_ms) is None]
        return [] if names and self.silence(incident, silences, now_s) is not None else names

    def _repeats(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> list[tuple[str, int]]:
        """Who is to be told again, and the how manieth time: nobody acknowledged it, and they have its page."""
        if incident.acked_ms is not None:
            return []
        since_ms, due = int(now_s * 1000) - incident.opened_ms, list[tuple[str, int]]()
        for receiver in self._repeating:
            count = int(since_ms / 1000 / receiver.repeat_s)
            has_it = self._paged.get((incident.id, receiver.name, "firing")) == "accepted"
            if count and has_it and (incident.id, receiver.name, f"repeat-{count}") not in self._paged:
                due += [(receiver.name, count)] if is_on(receiver, int(now_s * 1000)) else []
        return [] if due and self.silence(incident, silences, now_s) is not None else due

    def silence(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> Silence | None:
        """The silence that holds its pages back now."""
        return silence_of(incident.element, incident.suspects, incident.kind, silences, self._topology, now_s)

    def _resolved(self, incident: Incident) -> list[str]:
        return [
            receiver.name
            for receiver in self._config.receivers
            if self._paged.get((incident.id, receiver.name, "firing")) in ("waiting", "accepted")
            and (incident.id, receiver.name, "resolved") not in self._paged
        ]

    def _page(self, row: Mapping[str, Any], receiver: str, status: str, *, repeat: int = 0) -> NewPage:
        raw = webhook.body(row, status, receiver, self._config.name, self._config.lang, repeat=repeat)
        kept_as = f"repeat-{repeat}" if repeat else status
        return NewPage(webhook.page_id(row["id"], receiver, kept_as), row["id"], receiver, kept_as, raw)

    def kept(self, pages: Iterable[NewPage], forgotten: Iterable[str]) -> None:
        """These are in the outbox now, those incidents are gone."""
        self._paged.update(((page.incident, page.receiver, page.status), "waiting") for page in pages)
        gone = set(forgotten)
        if gone:
            self._paged = {key: state for key, state in self._paged.items() if key[0] not in gone}

    def refresh(self, paged: Mapping[Key, str], undelivered: Iterable[Undelivered]) -> None:
        """Take the pages' states as the outbox has them."""
        self._paged.update(paged)
        self._undelivered: dict[str, list[NotSent]] = {}
        for page in undelivered:
            self._undelivered.setdefault(page.incident, []).append(_undelivered(page))

    def not_sent(self, incident: Incident, silence: Silence | None, now_s: float) -> list[dict[str, Any]]:
        """Why receivers do not have its pages. `silence`: the one that covers it now."""
        receivers = self._config.receivers
        paged = [receiver.name for receiver in receivers if (incident.id, receiver.name, "firing") in self._paged]
        scope = self._scopes.of(incident.element)
        reasons = not_sent(incident, scope, receivers, paged, silence, int(now_s * 1000))
        return [asdict(reason) for reason in (*reasons, *self._undelivered.get(incident.id, ()))]

    def row(self, incident: Incident, now_s: float) -> dict[str, Any]:
        """An incident as the state API shows it; one that is over with the conferences it endangered at its end."""
        info = self._topology.info(incident.element)
        alone = incident.fault == "state"  # nobody suffers from it yet
        symptoms = (incident.element,) if alone else self._topology.symptoms(incident.element)
        said = {lang: texts.summary(lang, incident, info, symptoms) for lang in texts.LANGUAGES}
        if incident.element == self._hub and incident.is_open and self.note:
            said = {lang: f"{text}: {self.note}" for lang, text in said.items()}
        at_s = now_s if incident.resolved_ms is None else incident.resolved_ms / 1000
        endangered = self._endangered(incident.element, at_s)
        return {
            "id": incident.id,
            "element": incident.element,
            "name": info.name or incident.element,
            "kind": incident.kind,
            "fault": incident.fault,
            "severity": incident.severity,
            "state": "open" if incident.is_open else "resolved",
            "opened_ms": incident.opened_ms,
            "resolved_ms": incident.resolved_ms,
            "first_miss_ms": incident.first_miss_ms,
            "owner": info.owner,
            "carrier": info.carrier,
            "circuit_id": info.circuit_id,
            "contact": {"name": info.contact_name, "phone": info.contact_phone},
            "symptoms": list(symptoms[:SYMPTOMS_SHOWN]),
            "symptom_count": len(symptoms),
            "suspects": list(incident.suspects),
            "evidence": {"against": incident.against, "clear": incident.clear, "also": list(incident.also_told)},
            "conferences": [conference.id for conference in endangered],
            **said,
            "acked_by": incident.acked_by,
            "acked_ms": incident.acked_ms,
            "ack_note": incident.ack_note,
            "superseded_by": incident.superseded_by,
            "ended": incident.ended,
            "silenced": False,
            "not_sent": [],
        }


def _undelivered(page: Undelivered) -> NotSent:
    detail = page.trouble if page.status == "firing" else f"{page.status}: {page.trouble}"
    return NotSent(page.receiver, "waiting" if page.state == "waiting" else "given-up", page.created_ms, detail)
