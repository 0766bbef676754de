"""Exact figures of one interval's delays. Windows are never made from these: they merge log buckets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile (share 0..1) of a non-empty ascending sequence."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def rounded(value_ms: float) -> float:
    """To 0.1 µs; for what is not negative. Python's own `round` costs five times as much, and an agent does little else."""
    return int(value_ms * 1e4 + 0.5) / 1e4


@cache
def _names(name: str) -> tuple[str, ...]:
    return tuple(f"{name}_{what}_ms" for what in ("min", "p50", "p95", "max"))


def delays(delays_ms: Sequence[float], name: str = "rtt") -> dict[str, float]:
    """`rtt_min_ms rtt_p50_ms rtt_p95_ms rtt_max_ms`, rounded to 0.1 µs; nothing of nothing."""
    if not delays_ms:
        return {}
    if len(delays_ms) == 1:
        return dict.fromkeys(_names(name), rounded(delays_ms[0]))
    ordered = sorted(delays_ms)
    figures = (ordered[0], quantile(ordered, 0.50), quantile(ordered, 0.95), ordered[-1])
    return {key: rounded(value) for key, value in zip(_names(name), figures, strict=True)}
