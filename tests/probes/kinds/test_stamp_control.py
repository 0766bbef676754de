"""`stamp` with `control`: a TWAMP server as the far end (a small one of the tests' own: no twampd is packaged)."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest
from twampserver import Server

from probes.base import Job, Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.kinds.stamp import StampSettings, run, watch

SETTINGS = {"every_s": 0.02, "timeout_s": 0.5, "control": True}


def measure(port: int, count: int = 10, **more: object) -> Measurement:
    settings = StampSettings(**{**SETTINGS, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(f"127.0.0.1:{port}"), settings, count))


def test_packets_go_to_the_port_that_was_accepted_and_the_session_is_ended() -> None:
    with Server() as server:
        got = measure(server.port, dscp=46)
        for _ in range(200):  # the server's thread reads our last word when it comes to it
            if len(server.heard) == 4:
                break
            time.sleep(0.02)
    values = got.values
    assert (got.outcome, values["sent"], values["rcvd"], values["lost_fwd"], values["lost_bwd"]) == (
        Outcome.OK,
        10,
        10,
        0,
        0,
    )
    assert 0 < values["rtt_p50_ms"] < 50
    setup, request, start, stop = server.heard
    assert (len(setup), request[0], request[64:68], request[84], start[0]) == (164, 5, bytes((0, 0, 0, 30)), 46, 2)
    assert stop[0] == 3 and stop[4:8] == b"\0\0\0\1" and len(stop) == 32


@pytest.mark.parametrize(
    ("server", "outcome", "why"),
    [
        (Server(modes=6), Outcome.REFUSED, "no open mode"),
        (Server(modes=0), Outcome.REFUSED, "serves nobody"),
        (Server(accept=5), Outcome.REFUSED, "lacks the means for now"),
        (Server(silent=True), Outcome.LOST, "in time"),
    ],
)
def test_a_server_that_gives_no_session_says_whose_trouble_it_is(server: Server, outcome: Outcome, why: str) -> None:
    with server:
        got = measure(server.port)
    assert got.outcome == outcome and why in got.why and "TWAMP-Control" in got.why and got.values == {}


def test_where_no_server_listens_it_is_refused() -> None:
    with Server() as server:
        port = server.port
    got = measure(port)
    assert got.outcome == Outcome.REFUSED and got.values == {}


def test_keys_and_tlvs_are_not_for_twamp() -> None:
    for more in ({"key_file": "k"}, {"ask": "cos"}):
        with pytest.raises(BadSettings, match="leave out"):
            StampSettings(control=True, **more)  # type: ignore[arg-type]


def test_a_watch_agrees_anew_when_the_server_ends_the_session() -> None:
    told: list[Measurement] = []

    async def some(port: int) -> None:
        job = Job("a", Target(f"127.0.0.1:{port}"), StampSettings(**SETTINGS), 0.02, 0.2)  # type: ignore[arg-type]
        with suppress(TimeoutError):
            await asyncio.wait_for(watch([job], lambda id, got: told.append(got)), 2.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Server(hang_up=30) as server:
        asyncio.run(some(server.port))
    assert server.sessions >= 2 and sum(one.values.get("rcvd", 0) for one in told) >= 40
    assert all(one.outcome in (Outcome.OK, Outcome.REFUSED, Outcome.LOST) for one in told)


def test_a_watch_says_each_interval_why_there_is_no_session() -> None:
    told: list[Measurement] = []

    async def some(port: int) -> None:
        job = Job("a", Target(f"127.0.0.1:{port}"), StampSettings(**SETTINGS), 0.02, 0.1)  # type: ignore[arg-type]
        with suppress(TimeoutError):
            await asyncio.wait_for(watch([job], lambda id, got: told.append(got)), 1.3)

    with Server(modes=6) as server:
        asyncio.run(some(server.port))
    assert len(told) >= 2 and {one.outcome for one in told} == {Outcome.REFUSED}
