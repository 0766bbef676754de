"""From what both ends of a test saw to its values and its outcome. The receiver's count is the rate; the sender's never."""

from __future__ import annotations

import socket

from probes.base import Outcome, Value
from probes.io.bulk.iperf3 import ClientReport
from probes.io.bulk.udp import UdpStream
from probes.wire.iperf3.messages import StreamResult

PAYLOAD = 4  # `layer`: payload of the transport
_OUTCOMES = {
    "done": Outcome.OK,
    "busy": Outcome.REFUSED,
    "refused": Outcome.REFUSED,
    "gone": Outcome.REFUSED,
    "silence": Outcome.LOST,
    "nonsense": Outcome.PROTOCOL,
    "ours": Outcome.LOCAL,
}
_MAX_LATE = 0.1  # share of the test our loop may run late
_MAX_STARVED = 0.05  # share of the packets we may fail to send or to take in
_HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}  # UDP and IP


def verdict(report: ClientReport) -> tuple[Outcome, str]:
    """Outcome and its reason."""
    if report.how != "done":
        return _OUTCOMES[report.how], report.why
    for judge in (_nonsense, _ours, _nothing, _cut):
        judged = judge(report)
        if judged:
            return judged
    return Outcome.OK, ""


def _nonsense(report: ClientReport) -> tuple[Outcome, str] | None:
    """A receiver cannot have got more than was sent."""
    if report.theirs is None or len(report.theirs.streams) != report.params.parallel:
        return Outcome.PROTOCOL, "its results are not of this test's streams"
    sent, rcvd = _sides(report)
    sent_bytes = sum(stream.bytes for stream in sent) if report.params.reverse else report.streams.total_sent_bytes
    if not report.params.reverse and sum(stream.bytes for stream in rcvd) > 1.05 * sent_bytes + 65_536:
        return Outcome.PROTOCOL, "it claims to have received more than was sent"
    return None


def _ours(report: ClientReport) -> tuple[Outcome, str] | None:
    streams = report.streams
    if streams.lag.late_s > _MAX_LATE * streams.took_s:
        return Outcome.LOCAL, f"this machine was too busy: {streams.lag.late_s * 1000:.0f} ms late"
    starved = starvation(report)
    packets = sum(stream.packets for stream in _sides(report)[0])
    if starved > _MAX_STARVED * (packets + starved):
        return Outcome.LOCAL, f"this machine was too busy: {starved} packets were not sent"
    if report.dropped > _MAX_STARVED * packets:
        return Outcome.LOCAL, f"this machine was too busy: it dropped {report.dropped} packets that arrived"
    return None


def starvation(report: ClientReport) -> int:
    """Packets our own lateness kept from being sent."""
    flows = [flow for flow in report.streams.flows if isinstance(flow, UdpStream) and flow.pacer]
    return sum(flow.pacer.starved for flow in flows if flow.pacer)


def _nothing(report: ClientReport) -> tuple[Outcome, str] | None:
    sent, rcvd = _sides(report)
    if sum(stream.bytes for stream in rcvd):
        return None
    if not sum(stream.bytes for stream in sent):
        return Outcome.PROTOCOL, "nothing was sent"
    return Outcome.LOST, f"nothing arrived of {sum(stream.bytes for stream in sent)} bytes sent"


def _cut(report: ClientReport) -> tuple[Outcome, str] | None:
    broken = [flow.broken for flow in report.streams.flows if flow.broken]
    return (Outcome.REFUSED, f"{len(broken)} of the streams broke off: {broken[0]}") if broken else None


def _sides(report: ClientReport) -> tuple[tuple[StreamResult, ...], tuple[StreamResult, ...]]:
    """(the sender's results, the receiver's)."""
    ours = report.streams.results().streams
    theirs = report.theirs.streams if report.theirs else ()
    return (theirs, ours) if report.params.reverse else (ours, theirs)


def values(report: ClientReport, family: int, outcome: Outcome) -> dict[str, Value]:
    """What was measured; the rate only when it says something of the network."""
    values: dict[str, Value] = {}
    if report.how == "done" and outcome in (Outcome.OK, Outcome.LOST, Outcome.LOCAL):
        sent, rcvd = _sides(report)
        if outcome is Outcome.OK:
            values |= _rate(report, rcvd, family)
        values |= {
            "sent_bytes": sum(stream.bytes for stream in sent),
            "rcvd_bytes": sum(stream.bytes for stream in rcvd),
        }
        values |= _packets(report, sent, rcvd) if report.params.protocol == "udp" else _segments(report, sent)
    if report.connect_ms is not None:
        values["connect_ms"] = round(report.connect_ms, 3)
    if report.waited_ms is not None:
        values["waited_ms"] = round(report.waited_ms, 3)
    return values


def _rate(report: ClientReport, rcvd: tuple[StreamResult, ...], family: int) -> dict[str, Value]:
    took_s = _took_s(report, rcvd)
    rate_bps = round(sum(stream.bytes for stream in rcvd) * 8 / took_s, 1)
    values: dict[str, Value] = {"rate_bps": rate_bps, "layer": PAYLOAD, "duration_ms": round(took_s * 1000, 3)}
    if report.params.protocol == "udp":
        block = report.params.block_bytes
        values["rate_ip_bps"] = round(rate_bps * (block + _HEADERS[socket.AddressFamily(family)]) / block, 1)
    return values


def _took_s(report: ClientReport, rcvd: tuple[StreamResult, ...]) -> float:
    """By the receiver's clock; by ours when it says nothing or nonsense."""
    ours = report.streams.took_s
    longest_s = max((stream.took_s or 0.0 for stream in rcvd), default=0.0)
    return longest_s if 0.5 * ours < longest_s < ours + 30.0 else ours


def _packets(report: ClientReport, sent: tuple[StreamResult, ...], rcvd: tuple[StreamResult, ...]) -> dict[str, Value]:
    flows = [flow for flow in report.streams.flows if isinstance(flow, UdpStream)]
    seen = sum(stream.packets for stream in rcvd) - sum(flow.packets_before for flow in flows)
    lost = sum(stream.lost for stream in rcvd)
    if not sum(stream.bytes for stream in rcvd):  # the receiver saw no packet, so it could miss none
        seen = lost = sum(stream.packets for stream in sent)
    values: dict[str, Value] = {"packets": max(0, seen), "lost": max(0, lost - report.dropped)}
    if any(stream.bytes for stream in rcvd):
        values["jitter_ms"] = round(sum(stream.jitter_s for stream in rcvd) * 1000 / len(rcvd), 6)
    if report.params.reverse:
        values["reordered"] = sum(flow.ledger.reordered for flow in flows)
    else:
        values["starved"] = starvation(report)
    return values


def _segments(report: ClientReport, sent: tuple[StreamResult, ...]) -> dict[str, Value]:
    known = [stream.retransmits for stream in sent if stream.retransmits is not None]
    says_so = not report.params.reverse or (report.theirs is not None and report.theirs.has_retransmits)
    return {"retransmits": sum(known)} if says_so and len(known) == len(sent) else {}
