"""Whose clock is wrong: what the hub makes of the clocks its writers tell. Pure: times are arguments.

A clock that is off for a while must cost no point: what its writer, or the hub itself, stamps wrongly meanwhile waits where
it is. Agents tell their clock with each write; every site has one vote, so no site alone can make the hub doubt its own.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from datetime import UTC, datetime

from netmon.hub.limits import FUTURE_MS
from probes.clean import clean

HEADER = "x-netmon-now"
HEARD_S = 900.0  # a site votes so long after its last write
MIN_VOTES = 3  # sites, before they can outvote the hub
MIN_CLOCK_MS = 1_735_689_600_000  # 2025-01-01: no clock of this network is right and earlier
KEPT_S = 1.0  # a count of the votes holds for so long
SHOWN = 5  # agents named
MEND = "timedatectl set-ntp true, or chronyc makestep"
_STAMP = re.compile(r"\d{1,15}", re.ASCII)


def told_ms(headers: Mapping[str, str]) -> int | None:
    """The writer's own clock as it sent a write (Unix ms), None when it tells none or nonsense."""
    text = headers.get(HEADER, "")
    return int(text) if _STAMP.fullmatch(text) else None


class WriterClocks:
    """How far each site's and agent's clock is ahead of the hub's (ms), as told last. `now_ms`: the hub's wall clock;
    `mono_s`: a clock nobody sets. Not thread-safe."""

    def __init__(self, now_ms: int, mono_s: float, newest_ms: int = 0) -> None:
        """`newest_ms`: the newest stamp of an agent that was stored before."""
        self.newest_ms = newest_ms
        self._base_ms = now_ms - mono_s * 1000
        self._votes: dict[str, tuple[int, float]] = {}
        self._off: dict[str, tuple[int, float]] = {}  # agents whose clock differs too much
        self._counted_s, self._ahead_ms, self._agreeing = -KEPT_S, 0, 0

    def stored(self, newest_ms: int) -> None:
        """Points of an agent up to this stamp were stored."""
        self.newest_ms = max(self.newest_ms, newest_ms)

    def reference_ms(self, now_ms: int, mono_s: float) -> int:
        """The time to judge stamps by: the hub's own, or, when most sites agree that it is off, theirs."""
        self._count(mono_s)
        return now_ms + self._ahead_ms

    def keeping_ms(self, now_ms: int) -> int:
        """The time by which old points may go: never later than the newest point, lest a hub whose clock ran ahead
        throws away what it has."""
        return min(now_ms, self.newest_ms) if self.newest_ms else now_ms

    def hear(self, site: str, agent: str, clock_ms: int, now_ms: int, mono_s: float) -> str:
        """An agent tells its clock; why its points wait, "" when they need not."""
        ahead_ms = clock_ms - now_ms
        self._votes[site] = (ahead_ms, mono_s)
        self._count(mono_s)
        differs_ms = ahead_ms - self._ahead_ms
        if abs(differs_ms) <= FUTURE_MS:
            self._off.pop(agent, None)
            return ""
        self._off[agent] = (differs_ms, mono_s)
        return self._words(clean(agent, 64), differs_ms, now_ms, mono_s)

    def differs(self, site: str) -> bool:
        """Does a site's clock, as told last, differ too much to judge what comes from there?"""
        vote = self._votes.get(site)
        return vote is not None and abs(vote[0] - self._ahead_ms) > FUTURE_MS

    @property
    def hub_is_off(self) -> bool:
        """Do most sites say so?"""
        return self._ahead_ms != 0

    def _count(self, mono_s: float) -> None:
        """What most sites say, counted anew at most once a second."""
        if mono_s - self._counted_s < KEPT_S and len(self._votes) >= MIN_VOTES:
            return
        self._counted_s = mono_s
        self._votes = {site: vote for site, vote in self._votes.items() if mono_s - vote[1] <= HEARD_S}
        self._off = {agent: offset for agent, offset in self._off.items() if mono_s - offset[1] <= HEARD_S}
        votes = [ahead_ms for ahead_ms, _ in self._votes.values()]
        self._agreeing = sum(abs(ahead_ms) <= FUTURE_MS for ahead_ms in votes)
        self._ahead_ms = 0
        if len(votes) >= MIN_VOTES:
            middle_ms = round(statistics.median(votes))
            same = sum(abs(ahead_ms - middle_ms) <= FUTURE_MS for ahead_ms in votes)
            if abs(middle_ms) > FUTURE_MS and 2 * same > len(votes):
                self._ahead_ms = middle_ms

    # --- words ---

    def _words(self, agent: str, differs_ms: int, now_ms: int, mono_s: float) -> str:
        """Which clock it is that differs, by how much, how one knows, and what mends it."""
        by, clock_ms = lasting(differs_ms), now_ms + self._ahead_ms + differs_ms
        hubs = "" if self._ahead_ms else self._proof_against_hub(differs_ms, now_ms, mono_s)
        if hubs:
            return (
                f"the hub's clock is {by} {_side(-differs_ms)} agent {agent}'s, and {hubs}: {_mend('the hub', agent)}"
            )
        theirs = f"the clock of agent {agent} ({_moment(clock_ms)}) is {by} {_side(differs_ms)}"
        if self._ahead_ms:
            return f"{theirs} those of most sites: {_mend(f'agent {agent}', agent)}"
        theirs += f" the hub's ({_moment(now_ms)})"
        if self._agreeing or clock_ms < MIN_CLOCK_MS:
            proof = f"{self._agreeing} other sites agree with the hub" if self._agreeing else "no clock is that early"
            return f"{theirs}, and {proof}: {_mend(f'agent {agent}', agent)}"
        return f"{theirs}: {_mend('the one that is wrong', agent)}"

    def _proof_against_hub(self, differs_ms: int, now_ms: int, mono_s: float) -> str:
        if now_ms < MIN_CLOCK_MS:
            return "no clock is that early"
        if self._was_set(differs_ms, now_ms, mono_s):
            return "it is the hub's that was set"
        return "the hub has later points already" if self.newest_ms > now_ms + FUTURE_MS else ""

    def _was_set(self, ahead_ms: int, now_ms: int, mono_s: float) -> bool:
        """Was the hub's clock set, since it started, by what they differ?"""
        set_ms = now_ms - mono_s * 1000 - self._base_ms
        return abs(set_ms) > FUTURE_MS and abs(set_ms + ahead_ms) <= FUTURE_MS

    def trouble(self, mono_s: float) -> str:
        """What is to be told of all clocks now, "" when they are well."""
        self._count(mono_s)
        sentences = []
        if self._ahead_ms:
            sentences.append(
                f"the hub's clock is {lasting(self._ahead_ms)} {_side(-self._ahead_ms)} those of most sites, which points are"
                f" judged by meanwhile: set it right on the hub ({MEND})"
            )
        if self._off:
            names = [
                f"{clean(agent, 64)}'s is {lasting(ms)} {_side(ms)}" for agent, (ms, _) in sorted(self._off.items())
            ]
            more = f", {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            sentences.append(
                f"clocks of agents differ ({', '.join(names[:SHOWN])}{more}): their points wait there until the wrong clock is"
                f" set right ({MEND})"
            )
        return "; ".join(sentences)


def _mend(where: str, agent: str) -> str:
    return f"set the clock of {where} right ({MEND}); agent {agent}'s points wait until then"


def _side(ahead_ms: int) -> str:
    return "ahead of" if ahead_ms > 0 else "behind"


def _moment(at_ms: int) -> str:
    """UTC, to the second; what no calendar has is told as a number."""
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def lasting(ms: int) -> str:
    """A difference for people: `3600 s`, `31 d 2 h`."""
    seconds = round(abs(ms) / 1000)
    if seconds < 7200:
        return f"{seconds} s"
    days, hours = seconds // 86400, seconds % 86400 // 3600
    return f"{days} d {hours} h" if days else f"{hours} h {seconds % 3600 // 60} min"
