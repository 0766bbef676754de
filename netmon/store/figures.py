"""Figures of each check over a span of time, reckoned by DuckDB where the sealed points lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from netmon.fields import PREFIX
from netmon.store.read import sealed_rows

_LOCAL = 5  # `probes.base.Outcome.LOCAL`: our own fault says nothing of the network
_LOST = 1  # beside a heavy test of the same agent it may be that test's
# First each point once (a repeat is the same point), then each check. What a heavy test of the agent may have made, its delay
# and losses, says nothing of the link: as in the rules (`netmon.hub.incidents.samples`).
_QUERY = """
WITH points AS (
  SELECT name, agent, "check", commune, site, epoch_ms(time) AS ms,
    max(value) FILTER (field = 'outcome') AS outcome, max(value) FILTER (field = 'sent') AS sent,
    max(value) FILTER (field = 'rcvd') AS rcvd, max(value) FILTER (field = 'rtt_p95_ms') AS p95,
    coalesce(max(value) FILTER (field = 'heavy'), 0) != 0 AS heavy
  FROM read_parquet(?)
  WHERE list_contains(?, name) AND field IN ('outcome', 'sent', 'rcvd', 'rtt_p95_ms', 'deferred', 'heavy')
    AND epoch_ms(time) >= ? AND epoch_ms(time) < ?
  GROUP BY ALL
  HAVING coalesce(max(value) FILTER (field = 'deferred'), 0) = 0
)
SELECT name, agent, "check", commune, site,
  coalesce(sum(sent) FILTER (sent IS NOT NULL AND rcvd IS NOT NULL AND NOT heavy), 0),
  coalesce(sum(least(rcvd, sent)) FILTER (sent IS NOT NULL AND rcvd IS NOT NULL AND NOT heavy), 0),
  max(p95) FILTER (NOT heavy), list(DISTINCT ms // 60000), list(DISTINCT ms // 60000) FILTER (outcome != 0)
FROM points WHERE outcome IS NOT NULL AND outcome != ? AND NOT (heavy AND outcome = ?) GROUP BY ALL ORDER BY ALL
"""


class CheckFigures(NamedTuple):
    """One check: packets, the worst p95 of its intervals (None: never measured), minutes since 1970 in which it measured,
    and those of them in which a point of it failed."""

    kind: str
    agent: str
    check: str
    commune: str
    site: str
    sent: int
    rcvd: int
    worst_p95_ms: float | None
    minutes: frozenset[int]
    failed: frozenset[int]


def figures(store: Path, kinds: Sequence[str], start_ms: int, end_ms: int) -> Iterator[CheckFigures]:
    """All checks of some kinds that measured in start_ms ≤ time < end_ms; runs that were our own fault do not count."""
    values = [[PREFIX + kind for kind in kinds], start_ms, end_ms, _LOCAL, _LOST]
    for row in sealed_rows(store, start_ms, end_ms, _QUERY, values):
        name, agent, check, commune, site, sent, rcvd, p95, minutes, failed = row
        tags = name.removeprefix(PREFIX), agent, check, commune, site
        yield CheckFigures(*tags, int(sent), int(rcvd), p95, frozenset(minutes), frozenset(failed or ()))
