"""Throughput: a bulk transfer to or from an iperf3 server (esnet/iperf, any version from 3.1 on), as its receiver counts it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from probes.base import Cost, Field, Kind, Measurement, Outcome, Target
from probes.io.bulk.iperf3 import ClientReport, measure
from probes.kinds.shared.begun import Begun
from probes.kinds.shared.load_delay import FIELDS as DELAYS
from probes.kinds.shared.load_delay import echoing
from probes.kinds.throughput import verdict as throughputjudge
from probes.kinds.throughput.login import login_of
from probes.settings import setting
from probes.target import Unresolved, parse, resolve
from probes.wire.iperf3.messages import PORT, Params

_HEADERS = 1.05  # what frames are longer than their payload, at most
_TALK_BYTES = 64_000  # the control connection, and a block that is on its way at the end
_STEPS = 3  # of a test, each of which may wait for the far end
_UDP_RATE_BPS = 1_000_000  # as iperf3: a UDP test without a rate must not flood a link


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputSettings:
    """Settings of `throughput`."""

    every_s: float = setting("time between tests", unit="s", key="every", low=60, high=604_800, default=3600.0)
    duration_s: float = setting("how long data is sent", unit="s", key="duration", low=0.5, high=60, default=10.0)
    omit_s: float = setting(
        "sent before that and not counted (TCP's slow start); whole seconds", unit="s", key="omit", low=0, high=10,
        default=0.0,
    )  # fmt: skip
    protocol: str = setting("what carries the data", choices=("tcp", "udp"), default="tcp")
    reverse: bool = setting("the far end sends and we receive", default=False)
    parallel: int = setting("streams at once", low=1, high=16, default=1)
    rate_bps: float = setting(
        "payload of all streams together; 0: TCP as fast as it goes, UDP 1 Mbit/s", unit="bps", key="rate", low=0,
        high=10e9, default=0.0,
    )  # fmt: skip
    timeout_s: float = setting(
        "give up when the far end is silent for so long, at each step", unit="s", key="timeout", low=0.2, high=20,
        default=5.0,
    )  # fmt: skip
    wait_s: float = setting(
        "a busy server is asked again, or its queue is kept to, for so long", unit="s", key="wait", low=0, high=600,
        default=15.0,
    )  # fmt: skip
    delay: bool = setting(
        "tell the round trip while the link is full, beside the idle one (tcp; by echoes)", default=True
    )
    user: str = setting("log in as this user", default="")
    password_file: str = setting("file with the user's password", default="", secret=True)
    public_key_file: str = setting("file with the server's RSA public key (PEM)", default="")
    padding: str = setting(
        "the login's RSA padding: pkcs1 for iperf3 up to 3.16, oaep from 3.17 on; netmon's own server takes both",
        choices=("pkcs1", "oaep"), default="pkcs1",
    )  # fmt: skip


FIELDS = (
    Field("rate_bps", "bit/s", "payload that arrived, counted by its receiver; absent when nothing was measured"),
    Field("layer", "", "what rate_bps counts: 4 = payload of TCP or UDP, without headers; always 4 today", "int"),
    Field("sent_bytes", "B", "payload handed to the network by the sender, the warm-up not counted", "int"),
    Field("rcvd_bytes", "B", "payload that arrived, counted by its receiver", "int"),
    Field(
        "retransmits", "segments", "TCP segments sent again; absent when the sender does not know", "int", of=("tcp",)
    ),
    Field("packets", "packets", "UDP: sent, as far as the receiver could see", "int", of=("udp",)),
    Field("lost", "packets", "UDP: of them, those that never arrived", "int", of=("udp",)),
    Field(
        "jitter_ms", "ms", "UDP: smoothed variation of transit time (RFC 1889 A.8), mean of the streams", of=("udp",)
    ),
    *DELAYS,
    Field("duration_ms", "ms", "what was counted lasted so long, by the receiver's clock", default=False),
    Field("rate_ip_bps", "bit/s", "UDP: rate_bps with its UDP and IP headers", default=False),
    Field("reordered", "packets", "UDP, reverse: packets that came late", "int", default=False),
    Field("starved", "packets", "UDP, forward: packets our own lateness kept from being sent", "int", default=False),
    Field("connect_ms", "ms", "TCP connect of the control connection", default=False),
    Field("waited_ms", "ms", "until the server had time for us", default=False),
)


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One test. `count` means packets elsewhere and nothing here: how much is sent is a matter of time."""
    login = login_of(settings)
    endpoint = parse(target.text, PORT)
    begun = Begun("throughput", target)
    try:
        family, sockaddr = (await resolve(endpoint))[0]
    except Unresolved as fault:
        return begun.unresolved(fault)
    patience = settings.timeout_s, settings.wait_s
    asked = family, sockaddr, params(settings), settings.duration_s, *patience, login
    if settings.protocol != "tcp" or not settings.delay:
        return _measurement(begun, await measure(*asked), family)
    async with echoing(family, sockaddr) as echoes:
        report = await measure(*asked)
    measured = _measurement(begun, report, family)
    if measured.outcome is not Outcome.OK:
        return measured
    delays = echoes.values(report.streams.began, report.streams.took_s)
    return replace(measured, values={**measured.values, **delays})


def params(settings: ThroughputSettings) -> Params:
    """What an iperf3 server is asked for; its rate is each stream's."""
    rate_bps = settings.rate_bps or (_UDP_RATE_BPS if settings.protocol == "udp" else 0)
    return Params(
        protocol=settings.protocol,
        time_s=math.ceil(settings.duration_s),
        omit_s=math.ceil(settings.omit_s),
        parallel=settings.parallel,
        reverse=settings.reverse,
        block_bytes=0,  # what suits the path
        rate_bps=round(rate_bps / settings.parallel),
    )


def _measurement(begun: Begun, report: ClientReport, family: int) -> Measurement:
    outcome, why = throughputjudge.verdict(report)
    return begun.ended(outcome, why, throughputjudge.values(report, family, outcome))


def cost(settings: ThroughputSettings) -> Cost:
    """At its rate, the warm-up too; TCP without one takes what the path has. Waiting for a busy server is held as well."""
    asked = params(settings)
    sends_s = asked.time_s + asked.omit_s
    bits = asked.rate_bps * asked.parallel * sends_s
    max_bytes = math.ceil(bits / 8 * _HEADERS) + _TALK_BYTES if bits else None
    return Cost(max_bytes, settings.wait_s + sends_s + _STEPS * settings.timeout_s)


THROUGHPUT = Kind(
    "throughput",
    ThroughputSettings,
    FIELDS,
    run,
    None,
    "bulk transfer against an iperf3 server: payload that arrives",
    cost,
)
