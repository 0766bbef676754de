"""How full the links were: for each interface and direction the 95th percentile of a week's five-minute samples, which
shall be at most 90 % of the capacity (Circular 06/2026/TT-BKHCN, Art. 5.6; `reference/security.md` §6).

The samples are the `snmp` kind's `rx_5m_share` and `tx_5m_share`. Too few of them are no verdict: what was not measured is
counted and said, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netmon.fields import PREFIX
from netmon.point import TAGS
from netmon.store import read
from probes.kinds.snmp.utilisation import SLOT_S, percentile95, verdict

SEALED_S = 900  # points this old are sealed: a hub seals each 10 minutes
_DIRECTIONS = {"rx": "rx_5m_share", "tx": "tx_5m_share"}
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class SlotWindow:
    """Whole slots: start_s ≤ start of a slot < end_s, Unix seconds."""

    start_s: int
    end_s: int

    @property
    def slots(self) -> int:
        """Samples a direction should have."""
        return (self.end_s - self.start_s) // SLOT_S


@dataclass(frozen=True, slots=True)
class Use:
    """One direction of what one check looks at. `verdict`: `ok`, `breach`, or `unknown` when samples are too few: then
    there is no percentile either."""

    agent: str
    check: str
    commune: str
    province: str
    site: str
    target: str
    direction: str
    verdict: str
    p95_share: float | None
    max_share: float | None
    samples: int
    missing: int


def window(now_s: float, days: float) -> SlotWindow:
    """The last `days` up to where everything is sealed."""
    end_s = int(now_s - SEALED_S) // SLOT_S * SLOT_S
    return SlotWindow(end_s - max(1, round(days * _DAY_S / SLOT_S)) * SLOT_S, end_s)


def utilisation(store: Path, over: SlotWindow) -> list[Use]:
    """All interfaces that have a sample in the window, by the order of their tags, `rx` before `tx`."""
    uses = [use for direction in _DIRECTIONS for use in _of(store, direction, over)]
    return sorted(uses, key=lambda use: (use.province, use.commune, use.site, use.agent, use.check, use.direction))


def _of(store: Path, direction: str, over: SlotWindow) -> Iterator[Use]:
    # A slot's sample stands in the first point after it is over, so all times are a slot later.
    start_ms, end_ms = (1000 * (at_s + SLOT_S) for at_s in (over.start_s, over.end_s))
    for tags, shares in read.series(store, PREFIX + "snmp", _DIRECTIONS[direction], start_ms, end_ms):
        yield judged(dict(zip(TAGS, tags, strict=True)), direction, shares, over.slots)


def judged(tags: dict[str, str], direction: str, shares: list[float], expected: int) -> Use:
    """The verdict on the samples of one direction."""
    said, samples = verdict(shares, expected), min(len(shares), expected)
    known = said != "unknown"
    return Use(
        **tags,
        direction=direction,
        verdict=said,
        p95_share=round(percentile95(shares), 5) if known else None,
        max_share=round(max(shares), 5) if known else None,
        samples=samples,
        missing=expected - samples,
    )
