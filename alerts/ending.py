"""When an incident is over: what those who accused it say by now. Pure; times are Unix ms."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from alerts.base import Assessment, own_series
from alerts.blame.accusation import Member
from alerts.blame.blame import Votes
from alerts.blame.paths import PathIndex
from alerts.incident import Incident

GONE_MS = 600_000  # a check of which its agent tells nothing any more holds an incident for so long …
GONE_PERIODS = 10  # … and for so many of its periods
UNHEARD_MS = 86_400_000  # one nobody has heard of since the hub listens


class Ending:
    """Whether incidents end at a tick."""

    def __init__(
        self,
        paths: PathIndex,
        votes: Votes,
        assessment: Assessment,
        home: Mapping[Member, str],
        open: Collection[str],
        began_ms: int,
    ) -> None:
        """`home`: which element each accuser speaks against now; `open`: elements with an open incident; `began_ms`: since
        when the hub listens without a break."""
        self._paths, self._votes, self._assessment = paths, votes, assessment
        self._home, self._open, self._began_ms = home, open, began_ms
        self.firing = votes.members

    def is_over(self, incident: Incident) -> bool:
        """An outage, bad quality, an agent: is all well again?"""
        if incident.fault in ("silence", "self"):
            return self._is_known(incident) and not incident.members & (self.firing | self._assessment.unknown)
        left = self._left(incident)
        if left and left <= self._assessment.unknown:
            return False  # nobody can say now: what others get through proves nothing for those
        freed = bool(left - self.firing - self._assessment.unknown)
        if not all(self._is_excused(incident, member, freed) for member in left & self.firing):
            return False
        if incident.fault == "quality" and not self.is_better(incident):
            return False
        return self._votes.is_steady(incident.element, incident.latest_start_ms)

    def is_better(self, incident: Incident) -> bool:
        """Quality, states: most of those who complained must say that it is good again; silence does not say so."""
        left, unknown = self._left(incident), self._assessment.unknown
        mute = {member for member in left if member in unknown or member[1] not in self._assessment.evidence}
        return len(left - mute - self.firing) > len(mute)

    def is_unmeasured(self, incident: Incident) -> bool:
        """Will none of those who accuse it ever speak again? Checks and agents are taken away, and hold nothing open."""
        if incident.fault in ("silence", "self"):
            return not self._is_known(incident)
        if incident.fault != "state" and incident.element not in self._paths.crossing:
            return True
        return not self._left(incident)

    def _is_known(self, incident: Incident) -> bool:
        """Is one of its agents still in the inventory?"""
        agents = {series for _, series in incident.members} | {incident.element.partition(":")[2]}
        return any(map(self._paths.topology.site_of, agents))

    def _left(self, incident: Incident) -> set[Member]:
        return {member for member in incident.members if not self._is_gone(member[1])}

    def _is_gone(self, check: str) -> bool:
        """Is a check no more in the inventory, or does its agent tell nothing of it any more?"""
        evidence = self._assessment.evidence.get(check)
        if check not in self._paths.path and not check.startswith(own_series("")):
            return True
        if evidence is None or evidence.newest_ms is None:
            return self._assessment.at_ms - (self._began_ms or self._assessment.at_ms) > UNHEARD_MS
        return evidence.frontier_ms - evidence.newest_ms > max(GONE_MS, GONE_PERIODS * evidence.period_ms)

    def _is_excused(self, incident: Incident, member: Member, freed: bool) -> bool:
        """Does a member that still fires speak against something else by now? `freed`: another one is good again."""
        element, check, votes = self._home.get(member), member[1], self._votes
        if element is not None and element != incident.element:
            return element in self._open
        if incident.fault == "quality":
            return False
        # Bad figures of the outage itself fade with their window; a miss the element was cleared of is not its own.
        if not votes.is_reach(check):
            return True
        return freed and votes.is_clear(incident.element, votes.start_ms(check)) and not votes.is_undecided(check)
