"""What cannot be reached: every failing check is explained once, by what most witnesses agree on. Pure; times are Unix ms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from itertools import chain, islice

from alerts.base import Evidence
from alerts.blame.accusation import Accusation, accuse
from alerts.blame.hypotheses import NEWEST, Failing, Hypothesis, Key, Success, Weighing
from alerts.blame.shares import MIN_AGENTS, FlowShare, shares
from alerts.blame.testimony import (
    BURST_MS,
    CALL_KINDS,
    CONTESTED_MS,
    FRESH_MS,
    MAX_WITNESSES,
    PACKET_KINDS,
    RECENT_MS,
    SLACK_MS,
    Testimony,
)

SHARE_MS = 8_000  # flows that fail beside others that do not fail for so long at least
FEWEST_LOSSY = 2  # one lost packet is chance, however few are asked
UNEXPLAINED_MS = 30_000  # failures nobody can place are told after so long


def _has_lost(evidence: Evidence, at_ms: int) -> bool:
    """Has a check that is heard missed something a moment before (or two of its periods), or since?"""
    return (evidence.broken_ms or 0) > at_ms - max(RECENT_MS, 2 * evidence.period_ms)


class ReachVotes(Testimony):
    """Who accuses what of being out of reach."""

    def reach(self) -> list[Accusation]:
        """Elements that cannot be reached, best explanation first; every failing check is explained at most once."""
        weighing = Weighing(
            self._all_failing(), self._successes, self._paths.topology.depth, self._count_mute().__getitem__
        )
        accusations = list[Accusation]()
        for cause, alike in weighing.causes():
            accusations.append(self._accusation(cause, alike))
        left = weighing.unexplained()
        lasting = {check for check in left if weighing.failing[check].weight == 1 and self._is_lasting(check)}
        some = shares(weighing.failing, lasting, self._count_good, self._paths.topology.depth)
        self.odd = self._odd(left - set(chain.from_iterable(share.checks for share in some)), weighing.failing)
        return accusations + [self._share_accusation(share) for share in some]

    def _count_mute(self) -> Counter[str]:
        """How many agents at an element, or right behind it, fell silent."""
        mute = {firing.agent for firing in self.firing if firing.fault == "silence" and not firing.never}
        sites = map(self._paths.topology.site_of, mute)
        return Counter(chain.from_iterable(islice(self._paths.inward(site), 2) for site in sites if site))

    def _is_lasting(self, check: str) -> bool:
        return self._said(check).frontier_ms - self.start_ms(check) >= SHARE_MS

    def _count_good(self, key: Key, since_ms: int) -> int:
        """How many checks that cross a key succeed since a moment; of those that are sent so seldom that they could not have
        failed often enough since, nobody knows yet."""
        element, service = key
        heard = (self._said(check) for check in self._checks_of(element, service))
        known = (evidence for evidence in heard if evidence.frontier_ms - since_ms >= 2 * evidence.period_ms)
        return sum(self._good_of(evidence, element) > since_ms + SLACK_MS for evidence in known)

    def _share_accusation(self, share: FlowShare) -> Accusation:
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
        """Links and places that hang on an element, of which two checks, or one twice, miss answers and none had one since, though no
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
                    many = 2 if self._is_missed_twice(check, miss_ms) else 1
                    missing.setdefault(parent, {}).setdefault(element, []).extend([miss_ms] * many)
        return missing

    def _is_missed_twice(self, check: str, miss_ms: int) -> bool:
        """Was a burst lost with it, or the one after it as well?"""
        period_ms = self._period_ms(check)
        return period_ms >= BURST_MS or self._said(check).frontier_ms - miss_ms > period_ms

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
            suspects=tuple(dict.fromkeys((element, *self._paths.topology.alternatives(element), *alike))),
            clear=self._count_clear(parent, element, start_ms),
            proven=proven or bool(cause.key[1]),
            shaky=not cause.key[1] and self._is_shaky(parent or element, start_ms),
            waiting=(not proven and self._could_prove(parent, element)) or self._is_awaited(element, start_ms, proven),
            outvoted=tuple(sorted(cause.outvoted)),
            rerouted=not self._paths.rerouted.isdisjoint(checks),
        )

    def _is_shaky(self, element: str, start_ms: int) -> bool:
        """Do checks that are heard through an element lose packets, too? Then three in a row may be chance."""
        answering = lossy = 0
        for check in islice(self._paths.crossing.get(element, ()), MAX_WITNESSES):
            evidence = self._said(check)
            if (evidence.ok_ms or 0) > start_ms + SLACK_MS and check not in self._reach:
                answering += 1
                lossy += _has_lost(evidence, start_ms)
        return lossy >= FEWEST_LOSSY and 3 * lossy > answering

    def _misses(self, element: str) -> Iterator[int]:
        """First misses of all checks that cross the element and fail through it, whether their rule fires yet or not."""
        for check in self._paths.crossing.get(element, ()):
            miss_ms = self._said(check).miss_ms
            if miss_ms is not None and not self.is_clear(element, miss_ms):
                yield miss_ms

    def _count_clear(self, parent: str | None, element: str, start_ms: int) -> int:
        asked = islice(self._beside(parent, element), MAX_WITNESSES)
        return sum(self._good_of(self._said(check), parent or "") > start_ms + SLACK_MS for check in asked)

    def _could_prove(self, parent: str | None, element: str) -> bool:
        return any(check in self._evidence for check in self._beside(parent, element))

    def _is_awaited(self, element: str, start_ms: int, proven: bool) -> bool:
        """Has a check that crosses the element, of an agent that could still be heard, not reported that far yet? Where
        nothing is proven it may not have sent anything since, either: few probe a small network, and seldom."""
        paths = self._paths
        for check in paths.crossing.get(element, ()):
            evidence = self._evidence.get(check)
            if evidence is None or check in self._reach or evidence.miss_ms is not None:
                continue
            next_ms = 0 if proven else (evidence.newest_ms or 0) + evidence.period_ms
            late_ms = max(start_ms + SLACK_MS, next_ms) - evidence.frontier_ms
            site = paths.topology.site_of(evidence.agent)
            max_ms = CONTESTED_MS if site == element else FRESH_MS + 2 * evidence.period_ms
            if 0 < late_ms <= max_ms and (site == element or not paths.is_behind(site, element)):
                return True
        return False
