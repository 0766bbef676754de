"""What answers badly: half of the checks that cross an element and can judge it must say so. Pure; times are Unix ms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from functools import cache
from itertools import islice

from alerts.base import Firing
from alerts.blame.accusation import Accusation, accuse
from alerts.blame.naming import kind_of, worst
from alerts.blame.siblings import MANY
from alerts.blame.testimony import (
    MAX_WITNESSES,
    SLACK_MS,
    Kinds,
    Testimony,
)

BAD_SHARE = 0.5  # of the checks that cross an element and can judge it, at least so many must be bad
SHARED_SHARE = (
    0.25  # and of what half of the communes behind it complain of: a rule at its threshold fires for some only
)
REPORTED_MS = (
    6_000  # of quality: a check that has reported so much since another one complains, and is content, is good
)
Reported = Callable[[str], int]  # check → up to when it has said how good it is; 0: it has no vote


class QualityVotes(Testimony):
    """Who accuses what of answering badly."""

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

    def _ranked(self, bad: Mapping[str, list[Firing]], reported_ms: Reported) -> Iterator[tuple[float, bool, int, str]]:
        """Elements bad enough as (bad minus good, is no site, nearness, name): the largest is the one to name."""
        topology = self._paths.topology
        since_ms: dict[str, list[int]] = {}
        ends: dict[str, set[str]] = {}
        for check, firings in bad.items():
            path = self._paths.path[check]
            communes = {end for end in (path[0], path[-1]) if end.startswith("commune:")}
            for element in path:
                since_ms.setdefault(element, []).append(min(firing.since_ms for firing in firings))
                ends.setdefault(element, set()).update(communes)
        for element, starts in since_ms.items():
            many, due_ms = len(starts), min(starts) + REPORTED_MS
            min_share = SHARED_SHARE if self._is_spread(element, ends.get(element, ())) else BAD_SHARE
            others = (
                check for check in self._paths.crossing[element] if check not in bad and reported_ms(check) >= due_ms
            )
            good = sum(1 for _ in islice(others, int(many / min_share - many) + 1))
            if many >= min_share * (many + good):
                # An access link and the site behind it look the same: links break more often than sites.
                outweighed = good * min_share / (1 - min_share)
                yield many - outweighed, element.startswith("link:"), -topology.depth(element), element

    def _is_spread(self, element: str, communes: Collection[str]) -> bool:
        """Do half of the communes behind an element say that it is bad? Chance, or links of their own, strike a few."""
        return len(communes) >= max(MANY, BAD_SHARE * self._count_communes(element))

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
        shared = [firing.shared or firing.severity for firing in firings]
        is_shared = self._count_communes(element) >= MANY
        return accuse(
            element,
            kind,
            firings,
            max(map(reported_ms, bad)),
            **({"severity": worst(shared)} if is_shared else {}),
            period_ms=max(self._period_ms(firing.check) for firing in firings),
            clear=good,
            proven=False,
            waiting=not is_reported or any(self._is_beside(check, parent, element) for check in self._complaining),
        )

    def _count_communes(self, element: str) -> int:
        return sum(who.startswith("commune:") for who in self._paths.topology.symptoms(element))
