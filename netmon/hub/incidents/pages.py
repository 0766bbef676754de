"""Incidents as people and receivers see them, and which pages are still owed. Pure but for the hub's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from alerts import texts
from alerts.base import Firing, Topology, inward
from alerts.blame.accusation import Member
from alerts.incidents import Incident
from alerts.notify import webhook
from alerts.notify.status import is_over
from alerts.page_status import due
from alerts.route import NotSent, is_on, not_sent, unwanted
from alerts.silences import Silence, is_pattern, silence_of
from alerts.texts import EndangeredConference
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.hub.incidents import hands
from netmon.hub.incidents.scopes import Scopes
from netmon.hub.incidents.timeline import TimelineEntry
from netmon.hub.outbox_table import NewPage, Undelivered
from netmon.texts import LANGUAGES, read_texts

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
        self._sent: dict[str, dict[str, dict[str, str]]] = {}  # incident → receiver → status → state of that page
        self.changed = set[str]()  # incidents whose pages, or who themselves, are not as they were shown last
        self._done = set[str]()  # incidents that are over and owe no page
        self._undelivered: dict[str, list[NotSent]] = {}
        self.refresh(paged, undelivered)
        self._hub = f"hub:{config.name}"
        self._first_steps = _first_steps()
        self.firing: Sequence[Firing] = ()  # at the last tick: how bad things are
        self._figures_of: Sequence[Firing] = ()
        self._figures = dict[Member, float | None]()
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
        """Firing pages of open incidents whose element is not silenced; what became of it to whoever got firing."""
        owed = list[NewPage]()
        for incident in incidents:
            if incident.resolved_ms is not None and incident.id in self._done:
                continue
            statuses = self._due(incident, silences, now_s)
            if incident.resolved_ms is None:
                self._done.discard(incident.id)
            elif not statuses:  # only what becomes of its pages changes that
                self._done.add(incident.id)
            if statuses:
                row = self._paged_row(incident, now_s)
                owed += [self._page(row, name, status) for name, status in statuses.items()]
            if incident.is_open and (repeats := self._repeats(incident, silences, now_s)):
                row = self._paged_row(incident, now_s)
                owed += [self._page(row, name, "firing", repeat=count) for name, count in repeats]
        return owed

    def _paged_row(self, incident: Incident, now_s: float) -> dict[str, Any]:
        """An incident as a page tells it: its line begins with the conferences it endangers at this moment."""
        row, endangered = self.row(incident, now_s), self._endangered(incident.element, now_s)
        now_ms, said = int(now_s * 1000), self._said(incident, self._facts(incident, now_s))
        for lang in texts.LANGUAGES:
            row[lang] = texts.conferences(lang, incident, endangered, now_ms) + said[lang]
        return row

    def _facts(self, incident: Incident, now_s: float) -> texts.PageFacts:
        """What a page says of an incident at this moment beside what is shown of it."""
        figures = [figure for member in incident.members if (figure := self._figure(member)) is not None]
        others = [element for element in self._symptoms(incident) if element != incident.element]
        names = (self._topology.info(element).name for element in others[: texts.NAMES_TOLD])
        return texts.PageFacts(int(now_s * 1000), tuple(filter(None, names)), median(figures) if figures else None)

    def _figure(self, member: Member) -> float | None:
        """What a firing rule measured at the last tick; looked up by member, made once a tick and only when a page asks."""
        if self._figures_of is not self.firing:
            self._figures = {firing.member: firing.value for firing in self.firing}
            self._figures_of = self.firing
        return self._figures.get(member)

    def _said(self, incident: Incident, facts: texts.PageFacts | None = None) -> dict[str, str]:
        """Its line in each language. With `facts`: as a page says it."""
        info, symptoms = self._topology.info(incident.element), self._symptoms(incident)
        said = {lang: texts.summary(lang, incident, info, symptoms, facts) for lang in texts.LANGUAGES}
        is_noted = incident.element == self._hub and incident.is_open and self.note
        return {lang: f"{text}: {self.note}" for lang, text in said.items()} if is_noted else said

    def _due(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> dict[str, str]:
        """Receiver → status of the page that is due to it. What begins waits while its element is silenced."""
        sent = self._sent.get(incident.id, {})
        statuses = dict[str, str]()
        for receiver in self._config.receivers:
            had = sent.get(receiver.name, {})
            status = due(incident, had)
            is_due = self._is_wanted(incident, receiver, now_s) if status == "firing" else _has_first(had)
            if status and is_due:
                statuses[receiver.name] = status
        begins = any(not is_over(status) for status in statuses.values())
        if begins and self.silence(incident, silences, now_s) is not None:
            return {name: status for name, status in statuses.items() if is_over(status)}
        return statuses

    def _is_wanted(self, incident: Incident, receiver: ReceiverConfig, now_s: float) -> bool:
        return unwanted(incident, self._scopes.of(incident.element), receiver, int(now_s * 1000)) is None

    def _repeats(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> list[tuple[str, int]]:
        """Who is to be told again, and the how manieth time: nobody acknowledged it, and they have its page."""
        if incident.acked_ms is not None:
            return []
        since_ms, again = int(now_s * 1000) - incident.opened_ms, list[tuple[str, int]]()
        for receiver in self._repeating:
            count = int(since_ms / 1000 / receiver.repeat_s)
            had = self._sent.get(incident.id, {}).get(receiver.name, {})
            if count and had.get("firing") == "accepted" and f"repeat-{count}" not in had:
                again += [(receiver.name, count)] if is_on(receiver, int(now_s * 1000)) else []
        return [] if again and self.silence(incident, silences, now_s) is not None else again

    def of_hands(
        self, incident: Incident, entry: TimelineEntry, silences: Sequence[Silence], now_s: float
    ) -> list[NewPage]:
        """Pages that tell in whose hands an open incident is, to those who have its page and want to know."""
        if not incident.is_open or self.silence(incident, silences, now_s) is not None:
            return []
        sent, now_ms = self._sent.get(incident.id, {}), int(now_s * 1000)
        names = [
            receiver.name
            for receiver in self._config.receivers
            if receiver.hands and _has_first(sent.get(receiver.name, {})) and is_on(receiver, now_ms)
        ]
        row, said = self._paged_row(incident, now_s) if names else {}, hands.said(entry)
        row |= {lang: f"{said[lang]}. {row[lang]}" for lang in texts.LANGUAGES if names}
        return [self._page(row, name, hands.status_of(entry)) for name in names]

    def silence(self, incident: Incident, silences: Sequence[Silence], now_s: float) -> Silence | None:
        """The silence that holds its pages back now."""
        return silence_of(incident.element, incident.suspects, incident.kind, silences, self._topology, now_s)

    def _page(self, row: Mapping[str, Any], receiver: str, status: str, *, repeat: int = 0) -> NewPage:
        raw = webhook.body(row, status, receiver, self._config.name, self._config.lang, repeat=repeat)
        kept_as = f"repeat-{repeat}" if repeat else status
        return NewPage(webhook.page_id(row["id"], receiver, kept_as), row["id"], receiver, kept_as, raw)

    def kept(self, pages: Iterable[NewPage], forgotten: Iterable[str]) -> None:
        """These are in the outbox now, those incidents are gone."""
        for page in pages:
            self._note(page.incident, page.receiver, page.status, "waiting")
        for id in forgotten:
            self._sent.pop(id, None)
            self._done.discard(id)

    def _note(self, incident: str, receiver: str, status: str, state: str) -> None:
        states = self._sent.setdefault(incident, {}).setdefault(receiver, {})
        if states.get(status) != state:
            states[status] = state
            self.changed.add(incident)
            self._done.discard(incident)

    def refresh(self, paged: Mapping[Key, str], undelivered: Iterable[Undelivered]) -> None:
        """Take the pages' states as the outbox has them."""
        for key, state in paged.items():
            self._note(*key, state)
        before, self._undelivered = self._undelivered, {}
        for page in undelivered:
            self._undelivered.setdefault(page.incident, []).append(_undelivered(page))
        ids = before.keys() | self._undelivered.keys()
        self.changed |= {id for id in ids if before.get(id) != self._undelivered.get(id)}

    def not_sent(self, incident: Incident, silence: Silence | None, now_s: float) -> list[dict[str, Any]]:
        """Why receivers do not have its pages. `silence`: the one that covers it now."""
        receivers = self._config.receivers
        sent = self._sent.get(incident.id, {})
        paged = [receiver.name for receiver in receivers if "firing" in sent.get(receiver.name, {})]
        scope = self._scopes.of(incident.element)
        reasons = not_sent(incident, scope, receivers, paged, silence, int(now_s * 1000))
        return [asdict(reason) for reason in (*reasons, *self._undelivered.get(incident.id, ()))]

    def _symptoms(self, incident: Incident) -> tuple[str, ...]:
        """Who suffers: of several that fail together those behind each of them."""
        if incident.fault == "state":  # nobody suffers from it yet
            return (incident.element,)
        suffering = (self._topology.symptoms(element) for element in incident.siblings or (incident.element,))
        return tuple(dict.fromkeys(chain.from_iterable(suffering)))

    def row(self, incident: Incident, now_s: float) -> dict[str, Any]:
        """An incident as the state API shows it; one that is over with the conferences it endangered at its end."""
        info, symptoms = self._topology.info(incident.element), self._symptoms(incident)
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
            "siblings": list(incident.siblings[:SYMPTOMS_SHOWN]),
            "share": incident.share,
            "evidence": {
                "against": incident.against,
                "clear": incident.clear,
                "also": list(incident.also_told),
                "outvoted": list(incident.outvoted),
            },
            "conferences": [conference.id for conference in endangered],
            **self._said(incident),
            "do": self._first_steps.get(incident.kind, self._first_steps["other"]),
            "acked_by": incident.acked_by,
            "acked_ms": incident.acked_ms,
            "ack_note": incident.ack_note,
            "superseded_by": incident.superseded_by,
            "reopened": incident.reopened,
            "ended": incident.ended,
            "silenced": False,
            "not_sent": [],
        }


def _first_steps() -> dict[str, dict[str, str]]:
    """Kind → language → what to do first."""
    steps = read_texts(Path(__file__).with_name("first_steps.txt"))
    return {kind: {lang: steps[lang][kind] for lang in LANGUAGES} for kind in steps["en"]}


def _has_first(sent: Mapping[str, str]) -> bool:
    """Has a receiver the page that opened an incident, or will it have it?"""
    return sent.get("firing") in ("waiting", "accepted")


def _undelivered(page: Undelivered) -> NotSent:
    detail = page.trouble if page.status == "firing" else f"{page.status}: {page.trouble}"
    return NotSent(page.receiver, "waiting" if page.state == "waiting" else "given-up", page.created_ms, detail)
