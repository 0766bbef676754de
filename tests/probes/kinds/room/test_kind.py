"""The ladder of a room against rooms with one fault each: the rung that breaks is named, and no rung above it is asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from nets import Pair, pair
from netthread import awaited, serving

from probes.answer.standin import sip as standin
from probes.answer.standin.room import RoomStandIn
from probes.answer.streams import media
from probes.base import Measurement, Outcome, Target
from probes.errors import BadTarget
from probes.kinds.room.kind import RoomSettings, run
from probes.kinds.room.rungs import RUNGS
from probes.target import Endpoint

pytestmark = [pytest.mark.needs("netns", "nft")]
HOST, MEDIA = "10.99.0.2", 8622
GOOD, MUTE, GONE, BUSY, RINGING, DUMB, DOWN = range(5060, 5067)


def rooms() -> dict[int, RoomStandIn]:
    def one(**how: Any) -> RoomStandIn:
        return RoomStandIn(socket.AF_INET, HOST, **how)

    return {
        GOOD: one(), MUTE: one(answer="silent"), GONE: one(answer="200", call="404"), BUSY: one(call="486"),
        RINGING: one(call="ring"), DUMB: one(dumb=True), DOWN: one(answer="503"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def link() -> Iterator[Pair]:
    async def serve() -> None:

        for port, room in rooms().items():
            await standin.listen(Endpoint("0.0.0.0", port), room)
        await media.serve("", MEDIA)

    with pair() as made, ExitStack() as stack:
        stack.enter_context(serving(made.right, serve))
        time.sleep(0.2)
        yield made


def climb(link: Pair, target: str, **settings: Any) -> Measurement:
    chosen = RoomSettings(**{"timeout_s": 0.5, "call": True, "call_s": 0.6, "ring_s": 0.5, **settings})
    return awaited(link.left, lambda: run(Target(target), chosen, 1))


@pytest.mark.parametrize(
    ("port", "rung", "outcome", "words"),
    [
        (GOOD, "", Outcome.OK, ""),
        (MUTE, "signalling", Outcome.LOST, "nothing came back"),
        (DOWN, "signalling", Outcome.REFUSED, "503"),
        (GONE, "call", Outcome.REFUSED, "404"),
        (BUSY, "call", Outcome.REFUSED, "busy"),
        (RINGING, "call", Outcome.LOST, "it rang, and nobody took the call"),
        (DUMB, "media", Outcome.LOST, "no sound"),
        (5999, "signalling", Outcome.REFUSED, "nobody listens"),
    ],
)
def test_the_rung_that_breaks_is_named(link: Pair, port: int, rung: str, outcome: Outcome, words: str) -> None:
    got = climb(link, f"sip:test@{HOST}:{port}")
    assert got.outcome == outcome and words in got.why
    assert got.values["rung"] == (RUNGS.index(rung) + 1 if rung else 0)
    assert [row["rung"] for row in got.detail][-1] == (rung or "media")
    assert got.values["climbed"] == len(got.detail) - bool(rung)


def test_a_closed_port_and_a_lost_connect_are_the_ports_fault_over_tcp(link: Pair) -> None:
    got = climb(link, f"sip:test@{HOST}:5999;transport=tcp")
    assert (got.outcome, got.values["rung"]) == (Outcome.REFUSED, 1)
    assert climb(link, f"sip:test@{HOST}:{GOOD};transport=tcp").outcome == Outcome.OK


def test_no_tls_where_it_is_asked_breaks_that_rung(link: Pair) -> None:
    got = climb(link, f"sips:test@{HOST}:{GOOD}")
    assert got.values["rung"] == RUNGS.index("tls") + 1 and got.values["climbed"] == 1


def test_without_a_call_only_the_signalling_is_climbed(link: Pair) -> None:
    got = climb(link, f"sip:test@{HOST}:{RINGING}", call=False)
    assert got.outcome == Outcome.OK and [row["rung"] for row in got.detail] == ["signalling", "alias"]


def test_this_machines_own_trouble_is_no_rung_of_the_room(link: Pair) -> None:
    got = climb(link, "sip:test@203.0.113.1")
    assert got.outcome == Outcome.LOCAL and "rung" not in got.values


@pytest.mark.parametrize("target", ["h323:", "sip:203.0.113.1", "h323:203.0.113.1"])
def test_a_call_needs_a_room_to_be_named(target: str) -> None:
    import asyncio

    with pytest.raises(BadTarget):
        asyncio.run(run(Target(target), RoomSettings(call=True), 1))


def test_a_link_that_loses_packets_breaks_the_highest_rung_and_a_clean_one_does_not(link: Pair) -> None:
    how = {"call": False, "responder": f"{HOST}:{MEDIA}", "media_s": 2.0, "rate_bps": 1e6}
    clean = climb(link, f"sip:test@{HOST}:{GOOD}", **how)
    assert clean.outcome in (Outcome.OK, Outcome.LOCAL) and clean.values.get("rung", 0) == 0
    rule = f"udp dport {MEDIA} numgen random mod 100 < 10 drop"
    link.nft("right", f"table inet loss {{\n chain c {{\n type filter hook input priority 0;\n {rule}\n }}\n}}\n")
    try:
        lossy = climb(link, f"sip:test@{HOST}:{GOOD}", **how)
    finally:
        link.run("right", ["nft", "delete", "table", "inet", "loss"])
    assert lossy.outcome in (Outcome.REFUSED, Outcome.LOCAL)
    if lossy.outcome is Outcome.REFUSED:  # else this machine was too busy to say
        assert lossy.values["rung"] == RUNGS.index("quality") + 1 and "lost there" in lossy.why
        assert lossy.values["lost_fwd_percent"] > 3 and lossy.values["lost_bwd_percent"] == 0
