"""When each check measures: phases spread by name, so that neither a machine nor a network measures all at once. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from netmon.config.agent import CheckConfig
from probes.base import Job, Target

MIN_INTERVAL_S = 1.0  # faster packets share a point
ROUND_S, SLOW_S = 1.0, 5.0  # checks so slow measure in rounds a second apart: one wake-up serves all of a round


def phase_s(agent: str, check: str, every_s: float) -> float:
    """The moment within `every_s` at which a check measures; the same on every start. An agent's rounds have a moment of
    their own within the second, so that agents do not meet."""
    if every_s < SLOW_S:
        return _share(f"{agent}/{check}") * every_s
    return int(_share(f"{agent}/{check}") * int(every_s / ROUND_S)) * ROUND_S + _share(agent) * ROUND_S


def _share(name: str) -> float:
    return zlib.crc32(name.encode()) / 2**32


def job(agent: str, check: CheckConfig) -> Job:
    """A packet check as its kind watches it: one measurement an interval of `every`, at least a second."""
    interval_s = max(check.every_s, MIN_INTERVAL_S)
    phase = phase_s(agent, check.check, interval_s)
    return Job(check.check, Target(check.target), check.settings, check.every_s, interval_s, phase)


def known_ms(job: Job) -> int:
    """How long after an interval's start its fate is known at the latest: its last packet's time is over, and that of what follows it."""
    timeout_s = min(float(getattr(job.settings, "timeout_s", 1.0)), job.interval_s)
    later = getattr(job.settings, "later_s", None)  # quick packets after a miss
    return int((job.interval_s - job.every_s + timeout_s + (later(job.every_s) if later else 0.0)) * 1000)


def next_due(now_s: float, phase: float, every_s: float) -> float:
    """The first moment after `now_s` (any clock) that has the phase."""
    return now_s + every_s - (now_s - phase) % every_s


def groups(checks: Sequence[CheckConfig]) -> dict[str, list[CheckConfig]]:
    """The checks by kind, in the file's order."""
    by_kind: dict[str, list[CheckConfig]] = {}
    for check in checks:
        by_kind.setdefault(check.kind, []).append(check)
    return by_kind
