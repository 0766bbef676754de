"""What checks have to say at a tick: who has a vote, what is fine, who cannot say yet. Pure; times are Unix ms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from alerts.base import LOCAL, LOST, PROTOCOL, REFUSED, UNRESOLVED, Assessment, Evidence, Firing
from alerts.blame.accusation import Accusation
from alerts.blame.hypotheses import Key, Success
from alerts.blame.paths import PathIndex
from alerts.blame.proofs import Proofs, Witnesses

BURST_TAKES_MS = 1_400  # from the packet that was missed to the last one of the burst
SLACK_MS = 500  # packets of two checks in flight when a link dies may be lost in either order; clocks differ a little
LATE_MS = 150_000  # what fell with an element may come back so much later than it
EARLY_MS = 10_000  # and may have fallen so much earlier
FRESH_MS = 5_000  # an agent that could clear an element is waited for so long, and two periods
CONTESTED_MS = 15_000  # the longest wait for somebody who may know better: agents write each ten seconds
RECENT_MS = 5_000
FEWEST_DARK = 8  # checks
BLACK_SHARE = 0.95
BLACK_MS = 7_000
WELL_MS = 2_000
MANY_TIMES = 20
MAX_WITNESSES = 1_000  # are counted; more say nothing new
BURST_MS = 5_000  # checks that send so seldom send more at once after a miss
PACKET_KINDS = ("ping", "stamp")  # what speaks of the host itself; others speak of a service on it
Kinds = Mapping[str, str]  # check → its kind, as seen
Outages = Mapping[
    str, tuple[int, int, int | None]
]  # element → (first miss, the latest first miss of all, end or None) of its last incident of reach
CALL_KINDS = ("sipcall", "h323", "room")  # of whose failures another rule tells, too


def _is_back(evidence: Evidence, firing: Firing) -> bool:
    """Did an answer come in that the rule, which waits for the frontier, has not seen yet?"""
    answered_ms = evidence.ok_ms or 0
    later = (evidence.miss_ms or 0, evidence.refused_ms or 0)
    return firing.fault == "reach" and answered_ms > max(firing.since_ms, *later)


def _led_nowhere(evidence: Evidence) -> bool:
    """Did the latest try get an answer and fail all the same (a call that rang)? The far end can be reached."""
    return evidence.latest == LOST and evidence.miss_ms is None and evidence.ok_ms is not None


def _is_refused(evidence: Evidence) -> bool:
    """Did the last thing that came back say no, or was it no good?"""
    return evidence.refused_ms is not None and evidence.refused_ms == evidence.ok_ms


class Testimony:
    """All testimonies of one tick."""

    def __init__(
        self,
        assessment: Assessment,
        paths: PathIndex,
        proofs: Proofs | None = None,
        outages: Outages | None = None,
        kinds: Kinds | None = None,
    ) -> None:
        self._proofs, self._outages, self._kinds = proofs or Proofs(), outages or {}, kinds or {}
        self._at_ms = assessment.at_ms
        self._paths = paths
        self._evidence = assessment.evidence
        self._unknown, self._pending = assessment.unknown, assessment.pending
        self.firing = assessment.firing
        self.members = frozenset(firing.member for firing in assessment.firing)
        self._complaining = {firing.check for firing in assessment.firing if firing.fault == "quality"}
        self._unfit = frozenset(firing.agent for firing in assessment.firing if firing.fault == "self")
        self._reach: dict[str, list[Firing]] = {}
        for firing in assessment.firing:
            if firing.fault == "reach" and self._has_vote(firing):
                self._reach.setdefault(firing.check, []).append(firing)
        self._witnesses: dict[str, Witnesses] = {}
        self._latest: dict[str, int] | None = None  # element → latest miss of those whose rule holds
        self._newest: dict[Key, list[Success]] = {}
        self._missed = assessment.evidence if assessment.failing is None else assessment.failing
        self._missing: dict[str, dict[str, list[int]]] | None = None
        self.odd: list[Accusation] = []  # after `reach`: what nobody explains
        self._undecided = self._weigh(assessment.evidence if assessment.failing is None else assessment.failing)

    def _said(self, check: str) -> Evidence:
        """What a check has to say: nothing, when it never spoke."""
        return self._evidence.get(check) or Evidence(check, "", 1000, self._at_ms, None, None, None, None)

    def _has_vote(self, firing: Firing) -> bool:
        evidence = self._evidence.get(firing.check)
        if firing.check not in self._paths.path or firing.agent in self._unfit:
            return False
        if evidence is None or (firing.fault == "reach" and _led_nowhere(evidence)):
            return evidence is None
        return not (evidence.latest in (LOCAL, UNRESOLVED) or _is_back(evidence, firing))

    # --- what is fine ---

    def _good_of(self, evidence: Evidence, element: str) -> int:
        ok_ms, refused_ms = evidence.ok_ms or 0, evidence.refused_ms or 0
        if element != self._paths.path[evidence.check][-1]:
            return max(ok_ms, refused_ms)
        # The far host said no, or its answer was no good: that it is there does not make it fine.
        return 0 if evidence.check in self._reach or _is_refused(evidence) else ok_ms

    def _of(self, element: str) -> Witnesses:
        """Who speaks for an element."""
        if element not in self._witnesses:
            self._witnesses[element] = Witnesses(self._testimonies(element))
        return self._witnesses[element]

    def _testimonies(self, element: str) -> Iterator[tuple[int, int, int]]:
        for check in self._paths.crossing.get(element, ()):
            evidence = self._said(check)
            if good_ms := self._good_of(evidence, element):
                refused_ms = evidence.refused_ms or 0 if element == self._paths.path[check][-1] else 0
                yield good_ms, max(evidence.broken_ms or 0, refused_ms), evidence.period_ms

    def is_clear(self, element: str, start_ms: int) -> bool:
        """Did something cross the element that was sent after a first miss?"""
        return self._of(element).is_good_after(start_ms + SLACK_MS)

    def is_steady(self, element: str, start_ms: int) -> bool:
        """Is it clear, and do most of those who cross it answer for a while now? A link that loses half of all packets
        answers ever again, and is not well."""
        return self.is_clear(element, start_ms) and self._of(element).is_steady(start_ms + SLACK_MS)

    def dark(self) -> set[str]:
        """Elements many of whose checks miss answers now, though rules wait for more."""
        missing: dict[str, int] = {}
        for check in self._missed:
            if self._is_quick(check) and self._at_ms - (self._said(check).miss_ms or 0) <= RECENT_MS:
                for element in self._paths.path.get(check, ()):
                    missing[element] = missing.get(element, 0) + 1
        crossing = self._paths.crossing
        return {
            element
            for element, many in missing.items()
            if many >= FEWEST_DARK and len(crossing[element]) <= MANY_TIMES * many
        }

    def was_black(self, element: str) -> bool:
        """Did nearly all checks that cross an element lose packets a moment ago, and none since? That was the element, for
        a moment; lines that lose packets go on losing."""
        heard = [self._said(check) for check in self._paths.crossing[element] if self._is_quick(check)]
        ages_ms = [evidence.frontier_ms - (evidence.broken_ms or 0) for evidence in heard]
        then = sum(WELL_MS < age_ms <= BLACK_MS for age_ms in ages_ms)
        since = sum(age_ms <= WELL_MS for age_ms in ages_ms)
        return then >= max(FEWEST_DARK, BLACK_SHARE * len(heard)) and since <= (1 - BLACK_SHARE) * len(heard)

    def _is_quick(self, check: str) -> bool:
        """Is it a check of packets that is sent often, and has it told of the last moments?"""
        evidence = self._said(check)
        is_often = self._kinds.get(check) in PACKET_KINDS and evidence.period_ms < BURST_MS
        return is_often and self._at_ms - evidence.frontier_ms <= RECENT_MS

    # --- who cannot say yet ---

    def _weigh(self, checks: Iterable[str]) -> frozenset[str]:
        """Failing checks that have not been heard of since something on their way was proven."""
        failing = dict[str, tuple[int, int]]()
        for check in checks:
            evidence = self._evidence.get(check)
            if evidence is not None and check in self._paths.path:
                ok_ms = 0 if _is_refused(evidence) else evidence.ok_ms or 0
                start_ms = evidence.miss_ms if evidence.miss_ms is not None else evidence.refused_ms
                if start_ms is not None and start_ms > ok_ms:
                    failing[check] = start_ms, ok_ms
        starts = self._proofs.keep(failing)
        return frozenset(check for check in self._reach if check in starts and self._is_early(check, starts[check]))

    def _is_early(self, check: str, start_ms: int) -> bool:
        """Was nothing sent yet, that was not answered, after an element on the way was proven (and had its time)?"""
        crossed = self._crossed(check)
        clear = {element for element in crossed if self.is_clear(element, start_ms)}
        latest_ms = max(
            [self._latest_miss_ms(check), *(self._broken_ms(element) for element in crossed if element not in clear)]
        )
        return any(latest_ms < self._judged_from_ms(check, element, start_ms) for element in clear)

    def _judged_from_ms(self, check: str, element: str, start_ms: int) -> int:
        """Since when misses of a check speak against what lies behind an element that was proven: since the proof, and of
        what fell with an outage of it for long after it is over."""
        if not self._fell_with(element, start_ms):
            return self._proof_ms(check, element, start_ms, element)
        after_ms = max(start_ms, self._outages[element][1])
        if not self.is_clear(element, after_ms):
            return 1 << 62
        return self._proof_ms(check, element, after_ms, f"{element} {after_ms}") + LATE_MS

    def _proof_ms(self, check: str, element: str, after_ms: int, name: str) -> int:
        return self._proofs.first_ms(check, name, self._of(element).first_ms(after_ms + SLACK_MS))

    def _latest_miss_ms(self, check: str) -> int:
        evidence = self._evidence[check]
        miss_ms = evidence.miss_ms or 0
        has_burst = miss_ms and self._kinds.get(check) == "ping" and evidence.period_ms >= BURST_MS
        return max(evidence.broken_ms or 0, miss_ms, evidence.refused_ms or 0) + (BURST_TAKES_MS if has_burst else 0)

    def _broken_ms(self, element: str) -> int:
        """When somebody missed an answer from what an element leads to last: two who fail at it are two witnesses."""
        if self._latest is None:
            self._latest = {}
            for check in self._reach:
                if check in self._evidence:
                    for step in self._paths.path[check]:
                        self._latest[step] = max(self._latest.get(step, 0), self._latest_miss_ms(check))
        return self._latest.get(element, 0)

    def _crossed(self, check: str) -> tuple[str, ...]:
        """What a check crosses, and what broke between one of its ends and the hub."""
        path = self._paths.path[check]
        if not self._outages:
            return path
        steps = dict.fromkeys(step for end in path[:1] + path[-1:] for step in self._paths.inward(end))
        return path + tuple(step for step in steps if step in self._outages and step not in path)

    def _fell_with(self, element: str, start_ms: int) -> bool:
        """Did what began to fail then fall with an element that was, or is, out of reach?"""
        if element not in self._outages:
            return False
        since_ms, _, until_ms = self._outages[element]
        return since_ms - EARLY_MS <= start_ms <= (start_ms if until_ms is None else until_ms)

    def is_undecided(self, check: str) -> bool:
        """Does a check fail that must be heard once more before it accuses anybody?"""
        return check in self._undecided

    def is_doubted(self, agent: str) -> bool:
        """Does a check of somebody else to the place of an agent (`agent:NAME`) miss answers, and may soon say why?"""
        name = agent.partition(":")[2]
        for check in self._paths.crossing.get(self._paths.topology.site_of(name), ()):
            evidence = self._said(check)
            if evidence.agent == name or evidence.miss_ms is None:
                continue
            if 0 <= evidence.frontier_ms - evidence.miss_ms <= 4 * evidence.period_ms + FRESH_MS:
                return True
        return False

    def is_reach(self, check: str) -> bool:
        """Does a check fail, and has it a vote?"""
        return check in self._reach

    def start_ms(self, check: str) -> int:
        """First miss of a failing check."""
        miss_ms = self._said(check).miss_ms
        return min(firing.since_ms for firing in self._reach[check]) if miss_ms is None else miss_ms

    def _is_answered(self, check: str) -> bool:
        """Is the latest thing a failing check heard a refusal? Then all is well up to the far host, which is not."""
        return self._said(check).latest in (REFUSED, PROTOCOL)

    def _period_ms(self, check: str) -> int:
        return max(1, self._said(check).period_ms)

    def _beside(self, parent: str | None, element: str) -> Iterator[str]:
        """Checks that cross the parent and not the element."""
        for check in self._paths.crossing.get(parent or "", ()):
            if element not in self._paths.path[check]:
                yield check

    def _is_beside(self, check: str, parent: str | None, element: str) -> bool:
        path = self._paths.path.get(check, ())
        return parent in path and element not in path
