"""What an iperf3 client may ask our server for, whose connections are taken, and how many may wait their turn."""

from __future__ import annotations

from dataclasses import dataclass

from probes.answer.guard import Policy
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.messages import Params


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """`max_s` also ends a test that goes by amount; `patience_s`: for each of a client's steps.

    `max_queued` clients wait their turn, for `turn_s` each at most, `max_queued_each` of one source. `policy`: prefixes
    that are answered (none: all), and connections a second from one source and from all.
    """

    max_s: int = 60
    max_streams: int = 4
    max_udp_bps: float = 1e9
    max_udp_packets_per_s: float = 100_000
    patience_s: float = 10.0
    max_queued: int = 8
    max_queued_each: int = 4
    turn_s: float = 120.0
    policy: Policy = Policy(source_rate=50.0, rate=400.0)

    def fault(self, asked: Params) -> tuple[int, str] | None:
        """(iperf3's error number, why) when the test asked for is not made here."""
        rate_bps = asked.rate_bps * asked.parallel
        rules = (
            (asked.both_ways, iperf3.UNIMPLEMENTED, "both ways at once"),
            (asked.time_s + asked.omit_s > self.max_s, iperf3.DURATION, f"{asked.time_s} s"),
            (asked.parallel > self.max_streams, iperf3.STREAMS, f"{asked.parallel} streams"),
            (asked.protocol == "udp" and not asked.rate_bps, iperf3.TOTAL_RATE, "UDP without a rate"),
            (asked.protocol == "udp" and rate_bps > self.max_udp_bps, iperf3.TOTAL_RATE, f"UDP at {rate_bps} bit/s"),
            (
                asked.protocol == "udp" and rate_bps / 8 / asked.block_bytes > self.max_udp_packets_per_s,
                iperf3.BLOCK,
                f"UDP packets of {asked.block_bytes} bytes at {rate_bps} bit/s",
            ),
            (asked.wide and asked.block_bytes < iperf3.head_bytes(True), iperf3.BLOCK, "no room for packet numbers"),
        )
        return next(((number, why) for wrong, number, why in rules if wrong), None)
