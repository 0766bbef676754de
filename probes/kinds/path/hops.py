"""What the packets of a trace say together: who answers at each hop, and where the path ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probes.wire.icmp.error import IcmpMeaning
from probes.wire.path.flow import HopReply, Probe


class FlowReply(NamedTuple):
    """One flow's answer at a hop; flows count from 1."""

    flow: int
    answer: HopReply


class Hop(NamedTuple):
    """All that was heard from one distance. `asked`: flows that sent a packet there."""

    ttl: int
    asked: int
    seen: tuple[FlowReply, ...]

    @property
    def addresses(self) -> list[str]:
        """Who answered, each once, in the order of the flows."""
        return list(dict.fromkeys(reply.answer.by for reply in self.seen))

    @property
    def names(self) -> str:
        """The addresses as one text."""
        return " ".join(self.addresses)


class Trace(NamedTuple):
    """The path. `steps`: hops 1 to the last that answered; `hops`: where the target answers, None when it does not."""

    target: str
    steps: tuple[Hop, ...]
    hops: int | None
    sent: int
    rcvd: int
    unsent: str  # why nothing left this machine, "" when something did


def _ends(probes: Sequence[Probe]) -> list[int]:
    return [probe.ttl for probe in probes if probe.answer and probe.answer.ends]


def arrived(probes: Sequence[Probe]) -> bool:
    """True when a flow came to the target, or to who refuses it."""
    return bool(_ends(probes))


def end(probes: Sequence[Probe]) -> int:
    """Where a flow ends: at the target, at who refuses it, else at the last hop that answered; 0 when none did."""
    return min(_ends(probes), default=max((probe.ttl for probe in probes if probe.answer), default=0))


def silent(probes: Sequence[Probe], farthest: int) -> list[int]:
    """Hops of a flow worth another packet: those that did not answer, no farther than its end (or `farthest`)."""
    answered = {probe.ttl for probe in probes if probe.answer}
    last = min([farthest, *_ends(probes)])
    return [ttl for ttl in range(1, last + 1) if ttl not in answered]


def arrive(flows: Sequence[Sequence[Probe]]) -> None:
    """Of UDP: whoever says that the port is closed is the target, by another of its addresses (RFC 1812 §4.3.2.4): a router
    answers from the address it sends by. Not so who was seen to pass packets on: that is a firewall."""
    answers = [probe.answer for probes in flows for probe in probes if probe.answer]
    passing = {answer.by for answer in answers if answer.what is IcmpMeaning.EXCEEDED}
    for probes in flows:
        for probe in probes:
            if probe.answer and probe.answer.what is IcmpMeaning.PORT and probe.answer.by not in passing:
                probe.answer = probe.answer._replace(what=None)


def trace(flows: Sequence[Sequence[Probe]], target: str) -> Trace:
    """The path that the flows' packets show; what was sent beyond a flow's end is left out."""
    steps: dict[int, tuple[set[int], dict[int, HopReply]]] = {}
    for flow, probes in enumerate(flows, 1):
        for probe in _within(probes):
            asked, seen = steps.setdefault(probe.ttl, (set(), {}))
            asked.add(flow)
            if probe.answer:
                seen.setdefault(flow, probe.answer)
    last = max((ttl for ttl, (_, seen) in steps.items() if seen), default=0)
    everything = [probe for probes in flows for probe in probes]
    sent = sum(probe.left_ns > 0 for probe in everything)
    return Trace(
        target,
        tuple(_hop(ttl, *steps.get(ttl, (set(), {}))) for ttl in range(1, last + 1)),
        min((ttl for ttl, (_, seen) in steps.items() if any(reply.reached for reply in seen.values())), default=None),
        sent,
        sum(probe.answer is not None for probe in everything),
        "" if sent else next((probe.unsent for probe in everything if probe.unsent), ""),
    )


def _within(probes: Sequence[Probe]) -> list[Probe]:
    last = min(_ends(probes), default=None)
    return [probe for probe in probes if probe.left_ns and not probe.size and (last is None or probe.ttl <= last)]


def _hop(ttl: int, asked: set[int], seen: dict[int, HopReply]) -> Hop:
    return Hop(ttl, len(asked), tuple(FlowReply(flow, seen[flow]) for flow in sorted(seen)))
