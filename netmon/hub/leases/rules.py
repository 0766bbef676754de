"""Who may run a heavy test now: one a link, so many bytes a link and day, never under a conference. Pure.

Times are Unix seconds, given as arguments. A day is a day of Viet Nam (UTC+7, without summer time since 1975).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from netmon.config.hub import LeasesConfig

DAY_S = 86_400
ZONE_S = 7 * 3600  # Asia/Ho_Chi_Minh
GRACE_S = 5.0  # a lease outlives its test by so much: the word that it ended is on its way
HELD_S = 60.0  # ask again after so long at most while a conference is rehearsed
BUSY_S = 10.0  # ask again after so long at most: tests end early
MAX_LEASES = 4  # of one agent at a time
MAX_HELD_S = 6 * 3600  # of one agent in a day, all its leases together: none can keep a link for itself
REASONS = ("longest", "conference", "busy", "budget", "share")


class Want(NamedTuple):
    """What an agent asks for. `bytes` None: what the path carries; `narrowest_bps` None: nobody knows; `shared`: those of
    the links that others test over too."""

    agent: str
    check: str
    links: tuple[str, ...]
    bytes: int | None
    seconds: float
    narrowest_bps: int | None = None
    shared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to one heavy test."""

    id: str
    agent: str
    check: str
    links: tuple[str, ...]
    bytes: int
    granted_s: float
    expires_s: float
    narrowest_bps: int | None = None
    shared: tuple[str, ...] = ()  # those of the links that others test over too

    def cost(self, used_bytes: int | None, now_s: float) -> int:
        """What it is written off with: what its agent says it sent. None: the most that it can have sent, which is what it
        was granted, and no more than its narrowest link can have carried since."""
        if used_bytes is not None:
            return max(0, used_bytes)
        if self.narrowest_bps is None:
            return self.bytes
        held_s = max(0.0, min(now_s, self.expires_s) - self.granted_s)
        return min(self.bytes, math.ceil(self.narrowest_bps * held_s / 8))


@dataclass(frozen=True, slots=True)
class ConferenceWindow:
    """When which links belong to a conference: from its margin before it starts until it ends."""

    id: str
    name: str
    from_s: float
    until_s: float
    links: frozenset[str]


class Refusal(NamedTuple):
    """Not now. `link`: where ("" when it is the agent's own doing), `about`: the conference or the agent in the way."""

    reason: str
    link: str
    retry_after_s: int
    about: str = ""


@dataclass(slots=True)
class Changes:
    """What must be kept: leases that came and went, and what was used of (day, link or agent)."""

    came: dict[str, Lease] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    used: dict[tuple[int, str], int] = field(default_factory=dict)


def day_of(now_s: float) -> int:
    """The day of Viet Nam, counted from 1970."""
    return math.floor((now_s + ZONE_S) / DAY_S)


class Leases:
    """All leases, and what was used today. `used`: bytes by (day, link) and (day, `share:NAME:LINK`), seconds by
    (day, `agent:NAME`)."""

    def __init__(
        self,
        terms: LeasesConfig,
        meetings: Iterable[ConferenceWindow] = (),
        leases: Iterable[Lease] = (),
        used: Mapping[tuple[int, str], int] | None = None,
    ) -> None:
        self._terms = terms
        self._share_bytes = math.floor(terms.bytes_per_day * terms.share)
        self._meetings = tuple(sorted(meetings, key=lambda window: window.from_s))
        self._rehearsed: dict[str, ConferenceWindow] = {}
        self._leases = {lease.id: lease for lease in leases}
        self._holder = {link: lease for lease in self._leases.values() for link in lease.links}
        self._used = dict(used or {})
        self._changes = Changes()

    def ask(self, want: Want, id: str, now_s: float) -> Lease | Refusal:
        """Grant a lease called `id`, or say why not. Who asks again for a check gives up what it had for it."""
        self.expire(now_s)
        for lease in [
            lease for lease in self._leases.values() if (lease.agent, lease.check) == (want.agent, want.check)
        ]:
            self._end(lease, None, now_s)
        refused = self._length(want, now_s) or self._meeting(want, now_s) or self._busy(want, now_s)
        if refused:
            return refused
        left = self._left(want, now_s)
        if isinstance(left, Refusal):
            return left
        until_s = now_s + want.seconds + GRACE_S
        shared = tuple(link for link in want.links if link in want.shared)
        lease = Lease(id, want.agent, want.check, want.links, left, now_s, until_s, want.narrowest_bps, shared)
        self._leases[id] = self._changes.came[id] = lease
        self._holder.update(dict.fromkeys(lease.links, lease))
        return lease

    def end(self, id: str, agent: str, used_bytes: int | None, now_s: float) -> Lease:
        """Its test is over and sent so much (None: unknown, what it can have sent). `KeyError` when the agent has no such lease."""
        self.expire(now_s)
        lease = self._leases[id]
        if lease.agent != agent:
            raise KeyError(id)
        self._end(lease, used_bytes, now_s)
        return lease

    def hold(self, window: ConferenceWindow) -> None:
        """A rehearsal begins: no new lease on its links until `let_go`, or its `until_s`."""
        self._rehearsed[window.id] = window

    def let_go(self, id: str) -> None:
        """That rehearsal is over."""
        self._rehearsed.pop(id, None)

    def busy_s(self, links: Iterable[str], now_s: float) -> float:
        """How long, at most, until the heavy tests that run on some links are over; 0: none runs."""
        self.expire(now_s)
        return max((self._holder[link].expires_s - now_s for link in links if link in self._holder), default=0.0)

    def undo(self, id: str) -> None:
        """A grant that could not be kept never was."""
        lease = self._leases.pop(id, None)
        self._changes.came.pop(id, None)
        for link in lease.links if lease else ():
            self._holder.pop(link, None)

    def expire(self, now_s: float) -> None:
        """End what nobody ended: its agent died, and may have sent all it might. A clock that was set back ends all."""
        for lease in [
            lease for lease in self._leases.values() if not lease.granted_s - GRACE_S <= now_s < lease.expires_s
        ]:
            self._end(lease, None, lease.expires_s)

    def _end(self, lease: Lease, used_bytes: int | None, now_s: float) -> None:
        cost = lease.cost(used_bytes, now_s)
        self._leases.pop(lease.id)
        if self._changes.came.pop(lease.id, None) is None:
            self._changes.gone.add(lease.id)
        held_s = math.ceil(max(0.0, min(now_s, lease.expires_s) - lease.granted_s))
        self._use(lease, f"agent:{lease.agent}", held_s)
        for link in lease.links:
            self._holder.pop(link, None)
            if link in lease.shared:  # a figure beyond what was granted counts, but not against what others may use
                share = _share(lease.agent, link)
                own = self._share_bytes - self._used.get((day_of(lease.granted_s), share), 0)
                cost = min(cost, max(lease.bytes, own))
                self._use(lease, share, cost)
            self._use(lease, link, cost)

    def _use(self, lease: Lease, what: str, much: int) -> None:
        key = (day_of(lease.granted_s), what)
        self._used[key] = self._changes.used[key] = self._used.get(key, 0) + much

    # --- why not ---

    def _length(self, want: Want, now_s: float) -> Refusal | None:
        return Refusal("longest", "", DAY_S) if want.seconds > self._terms.longest_s else None

    def _meeting(self, want: Want, now_s: float) -> Refusal | None:
        until_s = now_s + want.seconds + GRACE_S
        for window in self._meetings:
            if window.from_s >= until_s:
                break
            link = next((link for link in want.links if link in window.links), "") if now_s < window.until_s else ""
            if link:
                return Refusal("conference", link, _after(window.until_s - now_s), window.name or window.id)
        for window in self._rehearsed.values():
            link = next((link for link in want.links if link in window.links), "") if now_s < window.until_s else ""
            if link:
                return Refusal(
                    "conference", link, _after(min(HELD_S, window.until_s - now_s)), window.name or window.id
                )
        return None

    def _busy(self, want: Want, now_s: float) -> Refusal | None:
        for link in want.links:
            other = self._holder.get(link)
            if other is not None:
                return Refusal("busy", link, _after(min(BUSY_S, other.expires_s - now_s)), other.agent)
        if sum(lease.agent == want.agent for lease in self._leases.values()) >= MAX_LEASES:
            return Refusal("busy", "", _after(BUSY_S), want.agent)
        return None

    def _left(self, want: Want, now_s: float) -> int | Refusal:
        """The bytes a test gets."""
        day = day_of(now_s)
        later_s = _after((day + 1) * DAY_S - ZONE_S - now_s)
        if self._used.get((day, f"agent:{want.agent}"), 0) + want.seconds > MAX_HELD_S:
            return Refusal("budget", "", later_s, want.agent)
        left = self._terms.bytes_per_day
        if want.bytes is not None and want.bytes > left:
            return Refusal("budget", "", later_s, want.agent)
        for link in want.links:
            on_it = self._terms.bytes_per_day - self._used.get((day, link), 0)
            if on_it <= 0 or (want.bytes is not None and want.bytes > on_it):
                return Refusal("budget", link, later_s)
            own = on_it
            if link in want.shared:
                own = self._share_bytes - self._used.get((day, _share(want.agent, link)), 0)
            if own <= 0 or (want.bytes is not None and want.bytes > own):
                return Refusal("share", link, later_s, want.agent)
            left = min(left, on_it, own)
        if want.bytes is not None:
            return want.bytes
        carried = left if want.narrowest_bps is None else math.ceil(want.narrowest_bps * want.seconds / 8)
        return min(left, carried)

    # --- telling ---

    def leases(self, now_s: float) -> Sequence[Lease]:
        """All that are out."""
        self.expire(now_s)
        return tuple(self._leases.values())

    def used(self, now_s: float) -> dict[str, int]:
        """Bytes by link, today."""
        today = day_of(now_s)
        return {what: much for (day, what), much in self._used.items() if day == today and what.startswith("link:")}

    def quiet(self, links: Iterable[str], now_s: float, within_s: float = 7 * DAY_S) -> list[ConferenceWindow]:
        """Conferences on some links, now or soon; on any when none is named."""
        wanted = frozenset(links)
        soon = [window for window in self._meetings if window.until_s > now_s and window.from_s < now_s + within_s]
        return [window for window in soon if not wanted or not wanted.isdisjoint(window.links)]

    def take_changes(self, now_s: float) -> Changes:
        """What changed since the last call; days before yesterday are forgotten."""
        oldest = day_of(now_s) - 1
        self._used = {key: much for key, much in self._used.items() if key[0] >= oldest}
        taken, self._changes = self._changes, Changes()
        return taken

    def put_back(self, taken: Changes) -> None:
        """Changes that could not be kept, and nothing happened since: the next time they are among what changed."""
        self._changes = taken


def _share(agent: str, link: str) -> str:
    """Under which name an agent's use of a link is counted."""
    return f"share:{agent}:{link}"


def _after(seconds: float) -> int:
    return max(1, math.ceil(seconds))
