"""A check as its agent runs it in virtual time: when each measurement begins, when it is told, and what it says."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from netmon.drill import measured
from netmon.drill.faults import Answer, Way, answer_to
from netmon.drill.measured import Fields
from netmon.drill.network import PlannedCheck
from netmon.drill.scenario import PACKET_KINDS
from netmon.fields import PREFIX

BASE_MS, ELEMENT_MS = 8.0, 4.0  # a reply takes so long, and so much more for each element crossed
PACKET_S = 1.0  # a packet unanswered for so long is lost
TIMEOUT_S = {"dns": 2.0, "sip": 2.0, "ntp": 2.0, "tcp": 2.0, "h323": 3.0, "http": 5.0, "tls": 5.0}
BURST_FROM_S, BURST, BURST_GAP_S = 5.0, 3, 0.2  # pings that send so seldom send three more after a miss
MISSES = 3  # in a row: the agent writes at once


class PointSeries(NamedTuple):
    """What all points of a check have in common: the measurement's name, as in lines, and tags."""

    name: str
    tags: dict[str, str]


@dataclass(slots=True)
class VirtualCheck:
    """`sent_s`: when the measurement under way, or the next one, begins; `misses`: in a row up to the last one told."""

    series: PointSeries
    kind: str
    every_s: float
    way: Way
    trip_s: float
    says: str = ""
    loss: float = 0.0  # share of tries lost by chance
    sent_s: float = 0.0
    misses: int = 0

    def measure(self, chance: random.Random) -> tuple[float, Fields]:
        """The measurement that begins at `sent_s`: when it is told, and what it says."""
        if self.says == "ok":
            return self._told("ok", 0.0, self.trip_s)
        if self.says == "lost":
            return self._lost()
        if self.kind in PACKET_KINDS:
            return self._packet(chance)
        tries = (0.0,) if self.kind == "dns" else (0.0, TIMEOUT_S[self.kind] / 2)
        for late_s in tries:
            answer, took_s = self._try(late_s, chance)
            if answer != "lost" and late_s + took_s < TIMEOUT_S[self.kind]:
                return self._told(answer, late_s, took_s)
        return self._lost()

    def note(self, fields: Fields) -> bool:
        """A measurement is told; does it bring the third miss in a row?"""
        if not fields["outcome"]:
            self.misses = 0
            return False
        before = self.misses
        self.misses += 1 + int(fields.get("burst_sent", 0))
        return before < MISSES <= self.misses

    def _try(self, late_s: float, chance: random.Random) -> tuple[Answer, float]:
        if self.loss and chance.random() < self.loss:
            return "lost", 0.0
        return (
            ("ok", self.trip_s) if self.way.is_calm else answer_to(self.way, self.sent_s + late_s, self.trip_s, chance)
        )

    def _packet(self, chance: random.Random) -> tuple[float, Fields]:
        answer, took_s = self._try(0.0, chance)
        if answer != "lost" and took_s < PACKET_S:
            return self._told(answer, 0.0, took_s)
        if not self._bursts:
            return self._lost()
        lates = [PACKET_S + BURST_GAP_S * number for number in range(BURST)]
        tries = [(late_s, *self._try(late_s, chance)) for late_s in lates]
        came = sum(answer == "ok" and took_s < PACKET_S for _, answer, took_s in tries)
        known_s = max(
            late_s + (PACKET_S if answer == "lost" else min(took_s, PACKET_S)) for late_s, answer, took_s in tries
        )
        fields = measured.answered(self.kind, 0.0, came) if came else measured.unanswered(self.kind, burst=True)
        return self.sent_s + known_s, fields

    @property
    def _bursts(self) -> bool:
        return self.kind == "ping" and self.every_s >= BURST_FROM_S

    def _told(self, answer: Answer, late_s: float, took_s: float) -> tuple[float, Fields]:
        told_s = self.sent_s + late_s + took_s
        if answer == "ok":
            return told_s, measured.answered(self.kind, round(took_s * 1000, 3))
        return told_s, measured.refused(self.kind, by_another=answer == "filtered")

    def _lost(self) -> tuple[float, Fields]:
        late_s = TIMEOUT_S.get(self.kind, PACKET_S)
        if self._bursts:
            late_s += BURST_GAP_S * (BURST - 1) + PACKET_S
        return self.sent_s + late_s, measured.unanswered(self.kind, burst=self._bursts)


def virtual_check(planned: PlannedCheck, tags: dict[str, str], way: Way, crossed: int, loss: float) -> VirtualCheck:
    """A planned check whose path has so many elements."""
    trip_s = (BASE_MS + ELEMENT_MS * crossed) / 1000
    return VirtualCheck(PointSeries(PREFIX + planned.kind, tags), planned.kind, planned.every, way, trip_s, loss=loss)
