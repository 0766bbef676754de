"""The values every kind emits that sends packets to many targets: ping, stamp."""

from __future__ import annotations

from probes.base import Field

PACKET_FIELDS = (
    Field("sent", "packets", "packets that left in the interval", "int"),
    Field("rcvd", "packets", "answered in time", "int"),
    Field("rtt_min_ms", "ms", "shortest round trip, kernel stamp to kernel stamp"),
    Field("rtt_p50_ms", "ms", "median round trip"),
    Field("rtt_p95_ms", "ms", "95th percentile (nearest rank)"),
    Field("rtt_max_ms", "ms", "longest round trip"),
    Field("rtt_b", "packets", "round trips in logarithmic bucket N (8 an octave from 1 µs)", "int", repeated=True),
    Field("dup", "packets", "second answers", "int", default=False),
    Field("late", "packets", "answers after their time was over", "int", default=False),
    Field("loss_run_max", "packets", "longest run of lost packets", "int", default=False),
    Field("local_drop", "packets", "lost by this machine itself, no evidence about the network", "int", default=False),
    Field("send_late_ms", "ms", "most a packet left after its time", default=False),
    Field("unstamped", "packets", "answers whose send time the kernel did not give", "int", default=False),
    Field("rtt_p99_ms", "ms", "99th percentile (nearest rank)", default=False),
    Field("ttl", "hops", "TTL or hop limit of the last answer", "int", default=False),
    Field("ttl_min", "hops", "least TTL of the interval's answers", "int", default=False),
    Field("ttl_max", "hops", "highest TTL of the interval's answers", "int", default=False),
    Field("jitter_ms", "ms", "interarrival jitter of round trips (RFC 3550), as the interval ended", default=False),
    Field("pdv_p95_ms", "ms", "95th percentile less the interval's minimum (RFC 5481)", default=False),
    Field("reordered", "packets", "answers that came after one to a later packet (RFC 4737)", "int", default=False),
    Field("sent_after_lost", "packets", "packets of known fate sent next after a lost one", "int", default=False),
    Field("lost_after_lost", "packets", "those of them lost too", "int", default=False),
    Field(
        "loss_run_b",
        "runs",
        "runs of losses of 1, 2, 3-5, 6-10, 11-50, 51 and more (N: 1 2 3 6 11 51)",
        "int",
        default=False,
        repeated=True,
    ),
)
