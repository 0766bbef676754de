"""One accepted write: what the hub stores in one record of its segments and hands to evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netmon.line import Line

if TYPE_CHECKING:
    from netmon.segments import Position


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of one write that were accepted: clean, allowed to their sender and seen for the first time.

    `agent` and `site` are "" for writers without `X-Netmon-Agent` (Telegraf) and for a token's default site.
    `boot`, `first`, `last`: the consecutive sequence numbers (inclusive) this record makes *seen*; `boot` is "" and
    both are 0 for writers that do not number. Rejected lines count as seen, so `lines` may be fewer than the range.
    `frontier_ms`: Unix ms up to which the agent's live points are complete. `arrived_ns`: the hub's wall clock.
    A line's `time` is Unix ms and always set; its tags are all of `netmon.point.TAGS`, then any others.
    `position`: in the hub's segments, after this record.
    """

    agent: str
    site: str
    boot: str
    first: int
    last: int
    frontier_ms: int | None
    backfill: bool
    urgent: bool
    arrived_ns: int
    lines: tuple[Line, ...]
    position: Position
