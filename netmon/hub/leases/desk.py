"""The desk leases are given out at: what the inventory says of a check's way, what is kept on disk, and words."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from inventory.topology import Network
from netmon.config.hub import LeasesConfig
from netmon.hub.leases.rules import ConferenceWindow, Lease, Leases, Refusal, Want, day_of
from netmon.hub.leases.tables import LeaseTables
from probes.clean import clean

log = logging.getLogger("netmon.hub")
Row = dict[str, Any]
MAX_WINDOWS_TOLD = 16  # conferences an agent is told of
_WORDS: Mapping[str, tuple[str, str]] = {
    "longest": ("phép đo kéo dài quá {longest:.0f} giây", "it may last longer than {longest:.0f} s"),
    "conference": ("đang hoặc sắp có hội nghị {about} trên {link}", "conference {about} is on, or soon, on {link}"),
    "busy": ("máy {about} đang đo trên {link}", "agent {about} tests {link} just now"),
    "budget": ("{link} đã hết dung lượng đo trong ngày", "the day's bytes for tests on {link} are used"),
    "share": (
        "máy {about} đã hết phần dung lượng đo trong ngày của mình trên {link}",
        "agent {about} has used its share of the day's bytes for tests on {link}",
    ),
}
_OWN = {
    "busy": ("máy này đang chạy quá nhiều phép đo nặng", "this agent has too many leases"),
    "budget": ("phép đo vượt quá phần của một ngày", "the test is more than an agent may do in a day"),
}


class NotYours(Exception):
    """The check, or the lease, is another agent's."""


class Full(Exception):
    """A lease cannot be kept: the disk refuses."""


class LeaseDesk:
    """Gives and takes leases. Any thread may call; each call may wait for the disk."""

    def __init__(
        self, terms: LeasesConfig, network: Network, tables: LeaseTables, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._terms, self._network, self._tables, self._clock_s = terms, network, tables, clock_s
        self._lock = threading.Lock()
        self._shared = _shared(network)
        meetings = _meetings(network, terms.margin_s, clock_s())
        self._book = Leases(terms, meetings, tables.leases(), tables.use())

    def ask(self, agent: str, check: str, bytes: int | None, seconds: float) -> tuple[bool, Row]:
        """Whether a lease was granted, and what the agent is told. Raises `NotYours`, `Full`."""
        owner = self._network.agent_of(check)
        if owner and owner != agent:
            raise NotYours(f"check {clean(check, 64)} is agent {owner}'s (see the hub's inventory)")
        links = self._links(agent, check if owner else "")
        known = [bps for link in links if (bps := self._network.capacity_bps(link))]
        want = Want(agent, check, links, bytes, seconds, min(known, default=None), self._shared)
        with self._lock:
            now_s = self._clock_s()
            got = self._book.ask(want, secrets.token_hex(8), now_s)
            try:
                self._keep(now_s)
            except sqlite3.Error as fault:
                if isinstance(got, Lease):
                    self._book.undo(got.id)
                raise Full(f"not kept: {fault}") from fault
            quiet = self._book.quiet(links, now_s)[:MAX_WINDOWS_TOLD] if links else []
        soon = [[round(max(0.0, window.from_s - now_s)), round(window.until_s - now_s)] for window in quiet]
        reply = self._granted(got) if isinstance(got, Lease) else self._refused(got)
        return isinstance(got, Lease), reply | {"quiet": soon}

    def _links(self, agent: str, check: str) -> tuple[str, ...]:
        """Of a check's way; of one the inventory does not know, those between the agent and the hub."""
        way = self._network.path(check) if check else self._network.inward(self._network.site_of(agent))
        return tuple(step for step in way if step.startswith("link:"))

    def end(self, agent: str, id: str, used_bytes: int | None) -> None:
        """A test is over. Raises `KeyError` when the agent has no such lease, `Full`."""
        with self._lock:
            now_s = self._clock_s()
            self._book.end(id, agent, used_bytes, now_s)
            try:
                self._keep(now_s)
            except sqlite3.Error as fault:
                raise Full(f"not kept: {fault}") from fault

    def hold(self, conference: str, until_s: float) -> float:
        """It is rehearsed now: its links are kept free until `let_go`. How long heavy tests on them run on, at most."""
        links = frozenset(crossing.link for crossing in self._network.crossings(conference))
        known = self._network.conference(conference)
        with self._lock:
            now_s = self._clock_s()
            self._book.hold(ConferenceWindow(conference, known.name if known else "", now_s, until_s, links))
            return self._book.busy_s(links, now_s)

    def let_go(self, conference: str) -> None:
        """The rehearsal is over."""
        with self._lock:
            self._book.let_go(conference)

    def _keep(self, now_s: float) -> None:
        changes = self._book.take_changes(now_s)
        if changes.came or changes.gone or changes.used:
            try:
                self._tables.keep(changes, day_of(now_s) - 1)
            except sqlite3.Error as fault:
                log.error("leases cannot be kept (%s): none are given out until the disk takes them", fault)
                self._book.put_back(changes)
                raise

    def view(self) -> Row:
        """What is out, what was used today, and which conferences keep links free; for people and scripts."""
        with self._lock:
            now_s = self._clock_s()
            leases, used = self._book.leases(now_s), self._book.used(now_s)
            windows = self._book.quiet((), now_s)
        return {
            "bytes_per_day": self._terms.bytes_per_day,
            "leases": [_row(lease) for lease in leases],
            "links": [
                {"link": link, "name": self._name(link), "used_bytes": much} for link, much in sorted(used.items())
            ],
            "conferences": [
                {"id": window.id, "name": window.name, "from_ms": _ms(window.from_s), "until_ms": _ms(window.until_s)}
                | {"links": len(window.links)}
                for window in windows
            ],
        }

    # --- words ---

    def _granted(self, lease: Lease) -> Row:
        return _row(lease) | {"for_s": round(lease.expires_s - lease.granted_s, 3)}

    def _refused(self, refusal: Refusal) -> Row:
        own = refusal.reason in _OWN and not refusal.link
        texts = _OWN[refusal.reason] if own else _WORDS[refusal.reason]
        vi, en = (
            text.format(longest=self._terms.longest_s, link=self._name(refusal.link), about=clean(refusal.about, 80))
            for text in texts
        )
        plain = {"reason": refusal.reason, "link": refusal.link, "retry_after_s": refusal.retry_after_s}
        return plain | {"vi": f"không chạy: {vi}", "en": f"not run: {en}"}

    def _name(self, link: str) -> str:
        """A link for people: its id, and the names of its ends."""
        name = clean(self._network.about(link).name, 80)
        return f"{link} ({name})" if name else link


def _shared(network: Network) -> frozenset[str]:
    """Links that more than one agent tests over: to the hub's site, or on the way of its checks."""
    ways = [(agent.agent, network.inward(network.site_of(agent.agent))) for agent in network.inventory.agents]
    ways += [(check.agent, iter(network.path(check.check))) for check in network.inventory.checks]
    users: dict[str, str] = {}
    shared = set[str]()
    for agent, way in ways:
        for step in way:
            if step.startswith("link:") and users.setdefault(step, agent) != agent:
                shared.add(step)
    return frozenset(shared)


def _meetings(network: Network, margin_s: float, now_s: float) -> list[ConferenceWindow]:
    """Conferences that are not over."""
    return [
        ConferenceWindow(
            conference.id,
            conference.name,
            conference.starts.at_s - margin_s,
            conference.ends.at_s,
            frozenset(crossing.link for crossing in network.crossings(conference.id)),
        )
        for conference in network.inventory.conferences
        if conference.ends.at_s > now_s
    ]


def _row(lease: Lease) -> Row:
    return {
        "id": lease.id,
        "agent": lease.agent,
        "check": lease.check,
        "links": list(lease.links),
        "bytes": lease.bytes,
        "granted_ms": _ms(lease.granted_s),
        "expires_ms": _ms(lease.expires_s),
    }


def _ms(at_s: float) -> int:
    return round(at_s * 1000)
