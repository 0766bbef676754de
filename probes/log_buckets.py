"""Log buckets: a distribution as counters that add, so a window's p95 is never a percentile of percentiles.

Eight buckets an octave from 1 µs: bucket b holds 2^(b/8) ≤ µs < 2^((b+1)/8), so a quantile read back is within
±4.5 % of the truth. The same arithmetic stands in `alerts.engine.log_buckets`; a test holds the two equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

PER_OCTAVE = 8
LAST = 255  # 2^(256/8) µs ≈ 71 minutes
PREFIX = "rtt_b"  # field `rtt_b93=2i`: two round trips in bucket 93
NAMES = tuple(f"{PREFIX}{bucket}" for bucket in range(LAST + 1))


def bucket_of(delay_ms: float) -> int:
    """The bucket of a delay in ms; delays under 1 µs fall in bucket 0."""
    micros = delay_ms * 1000.0
    if micros <= 1.0:
        return 0
    return min(LAST, int(math.log2(micros) * PER_OCTAVE))


def middle_ms(bucket: int) -> float:
    """The delay (ms) that stands for a bucket: its geometric middle."""
    return float(2.0 ** ((bucket + 0.5) / PER_OCTAVE)) / 1000.0


def count(delays_ms: Iterable[float]) -> dict[int, int]:
    """Non-empty buckets → how many."""
    counts: dict[int, int] = {}
    for delay in delays_ms:
        bucket = bucket_of(delay)
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def merge(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The distribution of all parts together."""
    total: dict[int, int] = {}
    for part in parts:
        for bucket, many in part.items():
            total[bucket] = total.get(bucket, 0) + many
    return total


def quantile_ms(buckets: Mapping[int, int], share: float) -> float | None:
    """The `share` quantile (0..1) in ms, None when nothing was counted."""
    total = sum(buckets.values())
    if not total:
        return None
    rank, seen = max(1, math.ceil(share * total)), 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            return middle_ms(bucket)
    raise AssertionError("unreachable: ranks end at the total")
