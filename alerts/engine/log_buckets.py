"""Log buckets: a distribution as counters that add, so a window's p95 is never a percentile of percentiles.

Eight buckets an octave from 1 µs: bucket b holds 2^(b/8) ≤ µs < 2^((b+1)/8), so a quantile read back is within
±4.5 % of the truth. The same arithmetic stands in `probes.log_buckets`; a test holds the two equal.
"""

from __future__ import annotations

PER_OCTAVE = 8
LAST = 255  # 2^(256/8) µs ≈ 71 minutes
PREFIX = "rtt_b"  # field `rtt_b93=2i`: two round trips in bucket 93


# Field → its bucket, as numbers may be written.
FIELD_BUCKETS = {PREFIX + f"{bucket:0{digits}}": bucket for bucket in range(LAST + 1) for digits in (1, 2, 3)}


def middle_ms(bucket: int) -> float:
    """The delay (ms) that stands for a bucket: its geometric middle."""
    return float(2.0 ** ((bucket + 0.5) / PER_OCTAVE)) / 1000.0


def field_bucket(name: str) -> int | None:
    """The bucket a field name speaks of (`rtt_b93` → 93), None when it is no such field."""
    return FIELD_BUCKETS.get(name)
