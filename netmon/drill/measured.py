"""What one measurement of a check says, in the fields real agents write. Pure.

One dictionary stands for all measurements that came out alike: nobody may change it.
"""

from __future__ import annotations

from functools import cache

from alerts.base import LOST, OK, REFUSED
from netmon.drill.scenario import PACKET_KINDS
from netmon.line import Value
from probes import log_buckets

Fields = dict[str, Value]
OWN: Fields = {"spool_points": 0, "spool_bytes": 0, "dropped": 0, "rss_bytes": 24_000_000, "late_ms": 1.0}
PROOF: Fields = {"floor_p50_us": 80.0, "floor_p99_us": 200.0, "cpu_per_1000_ms": 40.0, "local_drop": 0}  # each minute
_STAMP: Fields = {"lost_fwd": 0, "lost_bwd": 0}
_NTP: Fields = {"offset_ms": 0.1, "stratum": 2, "leap": 0, "root_delay_ms": 1.0, "root_dispersion_ms": 1.0}
_DNS: Fields = {"rcode": 0, "answers": 1, "ttl_min_s": 300, "ad": 0}


@cache
def answered(kind: str, trip_ms: float, burst: int = 0) -> Fields:
    """All is well. `burst`: the packet was lost, and so many of the quick ones after it were answered."""
    if burst:
        return {"sent": 1, "rcvd": 0, "burst_sent": 3, "burst_rcvd": burst, "outcome": OK}
    own = _packets(kind, trip_ms) if kind in PACKET_KINDS else _service(kind, trip_ms)
    return {"sent": 1, "rcvd": 1, **own, "outcome": OK}


@cache
def unanswered(kind: str, burst: bool = False) -> Fields:
    """Nothing came back, nor, with `burst`, of the quick packets after it."""
    quick: Fields = {"burst_sent": 3, "burst_rcvd": 0} if burst else {}
    return {"sent": 1, "rcvd": 0, **(_STAMP if kind == "stamp" else {}), **quick, "outcome": LOST}


@cache
def refused(kind: str, *, by_another: bool) -> Fields:
    """Somebody said no: the far end, or something on the way there."""
    return {"sent": 1, "rcvd": 0, **({"by_another": 1} if by_another else {}), "outcome": REFUSED}


def _packets(kind: str, trip_ms: float) -> Fields:
    bucket = log_buckets.NAMES[log_buckets.bucket_of(trip_ms)]
    return {**_spread("rtt", trip_ms), bucket: 1, **(_STAMP if kind == "stamp" else {})}


def _spread(name: str, trip_ms: float) -> Fields:
    """One round trip is every figure of its interval."""
    return {f"{name}_{figure}_ms": trip_ms for figure in ("min", "p50", "p95", "max")}


def _service(kind: str, trip_ms: float) -> Fields:
    connected: Fields = {"connect_ms": trip_ms}
    by_kind: dict[str, Fields] = {
        "tcp": _spread("connect", trip_ms),
        "dns": {"rtt_ms": trip_ms, **_DNS},
        "ntp": {"rtt_ms": trip_ms, **_NTP},
        "sip": {"rtt_ms": trip_ms, "status": 200, "sends": 1},
        "http": {**connected, "status": 200, "processing_ms": trip_ms, "transfer_ms": 1.0, "total_ms": 2 * trip_ms},
        "tls": {**connected, "tls_ms": 2 * trip_ms, "cert_days": 300.0},
    }
    return by_kind.get(kind, connected)
