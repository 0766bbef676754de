"""Which element is broken: checks vote along their paths. Pure.

A check that fails accuses every element it crosses; what others got through since speaks for them. What most witnesses agree
on is the cause (`alerts.blame.hypotheses`). Our own faults (LOCAL) and agents that do not speak never vote.
"""

from __future__ import annotations

from alerts.base import Firing
from alerts.blame.accusation import Accusation, accuse
from alerts.blame.quality import QualityVotes
from alerts.blame.reach import ReachVotes


class Votes(ReachVotes, QualityVotes):
    """All votes of one tick."""

    def silence(self) -> list[Accusation]:
        """Agents that do not speak, or prove themselves unfit: this accuses nobody but the agent."""
        return [_of_agent(firing, self._at_ms) for firing in self.firing if firing.fault in _OF_AGENTS]


_OF_AGENTS = {"silence": "silent", "self": "unfit"}


def _of_agent(firing: Firing, at_ms: int) -> Accusation:
    kind = "unheard" if firing.never else _OF_AGENTS[firing.fault]
    return accuse(f"agent:{firing.agent}", kind, (firing,), at_ms)
