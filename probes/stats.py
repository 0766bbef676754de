"""Exact figures of one interval's delays. Windows are never made from these: they merge log buckets."""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile (share 0..1) of a non-empty ascending sequence."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def delays(delays_ms: Sequence[float], name: str = "rtt") -> dict[str, float]:
    """`rtt_min_ms rtt_p50_ms rtt_p95_ms rtt_max_ms`, rounded to 0.1 µs; nothing of nothing."""
    if not delays_ms:
        return {}
    ordered = sorted(delays_ms)
    return {
        f"{name}_min_ms": round(ordered[0], 4),
        f"{name}_p50_ms": round(quantile(ordered, 0.50), 4),
        f"{name}_p95_ms": round(quantile(ordered, 0.95), 4),
        f"{name}_max_ms": round(ordered[-1], 4),
    }
