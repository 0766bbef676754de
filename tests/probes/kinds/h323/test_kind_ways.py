"""The `h323` kind over a link that hurts one direction only: what is lost there is told apart from what is lost back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from nets import Pair, pair
from netthread import awaited, serving

from probes.answer.standin.h323 import H323StandIn, listen
from probes.base import Measurement, Outcome, Target
from probes.kinds.h323.kind import H323Settings, run
from probes.target import Endpoint

pytestmark = [pytest.mark.needs("netns", "nft"), pytest.mark.world]
SOUND = "udp dport 16384-32767 meta length 200"  # RTP of 160 bytes; RTCP is shorter
TEN_PERCENT = "numgen inc mod 10 == 4 drop"


async def far_end(standin: H323StandIn) -> None:
    """A stand-in that answers until it is cut."""
    listening = await listen(standin, Endpoint("10.99.0.2", 1719))
    try:
        await asyncio.Event().wait()
    finally:
        await listening.close()


@pytest.fixture
def standin() -> H323StandIn:
    return H323StandIn()


@pytest.fixture
def link(standin: H323StandIn) -> Iterator[Pair]:
    with pair() as made, serving(made.right, lambda: far_end(standin)):
        yield made


def hurt(made: Pair, side: str, rule: str) -> None:
    made.nft(side, f"table inet t {{\n chain c {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n")


def call(made: Pair, **more: Any) -> Measurement:
    how = H323Settings(**{"via": "call", "alias": "8001", "call": True, "duration_s": 2.3, "timeout_s": 2.0, **more})
    return awaited(made.left, lambda: run(Target(f"{made.right_ip}:1720"), how, 1))


def test_loss_there_is_not_loss_back(link: Pair) -> None:
    hurt(link, "right", f"{SOUND} {TEN_PERCENT}")
    got = call(link)
    assert (got.outcome, got.values["rung"]) == (Outcome.OK, 5)
    assert 8 <= got.values["audio_lost_fwd"] <= 11 and got.values["audio_lost_bwd"] == 0


def test_loss_back_is_not_loss_there(link: Pair) -> None:
    hurt(link, "left", f"{SOUND} {TEN_PERCENT}")
    got = call(link)
    assert (got.outcome, got.values["audio_lost_fwd"]) == (Outcome.OK, 0)
    assert 9 <= got.values["audio_lost_bwd"] <= 13


@pytest.mark.parametrize("side", ["left", "right"])
def test_signalling_without_sound_is_lost_and_the_call_is_ended(link: Pair, standin: H323StandIn, side: str) -> None:
    hurt(link, side, "udp dport 16384-32767 drop")
    got = call(link, duration_s=0.5)
    assert got.outcome == Outcome.LOST and "no sound came back" in got.why
    assert (got.values["rung"], got.values["audio_rcvd"]) == (4, 0) and got.values["answer_ms"] > 0
    assert standin.counts["releaseComplete"] == 1


def test_a_signalling_port_that_drops_and_one_that_rejects_are_told_apart(link: Pair) -> None:
    hurt(link, "right", "tcp dport 1720 drop")
    lost = call(link, timeout_s=0.4)
    link.nft("right", "flush ruleset\n")
    hurt(link, "right", "tcp dport 1720 reject with icmpx admin-prohibited")
    refused = call(link, timeout_s=5.0)
    assert (lost.outcome, refused.outcome) == (Outcome.LOST, Outcome.REFUSED)
    assert "connect_ms" not in lost.values and "ICMP" in refused.why and refused.took_ms < 5000


def test_a_far_end_that_vanishes_in_the_call_does_not_hold_us(link: Pair) -> None:
    """What it does not acknowledge any more, RELEASE COMPLETE too, is left to the kernel; the deadline is kept."""
    hurt(link, "right", "tcp dport 1720 tcp flags & (syn | psh) == psh drop")
    got = call(link, timeout_s=0.5)
    assert got.outcome == Outcome.LOST and "nothing answers the call" in got.why and got.took_ms < 5000
