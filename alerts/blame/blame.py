"""Which element is broken: checks vote along their paths. Pure.

A check that fails accuses every element it crosses. A success *sent* after the failing check's first miss clears every
element it crossed; a refusal clears all but the last one. What is accused and not cleared, nearest to the hub first,
is the cause (reference/alerting.md §2). Our own faults (LOCAL) and agents that do not speak never vote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import cache
from heapq import nlargest
from itertools import chain, islice

from alerts.base import LOCAL, LOST, PROTOCOL, REFUSED, UNRESOLVED, Assessment, Evidence, Firing
from alerts.blame.accusation import Accusation, accuse
from alerts.blame.hypotheses import NEWEST, Failing, Hypothesis, Key, Success, Weighing
from alerts.blame.naming import kind_of
from alerts.blame.paths import PathIndex
from alerts.blame.proofs import Proofs, Witnesses
from alerts.blame.shares import MIN_AGENTS, Share, shares
from alerts.blame.siblings import MANY

PACKET_KINDS = ("ping", "stamp")  # what speaks of the host itself; others speak of a service on it
CALL_KINDS = ("sipcall", "h323", "room")  # of whose failures another rule tells, too
BURST_MS = 5_000  # checks that send so seldom send more at once after a miss
SLACK_MS = 500  # packets of two checks in flight when a link dies may be lost in either order; clocks differ a little
BAD_SHARE = 0.5  # of the checks that cross an element and can judge it, at least so many must be bad
FRESH_MS = 5_000  # an agent that could clear an element is waited for so long, and two periods
REPORTED_MS = (
    6_000  # of quality: a check that has reported so much since another one complains, and is content, is good
)
RECENT_MS = 5_000
SHARE_MS = 8_000  # flows that fail beside others that do not fail for so long at least
UNEXPLAINED_MS = 30_000  # failures nobody can place are told after so long
LATE_MS = 150_000  # what fell with an element may come back so much later than it
EARLY_MS = 10_000  # and may have fallen so much earlier
CONTESTED_MS = 15_000  # the longest wait for somebody who may know better: agents write each ten seconds
MAX_WITNESSES = 1_000  # are counted; more say nothing new
AFTERMATH_MS = 10_000  # routes and switches need so long: what fell with an element may come back later than it
SHARED = ("delay", "jitter")  # of one commune alone they are recorded, and no reason to wake somebody
Kinds = Mapping[str, str]  # check → its kind, as seen
Reported = Callable[[str], int]  # check → up to when it has said how good it is; 0: it has no vote
Outages = Mapping[str, tuple[int, int | None]]  # element → (first miss, end or None) of its last incident of reach


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


class Votes:
    """All votes of one tick."""

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
        early = {check for check, start_ms in self._proofs.keep(failing).items() if self._is_early(check, start_ms)}
        return frozenset(early & self._reach.keys())

    def _is_early(self, check: str, start_ms: int) -> bool:
        """Was nothing sent yet, that was not answered, after an element on the way was proven (and had its time)?"""
        evidence, early = self._evidence[check], False
        latest_ms = max(evidence.broken_ms or 0, evidence.miss_ms or 0, evidence.refused_ms or 0)
        for element in self._crossed(check):
            if self.is_clear(element, start_ms):
                first_ms = self._proofs.first_ms(check, element, self._of(element).first_ms(start_ms + SLACK_MS))
                early |= latest_ms < first_ms + self._patience_ms(element, start_ms)
        return early

    def _crossed(self, check: str) -> tuple[str, ...]:
        """What a check crosses, and what broke between one of its ends and the hub."""
        path = self._paths.path[check]
        beyond = (element for element in self._outages if element not in path)
        return path + tuple(
            element for element in beyond if any(self._paths.is_behind(end, element) for end in path[:1] + path[-1:])
        )

    def _patience_ms(self, element: str, start_ms: int) -> int:
        since_ms, until_ms = self._outages.get(element, (None, None))
        fell_with_it = since_ms is not None and since_ms - EARLY_MS <= start_ms <= (until_ms or start_ms)
        return LATE_MS if fell_with_it else 0

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

    # --- what is broken ---

    def is_reach(self, check: str) -> bool:
        """Does a check fail, and has it a vote?"""
        return check in self._reach

    def start_ms(self, check: str) -> int:
        """First miss of a failing check."""
        miss_ms = self._said(check).miss_ms
        return min(firing.since_ms for firing in self._reach[check]) if miss_ms is None else miss_ms

    def reach(self) -> list[Accusation]:
        """Elements that cannot be reached, best explanation first; every failing check is explained at most once."""
        weighing = self._weighing = Weighing(self._all_failing(), self._successes, self._paths.topology.depth)
        accusations = list[Accusation]()
        for cause, alike in weighing.causes():
            accusations.append(self._accusation(cause, alike))
        left = weighing.unexplained()
        lasting = {check for check in left if weighing.failing[check].weight == 1 and self._is_lasting(check)}
        some = shares(weighing.failing, lasting, self._count_good, self._paths.topology.depth)
        self.odd = self._odd(left - set(chain.from_iterable(share.checks for share in some)), weighing.failing)
        return accusations + [self._share_accusation(share) for share in some]

    def _is_lasting(self, check: str) -> bool:
        return self._said(check).frontier_ms - self.start_ms(check) >= SHARE_MS

    def _count_good(self, key: Key, since_ms: int) -> int:
        """How many checks that cross a key succeed since a moment."""
        element, service = key
        good = (self._good_of(self._said(check), element) for check in self._checks_of(element, service))
        return sum(good_ms > since_ms + SLACK_MS for good_ms in good)

    def _share_accusation(self, share: Share) -> Accusation:
        element, checks = share.key[0], sorted(share.checks)
        starts = [self.start_ms(check) for check in checks]
        return accuse(
            element,
            "flows",
            [firing for check in checks for firing in self._reach[check]],
            max(self._said(check).frontier_ms for check in checks),
            start_ms=min(starts),
            latest_start_ms=max(starts),
            period_ms=max(self._period_ms(check) for check in checks),
            clear=share.good,
            share=round(share.share, 3),
        )

    def _odd(self, left: Iterable[str], failing: Mapping[str, Failing]) -> list[Accusation]:
        """What nobody explains: an agent that fails alone wherever it looks is odd itself; else what a check ends at has
        failures nobody can place. Neither is silence, neither is blame."""
        by_element: dict[tuple[str, str], list[str]] = {}
        for check in sorted(left):
            if self._is_unexplained(check):
                is_alone = failing[check].weight < 1
                key = (
                    (f"agent:{failing[check].agent}", "odd")
                    if is_alone
                    else (failing[check].keys[-1][0], "unexplained")
                )
                by_element.setdefault(key, []).append(check)
        return [self._odd_accusation(*key, checks) for key, checks in by_element.items()]

    def _is_unexplained(self, check: str) -> bool:
        """Does it fail for long, over elements that carry others without a break, and does no other rule tell of it?"""
        start_ms = self.start_ms(check)
        if self._said(check).frontier_ms - start_ms < UNEXPLAINED_MS or self._kinds.get(check) in CALL_KINDS:
            return False
        return all(self.is_steady(element, start_ms) for element in self._paths.path[check][:-1])

    def _odd_accusation(self, element: str, kind: str, checks: list[str]) -> Accusation:
        firings = [firing for check in checks for firing in self._reach[check]]
        reported_ms = max(self._said(check).frontier_ms for check in checks)
        return accuse(element, kind, firings, reported_ms, fault="state", severity="info")

    def suspicious(self, parent: str) -> set[str]:
        """Links and places that hang on an element, of which two checks miss answers and none had one since, though no
        rule says so yet."""
        if self._missing is None:
            self._missing = self._all_missing()
        hanging = self._missing.get(parent, {})
        return {element for element, misses in hanging.items() if len(misses) > 1 and self._is_mute(element, misses)}

    def _all_missing(self) -> dict[str, dict[str, list[int]]]:
        """What hangs on what, and the first misses of checks that cross it and whose rule does not hold yet."""
        missing: dict[str, dict[str, list[int]]] = {}
        for check in self._missed:
            miss_ms = self._said(check).miss_ms
            if (
                check in self._reach
                or miss_ms is None
                or self._at_ms - miss_ms > RECENT_MS + 2 * self._period_ms(check)
            ):
                continue
            for element in self._paths.path.get(check, ()):
                parent = self._paths.hangs_on(element)
                if parent is not None and element.startswith("link:"):
                    many = 1 if self._period_ms(check) < BURST_MS else 2  # a burst went lost with it
                    missing.setdefault(parent, {}).setdefault(element, []).extend([miss_ms] * many)
        return missing

    def _is_mute(self, element: str, misses: list[int]) -> bool:
        second_ms = sorted(misses)[1]
        return not self._of(element).is_good_after(second_ms)

    def _all_failing(self) -> dict[str, Failing]:
        failing = {check: self._failing(check) for check in self._reach if check not in self._undecided}
        by_agent: dict[str, list[str]] = {}
        for check, known in failing.items():
            by_agent.setdefault(known.agent, []).append(check)
        for checks in by_agent.values():
            if len(checks) > 1 and self._fails_everywhere(failing[checks[0]], len(checks)):
                failing |= {check: replace(failing[check], weight=1 / len(checks)) for check in checks}
        return failing

    def _fails_everywhere(self, failing: Failing, many: int) -> bool:
        """Does nothing an agent tries come back? Then it is one witness, however many checks it has."""
        site = self._paths.path[failing.check][0]
        others = (self._said(check) for check in self._paths.crossing[site] if check not in self._reach)
        return not any(
            evidence.agent == failing.agent and (evidence.ok_ms or 0) > failing.start_ms + SLACK_MS
            for evidence in others
        )

    def _failing(self, check: str) -> Failing:
        evidence, start_ms = self._said(check), self.start_ms(check)
        path = self._paths.path[check]
        service = self._kinds.get(check, "ping")
        keys = [(element, "") for element in (path[-1:] if self._is_answered(check) else path)]
        if service not in PACKET_KINDS and (service not in CALL_KINDS or self._is_widely_failing(path[-1], service)):
            keys.append((path[-1], service))
        spare_ms = min(self._chance_ms(check, service), evidence.frontier_ms - self._period_ms(check) - start_ms)
        limit_ms = start_ms + SLACK_MS + max(0, spare_ms - 2 * SLACK_MS)
        return Failing(check, evidence.agent or next(iter(self._reach[check])).agent, start_ms, limit_ms, tuple(keys))

    def _is_widely_failing(self, element: str, service: str) -> bool:
        """Do several agents say that a service fails? Of one alone the rule about what is not ready tells."""
        checks = self._checks_of(element, service)
        return len({self._said(check).agent for check in checks if check in self._reach}) >= MIN_AGENTS

    def _chance_ms(self, check: str, service: str) -> int:
        """So long before an outage chance may have taken packets of a check that then fell silent with it."""
        period_ms = self._period_ms(check)
        if service not in PACKET_KINDS:
            return period_ms
        return 2 * period_ms if period_ms < BURST_MS else 0

    def _successes(self, key: Key) -> list[Success]:
        """The newest successes that speak for a key."""
        if key not in self._newest:
            element, service = key
            heard = (
                Success(good_ms, self._said(check).agent, check)
                for check in self._checks_of(element, service)
                if (good_ms := self._good_of(self._said(check), element))
            )
            self._newest[key] = nlargest(NEWEST, heard)
        return self._newest[key]

    def _checks_of(self, element: str, service: str) -> Iterable[str]:
        crossing = self._paths.crossing.get(element, ())
        if not service:
            return crossing
        return (
            check for check in crossing if self._kinds.get(check) == service and self._paths.path[check][-1] == element
        )

    def _accusation(self, cause: Hypothesis, alike: Sequence[str]) -> Accusation:
        element, checks = cause.element, sorted(cause.checks)
        firings = [firing for check in checks for firing in self._reach[check]]
        starts = [self.start_ms(check) for check in checks]
        latest_ms = max(starts)
        misses = [miss_ms for miss_ms in self._misses(element) if miss_ms < latest_ms]
        after = [start_ms for start_ms in (*starts, *misses) if start_ms >= cause.proof_ms - SLACK_MS]
        start_ms = min(after, default=latest_ms)  # what chance took before the last proof is none of its time
        parent = self._paths.topology.parent(element)
        proven = any(map(self._is_answered, checks)) or (parent is not None and self.is_clear(parent, start_ms))
        return accuse(
            element,
            "down",
            firings,
            max(self._said(check).frontier_ms for check in checks),
            start_ms=start_ms,
            latest_start_ms=latest_ms,
            period_ms=max((self._period_ms(check) for check in checks), default=1000),
            suspects=(element, *alike),
            clear=self._count_clear(parent, element, start_ms),
            proven=proven or bool(cause.key[1]),
            shaky=not cause.key[1] and self._is_shaky(parent or element, start_ms),
            waiting=(not proven and self._could_prove(parent, element)) or self._is_awaited(element, start_ms),
            outvoted=tuple(sorted(cause.outvoted)),
        )

    def _is_answered(self, check: str) -> bool:
        """Is the latest thing a failing check heard a refusal? Then all is well up to the far host, which is not."""
        return self._said(check).latest in (REFUSED, PROTOCOL)

    def _is_shaky(self, element: str, start_ms: int) -> bool:
        """Do checks that are heard through an element lose packets, too? Then three in a row may be chance."""
        answering = lossy = 0
        for check in islice(self._paths.crossing.get(element, ()), MAX_WITNESSES):
            evidence = self._said(check)
            if (evidence.ok_ms or 0) > start_ms + SLACK_MS and check not in self._reach:
                answering += 1
                lossy += (evidence.broken_ms or 0) > start_ms - RECENT_MS
        return 3 * lossy > answering

    def _misses(self, element: str) -> Iterator[int]:
        """First misses of all checks that cross the element and fail through it, whether their rule fires yet or not."""
        for check in self._paths.crossing.get(element, ()):
            miss_ms = self._said(check).miss_ms
            if miss_ms is not None and not self.is_clear(element, miss_ms):
                yield miss_ms

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

    def _count_clear(self, parent: str | None, element: str, start_ms: int) -> int:
        asked = islice(self._beside(parent, element), MAX_WITNESSES)
        return sum(self._good_of(self._said(check), parent or "") > start_ms + SLACK_MS for check in asked)

    def _could_prove(self, parent: str | None, element: str) -> bool:
        return any(check in self._evidence for check in self._beside(parent, element))

    def _is_awaited(self, element: str, start_ms: int) -> bool:
        """Has a check that crosses the element, of an agent that could still be heard, not reported that far yet?"""
        paths = self._paths
        for check in paths.crossing.get(element, ()):
            evidence = self._evidence.get(check)
            if evidence is None or check in self._reach or evidence.miss_ms is not None:
                continue
            late_ms = start_ms + SLACK_MS - evidence.frontier_ms
            site = paths.topology.site_of(evidence.agent)
            max_ms = CONTESTED_MS if site == element else FRESH_MS + 2 * evidence.period_ms
            if 0 < late_ms <= max_ms and (site == element or not paths.is_behind(site, element)):
                return True
        return False

    # --- what answers badly ---

    def quality(
        self, kinds: Kinds, can_judge: Mapping[str, frozenset[str]], ignored: frozenset[str]
    ) -> list[Accusation]:
        """Elements that answer badly. `can_judge`: rule → kinds of checks it judges; `ignored`: checks whose bad
        figures another incident explains already."""
        bad = self._bad(ignored)
        if not bad:
            return []
        used = {firing.rule for firings in bad.values() for firing in firings}
        voters = {kind: [rule for rule in used if kind in can_judge.get(rule, ())] for kind in set(kinds.values())}

        @cache
        def reported_ms(check: str) -> int:
            can = self._can_vote(check, voters.get(kinds.get(check, ""), ()), bad.keys(), ignored)
            return self._evidence[check].frontier_ms if can else 0

        blamed, accusations = set[str](), list[Accusation]()
        while bad.keys() - blamed:
            left = {check: firings for check, firings in bad.items() if check not in blamed}
            best = max(self._ranked(left, reported_ms), default=None)
            if best is None:
                break
            element = best[-1]
            checks = [check for check in left if element in self._paths.path[check]]
            accusations.append(
                self._quality_accusation(element, [firing for check in checks for firing in bad[check]], reported_ms)
            )
            blamed.update(checks)
        return accusations

    def _bad(self, ignored: frozenset[str]) -> dict[str, list[Firing]]:
        bad: dict[str, list[Firing]] = {}
        for firing in self.firing:
            check = firing.check
            if firing.fault == "quality" and check not in ignored and self._has_vote(firing) and self._answers(check):
                bad.setdefault(check, []).append(firing)
        return bad

    def _answers(self, check: str) -> bool:
        """A check without an answer for longer may be about to be called dead: loss is not its name."""
        evidence = self._evidence.get(check)
        if evidence is None or evidence.ok_ms is None:
            return evidence is None
        return evidence.frontier_ms - evidence.ok_ms <= 2 * evidence.period_ms + SLACK_MS

    def _can_vote(self, check: str, rules: Iterable[str], bad: Set[str], ignored: frozenset[str]) -> bool:
        evidence = self._evidence.get(check)
        if evidence is None or check in ignored or check in self._reach or check not in self._paths.path:
            return False
        if evidence.agent in self._unfit:
            return False
        return check in bad or (
            check not in self._complaining
            and any((rule, check) not in self._unknown for rule in rules)
            and not any((rule, check) in self._pending for rule in rules)  # on its way to complain: not content
        )

    def _ranked(self, bad: Mapping[str, list[Firing]], reported_ms: Reported) -> Iterator[tuple[int, bool, int, str]]:
        """Elements bad enough as (bad minus good, is no site, nearness, name): the largest is the one to name."""
        topology = self._paths.topology
        since_ms: dict[str, list[int]] = {}
        for check, firings in bad.items():
            for element in self._paths.path[check]:
                since_ms.setdefault(element, []).append(min(firing.since_ms for firing in firings))
        for element, starts in since_ms.items():
            many, due_ms = len(starts), min(starts) + REPORTED_MS
            others = (
                check for check in self._paths.crossing[element] if check not in bad and reported_ms(check) >= due_ms
            )
            good = sum(1 for _ in islice(others, int(many / BAD_SHARE - many) + 1))
            if many >= BAD_SHARE * (many + good):
                # An access link and the site behind it look the same: links break more often than sites.
                yield many - good, element.startswith("link:"), -topology.depth(element), element

    def _quality_accusation(self, element: str, firings: list[Firing], reported_ms: Reported) -> Accusation:
        first = min(firings, key=lambda firing: (firing.since_ms, firing.rule))
        parent = self._paths.topology.parent(element)
        bad = {firing.check for firing in firings}
        due_ms = first.since_ms + REPORTED_MS
        crossing = self._paths.crossing.get(parent or element, ())
        asked = [check for check in islice(crossing, MAX_WITNESSES) if check not in bad]
        silent = {check for check in asked if 0 < reported_ms(check) < due_ms}
        good = sum(reported_ms(check) >= due_ms and element not in self._paths.path[check] for check in asked)
        through = any(element in self._paths.path[check] for check in silent)
        enough = not silent or (good >= max(3, 2 * len(bad)) and not through)
        is_reported = enough and max(map(reported_ms, bad)) >= due_ms
        kind = kind_of(first)
        is_slight = kind in SHARED and self._count_communes(element) < MANY
        return accuse(
            element,
            kind,
            firings,
            max(map(reported_ms, bad)),
            **({"severity": "info"} if is_slight else {}),
            period_ms=max(self._period_ms(firing.check) for firing in firings),
            clear=good,
            proven=False,
            waiting=not is_reported or any(self._is_beside(check, parent, element) for check in self._complaining),
        )

    def _count_communes(self, element: str) -> int:
        return sum(who.startswith("commune:") for who in self._paths.topology.symptoms(element))

    # --- who is mute ---

    def silence(self) -> list[Accusation]:
        """Agents that do not speak, or prove themselves unfit: this accuses nobody but the agent."""
        return [_of_agent(firing, self._at_ms) for firing in self.firing if firing.fault in _OF_AGENTS]


_OF_AGENTS = {"silence": "silent", "self": "unfit"}


def _of_agent(firing: Firing, at_ms: int) -> Accusation:
    kind = "unheard" if firing.never else _OF_AGENTS[firing.fault]
    return accuse(f"agent:{firing.agent}", kind, (firing,), at_ms)
