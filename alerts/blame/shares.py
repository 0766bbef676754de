"""A share of the flows through an element gets nothing through: one member of a bundle is black, or a service fails some
of those who ask. Pure.

Checks that fail all the time beside others that never do, over the same element, are two kinds of flows. The element is
the one whose share explains both best (binomial likelihood), against each failing check being wrong for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from alerts.blame.hypotheses import Failing, Key

ALONE = 5.0  # what it costs (nats) that a check fails for a reason of its own
PRIOR = 6.0  # and that a share of an element's flows fails
MIN_AGENTS = 3
MIN_CHECKS = 4
MIN_SHARE = 0.05


class FlowShare(NamedTuple):
    """A share of the flows through a key that fails: `checks` do, `good` others do not."""

    key: Key
    checks: frozenset[str]
    good: int
    score: float

    @property
    def share(self) -> float:
        """0..1."""
        return len(self.checks) / (len(self.checks) + self.good)


def shares(
    failing: Mapping[str, Failing],
    left: Collection[str],
    count_good: Callable[[Key, int], int],
    depth: Callable[[str], int],
) -> list[FlowShare]:
    """Elements a share of whose flows fails, best first. `left`: checks nothing else explains; `count_good`: how many checks
    that cross a key succeed since a moment."""
    unexplained, chosen = set(left), list[FlowShare]()
    while len(unexplained) >= MIN_CHECKS:
        candidates = _candidates(failing, unexplained, count_good)
        best = max(candidates, key=lambda share: (share.score, -depth(share.key[0]), share.key[1] == ""), default=None)
        if best is None or best.score <= 0:
            break
        chosen.append(best)
        unexplained -= best.checks
    return chosen


def _candidates(
    failing: Mapping[str, Failing], left: Iterable[str], count_good: Callable[[Key, int], int]
) -> Iterable[FlowShare]:
    by_key: dict[Key, list[Failing]] = {}
    for check in left:
        for key in failing[check].keys:
            by_key.setdefault(key, []).append(failing[check])
    for key, those in by_key.items():
        if len(those) >= MIN_CHECKS and len({check.agent for check in those}) >= MIN_AGENTS:
            starts = sorted(check.start_ms for check in those)
            good = count_good(key, starts[len(starts) // 2])
            share = len(those) / (len(those) + good)
            if share >= MIN_SHARE:
                yield FlowShare(key, frozenset(check.check for check in those), good, _score(len(those), good))


def _score(bad: int, good: int) -> float:
    share = bad / (bad + good)
    mixed = bad * math.log(share) + (good * math.log(1 - share) if good else 0.0)
    return ALONE * bad + mixed - PRIOR
